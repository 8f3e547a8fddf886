package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"hearth"
	"hearth/model"
	"hearth/prompt"
	"hearth/session"
)

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
	unsure   int    // of them, what no server has counted
	pictures int    // in that
	failures int    // turns before this one in which the epoch's model gave no summary
	window   string // what the person is told when a smaller window than the plan's is believed
}

// believe takes a server's word for what it refused. The epoch that begins now gets the
// window and the count; the one that ends keeps its plan.
func (c *conversation) believe(refused error) {
	o, ok := errors.AsType[*model.Overflow](refused)
	switch assumed := c.es.plan.Window; {
	case ok && (o.Bytes || o.Answered): // it has said nothing of the tokens sent
	case ok && o.Window > 0:
		c.believeNumbers(o)
	case c.pictures > 0, saysWindow(&c.target.Layers) && c.tokens > assumed/3: // no count is wrong by more
		c.recount(assumed + 1)
	default:
		c.believeLess()
	}
}

// believeNumbers takes a refusal that names them: a config, or a catalog, may promise more
// than was loaded.
func (c *conversation) believeNumbers(o *model.Overflow) {
	c.recount(o.Prompt)
	if assumed := c.es.plan.Window; o.Window < assumed {
		c.within(o.Window, fmt.Sprintf("%s was loaded with a window of %d tokens, not the %d that were assumed; the conversation is kept within that", c.target.Ref, o.Window, assumed))
	}
}

// believeLess takes a refusal without a number, of a server whose window nobody knows: it
// has at least less room than was asked of it.
func (c *conversation) believeLess() {
	assumed, served, why := c.es.plan.Window, c.tokens, c.window
	if served >= assumed {
		return
	}
	if why == "" && served < assumed*9/10 { // what is nearer is our own estimate's doing
		why = fmt.Sprintf("%s takes fewer tokens than the %d that were assumed; the conversation is kept within about %d", c.target.Ref, assumed, served)
	}
	c.within(served, why)
}

// recount takes a server's word that the next request has more tokens than were estimated.
func (c *conversation) recount(tokens int) {
	if tokens <= c.tokens {
		return
	}
	if c.pictures > 0 {
		c.gauge, c.tokens = c.gauge.RaisePictures(c.pictures, c.tokens, tokens), tokens
		return
	}
	c.gauge, c.tokens = c.gauge.Raise(c.es.plan, c.tokens, tokens), tokens
}

// conversation loads the live messages and weighs them, within the window that is served
// now.
func (r *run) conversation(ctx context.Context, target model.Target) (*conversation, error) {
	es, err := r.epochFor(ctx, target)
	if err != nil {
		return nil, err
	}
	c, err := r.weighed(ctx, target, es)
	if err != nil {
		return nil, err
	}
	if c.follow(target, r.windowNow(target, es)) && c.es.plan.Window > es.plan.Window {
		es.plan = c.es.plan // no byte of a request depends on it
	}
	return c, nil
}

// follow takes up what is known of a target now, and reports whether its window is another.
func (c *conversation) follow(target model.Target, now int) bool {
	c.target = target
	had := c.es.plan.Window
	switch {
	case now < had:
		says := fmt.Sprintf("%s has", target.Ref)
		if server := target.Layers.Server.Window; server == nil || *server != now {
			says = fmt.Sprintf("by the config %s has", target.Ref)
		}
		c.within(now, fmt.Sprintf("%s a window of %d tokens now, not the %d that this conversation began with; it is kept within that", says, now, had))
	case now > had:
		c.within(now, "")
	}
	return now != had
}

// refusalHolds is how long an epoch keeps within less than is promised, because a server has
// refused more: it may have been started anew since.
const refusalHolds = time.Hour

// windowNow is the window of an epoch's model at the moment.
func (r *run) windowNow(target model.Target, es *epochState) int {
	now := es.plan.WindowNow(target)
	promised := target.Layers.Merge()
	if now == es.plan.Window && promised.WindowKnown && !promised.WindowRefused && !es.plan.Capabilities.WindowAsked &&
		es.epoch.ID != 0 && r.cfg.Now().Sub(es.epoch.Began).Abs() > refusalHolds { // or before it, by a clock that was ahead
		now = max(now, promised.Window)
	}
	return now
}

