package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/prompt"
	"hearth/session"
)

// Compact shortens a conversation because its owner asked for it.
func (a *Agent) Compact(ctx context.Context, t session.Transcript, instructions string, emit func(hearth.Event)) error {
	chain, err := a.cfg.Targets(ctx)
	if err != nil {
		return err
	}
	st, primary, err := a.current(ctx, t, chain)
	if err != nil {
		return err
	}
	if _, left := st.unanswered(); left {
		return &hearth.Error{Op: "compact", Reason: hearth.ReasonUsage, Err: errors.New("a turn is not finished"),
			Cause: "The newest message has no answer yet.", Try: "Let it be answered or stop it first."}
	}
	if notes := a.closing(st); len(notes) > 0 {
		if _, err := t.Append(ctx, &session.Commit{Messages: notes}); err != nil {
			return err
		}
	}
	r := a.outsideTurn(t, chain, st, primary)
	r.emitTo = emit
	defer r.emit(hearth.Event{Kind: hearth.EventDone})
	c, err := r.conversation(ctx, chain[0])
	if err != nil {
		return err
	}
	if spoken(c.messages[:prompt.Recent(c.es.plan, a.cfg.Room, c.gauge, c.messages)]) == 0 {
		return &hearth.Error{Op: "compact", Reason: hearth.ReasonUsage, Err: fmt.Errorf("all %d messages are recent", len(c.messages)),
			Cause: "The newest messages are kept word for word, and there is nothing older.",
			Try:   "Go on; or lower agents.defaults.compaction.keepRecentTokens to keep fewer."}
	}
	return r.summarise(ctx, c, instructions, wished)
}

// An occasion is why a conversation is shortened. It decides what happens when the model
// gives no summary.
type occasion int

const (
	wished   occasion = iota // its owner asked for it, or is away: then all stays as it is
	foreseen                 // an estimate says that the next request will not fit
	needed                   // the server refused the request
)

// full says what a person should know of an occasion that they did not choose.
func full(why occasion) string {
	if why == wished {
		return ""
	}
	return "the context window is full: "
}

// fit shortens the conversation with a target when the next request would not leave room
// for its answer. refused is the server's error when it would not take the request,
// whatever the estimate says; nil before it was asked.
func (r *run) fit(ctx context.Context, target model.Target, refused error) (done bool, err error) {
	if r.compacted || r.cfg.NoCompaction {
		return false, nil
	}
	c, err := r.conversation(ctx, target)
	if err != nil {
		return false, err
	}
	r.counted(c)
	force := refused != nil
	if force {
		c.believe(refused)
	}
	if !force && c.tokens <= r.cfg.Room.Limit(c.es.plan) {
		return false, nil
	}
	if c.newest()*85/100 > c.es.plan.Window { // no summary of what came before makes room for it
		if force {
			return true, &hearth.Error{Op: "fit the context window", Reason: hearth.ReasonContextOverflow, Err: errMessageTooLong,
				Cause: fmt.Sprintf("The newest message alone has about %d tokens, and the window of %s is %d.", c.newest(), c.target.Ref, c.es.plan.Window),
				Try:   "Send it in smaller parts, or give the model a larger window: where the server loads it, or by contextWindow in the config, which is Ollama's num_ctx."}
		}
		return false, nil
	}
	r.compacted = true // never a loop: at most once before each answer
	why := foreseen
	if force {
		why = needed
	}
	err = r.shorten(ctx, c, why)
	if err != nil && !force && ctx.Err() == nil && waits(err) {
		r.compacted = false
		return false, nil
	}
	return true, err
}

// shorten leaves out old tool outputs where that is enough, and asks for a summary where
// it is not.
func (r *run) shorten(ctx context.Context, c *conversation, why occasion) error {
	if cuts := prompt.Trim(c.es.plan, r.cfg.Room, c.gauge, c.messages); !cuts.None() {
		if c.tokens-c.saved(cuts) < r.cfg.Room.Limit(c.es.plan)*3/5 {
			return r.trim(ctx, c, cuts, why)
		}
	}
	return r.summarise(ctx, c, "", why)
}

// trim begins an epoch that leaves out old tool outputs, and what was never read: no model
// call.
func (r *run) trim(ctx context.Context, c *conversation, cuts prompt.Cuts, why occasion) error {
	var said []string
	if n := len(cuts.Results); n > 0 {
		said = append(said, fmt.Sprintf("%d older tool outputs were left out of the model's context", n))
	}
	if n := len(cuts.Words); n > 0 {
		said = append(said, fmt.Sprintf("of %s too long for the window, the model is shown the beginning and the end", counted(n, "message")))
	}
	detail := strings.Join(said, "; ")
	r.notice("compaction", full(why)+detail+" (nothing is lost on disk)")
	return r.begin(ctx, c, c.es.plan.Cut(cuts), c.es.epoch.FirstSeq, detail, nil)
}

