package slot

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"

	"hearth"
	"hearth/model"
)

const (
	firstOutage   = time.Second
	longestOutage = 30 * time.Second
)

// outage is how long a replica that could not be reached is left alone.
type outage struct {
	until time.Time
	step  time.Duration
}

// Choose orders the replicas of one model for a session, best first, as indexes into
// replicas. The one that holds the session's prompt in its cache comes first unless a
// whole round of requests more waits there than elsewhere; then the least loaded; equal
// ones by a hash of the session, so that a restarted process chooses alike. Replicas
// that could not be reached lately come last, and return by themselves.
func (s *Slots) Choose(session hearth.SessionID, replicas []model.Endpoint) []int {
	now := time.Now()
	type rank struct {
		index int
		out   bool
		load  float64
		held  bool
		hash  uint64
	}
	ranks := make([]rank, len(replicas))
	for i, r := range replicas {
		load, cached := s.endpoint(r.Origin).pressure(r, session)
		if cached {
			load--
		}
		ranks[i] = rank{index: i, out: s.isOut(r.Origin, now), load: load, held: cached, hash: affinity(session, r.Origin)}
	}
	slices.SortFunc(ranks, func(a, b rank) int {
		return cmp.Or(compareBool(a.out, b.out), cmp.Compare(a.load, b.load),
			-compareBool(a.held, b.held), cmp.Compare(a.hash, b.hash))
	})
	order := make([]int, len(ranks))
	for i, r := range ranks {
		order[i] = r.index
	}
	return order
}

// Lost tells that the server at origin could not be reached: for a second, then two,
// four and at most 30, the other replicas are preferred to it.
func (s *Slots) Lost(origin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.outages[origin]
	o.step = min(max(2*o.step, firstOutage), longestOutage)
	o.until = time.Now().Add(o.step)
	s.outages[origin] = o
}

// Reached tells that the server at origin answered.
func (s *Slots) Reached(origin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.outages, origin)
}

func (s *Slots) isOut(origin string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.outages[origin].until)
}

// pressure is the number of requests, running and waiting, for each slot of e, and
// whether the session's prompt may still be cached in one of them.
func (e *endpoint) pressure(as model.Endpoint, session hearth.SessionID) (load float64, cached bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if as.Slots > 0 {
		e.configured = as.Slots
	}
	busy := len(e.waiting)
	for i := range e.seats {
		if e.seats[i].taken() {
			busy++
		}
		cached = cached || e.seats[i].lastUse > 0 && e.seats[i].lastSession == session
	}
	return float64(busy) / float64(e.inForce()), cached
}

// affinity is a number for a pair of session and replica; the lowest is its home. New
// replicas so move only their own share of the sessions.
func affinity(session hearth.SessionID, origin string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(session)) // a hash does not fail
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(origin))
	return h.Sum64()
}