// weighed gives the messages of an epoch and what they weigh. The server's own count of the
// last request stands for everything it held; only what came since is estimated, by what
// this model's earlier counts taught.
func (r *run) weighed(ctx context.Context, target model.Target, es *epochState) (*conversation, error) {
	c := &conversation{target: target, es: es, first: max(es.epoch.FirstSeq, 1)}
	var err error
	if c.messages, err = r.since(ctx, r.t, c.first); err != nil {
		return nil, err
	}
	c.weights = r.weights(r.t.Info().ID, es.live, c.first)
	reports, err := r.t.LastReports(ctx, reportsToSearch)
	if err != nil {
		return nil, err
	}
	c.weigh(reports)
	c.failures = failedSummaries(reports, es.epoch.ID, r.st.turn)
	return c, nil
}

// failedSummaries counts the turns in which a summary of an epoch was asked for and none
// came, without the one that is going on.
func failedSummaries(reports []hearth.Report, epoch int64, now hearth.TurnID) int {
	turns := map[hearth.TurnID]bool{}
	for i := range reports {
		if rep := &reports[i]; rep.EpochID == epoch && epoch != 0 && rep.Purpose == hearth.PurposeSummary && unable(rep.Reason) && rep.Turn != now {
			turns[rep.Turn] = true
		}
	}
	return len(turns)
}

// within believes another window than the plan's. The epoch that begins now gets it; the
// one that ends keeps its plan.
func (c *conversation) within(window int, why string) {
	plan, es := *c.es.plan, *c.es
	plan.Window, es.plan = window, &plan
	c.es, c.window = &es, why
}

// weigh learns from what was counted in this epoch, and estimates the next request.
func (c *conversation) weigh(reports []hearth.Report) {
	var here []*hearth.Report
	for i := range reports {
		if r := &reports[i]; r.EpochID == c.es.epoch.ID && r.EpochID != 0 && r.Through > 0 {
			here = append(here, r)
		}
	}
	counted := c.counted(here)
	series := counted.series()
	c.gauge, c.telling = c.es.plan.Gauge, telling(c.es.plan, series)
	if len(series) < fewCounts {
		wrote := c.wrote(here)
		c.gauge, c.telling = c.gauge.LearnTexts(wrote), c.telling || worth(wrote)
	}
	c.gauge = c.gauge.Learn(c.es.plan, series)
	known, through := c.gauge.HeadTokens(c.es.plan)+c.gauge.Tokens(prompt.WeighSummary(c.es.plan)), int64(0)
	if n := len(counted.good); n > 0 {
		known, through = counted.good[n-1].Tokens, counted.good[n-1].through
	}
	came := c.between(through, c.last())
	c.unsure, c.pictures = c.gauge.Tokens(came), came.Pictures
	c.tokens = known + c.unsure
	if through == 0 {
		c.unsure = c.tokens
	}
}

// windowKnown reports whether somebody has said the window.
func (c *conversation) windowKnown() bool {
	return c.es.plan.Capabilities.WindowKnown || c.target.Layers.Merge().WindowKnown
}

// What an answer is left is a little less than what the estimate leaves, by how far that
// may be off; and never nothing.
const (
	answerMargin = 64
	leastAnswer  = 256
)

// left gives how many tokens of a known window are left for an answer; 0 where nobody knows.
func (c *conversation) left() int {
	if !c.windowKnown() {
		return 0
	}
	const percentOff = 15
	return max(leastAnswer, c.es.plan.Window-c.tokens-c.unsure*percentOff/100-answerMargin)
}

// fewCounts is how many counts of prompts are so few that what the model wrote tells more
// of its tokens. Some servers never give more, for they leave out what they had cached.
const fewCounts = 5

