package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/prompt"
)

// summaryTokens bounds the answer that holds a summary: a model that thinks first gets
// several times as many tokens, where they fit.
func (c *conversation) summaryTokens() int {
	const thoughts = 4
	most := prompt.SummaryTokens(c.es.plan.Window)
	if c.es.plan.Capabilities.Reasoning {
		room := c.es.plan.Window - c.tokens
		if known := c.left(); known > 0 {
			room = known
		}
		most = min(thoughts*most, max(most, room))
	}
	return most
}

// summed is what came of asking for a summary: the messages before lost were not in the
// request, those from there to keep are summed up, and the others stay as they are.
type summed struct {
	lost, keep int
	text       string
	err        error // why there is no text
	failures   int   // how often the model gave none, this time included
	reports    []hearth.Report
}

// tell says what becomes of the messages: for the row of the epoch that begins, and for the
// person.
func (s *summed) tell(c *conversation) (detail, told string) {
	unsaid, said := spoken(c.messages[:s.lost]), spoken(c.messages[s.lost:s.keep])
	switch {
	case s.err != nil:
		because := "because the model gave none"
		switch reason := hearth.ReasonOf(s.err); {
		case s.lost == s.keep:
			because = "because even the request for one would not fit"
		case reason == hearth.ReasonContextOverflow:
			because = "because the server refused the request for one as too long"
		case reason != hearth.ReasonEmpty:
			because = "because the server failed to give one (" + inWords(s.err) + ")"
		}
		return fmt.Sprintf("left out %d messages without a summary", unsaid+said),
			fmt.Sprintf("the %d oldest messages left the model's context without a summary, %s", unsaid+said, because)
	case unsaid > 0:
		return fmt.Sprintf("summed up %d messages and left out the %d before them", said, unsaid),
			fmt.Sprintf("the %d oldest messages left the model's context without a summary, because the request for one would not fit with them; the %d after them were summed up", unsaid, said)
	default:
		return fmt.Sprintf("summed up %d messages", said), fmt.Sprintf("the %d oldest messages were summed up", said)
	}
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

// summary asks for a summary of the messages before keep, or of as many of them as fit
// with the question. It makes two model calls at most, the second where the server says of
// the first that it was too long, or where nothing came of it.
func (r *run) summary(ctx context.Context, c *conversation, keep int, how summing) *summed {
	s := &summed{keep: keep}
	f := r.fitting(c.target.Ref)
	s.failures = c.failures
	if reason := hearth.ReasonOf(f.noSummary); f.noSummary != nil && unable(reason) {
		s.failures++                                                     // before this answer, too
		if s.failures >= mostFailures || reason != hearth.ReasonServer { // who broke may be whole again
			s.err = f.noSummary
			return s
		}
	}
	if f.asked >= mostSummaries {
		if s.err = f.noSummary; s.err == nil {
			s.err = noSummary("it was asked for often enough")
		}
		return s
	}
	if s.failures >= mostFailures && how.why != wished {
		s.err = noSummary("none came when it was asked for before")
		return s
	}
	r.askForSummary(ctx, c, s, how)
	if s.err == nil {
		s.text = prompt.FitSummary(c.es.plan.Window, c.gauge, s.text)
	} else if unable(hearth.ReasonOf(s.err)) {
		s.failures++
	}
	return s
}

func noSummary(why string) *hearth.Error {
	return &hearth.Error{Op: "sum up the conversation", Reason: hearth.ReasonEmpty, Err: errors.New(why),
		Cause: "The model gave no summary, so the conversation was left as it is.",
		Try:   "Try again, or begin a new conversation with /new."}
}

func (r *run) askForSummary(ctx context.Context, c *conversation, s *summed, how summing) {
	whole := c.whole()
	if !whole {
		s.lost = c.fittingFrom(s.keep, c.served())
	}
	f := r.fitting(c.target.Ref)
	for f.asked < mostSummaries {
		if s.lost == s.keep {
			s.err = &hearth.Error{Op: "sum up the conversation", Reason: hearth.ReasonContextOverflow,
				Err:   fmt.Errorf("even one message and the question for its summary do not fit %d tokens", c.served()),
				Cause: "The older messages are too large for the model's window, so the conversation was left as it is.",
				Try:   "Load the model with a larger context, or begin a new conversation with /new."}
			return
		}
		// Only what will be summed up needs to be in the request; but the newest messages
		// cost nothing where the server has them cached, and the request must extend the
		// last one, so they stay as long as they fit.
		messages := c.messages
		if !whole {
			messages = c.messages[s.lost:s.keep]
		}
		f.asked++
		text, reports, err := r.condense(ctx, c, append(slices.Clone(messages), r.toSumUp(c, how.instructions)))
		s.text, s.err, s.reports = text, err, append(s.reports, reports...)
		switch reason := hearth.ReasonOf(s.err); {
		case s.err == nil:
			return
		case reason == hearth.ReasonEmpty && ctx.Err() == nil: // models are moody
		case reason == hearth.ReasonServer && how.why == needed && f.asked < mostSummaries && ctx.Err() == nil:
			s.failures++ // whoever broke may be whole again, and there is no other way
		case reason != hearth.ReasonContextOverflow:
			return
		default:
			fewer, spared := r.tighter(ctx, c, s, whole)
			if !whole && !spared && fewer == s.lost {
				return // the same request would be refused again
			}
			whole, s.lost = false, fewer
		}
	}
}

// tighter leaves old outputs out of a conversation whose summary's request was refused, where
// they still are in it, and gives how many of the oldest messages must go all the same. Where
// the server names a smaller window, it was the window that we had wrong; where it names its
// count of a request of which whole says that nothing was left out, that is the conversation's;
// else our count was too low.
func (r *run) tighter(ctx context.Context, c *conversation, s *summed, whole bool) (lost int, spared bool) {
	had := c.served()
	target := r.anew(ctx, c.target, s.err)
	c.follow(target, min(c.es.plan.Window, r.windowNow(target, c.es)))
	named := whole && namesWindow(s.err)
	room := c.served()
	if room >= had && !named {
		room = room * 3 / 4
	}
	if whole && (named || !saysWindow(&target.Layers)) {
		c.believe(s.err)
		room = min(room, c.served())
	}
	cuts := r.outputs(c, s.keep)
	c.without(cuts)
	return max(s.lost, c.fittingFrom(s.keep, room)), !cuts.None()
}

// toSumUp is the question for a summary.
func (r *run) toSumUp(c *conversation, instructions string) hearth.Message {
	question := r.message(r.st.turn, hearth.RoleUser)
	question.Parts = []hearth.Part{{Text: prompt.SummaryQuestion(c.es.plan.Window, r.cfg.SummaryWishes, instructions), Provenance: hearth.FromGateway}}
	return question
}

// freeToAnswer leaves out of an extra body that a tool must be called: what is asked for
// are words.
func freeToAnswer(extra json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(extra, &members) != nil || members["tool_choice"] == nil {
		return extra
	}
	delete(members, "tool_choice")
	free, err := json.Marshal(members)
	if err != nil {
		return extra
	}
	return free
}

// condense sends messages to the model of a conversation, in its epoch, and gives the text
// of the answer, or why there is none. One that is far longer than it was to be is stopped:
// not every server heeds the limit that it is given.
func (r *run) condense(ctx context.Context, c *conversation, messages []hearth.Message) (string, []hearth.Report, error) {
	q := model.Question{
		Chain: []model.Target{c.target}, Lane: r.lane, Session: r.t.Info().ID, Turn: r.st.turn, Once: true,
		Loaded: r.lane == model.LaneHousekeeping, // nobody waits for it
		Build: func(target model.Target) (*model.Request, error) {
			if err := r.heed(ctx, c, target); err != nil {
				return nil, err
			}
			r.clock.stand()
			req := prompt.Build(c.es.plan, messages)
			req.Encoded, req.MaxTokens, req.ExtraBody = c.es.encoded, c.summaryTokens(), freeToAnswer(req.ExtraBody)
			return req, r.fillBlobs(ctx, req.Messages, c.es.plan)
		},
	}
	stopping, stop := context.WithCancel(ctx)
	defer stop()
	defer r.clock.goOn()
	var text strings.Builder
	var weight prompt.Weight // of it
	var reports []hearth.Report
	var failed error
	enough := false
	for d, err := range r.cfg.Router.Stream(stopping, q) {
		r.clock.follow(vendors(&c.target), &d)
		switch {
		case err != nil && enough:
		case err != nil:
			failed = err
		case d.Text != "" && !enough:
			text.WriteString(d.Text)
			weight = weight.Add(prompt.WeighText(d.Text))
			if enough = prompt.TooLong(c.es.plan.Window, c.gauge, weight); enough {
				stop()
			}
		case d.Wait != nil:
			r.emit(hearth.Event{Kind: hearth.EventWait, Wait: summingUp(*d.Wait)})
		case d.Notice != nil && r.concerns(d.Notice):
			r.emit(hearth.Event{Kind: hearth.EventNotice, Notice: *d.Notice})
		case d.Report != nil:
			rep := *d.Report
			rep.Turn, rep.EpochID, rep.Purpose = r.st.turn, c.es.epoch.ID, hearth.PurposeSummary
			reports = append(reports, rep)
			r.out.Usage = r.out.Usage.Add(rep.Usage)
		}
		if d.TextWasThinking { // it is no part of the summary
			text.Reset()
			weight = prompt.Weight{}
		}
	}
	if failed == nil && strings.TrimSpace(text.String()) == "" {
		failed = noSummary("the model gave no summary")
	}
	if last := len(reports) - 1; failed != nil && last >= 0 { // the next turns count them
		if unsaid := r.silence(ctx, &c.target, &reports[last], failed); unsaid != nil {
			failed = unsaid
		}
		reports[last].Reason = hearth.ReasonOf(failed)
	}
	return text.String(), reports, cutSummary(failed)
}

// heed has the question for a summary, and the epoch that begins with one, go by what the
// server taught when it refused the question.
func (r *run) heed(ctx context.Context, c *conversation, target model.Target) error {
	if target.Refused == nil {
		return nil
	}
	end, ok := r.ended(target, c.es)
	if !ok {
		return nil
	}
	es, err := r.follow(ctx, target, c.es, end)
	if err != nil {
		return err
	}
	c.es, c.target = es, target
	c.target.Refused = nil
	return nil
}

// concerns reports whether the person is told what is said of the answer that holds a summary:
// not how that looks or where our own limit cut it, which they do not see. What was said while
// they were away is said again, but for what a server taught.
func (r *run) concerns(n *hearth.Notice) bool {
	if r.lane == model.LaneHousekeeping {
		return n.Kind == "lesson"
	}
	return n.Kind != "reasoning" && n.Kind != "length"
}

// cutSummary gives a summary that broke off as what it is: a failure of the server. Nothing
// of it is kept, so it is no part of an answer.
func cutSummary(err error) error {
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok || e.Reason != hearth.ReasonCut && e.Reason != hearth.ReasonStalled {
		return err
	}
	out := *e
	out.Reason = hearth.ReasonServer
	return &out
}

// summingUp says what the model is at. Where it is waited for, the note tells why.
func summingUp(w hearth.Wait) hearth.Wait {
	if atWork := w.Phase == hearth.PhaseReading || w.Phase == hearth.PhaseWriting; atWork && w.Note == "" {
		w.Note = "to sum up the conversation"
	}
	return w
}
