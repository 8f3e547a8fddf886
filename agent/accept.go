package agent

import (
	"context"
	"fmt"

	"hearth"
	"hearth/model"
	"hearth/prompt"
	"hearth/session"
)

// Accept makes a person's words durable: after it returns they are in the transcript,
// frozen, whatever happens next. In the same commit it closes what an earlier turn left
// open (calls without a result, a question without an answer), so that roles alternate
// and nothing that was sent is rewritten, and begins the first epoch, unless the server
// is yet to be started and asked; then it begins with the answer. notices are for the
// person.
func (a *Agent) Accept(ctx context.Context, t session.Transcript, in prompt.Incoming) (notices []hearth.Notice, err error) {
	chain, err := a.cfg.Targets(ctx)
	if err != nil {
		return nil, err
	}
	mended, err := a.mend(ctx, t, chain)
	if err != nil {
		return nil, err
	}
	st, now, err := a.current(ctx, t, chain)
	if err != nil {
		return nil, err
	}
	commit := &session.Commit{Messages: a.closing(st), Blobs: in.Images}
	if now.epoch.ID == 0 && !chain[0].Asleep {
		a.calibrate(ctx, chain[0], now.plan, in.Text)
		if now.epoch, err = a.newEpoch(now.plan, now.epoch.FirstSeq, now.epoch.Reason); err != nil {
			return nil, err
		}
		commit.Epoch = &now.epoch
	}
	m, notices, err := a.freeze(ctx, t, now, in)
	if err != nil {
		return nil, err
	}
	if mended != nil {
		notices = append(notices, *mended)
	}
	if n := a.toolless(chain, now.plan); n != nil && commit.Epoch != nil {
		notices = append(notices, *n)
	}
	commit.Messages = append(commit.Messages, m)
	if left, ok := st.unanswered(); ok {
		notices = append(notices, givenUp(left))
	}
	_, err = t.Append(ctx, commit)
	return notices, err
}

// toolless is what a person is told when an epoch begins whose model cannot be given
// tools, by what its server says; nil where there is nothing to tell. An owner who wrote
// supportsTools: false knows.
func (a *Agent) toolless(chain []model.Target, plan *prompt.Plan) *hearth.Notice {
	if len(a.specs) == 0 || len(plan.Tools) > 0 {
		return nil
	}
	for _, t := range chain {
		if t.Ref == plan.Target && t.Layers.Config.Tools != nil {
			return nil
		}
	}
	return &hearth.Notice{Kind: "tools", Text: fmt.Sprintf(
		"%s does not support tools, its server says: it answers, and cannot read, write or run anything", plan.Target)}
}

// freeze makes a person's words a message of an epoch, and gives what the person should
// be told of that.
func (a *Agent) freeze(ctx context.Context, t session.Transcript, now live, in prompt.Incoming) (hearth.Message, []hearth.Notice, error) {
	house, err := a.house()
	if err != nil {
		return hearth.Message{}, nil, err
	}
	known := now.plan.Facts
	if now.epoch.ID != 0 {
		if known, err = a.knownFacts(ctx, t, now.plan, now.epoch.FirstSeq); err != nil {
			return hearth.Message{}, nil, err
		}
	}
	if in.At.IsZero() {
		in.At = a.cfg.Now()
	}
	if in.ID == "" {
		in.ID = a.messageID()
	}
	if in.Turn == "" {
		in.Turn = hearth.TurnID(a.cfg.NewID())
	}
	if in.From == "" {
		in.From = hearth.FromOwner
	}
	var notices []hearth.Notice
	if prompt.LeftOut(now.plan, in) {
		notices = append(notices, hearth.Notice{Kind: "image-left-out", Text: fmt.Sprintf(
			"%d image(s) were not sent: %s reads text only. Declare input: [\"text\",\"image\"] for that model if its server can see.",
			len(in.Images), now.plan.Target)})
	}
	return prompt.Freeze(now.plan, in, house.Files, known), notices, nil
}

