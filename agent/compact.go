package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/prompt"
	"hearth/session"
)

// Compact shortens a conversation because its owner asked for it: for the model that
// answered last, and where its server is not there for the next one of the chain.
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
	candidates := answeringFirst(chain, st.answering)
	for i := range candidates {
		err = r.compact(ctx, candidates[i], instructions)
		if ctx.Err() != nil || !hearth.ReasonOf(err).FallsBack() || i == len(candidates)-1 {
			break
		}
		r.notice("fallback", fmt.Sprintf("%s did not answer (%s); asking %s instead", candidates[i].Ref, inWords(err), candidates[i+1].Ref))
	}
	return err
}

// answeringFirst gives each model of a chain once, the one that answers now before all others.
func answeringFirst(chain []model.Target, now hearth.ModelRef) (out []model.Target) {
	seen := map[hearth.ModelRef]bool{}
	for _, t := range chain {
		switch {
		case seen[t.Ref]:
		case t.Ref == now:
			out = slices.Insert(out, 0, t)
		default:
			out = append(out, t)
		}
		seen[t.Ref] = true
	}
	return out
}

// inWords is an error without what was being done.
func inWords(err error) string {
	if e, ok := errors.AsType[*hearth.Error](err); ok && e.Err != nil {
		return e.Err.Error()
	}
	return strings.ReplaceAll(string(hearth.ReasonOf(err)), "_", " ")
}