// counted gives what a server counted of the requests in this epoch.
func (c *conversation) counted(reports []*hearth.Report) (all counts) {
	all.good = make([]count, 0, len(reports))
	head, weight, through := prompt.WeighHead(c.es.plan), prompt.WeighSummary(c.es.plan), int64(0)
	for _, rep := range reports {
		if rep.Through < through {
			continue
		}
		weight, through = weight.Add(c.between(through, rep.Through)), rep.Through
		n := cmp.Or(rep.Usage.Input, rep.Refused) // a refusal names what it counted
		now := count{prompt.Sample{Weight: weight, Tokens: n}, through, rep.Usage.Output}
		whole, usual := rep.Usage.CacheCounted || rep.Refused > 0, prompt.UsualRatio.Tokens(head)
		if sum, ok := all.sum(now, c.answerAfter(&all), usual); ok && !whole && !c.es.plan.Capabilities.Reasoning {
			all.good, all.odd = append(all.good, sum), count{}
		} else if ofAll(rep, n, head.Add(weight)) {
			all.add(now, whole)
		}
	}
	return all
}

// answerAfter weighs the answer that followed the newest of some counts.
func (c *conversation) answerAfter(all *counts) prompt.Weight {
	if len(all.good) == 0 {
		return prompt.Weight{}
	}
	through := all.good[len(all.good)-1].through
	return c.between(through, through+1)
}

// wrote gives what a server counted of the answers in this epoch: of those that are nothing
// but words, for it counts thoughts too, and calls, which models write in ways of their own.
func (c *conversation) wrote(reports []*hearth.Report) (texts []prompt.Sample) {
	for _, rep := range reports {
		at := rep.Through + 1 - int64(c.first)
		if at < 0 || at >= int64(len(c.messages)) || c.es.plan.Capabilities.Reasoning {
			continue
		}
		m := &c.messages[at]
		if m.Model != rep.Target || m.Stop != hearth.StopEnd || len(m.Parts) != 1 || m.Parts[0].Text == "" {
			continue
		}
		s := prompt.Sample{Weight: prompt.WeighText(m.Parts[0].Text), Tokens: rep.Usage.Output}
		if usual := prompt.UsualRatio.Tokens(s.Weight); s.Tokens > usual/3 && s.Tokens < usual*3 {
			texts = append(texts, s)
		}
	}
	return texts
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

// saved estimates what cuts save.
func (c *conversation) saved(cuts prompt.Cuts) int {
	before, after := prompt.Weigh(c.es.plan, c.messages), prompt.Weigh(c.es.plan.Cut(cuts), c.messages)
	return c.gauge.Tokens(before) - c.gauge.Tokens(after)
}

// without shows the conversation with more cuts: so that what nobody has read, or needs to
// read again, does not stand in the way of a summary of all others.
func (c *conversation) without(cuts prompt.Cuts) {
	if cuts.None() {
		return
	}
	c.tokens -= c.saved(cuts)
	es := *c.es
	es.plan, es.encoded = c.es.plan.Cut(cuts), nil
	c.es, c.weights = &es, nil
	for i := range c.messages {
		c.weights = append(c.weights, prompt.Weigh(es.plan, c.messages[i:i+1]))
	}
}

// newest estimates a request that holds nothing but the newest message of a person.
func (c *conversation) newest() int {
	at := len(c.messages) - 1
	for at > 0 && c.messages[at].Role != hearth.RoleUser {
		at--
	}
	seq := int64(c.first) + int64(at)
	return c.gauge.HeadTokens(c.es.plan) + c.gauge.Tokens(c.between(seq-1, seq))
}

// whole reports whether the live conversation and its summary fit what is served.
func (c *conversation) whole() bool {
	return c.tokens+prompt.SummaryTokens(c.es.plan.Window) <= c.served()
}

// served is how much the request for a summary may fill: also what the conversation itself is
// not to, where its owner has it kept within less than its server holds.
func (c *conversation) served() int { return c.es.plan.ServedFor(c.target) }

// fittingFrom gives how many of the oldest messages before keep must go for the request
// for their summary to fit so many tokens.
func (c *conversation) fittingFrom(keep, room int) int {
	room -= prompt.SummaryTokens(c.es.plan.Window) + c.gauge.HeadTokens(c.es.plan) + c.gauge.Tokens(prompt.WeighSummary(c.es.plan))
	from := keep
	for i := keep - 1; i >= 0; i-- {
		room -= c.gauge.Tokens(c.weights[i])
		if room < 0 {
			break
		}
		if c.messages[i].Role == hearth.RoleUser {
			from = i
		}
	}
	return from
}