// closing gives the messages that end whatever the newest turn left open.
func (a *Agent) closing(st *state) []hearth.Message {
	if st.answered() {
		return nil
	}
	var out []hearth.Message
	if len(st.open) > 0 {
		m := a.message(st.turn, hearth.RoleTool)
		for _, c := range st.open {
			m.Parts = append(m.Parts, resultPart(interrupted(st, c)))
		}
		out = append(out, m)
	}
	why := "it was interrupted"
	if st.stopped != nil && st.stopped.Reason != "" {
		why = st.stopped.Reason
	}
	note := a.message(st.turn, hearth.RoleAssistant)
	note.Parts = []hearth.Part{{Text: "(No answer was given: " + why + ".)", Provenance: hearth.FromGateway}}
	return append(out, note)
}

// interrupted is the result of a call that nobody saw end. One that was never started is
// told apart from one that may have had its effect.
func interrupted(st *state, c hearth.ToolCall) hearth.ToolResult {
	text := "This call was not run."
	if st.started[c.ID] {
		text = "This call was interrupted. It may have taken effect, fully or in part. It was not repeated; check before trying again."
	}
	return hearth.ToolResult{CallID: c.ID, Name: c.Name, Failed: true, Text: text, From: hearth.FromGateway}
}

func (a *Agent) message(turn hearth.TurnID, role hearth.Role) hearth.Message {
	return hearth.Message{ID: a.messageID(), Turn: turn, Role: role, At: a.cfg.Now()}
}

func resultPart(r hearth.ToolResult) hearth.Part {
	return hearth.Part{Result: &r, Provenance: r.From}
}

func (a *Agent) house() (prompt.House, error) {
	if a.cfg.House == nil {
		return prompt.House{}, nil
	}
	return a.cfg.House()
}

// live is an epoch with its plan decoded. An epoch that is not stored yet has ID 0.
type live struct {
	plan  *prompt.Plan
	epoch session.Epoch
}

// current gives the state of the newest turn, and the primary's epoch it was read from.
func (a *Agent) current(ctx context.Context, t session.Transcript, chain []model.Target) (*state, live, error) {
	if len(chain) == 0 {
		return nil, live{}, &hearth.Error{Op: "choose a model", Reason: hearth.ReasonNoModel}
	}
	plan, epoch, err := a.liveOrNew(ctx, t, chain[0])
	if err != nil {
		return nil, live{}, err
	}
	st, err := a.read(ctx, t, plan, epoch.FirstSeq)
	return st, live{plan, epoch}, err
}

// liveOrNew gives the plan of a target's live epoch, or a new one that is not stored yet
// (its ID is 0).
func (a *Agent) liveOrNew(ctx context.Context, t session.Transcript, target model.Target) (*prompt.Plan, session.Epoch, error) {
	epoch, ok, err := t.Epoch(ctx, target.Ref)
	if err != nil {
		return nil, session.Epoch{}, err
	}
	if ok {
		if plan, err := a.memo.plan(&epoch); err == nil {
			return plan, epoch, nil
		} // one that nobody can read any more is none; mend tells of it
	}
	house, err := a.house()
	if err != nil {
		return nil, session.Epoch{}, err
	}
	plan := prompt.NewPlan(target, house, a.specs)
	plan.Gauge = a.gauge(target)
	epoch, err = a.newEpoch(plan, 1, a.firstReason(t))
	return plan, epoch, err
}

// firstReason is why the first epoch of a session begins.
func (a *Agent) firstReason(t session.Transcript) string {
	if t.Info().Renewed {
		return "new"
	}
	return "first"
}

func (a *Agent) newEpoch(plan *prompt.Plan, first session.Seq, reason string) (session.Epoch, error) {
	raw, hash, err := plan.Encode()
	return session.Epoch{Model: plan.Target, FirstSeq: first, Began: a.cfg.Now(), Reason: reason, Plan: raw, PlanHash: hash}, err
}

func (a *Agent) knownFacts(ctx context.Context, t session.Transcript, plan *prompt.Plan, from session.Seq) ([]hearth.Fact, error) {
	messages, err := a.since(ctx, t, from)
	if err != nil {
		return nil, err
	}
	return prompt.KnownFacts(plan, messages), nil
}
