package agent

import (
	"context"
	"encoding/json"
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
		most = min(thoughts*most, max(most, c.es.plan.Window-c.tokens))
	}
	return most
}

// summed is what came of asking for a summary: the messages before lost were not in the
// request, those from there to keep are summed up, and the others stay as they are.
type summed struct {
	lost, keep int
	text       string
	err        error // why there is no text
	reports    []hearth.Report
}

// tell says what becomes of the messages: for the row of the epoch that begins, and for the
// person.
func (s *summed) tell(c *conversation) (detail, told string) {
	unsaid, said := spoken(c.messages[:s.lost]), spoken(c.messages[s.lost:s.keep])
	switch {
	case s.err != nil:
		because := "because the model gave none"
		if s.lost == s.keep {
			because = "because even the request for one would not fit"
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
// the first that it was too long.
func (r *run) summary(ctx context.Context, c *conversation, keep int, instructions string) *summed {
	s := &summed{keep: keep}
	whole := c.whole()
	if !whole {
		s.lost = c.fittingFrom(keep, c.es.plan.Window)
	}
	for range 2 {
		if s.lost == keep {
			s.err = &hearth.Error{Op: "sum up the conversation", Reason: hearth.ReasonContextOverflow,
				Err:   fmt.Errorf("even one message and the question for its summary do not fit %d tokens", c.es.plan.Window),
				Cause: "The older messages are too large for the model's window, so the conversation was left as it is.",
				Try:   "Load the model with a larger context, or begin a new conversation with /new."}
			return s
		}
		// Only what will be summed up needs to be in the request; but the newest messages
		// cost nothing where the server has them cached, and the request must extend the
		// last one, so they stay as long as they fit.
		messages := c.messages
		if !whole {
			messages = c.messages[s.lost:keep]
		}
		text, reports, err := r.condense(ctx, c, append(slices.Clone(messages), r.toSumUp(c, instructions)))
		s.text, s.err, s.reports = text, err, append(s.reports, reports...)
		if hearth.ReasonOf(s.err) != hearth.ReasonContextOverflow {
			break
		}
		fewer := max(s.lost, c.fittingFrom(keep, c.es.plan.Window*3/4)) // by our count, which was too low
		if !whole && fewer == s.lost {
			break // the same request would be refused again
		}
		whole, s.lost = false, fewer
	}
	if s.err == nil && strings.TrimSpace(s.text) == "" {
		s.err = &hearth.Error{Op: "sum up the conversation", Reason: hearth.ReasonEmpty,
			Cause: "The model gave no summary, so the conversation was left as it is.",
			Try:   "Try again, or begin a new conversation with /new."}
	}
	s.text = prompt.FitSummary(c.es.plan.Window, c.gauge, s.text)
	return s
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
// of the answer. One that is far longer than it was to be is stopped: not every server
// heeds the limit that it is given.
func (r *run) condense(ctx context.Context, c *conversation, messages []hearth.Message) (string, []hearth.Report, error) {
	q := model.Question{
		Chain: []model.Target{c.target}, Lane: r.lane, Session: r.t.Info().ID, Turn: r.st.turn,
		Build: func(model.Target) (*model.Request, error) {
			r.clock.stand()
			req := prompt.Build(c.es.plan, messages)
			req.Encoded, req.MaxTokens, req.ExtraBody = c.es.encoded, c.summaryTokens(), freeToAnswer(req.ExtraBody)
			return req, r.fillBlobs(ctx, req.Messages, c.es.plan)
		},
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var text strings.Builder
	var weight prompt.Weight // of it
	var reports []hearth.Report
	defer r.clock.goOn()
	enough := false
	for d, err := range r.cfg.Router.Stream(ctx, q) {
		r.clock.follow(vendors(&c.target), &d)
		switch {
		case err != nil && enough:
		case err != nil:
			return "", reports, err
		case d.Text != "" && !enough:
			text.WriteString(d.Text)
			weight = weight.Add(prompt.WeighText(d.Text))
			if enough = prompt.TooLong(c.es.plan.Window, c.gauge, weight); enough {
				stop()
			}
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
