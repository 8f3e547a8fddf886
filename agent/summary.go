package agent

import (
	"context"
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

// summary asks for a summary of the messages before keep, or of as many of them as fit
// with the question: lost is how many of the oldest it leaves out. It makes two model
// calls at most, the second where the server says of the first that it was too long.
func (r *run) summary(ctx context.Context, c *conversation, keep int, instructions string) (lost int, text string, reports []hearth.Report, err error) {
	whole := c.whole()
	if !whole {
		lost = c.fittingFrom(keep, c.es.plan.Window)
	}
	for range 2 {
		if lost == keep {
			return lost, "", reports, &hearth.Error{Op: "sum up the conversation", Reason: hearth.ReasonContextOverflow,
				Err:   fmt.Errorf("even one message and the question for its summary do not fit %d tokens", c.es.plan.Window),
				Cause: "The older messages are too large for the model's window, so the conversation was left as it is.",
				Try:   "Load the model with a larger context, or begin a new conversation with /new."}
		}
		// Only what will be summed up needs to be in the request; but the newest messages
		// cost nothing where the server has them cached, and the request must extend the
		// last one, so they stay as long as they fit.
		messages := c.messages
		if !whole {
			messages = c.messages[lost:keep]
		}
		var asked []hearth.Report
		text, asked, err = r.condense(ctx, c, append(slices.Clone(messages), r.toSumUp(c, instructions)))
		reports = append(reports, asked...)
		if hearth.ReasonOf(err) != hearth.ReasonContextOverflow {
			break
		}
		fewer := max(lost, c.fittingFrom(keep, c.es.plan.Window*3/4)) // by our count, which was too low
		if !whole && fewer == lost {
			break // the same request would be refused again
		}
		whole, lost = false, fewer
	}
	if err == nil && strings.TrimSpace(text) == "" {
		err = &hearth.Error{Op: "sum up the conversation", Reason: hearth.ReasonEmpty,
			Cause: "The model gave no summary, so the conversation was left as it is.",
			Try:   "Try again, or begin a new conversation with /new."}
	}
	return lost, prompt.FitSummary(c.es.plan.Window, c.gauge, text), reports, err
}

// toSumUp is the question for a summary.
func (r *run) toSumUp(c *conversation, instructions string) hearth.Message {
	question := r.message(r.st.turn, hearth.RoleUser)
	question.Parts = []hearth.Part{{Text: prompt.SummaryQuestion(c.es.plan.Window, r.cfg.SummaryWishes, instructions), Provenance: hearth.FromGateway}}
	return question
}

// condense sends messages to the model of a conversation, in its epoch, and gives the text of
// the answer. One that is far longer than it was to be is stopped: not every server heeds
// the limit that it is given.
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
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var text strings.Builder
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
			if enough = prompt.TooLong(c.es.plan.Window, c.gauge, text.String()); enough {
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
