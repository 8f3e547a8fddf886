package agent

import (
	"cmp"
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
	if !st.answered() {
		return &hearth.Error{Op: "compact", Reason: hearth.ReasonUsage, Err: errors.New("a turn is not finished"),
			Cause: "The newest message has no answer yet.", Try: "Let it be answered or stop it first."}
	}
	r := &run{Agent: a, t: t, emitTo: emit, st: st, chain: chain, lane: a.cfg.Lane, epochs: map[hearth.ModelRef]*epochState{chain[0].Ref: {live: primary}}}
	defer r.emit(hearth.Event{Kind: hearth.EventDone})
	c, err := r.conversation(ctx, chain[0])
	if err != nil {
		return err
	}
	if prompt.Recent(c.es.plan, a.cfg.Room, c.gauge, c.messages) == 0 {
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

// conversation is the live part of a session as one model reads it.
type conversation struct {
	target   model.Target
	es       *epochState
	first    session.Seq // of messages[0]
	messages []hearth.Message
	weights  []prompt.Weight // of the messages
	gauge    prompt.Gauge
	telling  bool   // the gauge was learned here
	tokens   int    // estimate of the next request
	window   string // what the person is told when a smaller window than the plan's is believed
}

// believe takes a server's word for its window: a config, or a catalog, may promise more
// than was loaded. A server that names no number has at least less room than was asked
// of it. The epoch that begins now gets the window; the one that ends keeps its plan.
func (r *run) believe(c *conversation, refused error) {
	assumed, served := c.es.plan.Window, c.tokens
	if o, ok := errors.AsType[*model.Overflow](refused); ok && o.Window > 0 {
		served, c.tokens = o.Window, max(c.tokens, o.Prompt)
		if served < assumed {
			c.window = fmt.Sprintf("%s was loaded with a window of %d tokens, not the %d that were assumed; the conversation is kept within that", c.target.Ref, served, assumed)
		}
	}
	if served >= assumed {
		return
	}
	if c.window == "" && served < assumed*9/10 { // what is nearer is our own estimate's doing
		c.window = fmt.Sprintf("%s takes fewer tokens than the %d that were assumed; the conversation is kept within about %d", c.target.Ref, assumed, served)
	}
	c.within(served, c.window)
}

// conversation loads the live messages and weighs them. The server's own count of the
// last request stands for everything it held; only what came since is estimated, by what
// this model's earlier counts taught.
func (r *run) conversation(ctx context.Context, target model.Target) (*conversation, error) {
	es, err := r.epochFor(ctx, target)
	if err != nil {
		return nil, err
	}
	c := &conversation{target: target, es: es, first: max(es.epoch.FirstSeq, 1)}
	if c.messages, err = r.since(ctx, r.t, c.first); err != nil {
		return nil, err
	}
	c.weights = r.weights(r.t.Info().ID, es.live, c.first)
	reports, err := r.t.LastReports(ctx, reportsToSearch)
	if err != nil {
		return nil, err
	}
	c.weigh(reports)
	if now := servedNow(target.Layers); now > 0 && now < c.es.plan.Window {
		c.within(now, fmt.Sprintf("%s has a window of %d tokens now, not the %d that this conversation began with; it is kept within that", target.Ref, now, c.es.plan.Window))
	}
	return c, nil
}

// servedNow is the smaller of the windows that the config and the server name at the
// moment; 0 where neither does. A server may have been loaded anew with less room since
// the epoch began, and many cut what is too long in silence.
func servedNow(l model.Layers) int {
	least := 0
	for _, w := range []*int{l.Config.Window, l.Server.Window} {
		if w != nil && *w > 0 && (least == 0 || *w < least) {
			least = *w
		}
	}
	return least
}

// within believes a smaller window than the plan's. The epoch that begins now gets it;
// the one that ends keeps its plan.
func (c *conversation) within(window int, why string) {
	plan, es := *c.es.plan, *c.es
	plan.Window, es.plan = window, &plan
	c.es, c.window = &es, why
}

// weigh learns from what was counted in this epoch, and estimates the next request.
func (c *conversation) weigh(reports []hearth.Report) {
	var series []prompt.Sample
	head, weight := prompt.WeighHead(c.es.plan), prompt.WeighSummary(c.es.plan)
	counted, through := 0, int64(0)
	for i := range reports {
		rep := &reports[i]
		if rep.EpochID != c.es.epoch.ID || rep.EpochID == 0 || rep.Through < max(through, 1) {
			continue
		}
		more := weight.Add(c.between(through, rep.Through))
		n := cmp.Or(rep.Usage.Input, rep.Refused) // a refusal names what it counted
		if !counts(rep, n, prompt.UsualRatio.Tokens(head.Add(more)), counted) {
			continue
		}
		weight, counted, through = more, n, rep.Through
		series = append(series, prompt.Sample{Weight: weight, Tokens: counted})
	}
	c.gauge, c.telling = c.es.plan.Gauge.Learn(c.es.plan, series), telling(c.es.plan, series)
	if counted == 0 {
		counted = c.gauge.HeadTokens(c.es.plan) + c.gauge.Tokens(weight)
	}
	c.tokens = counted + c.gauge.Tokens(c.between(through, c.last()))
}

// counts reports whether a server's count can be that of the whole request: some leave
// out what they had cached, some cut the request in silence, some make numbers up. It is
// no absurd number beside the usual, and no less than the request before had.
func counts(rep *hearth.Report, n, usual, before int) bool {
	return n > rep.Items && n < rep.Bytes && n > usual/3 && n < usual*4 && n >= before
}

// between weighs the messages after one sequence number up to another.
func (c *conversation) between(after, through int64) prompt.Weight {
	from := max(after+1, int64(c.first)) - int64(c.first)
	to := min(through, c.last()) + 1 - int64(c.first)
	var w prompt.Weight
	for i := from; i < to; i++ {
		w = w.Add(c.weights[i])
	}
	return w
}

// last is the sequence number of the newest message.
func (c *conversation) last() int64 { return int64(c.first) + int64(len(c.messages)) - 1 }

// fit shortens the conversation when the next request would not leave room for its
// answer. refused is the server's error when it would not take the request, whatever
// the estimate says; nil before it was asked.
func (r *run) fit(ctx context.Context, refused error) (done bool, err error) {
	if r.compacted || r.cfg.NoCompaction {
		return false, nil
	}
	c, err := r.conversation(ctx, r.chain[0])
	if err != nil {
		return false, err
	}
	r.counted(c)
	force := refused != nil
	if force {
		r.believe(c, refused)
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
	if ids := prompt.Trim(c.es.plan, r.cfg.Room, c.gauge, c.messages); len(ids) > 0 {
		if saved := c.saved(ids); c.tokens-saved < r.cfg.Room.Limit(c.es.plan)*3/5 {
			return r.trim(ctx, c, ids, why)
		}
	}
	return r.summarise(ctx, c, "", why)
}

// saved estimates what leaving out the results of some calls saves.
func (c *conversation) saved(ids []hearth.CallID) int {
	plan := *c.es.plan
	before := prompt.Weigh(&plan, c.messages)
	plan.Trimmed = append(append([]hearth.CallID(nil), plan.Trimmed...), ids...)
	after := prompt.Weigh(&plan, c.messages)
	return c.gauge.Tokens(before) - c.gauge.Tokens(after)
}

// trim begins an epoch that leaves out old tool outputs: no model call.
func (r *run) trim(ctx context.Context, c *conversation, ids []hearth.CallID, why occasion) error {
	plan := *c.es.plan
	plan.Trimmed = append(append([]hearth.CallID(nil), plan.Trimmed...), ids...)
	r.notice("compaction", fmt.Sprintf("%s%d older tool outputs were left out of the model's context (nothing is lost on disk)", full(why), len(ids)))
	return r.begin(ctx, c, &plan, c.es.epoch.FirstSeq, fmt.Sprintf("left out %d tool outputs", len(ids)), nil)
}

// begin stores a new epoch and uses it from now on.
func (r *run) begin(ctx context.Context, c *conversation, plan *prompt.Plan, first session.Seq, detail string, reports []hearth.Report) error {
	ctx = context.WithoutCancel(ctx) // what was summed up is kept even if somebody stops it now
	plan.Gauge = c.gauge
	epoch, err := r.newEpoch(plan, first, "compaction")
	if err != nil {
		return err
	}
	epoch.Detail = detail
	es := &epochState{live: live{plan, epoch}, loaded: true}
	if err := r.measure(ctx, c.target, c.es, es); err != nil {
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
	if keep == 0 && why == needed {
		return r.tooBig(c)
	}
	if keep == 0 { // an estimate alone stops nothing: the server has the last word
		return nil
	}
	lost := 0 // messages that no summary can be asked of
	if c.tokens+summaryTokens > c.es.plan.Window {
		lost = r.fittingFrom(c, keep)
	}
	summary, reports, err := r.summary(ctx, c, lost, keep, instructions)
	if err != nil && (ctx.Err() != nil || !goesOn(err, why)) {
		return errors.Join(err, r.report(ctx, reports))
	}
	unsaid, said := spoken(c.messages[:lost]), spoken(c.messages[lost:keep])
	detail := fmt.Sprintf("summed up %d messages", said)
	switch {
	case err != nil:
		because := "because the model gave none"
		if lost == keep {
			because = "because even the request for one would not fit"
		}
		summary, detail = c.es.plan.Summary, fmt.Sprintf("left out %d messages without a summary", unsaid+said)
		r.notice("compaction", fmt.Sprintf("%sthe %d oldest messages left the model's context without a summary, %s (nothing is lost on disk)", full(why), unsaid+said, because))
	case lost > 0:
		detail += fmt.Sprintf(" and left out the %d before them", unsaid)
		r.notice("compaction", fmt.Sprintf("%sthe %d oldest messages left the model's context without a summary, because the request for one would not fit with them; the %d after them were summed up (nothing is lost on disk)", full(why), unsaid, said))
	default:
		r.notice("compaction", fmt.Sprintf("%sthe %d oldest messages were summed up (nothing is lost on disk)", full(why), said))
	}
	house, err := r.house()
	if err != nil {
		return errors.Join(err, r.report(ctx, reports))
	}
	plan := c.es.plan.Next(c.target, house, r.specs, summary)
	r.st.tainted = r.st.tainted || plan.Tainted
	plan.Tainted = r.st.tainted
	return r.begin(ctx, c, plan, c.first+session.Seq(keep), detail, reports)
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

// newest estimates a request that holds nothing but the newest message of a person.
func (c *conversation) newest() int {
	at := len(c.messages) - 1
	for at > 0 && c.messages[at].Role != hearth.RoleUser {
		at--
	}
	seq := int64(c.first) + int64(at)
	return c.gauge.HeadTokens(c.es.plan) + c.gauge.Tokens(c.between(seq-1, seq))
}

// report keeps the reports of model calls that nothing came of.
func (r *run) report(ctx context.Context, reports []hearth.Report) error {
	if len(reports) == 0 {
		return nil
	}
	return r.append(context.WithoutCancel(ctx), &session.Commit{Reports: reports})
}

// summaryTokens bounds a summary; a model that thinks first gets several times as many,
// where they fit.
const summaryTokens, thoughtsFactor = 1_200, 4

func (c *conversation) summaryTokens() int {
	most := summaryTokens
	if c.es.plan.Capabilities.Reasoning {
		most = min(thoughtsFactor*summaryTokens, max(summaryTokens, c.es.plan.Window-c.tokens))
	}
	return most
}

// spoken counts messages without the marks between them.
func spoken(messages []hearth.Message) (n int) {
	for i := range messages {
		if messages[i].Role != hearth.RoleMark {
			n++
		}
	}
	return n
}

// summary makes the one model call of a compaction: for the messages from lost to keep.
// Where there are none, or the model says nothing, it gives an error.
func (r *run) summary(ctx context.Context, c *conversation, lost, keep int, instructions string) (string, []hearth.Report, error) {
	if lost == keep {
		return "", nil, &hearth.Error{Op: "sum up the conversation", Reason: hearth.ReasonContextOverflow,
			Err:   fmt.Errorf("even one message and the question for its summary do not fit %d tokens", c.es.plan.Window),
			Cause: "The older messages are too large for the model's window, so the conversation was left as it is.",
			Try:   "Load the model with a larger context, or begin a new conversation with /new."}
	}
	question := r.message(r.st.turn, hearth.RoleUser)
	question.Parts = []hearth.Part{{Text: prompt.SummaryQuestion(r.cfg.SummaryWishes, instructions), Provenance: hearth.FromGateway}}
	// Only what will be summed up needs to be in the request; but the newest messages
	// cost nothing where the server has them cached, and the request must extend the last
	// one, so they stay as long as they fit.
	messages := append(append([]hearth.Message(nil), c.messages...), question)
	if c.tokens+summaryTokens > c.es.plan.Window {
		messages = append(append([]hearth.Message(nil), c.messages[lost:keep]...), question)
	}
	text, reports, err := r.condense(ctx, c, messages)
	if err == nil && strings.TrimSpace(text) == "" {
		err = &hearth.Error{Op: "sum up the conversation", Reason: hearth.ReasonEmpty,
			Cause: "The model gave no summary, so the conversation was left as it is.",
			Try:   "Try again, or begin a new conversation with /new."}
	}
	return text, reports, err
}

// condense sends messages to the model of a conversation, in its epoch, and gives the text of
// the answer.
func (r *run) condense(ctx context.Context, c *conversation, messages []hearth.Message) (string, []hearth.Report, error) {
	q := model.Question{
		Chain: []model.Target{c.target}, Lane: r.lane, Session: r.t.Info().ID, Turn: r.st.turn,
		Build: func(model.Target) (*model.Request, error) {
			r.clock.stand()
			req := prompt.Build(c.es.plan, messages)
			req.Encoded, req.MaxTokens = c.es.encoded, c.summaryTokens()
			return req, r.fillBlobs(ctx, req.Messages, c.es.plan)
		},
	}
	var text strings.Builder
	var reports []hearth.Report
	defer r.clock.goOn()
	for d, err := range r.cfg.Router.Stream(ctx, q) {
		r.clock.follow(vendors(&c.target), &d)
		switch {
		case err != nil:
			return "", reports, err
		case d.Text != "":
			text.WriteString(d.Text)
		case d.Wait != nil:
			r.emit(hearth.Event{Kind: hearth.EventWait, Wait: *d.Wait})
		case d.Report != nil:
			rep := *d.Report
			rep.Turn, rep.EpochID, rep.Purpose = r.st.turn, c.es.epoch.ID, hearth.PurposeSummary
			reports = append(reports, rep)
			r.out.Usage = r.out.Usage.Add(rep.Usage)
		}
	}
	return text.String(), reports, nil
}

// fittingFrom gives how many of the oldest messages must go for the summary's request to fit.
func (r *run) fittingFrom(c *conversation, keep int) int {
	room := c.es.plan.Window - summaryTokens - c.gauge.HeadTokens(c.es.plan) - c.gauge.Tokens(prompt.WeighSummary(c.es.plan))
	from := keep
	for i := keep - 1; i >= 0; i-- {
		room -= c.gauge.Tokens(prompt.Weigh(c.es.plan, c.messages[i:i+1]))
		if room < 0 {
			break
		}
		if c.messages[i].Role == hearth.RoleUser {
			from = i
		}
	}
	return from
}

// tooBig is the error when even the newest turn alone does not fit.
func (r *run) tooBig(c *conversation) error {
	return &hearth.Error{Op: "fit the context window", Reason: hearth.ReasonContextOverflow,
		Err:   fmt.Errorf("this turn alone needs about %d tokens, and the window of %s is %d", c.tokens, c.target.Ref, c.es.plan.Window),
		Cause: "The newest message, with what its tools returned, is larger than the model's window.",
		Try:   "Send it in smaller parts, or load the model with a larger context."}
}
