package agent

import (
	"context"
	"errors"
	"slices"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/session"
)

// answer is what one model call produced, while it streams.
type answer struct {
	text, thinking strings.Builder
	opaque         []hearth.Part
	calls          []hearth.ToolCall
	reports        []hearth.Report
	stop           hearth.StopReason
	target         hearth.ModelRef
	vendor         bool // the target is no server of the owner's
	added          []byte
}

// ask gets one answer and appends what came of it. A request that would not fit the model
// that is about to be asked is shortened first; one that a server refused as too long is
// mended and sent once more, to that server.
func (r *run) ask(ctx context.Context) error {
	r.fits = make(map[hearth.ModelRef]*fitting)
	const mends = 2 // a shorter conversation, and a shorter answer
	chain := r.chain
	for tried := 0; ; tried++ {
		err := r.askOnce(ctx, chain)
		if n := len(r.out.Reports); n > 0 && r.out.Reports[n-1].Target == r.asked.Ref {
			if unsaid := r.silence(ctx, &r.asked, &r.out.Reports[n-1], err); unsaid != nil {
				err = unsaid
			}
		}
		if hearth.ReasonOf(err) != hearth.ReasonContextOverflow || r.out.Partial || r.asked.Ref == (hearth.ModelRef{}) || tried == mends {
			return err
		}
		again, err := r.refit(ctx, r.asked, err)
		if !again {
			return err
		}
		chain = from(r.chain, &r.asked)
	}
}

// withAdvice gives a server's refusal, whose own numbers say more than our estimate, with
// our cause and advice, for we know what could not be shortened.
func withAdvice(refused, ours error) error {
	server, ok := errors.AsType[*hearth.Error](refused)
	advice, known := errors.AsType[*hearth.Error](ours)
	if !ok || !known {
		return refused
	}
	out := *server
	out.Cause, out.Try = advice.Cause, advice.Try
	return &out
}

// askOnce makes one model call. The tool calls of a stream that was cut are dropped:
// they never run.
func (r *run) askOnce(ctx context.Context, chain []model.Target) error {
	var ans answer
	r.asked = model.Target{}
	q := model.Question{
		Chain: chain, Lane: r.lane, Session: r.t.Info().ID, Turn: r.st.turn,
		Build: func(target model.Target) (*model.Request, error) {
			r.asked, ans.target, ans.vendor = target, target.Ref, vendors(&target)
			if err := r.foresee(ctx, target); err != nil {
				return nil, err
			}
			r.clock.stand()
			return r.build(ctx, target)
		},
	}
	var failure error
	for d, err := range r.cfg.Router.Stream(ctx, q) {
		if err != nil {
			failure = err
			break
		}
		r.clock.follow(ans.vendor, &d)
		if err := r.take(ctx, &ans, &d); err != nil {
			return err
		}
	}
	r.clock.goOn()
	r.out.Steps++
	if failure == nil {
		r.uncalled(&ans)
	}
	if failure == nil && ans.text.Len() == 0 && len(ans.calls) == 0 {
		failure = errEmpty
	}
	if err := r.keep(ctx, &ans, failure); err != nil {
		return err
	}
	return failure
}

// from gives the candidates from one on: those before it were asked already.
func from(chain []model.Target, target *model.Target) []model.Target {
	i := slices.IndexFunc(chain, func(t model.Target) bool { return t.Ref == target.Ref && t.Profile == target.Profile })
	return chain[max(i, 0):]
}