func (r *run) compact(ctx context.Context, target model.Target, instructions string) error {
	c, err := r.conversation(ctx, target)
	if err != nil {
		return err
	}
	if spoken(c.messages[:c.recent(r.cfg.Room)]) == 0 {
		return &hearth.Error{Op: "compact", Reason: hearth.ReasonUsage, Err: fmt.Errorf("all %d messages are recent", len(c.messages)),
			Cause: "The newest messages are kept word for word, and there is nothing older.",
			Try:   "Go on; or lower agents.defaults.compaction.keepRecentTokens to keep fewer."}
	}
	return r.summarise(ctx, c, summing{why: wished, instructions: instructions})
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
func (r *run) full(c *conversation, why occasion) string {
	switch {
	case why == wished:
		return ""
	case c.target.Ref != r.chain[0].Ref:
		return fmt.Sprintf("the context window of %s is full: ", c.target.Ref)
	default:
		return "the context window is full: "
	}
}

// fitting is what was done before the answer that is being asked for, so that a model's
// next request fits. Each thing is done once: never a loop.
type fitting struct {
	looked    bool  // at the estimate
	refitted  bool  // what the server refused
	renewed   bool  // what the server says of itself
	asksLess  bool  // for less of an answer
	least     int   // the tokens that an answer may then have
	asked     int   // how often a summary was asked for
	noSummary error // why there was none
	seen      *conversation
}

func (r *run) fitting(ref hearth.ModelRef) *fitting {
	f := r.fits[ref]
	if r.fits == nil {
		r.fits = make(map[hearth.ModelRef]*fitting)
	}
	if f == nil {
		f = new(fitting)
		r.fits[ref] = f
	}
	return f
}

// mostSummaries is how often a summary is asked for to get one answer.
const mostSummaries = 2

// maySum reports whether a summary may be asked for, or it is known that none would come.
func (f *fitting) maySum() bool { return f.asked < mostSummaries || f.noSummary != nil }

// foresee shortens the conversation of the model that is about to be asked, when its next
// request would not leave room for its answer. An error says that nobody needs to ask.
func (r *run) foresee(ctx context.Context, target model.Target) error {
	f := r.fitting(target.Ref)
	if f.looked || r.cfg.NoCompaction {
		return nil
	}
	f.looked = true
	c, err := r.conversation(ctx, target)
	if err != nil {
		return err
	}
	r.counted(c)
	f.seen = c
	if c.tokens <= r.cfg.Room.Limit(c.es.plan) || c.alone() {
		return nil
	}
	err = r.shorten(ctx, c, foreseen)
	if err != nil && ctx.Err() == nil && waits(err) {
		f.noSummary = err
		if unable(hearth.ReasonOf(err)) {
			r.notice("compaction", fmt.Sprintf("%sthe conversation was to be summed up, and that failed (%s); it goes on as it is for now", r.full(c, foreseen), inWords(err)))
		}
		return nil
	}
	return err
}

// refit mends a request that a server refused as too long, whatever the estimate says, and
// whatever was left out because of one. It reports whether asking again may help; else err is
// what the person is told.
func (r *run) refit(ctx context.Context, target model.Target, refused error) (again bool, err error) {
	f := r.fitting(target.Ref)
	fixed := r.cfg.NoCompaction || f.refitted
	if fixed && f.asksLess {
		return false, refused
	}
	target = r.anew(ctx, target, refused)
	c, err := r.conversation(ctx, target)
	if err != nil {
		return false, err
	}
	r.counted(c)
	inNumbers := namesWindow(refused)
	if !inNumbers && r.askLess(c, f, refused) {
		return true, nil
	}
	c.believe(refused)
	switch {
	case inNumbers && r.askLess(c, f, refused):
		return true, nil
	case fixed:
		return false, refused
	case c.alone():
		return false, withAdvice(refused, &hearth.Error{
			Cause: fmt.Sprintf("The newest message alone has about %d tokens, and the window of %s is %d.", c.newest(), c.target.Ref, c.es.plan.Window),
			Try:   "Send it in smaller parts, or give the model a larger window: where the server loads it, or by contextWindow in the config, which is Ollama's num_ctx.",
		})
	}
	f.refitted = true
	switch err := r.shorten(ctx, c, needed); {
	case err == nil:
		return true, nil
	case errors.Is(err, errNothingOlder):
		return false, refused // the server's own numbers say more than our estimate
	case ctx.Err() != nil:
		return false, err
	default:
		return false, unshortened(c, err)
	}
}

// anew gives a target with what its server says of itself now, where it refused a request as
// too long and did not say how large its window is: it may have loaded the model anew for that
// very request, with less than it had. The server is asked once for an answer.
func (r *run) anew(ctx context.Context, target model.Target, refused error) model.Target {
	f := r.fitting(target.Ref)
	o, ok := errors.AsType[*model.Overflow](refused)
	if !ok || o.Window > 0 || o.Bytes || o.Answered || r.cfg.Anew == nil || f.renewed || target.Refused != nil {
		return target
	}
	f.renewed = true
	target.Layers = r.cfg.Anew(ctx, target).Layers
	r.chain = slices.Clone(r.chain) // the caller's stays as it is
	for i := range r.chain {
		if r.chain[i].Ref == target.Ref {
			r.chain[i].Layers = target.Layers
		}
	}
	return target
}

// namesWindow reports whether a refusal says how large the window is.
func namesWindow(refused error) bool {
	o, ok := errors.AsType[*model.Overflow](refused)
	return ok && o.Window > 0
}

// alone reports whether the newest message fills the window by itself: no summary of what
// came before makes room for it.
func (c *conversation) alone() bool { return c.newest()*85/100 > c.es.plan.Window }

// askLess has the next request ask for a shorter answer, where what is refused is no more
// than the sum of a conversation that fits and of the answer asked for.
func (r *run) askLess(c *conversation, f *fitting, refused error) bool {
	o, ok := errors.AsType[*model.Overflow](refused)
	if !ok || o.Bytes || o.Answered || o.Silent || f.asksLess || c.tokens > r.cfg.Room.Limit(c.es.plan) {
		return false
	}
	least := (c.es.plan.Window - c.tokens) / 2 // nobody knows how far off the estimate is
	switch {
	case o.Exact:
		least = c.es.plan.Window - o.Prompt - answerMargin
	case o.Window == 0:
		least = min(least, r.asksFor/4)
	}
	if least < leastAnswer || least >= r.asksFor {
		return false
	}
	f.asksLess, f.least = true, least
	es := r.epochs[c.target.Ref]
	es.plan = c.es.plan // no byte of the request depends on its window
	if c.window != "" {
		r.notice("window", c.window)
	}
	return true
}

// unshortened is the error of a conversation that fits no more and that could not be
// shortened. What broke off was a summary: no part of an answer is kept.
func unshortened(c *conversation, err error) error {
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok {
		return err
	}
	out := *e
	out.Op = "sum up the conversation with " + c.target.Ref.String()
	out.Cause = fmt.Sprintf("The conversation fills the window of %s (%d tokens), and its server gave no summary of it.", c.target.Ref, c.es.plan.Window)
	out.Try = "Say it again: a summary is asked for once more, and after that the oldest messages are left out without one. /new begins a new conversation."
	return &out
}

// shorten leaves out old tool outputs where that is enough, and asks for a summary where
// it is not. Where nothing is older than the newest turn, it leaves out what it can.
func (r *run) shorten(ctx context.Context, c *conversation, why occasion) error {
	limit := r.cfg.Room.Limit(c.es.plan)
	cuts := prompt.Trim(c.es.plan, r.cfg.Room, c.gauge, c.messages)
	left := c.tokens - c.saved(cuts)
	switch {
	case !cuts.None() && left < limit*3/5:
		return r.trim(ctx, c, cuts, why)
	case spoken(c.messages[:c.recent(r.cfg.Room)]) > 0 && r.fitting(c.target.Ref).maySum():
		return r.summarise(ctx, c, summing{why: why})
	case why == wished, why == foreseen && left > limit && c.tokens <= c.es.plan.Window:
		return nil // an estimate alone stops nothing: the server has the last word
	}
	if left > c.es.plan.Window || cuts.None() {
		cuts = prompt.TrimMore(c.es.plan, c.gauge, c.messages, cuts, left-limit)
	}
	switch {
	case !cuts.None():
		return r.trim(ctx, c, cuts, why)
	case why == needed:
		return errNothingOlder
	default:
		return nil
	}
}

// recent gives the index of the first message to keep word for word, in the window of the
// epoch that follows.
func (c *conversation) recent(room prompt.Room) int {
	plan := *c.es.plan
	if next := c.target.Layers.Merge(); next.WindowKnown {
		plan.Window = min(plan.Window, next.Window)
	}
	return prompt.Recent(&plan, room, c.gauge, c.messages)
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
	if n := len(cuts.Pictures); n > 0 {
		said = append(said, fmt.Sprintf("the pictures of %s that did not fit were left out of the model's context", counted(n, "message")))
	}
	detail := strings.Join(said, "; ")
	r.notice("compaction", r.full(c, why)+detail+" (nothing is lost on disk)")
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
	plan.Seen(c.target)
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
	r.fitting(c.target.Ref).seen = nil
	if c.window != "" {
		r.notice("window", c.window)
	}
	return nil
}

func (r *run) notice(kind, text string) {
	r.emit(hearth.Event{Kind: hearth.EventNotice, Notice: hearth.Notice{Kind: kind, Text: text}})
}

// summing is how a conversation is summed up.
type summing struct {
	why          occasion
	instructions string
}

// summarise asks for a summary as a suffix of the live conversation, so that its whole
// prefix is still cached, and begins an epoch with it and the newest turns. When the
// summary's own request would not fit, it leaves out old tool outputs first, and then whole
// oldest turns go unsummarised and the person is told; so too when the model gives none and
// there is no other way.
func (r *run) summarise(ctx context.Context, c *conversation, s summing) error {
	keep := c.recent(r.cfg.Room)
	c.without(prompt.Unread(c.es.plan, c.gauge, c.messages, keep))
	if !c.whole() && spoken(c.messages[:c.fittingFrom(keep, c.served())]) > 0 { // else all of it is in the server's cache
		c.without(r.outputs(c, keep))
	}
	got := r.summary(ctx, c, keep, s)
	if got.err != nil && (ctx.Err() != nil || !r.goesOn(got, s.why)) {
		if err := r.report(ctx, got.reports); err != nil {
			return err
		}
		return got.err
	}
	summary := got.text
	if got.err != nil {
		summary = prompt.FitSummary(c.es.plan.Window, c.gauge, c.es.plan.Summary)
	}
	detail, told := got.tell(c)
	r.notice("compaction", r.full(c, s.why)+told+" (nothing is lost on disk)")
	plan, err := r.after(c, keep, summary)
	if err != nil {
		return errors.Join(err, r.report(ctx, got.reports))
	}
	return r.begin(ctx, c, plan, c.first+session.Seq(keep), detail, got.reports)
}

// outputs are the big tool outputs that a summary of the messages before keep need not be made
// from, where not all of it fits.
func (r *run) outputs(c *conversation, keep int) prompt.Cuts {
	old := prompt.Trim(c.es.plan, r.cfg.Room, c.gauge, c.messages)
	all := prompt.TrimMore(c.es.plan, c.gauge, c.messages[:keep], prompt.Cuts{Results: old.Results}, math.MaxInt)
	return prompt.Cuts{Results: all.Results}
}

// after gives the plan in which a summary stands for the messages before keep. What was
// left out of the others stays out, and more of them goes where they still are too much: a
// chain of calls in one turn outgrows a window as well.
func (r *run) after(c *conversation, keep int, summary string) (*prompt.Plan, error) {
	house, err := r.house()
	if err != nil {
		return nil, err
	}
	kept := c.messages[keep:]
	plan := c.es.plan.Next(c.target, house, r.specs, summary)
	if plan.Window < c.es.plan.Window {
		plan.Summary = prompt.FitSummary(plan.Window, c.gauge, plan.Summary)
	}
	plan.CutAs(c.es.plan, kept)
	r.st.tainted = r.st.tainted || plan.Tainted
	plan.Tainted = r.st.tainted
	begins := func(p *prompt.Plan) int {
		return c.gauge.HeadTokens(p) + c.gauge.Tokens(prompt.WeighSummary(p).Add(prompt.Weigh(p, kept)))
	}
	limit := r.cfg.Room.Limit(plan)
	if begins(plan) > limit*3/5 {
		plan = plan.Cut(prompt.Trim(plan, r.cfg.Room, c.gauge, kept))
	}
	if left := begins(plan); left > plan.Window {
		plan = plan.Cut(prompt.TrimMore(plan, c.gauge, kept, prompt.Cuts{}, left-limit))
	}
	return plan, nil
}

// goesOn reports whether a conversation is shortened although its model gave no summary.
// What is left out is gone from the model's sight, so that takes a request for a summary
// that does not fit, a server that takes the conversation no more and a model that was
// asked and could not, or one that has failed before. A server that crashed may be there
// again in a moment.
func (r *run) goesOn(got *summed, why occasion) bool {
	if why == wished {
		return false
	}
	switch reason := hearth.ReasonOf(got.err); {
	case reason == hearth.ReasonContextOverflow:
		return true
	case !unable(reason):
		return false
	case got.failures >= mostFailures:
		return true
	default:
		return why == needed && (reason == hearth.ReasonEmpty || reason == hearth.ReasonBadRequest)
	}
}

// mostFailures is how often an epoch's model may fail to give a summary.
const mostFailures = 2

// unable reports whether a summary failed at the model, or at what it was asked, and not
// because nobody was there to ask.
func unable(reason hearth.Reason) bool {
	switch reason {
	case hearth.ReasonServer, hearth.ReasonTimeout, hearth.ReasonCut, hearth.ReasonStalled, hearth.ReasonEmpty, hearth.ReasonBadRequest:
		return true
	default:
		return false
	}
}

// waits reports whether a summary that was only foreseen may come later, after an error:
// the question goes out as it is then, and the server says itself whether that fits.
func waits(err error) bool {
	reason := hearth.ReasonOf(err)
	return unable(reason) || reason.FallsBack()
}

var errNothingOlder = errors.New("nothing is older than the newest turn")

// report keeps the reports of model calls that nothing came of.
func (r *run) report(ctx context.Context, reports []hearth.Report) error {
	if len(reports) == 0 {
		return nil
	}
	return r.append(context.WithoutCancel(ctx), &session.Commit{Reports: reports})
}
