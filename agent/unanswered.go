package agent

import (
	"context"
	"fmt"
	"strings"
	"time"

	"hearth"
	"hearth/session"
)

// An Unanswered is a message whose turn has no outcome: its process ended before there
// was an answer or an error.
type Unanswered struct {
	Text  string // the person's words
	At    time.Time
	Asked bool // the turn waits for a person's yes or no
}

// Unanswered gives the newest message when it has no outcome yet; ok is false where it
// has one. Turn goes on with it. An error that was told is an outcome. No server is asked.
func (a *Agent) Unanswered(ctx context.Context, t session.Transcript) (left Unanswered, ok bool, err error) {
	st, err := a.standing(ctx, t)
	if err != nil {
		return Unanswered{}, false, err
	}
	left, ok = st.unanswered()
	return left, ok, nil
}

func (s *state) unanswered() (left Unanswered, ok bool) {
	if n := len(s.received); n > 0 {
		return s.received[n-1].unanswered()
	}
	return s.unansweredMessage()
}

func (w *received) unanswered() (left Unanswered, ok bool) {
	return Unanswered{Text: strings.TrimSpace(w.Text), At: w.At}, w.stopped == nil
}

// unansweredMessage is unanswered without what is still to become a message.
func (s *state) unansweredMessage() (left Unanswered, ok bool) {
	if s.closed() || s.stopped != nil || s.said == nil {
		return Unanswered{}, false
	}
	left.At = s.said.At
	for i := range s.said.Parts {
		if p := &s.said.Parts[i]; p.Text != "" && p.Provenance != hearth.FromGateway {
			left.Text = strings.TrimSpace(left.Text + "\n" + p.Text)
		}
	}
	for _, c := range s.open {
		if _, asked := s.asked[c.ID]; asked {
			left.Asked = true
		}
	}
	return left, true
}

// givenUp tells the person that a message of theirs gets no answer, because a new one
// takes its place.
func givenUp(left Unanswered) hearth.Notice {
	why := "was interrupted and has no answer"
	if left.Asked {
		why = "waited for a consent that did not come; that call was not run"
	}
	return hearth.Notice{Kind: "unanswered", Text: fmt.Sprintf("your message %s %s; the model is told so", left, why)}
}

// String names the message: its time and how it begins.
func (u Unanswered) String() string {
	const most = 60
	text := []rune(strings.Join(strings.Fields(u.Text), " "))
	if len(text) > most {
		text = append(text[:most], '…')
	}
	return fmt.Sprintf("of %s (%q)", u.At.Local().Format("Mon 15:04"), string(text))
}