// take uses one delta.
func (r *run) take(ctx context.Context, ans *answer, d *model.Delta) error {
	switch {
	case d.Sent != nil:
		es := r.epochs[ans.target]
		if es == nil {
			return nil
		}
		added, err := r.sent(ctx, es, d.Sent)
		ans.added = added
		return err
	case d.Text != "":
		ans.text.WriteString(d.Text)
		r.emit(hearth.Event{Kind: hearth.EventText, Text: d.Text})
	case d.Thinking != "":
		ans.thinking.WriteString(d.Thinking)
		r.emit(hearth.Event{Kind: hearth.EventThinking, Text: d.Thinking})
	case d.Call != nil:
		ans.calls = append(ans.calls, *d.Call)
	case d.Opaque != nil:
		ans.opaque = append(ans.opaque, hearth.Part{Opaque: d.Opaque, Provenance: hearth.FromModel})
	case d.Wait != nil:
		r.emit(hearth.Event{Kind: hearth.EventWait, Wait: *d.Wait})
	case d.Notice != nil:
		r.emit(hearth.Event{Kind: hearth.EventNotice, Notice: *d.Notice})
	case d.Report != nil:
		r.attempt(ans, *d.Report)
	}
	if d.TextWasThinking { // it was shown, but it is no part of the answer
		ans.thinking.WriteString(ans.text.String())
		ans.text.Reset()
	}
	if d.Stop != "" {
		ans.stop = d.Stop
	}
	return nil
}

// attempt completes an attempt's report with what only the agent knows.
func (r *run) attempt(ans *answer, rep hearth.Report) {
	rep.Turn = r.st.turn
	if es := r.epochs[rep.Target]; es != nil {
		rep.EpochID = es.epoch.ID
	}
	rep.Through = int64(r.through)
	rep.Added, ans.added = ans.added, nil
	ans.reports = append(ans.reports, rep)
	r.out.Usage = r.out.Usage.Add(rep.Usage)
	r.out.LastCall = rep.Usage
}

// keep appends the answer, its reports and, where it is new, its epoch: one commit.
func (r *run) keep(ctx context.Context, ans *answer, failure error) error {
	commit := &session.Commit{Reports: ans.reports}
	if failure != nil {
		ans.calls = nil
		if ans.stop == "" {
			ans.stop = hearth.StopCut
		}
		if hearth.ReasonOf(failure) == hearth.ReasonCancelled || ctx.Err() != nil {
			ans.stop = hearth.StopCancelled
		}
	}
	said := failure == nil || ans.text.Len() > 0
	if m := r.assistant(ans); len(m.Parts) > 0 && said {
		commit.Messages = []hearth.Message{m}
	}
	es := r.epochs[ans.target]
	if es != nil && es.epoch.ID == 0 && len(commit.Messages) > 0 {
		commit.Epoch = &es.epoch
		if n := r.toolless(r.chain, es.plan); n != nil && es.epoch.Reason != epochRefused { // a refusal was told already
			r.emit(hearth.Event{Kind: hearth.EventNotice, Notice: *n})
		}
	}
	r.out.Answer, r.out.Stop = ans.text.String(), ans.stop
	r.out.Partial = failure != nil && ans.text.Len() > 0
	if ans.target != (hearth.ModelRef{}) && said {
		r.out.Target = ans.target
		if es != nil {
			r.offered(es.plan)
		}
	}
	if len(commit.Messages) == 0 && len(commit.Reports) == 0 {
		return nil
	}
	return r.append(context.WithoutCancel(ctx), commit)
}

// assistant is the message of an answer.
func (r *run) assistant(ans *answer) hearth.Message {
	m := r.message(r.st.turn, hearth.RoleAssistant)
	m.Model, m.Stop = ans.target, ans.stop
	if ans.thinking.Len() > 0 {
		m.Parts = append(m.Parts, hearth.Part{Thinking: ans.thinking.String(), Provenance: hearth.FromModel})
	}
	m.Parts = append(m.Parts, ans.opaque...)
	if ans.text.Len() > 0 {
		m.Parts = append(m.Parts, hearth.Part{Text: ans.text.String(), Provenance: hearth.FromModel})
	}
	for i := range ans.calls {
		c := &ans.calls[i]
		if c.ID == "" || r.st.called[c.ID] { // some servers count from one in every answer
			c.ID = hearth.CallID("call_" + r.cfg.NewID())
		}
		r.st.called[c.ID] = true
		m.Parts = append(m.Parts, hearth.Part{Call: c, Provenance: hearth.FromModel})
	}
	return m
}

// errEmpty is the error of a router that brought neither words nor calls.
var errEmpty = &hearth.Error{Op: "answer", Reason: hearth.ReasonEmpty,
	Cause: "The model finished without a word for you.",
	Try:   "Ask again; if it stays silent, check the server's chat template for this model."}
