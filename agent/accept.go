package agent

import (
	"context"
	"fmt"
	"slices"

	"hearth"
	"hearth/model"
	"hearth/prompt"
	"hearth/session"
)

// Accept makes a person's words durable: after it returns they are in the transcript,
// whatever happens next, and no server was asked before. Where the epoch that they belong
// to has begun they are frozen at once, and in the same commit whatever an earlier turn
// left open is closed (calls without a result, a question without an answer), so that
// roles alternate and nothing that was sent is rewritten. Else they are kept as they came,
// and Turn begins with that. Words whose ID the conversation has are there, and nothing is
// done: a client that heard no answer may send them again. notices are for the person, beside
// an error too: they say what was done, and are not given again.
func (a *Agent) Accept(ctx context.Context, t session.Transcript, in prompt.Incoming) (notices []hearth.Notice, err error) {
	if there, err := has(ctx, t, in.ID); there || err != nil {
		return nil, err
	}
	in = a.complete(in)
	chain, quick, err := a.quick(ctx, t)
	if err != nil {
		return nil, err
	}
	if !quick {
		return nil, a.receive(ctx, t, in)
	}
	mended, err := a.mend(ctx, t, chain)
	if err != nil {
		return nil, err
	}
	if mended != nil {
		notices = append(notices, *mended)
	}
	st, now, err := a.current(ctx, t, chain)
	if err != nil {
		return notices, err
	}
	told, err := a.admit(ctx, t, chain, entering{st, now, &in})
	return append(notices, told...), err
}

// has reports whether a conversation has words of an ID that a client chose: as a message, or
// received and waiting to be one.
func has(ctx context.Context, t session.Transcript, id hearth.MessageID) (bool, error) {
	if id == "" {
		return false, nil
	}
	for e, err := range t.Since(ctx, 1) {
		if err != nil {
			return false, err
		}
		if words, ok := e.Message.Received(); e.Message.ID == id || ok && words.ID == id {
			return true, nil
		}
	}
	return false, nil
}

// quick gives the chain where words can be frozen without asking anybody: the primary's
// epoch has begun, and nothing of the transcript has to be mended.
func (a *Agent) quick(ctx context.Context, t session.Transcript) (chain []model.Target, ok bool, err error) {
	if a.cfg.Known == nil {
		chain, err = a.cfg.Targets(ctx)
		return chain, err == nil, err
	}
	chain = a.cfg.Known()
	if len(chain) == 0 {
		return nil, false, nil
	}
	epoch, ok, err := t.Epoch(ctx, chain[0].Ref)
	if err != nil || !ok {
		return nil, false, nil //nolint:nilerr // the turn says what is wrong, after the words are kept
	}
	if _, err := a.memo.plan(&epoch); err != nil {
		return nil, false, nil //nolint:nilerr // nobody can read it: the turn mends that
	}
	return chain, a.sound(ctx, t, chain), nil
}

// receive keeps words as they came.
func (a *Agent) receive(ctx context.Context, t session.Transcript, in prompt.Incoming) error {
	mark := a.markMessage(in.Turn, hearth.Mark{Kind: hearth.MarkReceived, Words: &hearth.Words{
		ID: in.ID, Text: in.Text, Images: in.Images, Notes: in.Notes, From: in.From}})
	mark.At, mark.Sender, mark.Parts[0].Provenance = in.At, in.Sender, in.From
	_, err := t.Append(ctx, &session.Commit{Messages: []hearth.Message{mark}, Blobs: in.Images})
	return err
}

// entering is words on their way into an epoch.
type entering struct {
	st  *state
	now live
	in  *prompt.Incoming // beside what was received before; may be nil
}

// words are all of them, oldest first.
func (e *entering) words() []received {
	if e.in == nil {
		return e.st.received
	}
	return append(slices.Clip(e.st.received), received{Incoming: *e.in})
}

