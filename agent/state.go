package agent

import (
	"context"
	"slices"
	"strings"

	"hearth"
	"hearth/prompt"
	"hearth/session"
)

// state is what the transcript says about the newest turn. It is derived, never kept.
type state struct {
	turn     hearth.TurnID
	last     *hearth.Message        // newest message that is not a mark; nil in an empty session
	said     *hearth.Message        // the turn's newest message of a person
	caller   hearth.ModelRef        // whose answer the newest is
	open     []hearth.ToolCall      // calls of it that have no result, in order
	called   map[hearth.CallID]bool // every call of the live transcript
	started  map[hearth.CallID]bool // effects may have happened
	asked    map[hearth.CallID]hearth.Mark
	approved map[hearth.CallID]hearth.Mark
	denied   map[hearth.CallID]bool
	stopped  *hearth.Mark      // the turn ended without an answer
	tainted  bool              // the model has read bytes of somebody other than the owner
	asker    hearth.Provenance // the least trusted of those who wrote in this turn
	steps    int               // model answers in this turn so far
	// answering is the model that answered last.
	answering hearth.ModelRef
	// received are words that no message was made of yet, oldest first.
	received []received
}

// received are a person's words as they came.
type received struct {
	prompt.Incoming
	stopped *hearth.Mark // their turn ended before they became a message
}

// read derives the state from the live part of a transcript: what the primary's epoch
// begins with. What came before was summed up, and whether it tainted is in the plan.
func (a *Agent) read(ctx context.Context, t session.Transcript, plan *prompt.Plan, from session.Seq) (*state, error) {
	s := newState()
	s.tainted = plan.Tainted
	messages, err := a.since(ctx, t, from)
	if err != nil {
		return nil, err
	}
	for i := range messages {
		s.add(&messages[i])
	}
	return s, nil
}

func newState() *state {
	return &state{
		called: map[hearth.CallID]bool{}, started: map[hearth.CallID]bool{}, asked: map[hearth.CallID]hearth.Mark{},
		approved: map[hearth.CallID]hearth.Mark{}, denied: map[hearth.CallID]bool{},
	}
}

// add takes one more message into account.
func (s *state) add(m *hearth.Message) {
	if m.Role == hearth.RoleMark {
		if len(m.Parts) > 0 && m.Parts[0].Mark != nil {
			s.addMark(m)
		}
		return
	}
	s.received = slices.DeleteFunc(s.received, func(w received) bool { return m.Admits(w.Turn) })
	s.last, s.stopped = m, nil
	switch m.Role {
	case hearth.RoleUser:
		if m.Turn != s.turn {
			s.turn, s.steps, s.asker = m.Turn, 0, hearth.FromOwner
		}
		s.said, s.asker = m, lessTrusted(s.asker, asker(m)) // whoever joins a turn has not asked for it alone
	case hearth.RoleAssistant:
		s.open = s.open[:0:0]
		if m.Model != (hearth.ModelRef{}) {
			s.caller = m.Model
			s.steps++
			s.answering = m.Model
		}
	case hearth.RoleTool, hearth.RoleMark:
	}
	for i := range m.Parts {
		p := &m.Parts[i]
		switch {
		case p.Call != nil:
			s.called[p.Call.ID] = true
			s.open = append(s.open, *p.Call)
		case p.Result != nil:
			s.close(p.Result.CallID)
			s.tainted = s.tainted || p.Result.From.Taints()
		default:
			s.tainted = s.tainted || p.Provenance.Taints()
		}
	}
}

func (s *state) addMark(of *hearth.Message) {
	switch m := of.Parts[0].Mark; m.Kind {
	case hearth.MarkStarted:
		s.started[m.Call] = true
	case hearth.MarkAsked:
		s.asked[m.Call] = *m
	case hearth.MarkApproved:
		s.approved[m.Call] = *m
		delete(s.asked, m.Call)
	case hearth.MarkDenied:
		s.denied[m.Call] = true
		delete(s.asked, m.Call)
	case hearth.MarkStopped:
		if n := len(s.received); n > 0 {
			s.received[n-1].stopped = m
			return
		}
		s.stopped = m
	case hearth.MarkReceived:
		w := m.Words
		if _, ok := of.Received(); ok && !slices.ContainsFunc(s.received, func(r received) bool { return r.ID == w.ID }) {
			s.received = append(s.received, received{Incoming: prompt.Incoming{
				ID: w.ID, Turn: of.Turn, At: of.At, Sender: of.Sender, Text: w.Text, Images: w.Images, Notes: w.Notes, From: w.From}})
		}
	}
}

// newest is the turn of whatever was said last.
func (s *state) newest() hearth.TurnID {
	if n := len(s.received); n > 0 {
		return s.received[n-1].Turn
	}
	return s.turn
}

// close removes a call that has its result.
func (s *state) close(id hearth.CallID) {
	for i := range s.open {
		if s.open[i].ID == id {
			s.open = append(s.open[:i:i], s.open[i+1:]...)
			break
		}
	}
	delete(s.started, id)
	delete(s.asked, id)
	delete(s.approved, id)
	delete(s.denied, id)
}

// words is what the person said last.
func (s *state) words() string {
	var b strings.Builder
	if s.said != nil {
		for i := range s.said.Parts {
			b.WriteString(s.said.Parts[i].Text)
		}
	}
	return b.String()
}

// answered reports whether the newest turn has its answer.
func (s *state) answered() bool { return len(s.received) == 0 && s.closed() }

// closed reports whether the newest message needs no answer any more.
func (s *state) closed() bool {
	return s.last == nil || s.last.Role == hearth.RoleAssistant && len(s.open) == 0
}

// asker is the least trusted author of a person's message.
func asker(m *hearth.Message) hearth.Provenance {
	from := hearth.FromOwner
	for i := range m.Parts {
		switch p := m.Parts[i].Provenance; p {
		case hearth.FromGateway, hearth.FromOwner:
		case hearth.FromTool: // a file that rides along; whoever wrote it has asked for nothing
		case hearth.FromMember:
			from = lessTrusted(from, p)
		default:
			from = hearth.FromStranger
		}
	}
	return from
}

// lessTrusted gives of two askers the one who may do less.
func lessTrusted(a, b hearth.Provenance) hearth.Provenance {
	if a == hearth.FromOwner || b == hearth.FromStranger {
		return b
	}
	return a
}