// counted gives a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// begin stores a new epoch and uses it from now on.
func (r *run) begin(ctx context.Context, c *conversation, plan *prompt.Plan, first session.Seq, detail string, reports []hearth.Report) error {
	ctx = context.WithoutCancel(ctx) // what was summed up is kept even if somebody stops it now
	plan.Gauge = c.gauge
	epoch, err := r.newEpoch(plan, first, epochCompaction)
	if err != nil {
		return err
	}
	epoch.Detail = detail
	es := &epochState{live: live{plan, epoch}, loaded: true}
	if _, err := r.measure(ctx, c.target, es); err != nil {
		return err
	}
	if err := r.append(ctx, &session.Commit{Epoch: &es.epoch, Reports: reports}); err != nil {
		return err
	}
	r.epochs[c.target.Ref] = es
	if c.window != "" {
		r.notice("window", c.window)
	}
	return nil
}

func (r *run) notice(kind, text string) {
	r.emit(hearth.Event{Kind: hearth.EventNotice, Notice: hearth.Notice{Kind: kind, Text: text}})
}

// summarise asks for a summary as a suffix of the live conversation, so that its whole
// prefix is still cached, and begins an epoch with it and the newest turns. When the
// summary's own request would not fit, whole oldest turns go unsummarised and the person
// is told; so too when the model gives none and there is no other way.
func (r *run) summarise(ctx context.Context, c *conversation, instructions string, why occasion) error {
	keep := prompt.Recent(c.es.plan, r.cfg.Room, c.gauge, c.messages)
	older := spoken(c.messages[:keep]) > 0
	if !older && why == needed {
		return r.tooBig(c)
	}
	if !older { // an estimate alone stops nothing: the server has the last word
		return nil
	}
	if words := prompt.Unread(c.es.plan, c.gauge, c.messages, keep); len(words) > 0 {
		c.without(words)
	}
	got := r.summary(ctx, c, keep, instructions)
	if got.err != nil && (ctx.Err() != nil || !goesOn(got.err, why)) {
		return errors.Join(got.err, r.report(ctx, got.reports))
	}
	summary := got.text
	if got.err != nil {
		summary = prompt.FitSummary(c.es.plan.Window, c.gauge, c.es.plan.Summary)
	}
	detail, told := got.tell(c)
	r.notice("compaction", full(why)+told+" (nothing is lost on disk)")
	house, err := r.house()
	if err != nil {
		return errors.Join(err, r.report(ctx, got.reports))
	}
	plan := c.es.plan.Next(c.target, house, r.specs, summary)
	r.st.tainted = r.st.tainted || plan.Tainted
	plan.Tainted = r.st.tainted
	return r.begin(ctx, c, plan, c.first+session.Seq(keep), detail, got.reports)
}

// goesOn reports whether a conversation is shortened although its model gave no summary.
// What is left out is gone from the model's sight, so that takes a request for a summary
// that does not fit, or a server that takes the conversation no more and a model that was
// asked and could not. A server that crashed may be there again in a moment.
func goesOn(err error, why occasion) bool {
	switch hearth.ReasonOf(err) {
	case hearth.ReasonContextOverflow:
		return why != wished
	case hearth.ReasonEmpty, hearth.ReasonBadRequest:
		return why == needed
	default:
		return false
	}
}

// waits reports whether a summary that was only foreseen may come later, after an error:
// the question goes out as it is then, and the server says itself whether that fits.
func waits(err error) bool {
	switch reason := hearth.ReasonOf(err); reason {
	case hearth.ReasonCut, hearth.ReasonStalled, hearth.ReasonEmpty, hearth.ReasonBadRequest:
		return true
	default:
		return reason.FallsBack()
	}
}

var errMessageTooLong = errors.New("the newest message is larger than the context window")

// report keeps the reports of model calls that nothing came of.
func (r *run) report(ctx context.Context, reports []hearth.Report) error {
	if len(reports) == 0 {
		return nil
	}
	return r.append(context.WithoutCancel(ctx), &session.Commit{Reports: reports})
}

// tooBig is the error when even the newest turn alone does not fit.
func (r *run) tooBig(c *conversation) error {
	return &hearth.Error{Op: "fit the context window", Reason: hearth.ReasonContextOverflow,
		Err:   fmt.Errorf("this turn alone needs about %d tokens, and the window of %s is %d", c.tokens, c.target.Ref, c.es.plan.Window),
		Cause: "The newest message, with what its tools returned, is larger than the model's window.",
		Try:   "Send it in smaller parts, or load the model with a larger context."}
}
