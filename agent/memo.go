package agent

import (
	"context"
	"slices"
	"sync"

	"hearth"
	"hearth/model"
	"hearth/prompt"
	"hearth/session"
)

// memo keeps what can be derived from stored bytes that never change, so that a long
// conversation is not decoded and encoded anew at every turn. Losing it costs time only.
type memo struct {
	mu      sync.Mutex // guards the fields below
	plans   map[string]*prompt.Plan
	encoded map[encodedKey]*model.EncodedCache
	read    map[hearth.SessionID]*history
}

// history is the newest part of a transcript as far as it was read. Messages never
// change, so it only grows at its end. The session's owner alone uses it.
type history struct {
	first    session.Seq // of messages[0]
	messages []hearth.Message
	weights  []prompt.Weight // of the messages, as far as they were asked for
	plan     string          // the hash of the plan they were weighed under
	seen     bool            // by mend
}

// encodedKey is what fixes the encoded form of a message: the session's messages, and
// the plan they are encoded under.
type encodedKey struct {
	session hearth.SessionID
	plan    string // its hash
}

// The most that is kept. Beyond it everything goes: it comes back with the next turn.
const (
	mostPlans   = 64
	mostEncoded = 16
	mostRead    = 16
)

// plan decodes the plan of an epoch. Plans are shared and must not be changed.
func (m *memo) plan(e *session.Epoch) (*prompt.Plan, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p, ok := m.plans[e.PlanHash]; ok && e.PlanHash != "" {
		return p, nil
	}
	p, err := prompt.DecodePlan(e.Plan)
	if err != nil {
		return nil, err
	}
	if m.plans == nil || len(m.plans) >= mostPlans {
		m.plans = make(map[string]*prompt.Plan)
	}
	m.plans[e.PlanHash] = p
	return p, nil
}

// items gives the encoded messages of a session under a plan. The session's owner alone
// uses them.
func (m *memo) items(id hearth.SessionID, plan string) *model.EncodedCache {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := encodedKey{id, plan}
	c, ok := m.encoded[key]
	if !ok {
		if m.encoded == nil || len(m.encoded) >= mostEncoded {
			m.encoded = make(map[encodedKey]*model.EncodedCache)
		}
		c = model.NewEncodedCache()
		m.encoded[key] = c
	}
	return c
}

// history gives what was read of a session.
func (m *memo) history(id hearth.SessionID) *history {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.read[id]
	if !ok {
		if m.read == nil || len(m.read) >= mostRead {
			m.read = make(map[hearth.SessionID]*history)
		}
		h = new(history)
		m.read[id] = h
	}
	return h
}

// unseen reports whether a session was not looked at by mend yet.
func (m *memo) unseen(id hearth.SessionID) bool { return !m.history(id).seen }

// saw notes that mend has looked at a session, or that it must do so again.
func (m *memo) saw(id hearth.SessionID, seen bool) { m.history(id).seen = seen }

// since gives the messages of a transcript from Seq on: the first has that Seq, and there
// are no gaps. Only what is new is read. They are shared and must not be changed.
func (a *Agent) since(ctx context.Context, t session.Transcript, from session.Seq) ([]hearth.Message, error) {
	from = max(from, 1)
	h := a.memo.history(t.Info().ID)
	if from < h.first || h.first == 0 {
		h.first, h.messages, h.weights = from, nil, nil
	}
	if gone := int(from - h.first); gone > len(h.messages)/2 { // an epoch has begun since
		h.messages = slices.Clone(h.messages[min(gone, len(h.messages)):])
		h.first, h.weights = from, nil
	}
	for e, err := range t.Since(ctx, h.first+session.Seq(len(h.messages))) {
		if err != nil {
			return nil, err
		}
		if e.Lost != "" {
			e.Message = hearth.Message{Role: hearth.RoleMark} // which mend sees and nobody is sent
		}
		h.messages = append(h.messages, e.Message)
	}
	return slices.Clip(h.messages[min(int(from-h.first), len(h.messages)):]), nil
}

// weights gives what each message weighs under the plan of an epoch, beside what since
// gave for the same session and Seq. They are shared and must not be changed.
func (a *Agent) weights(id hearth.SessionID, now live, from session.Seq) []prompt.Weight {
	h := a.memo.history(id)
	if h.plan != now.epoch.PlanHash || h.plan == "" {
		h.plan, h.weights = now.epoch.PlanHash, nil
	}
	for i := len(h.weights); i < len(h.messages); i++ {
		h.weights = append(h.weights, prompt.Weigh(now.plan, h.messages[i:i+1]))
	}
	return slices.Clip(h.weights[min(int(from-h.first), len(h.weights)):])
}
