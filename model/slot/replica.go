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

// outage is a replica that could not be reached.
type outage struct {
	out     bool
	until   time.Time // where nobody looks: when it counts as back
	step    time.Duration
	watched bool
}

// Choose orders the replicas of one model for a session, best first, as indexes into
// replicas. The one where the session's prompt was read last comes first unless a whole
// round of requests more waits there than elsewhere; then the least loaded: in both, what
// other processes do counts too; equal ones by a hash of the session, so that a restarted
// process chooses alike. Replicas that were lost come last until they are back.
func (s *Slots) Choose(session hearth.SessionID, replicas []model.Endpoint) []int {
	type rank struct {
		index int
		out   bool
		load  float64
		used  use
		hash  uint64
	}
	ranks := make([]rank, len(replicas))
	newest := use{}
	for i, r := range replicas {
		load, used := s.endpoint(r.Origin).pressure(r, session)
		ranks[i] = rank{index: i, out: s.Out(r.Origin), load: load, used: used, hash: affinity(session, r.Origin)}
		if used.compare(newest) > 0 {
			newest = used
		}
	}
	for i := range ranks {
		if r := &ranks[i]; newest != (use{}) && r.used == newest {
			r.load--
		}
	}
	slices.SortFunc(ranks, func(a, b rank) int {
		return cmp.Or(compareBool(a.out, b.out), cmp.Compare(a.load, b.load),
			-a.used.compare(b.used), cmp.Compare(a.hash, b.hash))
	})
	order := make([]int, len(ranks))
	for i, r := range ranks {
		order[i] = r.index
	}
	return order
}

// Lost tells that the server at origin could not be reached: the other replicas are
// preferred to it until a connection to it is accepted, which is tried after a second,
// then two, four and at most 30. It does not block.
func (s *Slots) Lost(origin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.outages[origin]
	if o == nil {
		o = new(outage)
		s.outages[origin] = o
	}
	o.step = min(max(2*o.step, firstOutage), longestOutage)
	o.out, o.until = true, time.Now().Add(o.step)
	if s.cfg.Accepts != nil && !o.watched && s.life.Err() == nil {
		o.watched = true
		s.draining.Go(func() { s.watch(origin, o) })
	}
}

// watch tries connections to a lost replica until one is accepted, or somebody else got
// an answer from it.
func (s *Slots) watch(origin string, o *outage) {
	for {
		s.mu.Lock()
		pause := max(o.step, firstOutage)
		s.mu.Unlock()
		timer := time.NewTimer(pause)
		select {
		case <-s.life.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		back := s.cfg.Accepts(s.life, origin)
		s.mu.Lock()
		if back || !o.out {
			// Its steps are kept until it answers: one that only accepts connections is
			// lost again at once, and then tried less often.
			o.out, o.watched = false, false
			s.mu.Unlock()
			return
		}
		o.step = min(2*o.step, longestOutage)
		s.mu.Unlock()
	}
}

// Reached tells that the server at origin answered.
func (s *Slots) Reached(origin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.outages[origin]; o != nil {
		o.out, o.step = false, 0
	}
}

// Out reports whether the server at origin was lost and is not back yet.
func (s *Slots) Out(origin string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.outages[origin]
	return o != nil && o.out && (o.watched || time.Now().Before(o.until))
}

// use is when a slot was used; zero is never. Within a process the count tells apart what
// the clock does not.
type use struct {
	at    time.Time
	count int64
}

func (u use) compare(v use) int { return cmp.Or(u.at.Compare(v.at), cmp.Compare(u.count, v.count)) }

// pressure is the number of requests, running and waiting, for each slot of e, and when
// the session last used one of them, in any process: its prompt may still be cached there.
func (e *endpoint) pressure(as model.Endpoint, session hearth.SessionID) (load float64, used use) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if as.Slots > 0 {
		e.configured = as.Slots
	}
	slots, busy := e.inForce(), len(e.waiting)
	for i := range e.seats {
		switch s := &e.seats[i]; {
		case s.taken(), i < slots && e.takenElsewhere(as, i):
			busy++
		}
		if u := e.usedBy(as, i, session); u.compare(used) > 0 {
			used = u
		}
	}
	return float64(busy) / float64(slots), used
}

// usedBy gives when a session used a slot, if it was the last to do so.
func (e *endpoint) usedBy(as model.Endpoint, number int, session hearth.SessionID) use {
	if e.remembers(as) {
		if last, at, _ := e.slots.cfg.Memory.Last(lockName(e.origin, number)); last == session && last != "" {
			return use{at: at}
		} else if last != "" {
			return use{}
		}
	}
	if s := &e.seats[number]; s.lastUse > 0 && s.lastSession == session {
		return use{s.lastAt, s.lastUse}
	}
	return use{}
}

// takenElsewhere reports whether another process works on a slot that is free here, or has
// left the server with something that has to be waited for.
func (e *endpoint) takenElsewhere(as model.Endpoint, number int) bool {
	if !e.shared(as) {
		return false
	}
	unlock, other, err := e.slots.cfg.TryLock(lockName(e.origin, number))
	if err != nil || unlock == nil {
		return err == nil
	}
	defer unlock()
	if number < len(e.seats) && other != "" {
		e.seats[number].others = true // which the next one to try is not told again
	}
	return e.stopsThere(as, number)
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
