package agent

import (
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