// admit freezes words, and in the same commit closes what was left open and begins the
// first epoch, unless the server is yet to be started and asked; then it begins with the
// answer. Words that others followed get the note of a turn without an answer.
func (a *Agent) admit(ctx context.Context, t session.Transcript, chain []model.Target, e entering) (notices []hearth.Notice, err error) {
	st, now, words := e.st, e.now, e.words()
	commit := &session.Commit{Messages: a.closing(st)}
	if e.in != nil {
		commit.Blobs = e.in.Images
	}
	if left, ok := st.unansweredMessage(); ok {
		notices = append(notices, givenUp(left))
	}
	if now.epoch.ID == 0 && !chain[0].Asleep {
		a.calibrate(ctx, chain[0], now.plan, words[len(words)-1].Text)
		if now.epoch, err = a.newEpoch(now.plan, now.epoch.FirstSeq, now.epoch.Reason); err != nil {
			return nil, err
		}
		commit.Epoch = &now.epoch
	}
	into, err := a.freezer(ctx, t, now)
	if err != nil {
		return nil, err
	}
	for i := range words {
		w := &words[i]
		m, told := into.freeze(w.Incoming)
		commit.Messages, notices = append(commit.Messages, m), append(notices, told...)
		if i == len(words)-1 {
			break
		}
		commit.Messages = append(commit.Messages, a.noAnswer(w.Turn, w.stopped))
		if left, ok := w.unanswered(); ok {
			notices = append(notices, givenUp(left))
		}
	}
	if n := a.toolless(chain, now.plan); n != nil && commit.Epoch != nil {
		notices = append(notices, *n)
	}
	if _, err = t.Append(ctx, commit); err != nil {
		return nil, err
	}
	return notices, nil
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

// complete fills in what a front door left to us.
func (a *Agent) complete(in prompt.Incoming) prompt.Incoming {
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
	return in
}

// freezer makes people's words messages of one epoch, one after the other.
type freezer struct {
	plan  *prompt.Plan
	house prompt.House
	known []hearth.Fact // what the model was told of them so far
}

func (a *Agent) freezer(ctx context.Context, t session.Transcript, now live) (*freezer, error) {
	house, err := a.house()
	if err != nil {
		return nil, err
	}
	f := &freezer{plan: now.plan, house: house, known: now.plan.Facts}
	if now.epoch.ID != 0 {
		f.known, err = a.knownFacts(ctx, t, now.plan, now.epoch.FirstSeq)
	}
	return f, err
}

// freeze gives the message, and what the person should be told of that.
func (f *freezer) freeze(in prompt.Incoming) (hearth.Message, []hearth.Notice) {
	var notices []hearth.Notice
	if prompt.LeftOut(f.plan, in) {
		why := "reads text only. Declare input: [\"text\",\"image\"] for that model if its server can see."
		switch {
		case f.plan.StringsOnly():
			why = "is sent plain text only, because its server takes nothing else (or compat.requiresStringContent says so)."
		case f.plan.Capabilities.ImagesRefused:
			why = "refused images in this conversation. Begin anew (/new) when its server can see."
		}
		notices = append(notices, hearth.Notice{Kind: "image-left-out", Text: fmt.Sprintf(
			"%d image(s) were not sent: %s %s", len(in.Images), f.plan.Target, why)})
	}
	m := prompt.Freeze(f.plan, in, f.house, f.known)
	f.known = prompt.KnownFacts(&prompt.Plan{Facts: f.known}, []hearth.Message{m})
	return m, notices
}

// closing gives the messages that end whatever the newest turn left open.
func (a *Agent) closing(st *state) []hearth.Message {
	if st.closed() {
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
	return append(out, a.noAnswer(st.turn, st.stopped))
}

// noAnswer stands where a turn ended without one.
func (a *Agent) noAnswer(turn hearth.TurnID, stopped *hearth.Mark) hearth.Message {
	why := "it was interrupted"
	if stopped != nil && stopped.Reason != "" {
		why = stopped.Reason
	}
	note := a.message(turn, hearth.RoleAssistant)
	note.Parts = []hearth.Part{{Text: "(No answer was given: " + why + ".)", Provenance: hearth.FromGateway}}
	return note
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

// standing gives the state of the newest turn without asking a server. Where it is not
// known at once which model answers, it is that of the whole transcript.
func (a *Agent) standing(ctx context.Context, t session.Transcript) (*state, error) {
	var chain []model.Target
	if a.cfg.Known != nil {
		chain = a.cfg.Known()
	} else {
		chain, _ = a.cfg.Targets(ctx) // without one the transcript says enough
	}
	if len(chain) == 0 {
		return a.read(ctx, t, &prompt.Plan{}, 1)
	}
	st, _, err := a.current(ctx, t, chain)
	return st, err
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
		return epochNew
	}
	return epochFirst
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
