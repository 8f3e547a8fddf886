package slot

import (
	"cmp"
	"context"
	"sync"
	"time"

	"hearth"
	"hearth/model"
)

// endpoint is the state of one model server. Whoever changes it calls pump, which
// gives every free slot to whoever is next.
type endpoint struct {
	slots  *Slots
	origin string

	mu         sync.Mutex // guards the fields below
	configured int        // slots by the config; 0 = it does not say
	learned    int
	seats      []seat // may be longer than the number of slots in force
	waiting    []*waiter
	turns      [model.LaneHousekeeping + 1]turns
	arrivals   int64
	retry      *time.Timer // runs while a lock of another process is in the way
	stranger   string      // holder of that lock, for the Wait line
	stops      bool        // and that process waits for a request that was stopped
}

// seat is one slot.
type seat struct {
	holder   *waiter // nil while free
	draining bool    // its last request was closed early and may still run
	yield    context.CancelCauseFunc
	unlock   func()
	locked   bool // its lock was had here before
	others   bool // another process may have had it since what it left was looked at

	lastSession hearth.SessionID
	lastLane    model.Lane
	lastUse     int64
	lastAt      time.Time
	endpoint    model.Endpoint // as it was claimed
	waitsUntil  time.Time      // draining: for as long
	stopped     time.Time      // names the stop that processes know of and this one has dealt with last
	aftermath   string         // what is to be told of the wait for a stopped request
	doubt       string         // and what only the next one is to be told of it
}

func (s *seat) taken() bool { return s.holder != nil || s.draining }

// waiter is one claim, from its arrival until its slot is given back.
type waiter struct {
	claim   model.Claim
	arrival int64
	turn    int64 // place within its lane

	granted chan struct{}    // closed when seat is valid
	news    chan hearth.Wait // what it waits for; the newest counts
	told    hearth.Wait
	stayed  time.Time // when its own slot was last seen to be kept by another process
	seat    int
	own     bool
	race    *race // nil = it waits nowhere else
}

func (e *endpoint) enqueue(c model.Claim, in *race) *waiter {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.Endpoint.Slots > 0 {
		e.configured = c.Endpoint.Slots
	}
	e.arrivals++
	w := &waiter{
		claim: c, arrival: e.arrivals, turn: e.turns[lane(c)].take(c.Session),
		granted: make(chan struct{}), news: make(chan hearth.Wait, 1), race: in,
	}
	if in != nil {
		w.granted = in.over
	}
	e.waiting = append(e.waiting, w)
	if lane(c) != model.LaneHousekeeping {
		e.clearHousekeeping()
	}
	e.pump()
	return w
}

// clearHousekeeping tells running housekeeping to make room.
func (e *endpoint) clearHousekeeping() {
	for i := range e.seats {
		if s := &e.seats[i]; s.holdsChore() && s.yield != nil {
			s.yield(model.ErrYield)
		}
	}
}

// leave takes back a claim that was not used.
func (e *endpoint) leave(w *waiter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, other := range e.waiting {
		if other == w {
			e.waiting = append(e.waiting[:i], e.waiting[i+1:]...)
			e.turns[lane(w.claim)].left(w.claim.Session, w.turn)
			e.pump()
			return
		}
	}
	e.free(w.seat)
}

// hold makes the ticket of a granted claim.
func (e *endpoint) hold(ctx context.Context, w *waiter) (context.Context, *model.Ticket) {
	held, cancel := context.WithCancelCause(ctx)
	e.mu.Lock()
	e.seats[w.seat].yield = cancel
	if lane(w.claim) == model.LaneHousekeeping && e.othersWait(w) {
		cancel(model.ErrYield) // somebody came between the grant and now
	}
	note := ""
	if lane(w.claim) != model.LaneHousekeeping { // it has nobody to tell
		note = e.news(w.seat)
	}
	e.mu.Unlock()
	late := ""
	if e.slots.cfg.Late != nil {
		late = e.slots.cfg.Late(w.claim.Endpoint)
	}
	var once sync.Once
	done := func(clean bool) {
		once.Do(func() {
			cancel(nil)
			e.giveBack(w, clean)
		})
	}
	giveWay := func(ctx context.Context, wait func(hearth.Wait)) (bool, error) { return e.giveWay(ctx, w, wait) }
	return held, &model.Ticket{Slot: w.seat, Own: w.own, Notice: note, Late: late, Done: done, GiveWay: giveWay}
}

// othersWait reports whether anybody but housekeeping waits.
func (e *endpoint) othersWait(than *waiter) bool {
	for _, w := range e.waiting {
		if w != than && lane(w.claim) != model.LaneHousekeeping {
			return true
		}
	}
	return false
}

// giveBack ends the use of a slot. After a request that was closed early the slot
// stays taken until the server is through with it.
func (e *endpoint) giveBack(w *waiter, clean bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := &e.seats[w.seat]
	if clean || e.slots.cfg.Gone == nil || !e.slots.begin(func() { e.drain(w.seat) }) {
		e.free(w.seat)
		return
	}
	s.holder, s.yield, s.draining = nil, nil, true
	s.endpoint, s.waitsUntil = w.claim.Endpoint, time.Now().Add(e.slots.cfg.Patience)
	e.tellOthers(w.seat)
	e.pump()
}

// drain waits until the stopped request of a slot is gone from the server.
func (e *endpoint) drain(number int) {
	e.mu.Lock()
	server, until := e.seats[number].endpoint, e.seats[number].waitsUntil
	e.mu.Unlock()
	ctx, cancel := context.WithDeadline(e.slots.life, until)
	defer cancel()
	gone := e.gone(ctx, server, number)
	if !gone && e.slots.life.Err() != nil { // the slot is still ours: nobody comes in between
		last, cancel := context.WithTimeout(context.Background(), lastChance)
		gone = e.gone(last, server, number)
		cancel()
	}
	e.drained(number, server, gone)
}

// drained gives a slot back that was kept for a stopped request, and keeps what there is to
// tell of that.
func (e *endpoint) drained(number int, server model.Endpoint, gone bool) {
	aftermath, doubt := "", ""
	if e.slots.cfg.Aftermath != nil {
		aftermath = e.slots.cfg.Aftermath(server)
	}
	if e.slots.cfg.Doubt != nil {
		doubt = e.slots.cfg.Doubt(server)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s := &e.seats[number]
	s.doubt = cmp.Or(doubt, s.doubt)
	if !gone {
		s.aftermath = mayStillRun
	}
	if aftermath != "" {
		s.aftermath = aftermath
	}
	if gone && s.doubt == "" {
		e.settled(number)
	}
	e.free(number)
}

// gone asks, until ctx ends, whether the server is through with a stopped request.
func (e *endpoint) gone(ctx context.Context, server model.Endpoint, number int) bool {
	tick := time.NewTicker(goneEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if e.slots.cfg.Gone(ctx, server, number) {
			return true
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return false
}

const mayStillRun = "the server may still be working on the request that was stopped"

// free makes a slot available to the next claim. The caller holds e.mu.
func (e *endpoint) free(number int) {
	s := &e.seats[number]
	as := s.endpoint
	if s.holder != nil {
		as = s.holder.claim.Endpoint
	}
	e.ended(as, number)
	if s.unlock != nil {
		s.unlock()
	}
	s.holder, s.yield, s.unlock, s.draining = nil, nil, nil, false
	e.pump()
}

// inForce is the number of slots that may be used now.
func (e *endpoint) inForce() int {
	n := e.learned
	if e.configured > 0 {
		n = e.configured
	}
	for len(e.seats) < n {
		e.seats = append(e.seats, seat{})
	}
	return n
}

// pump grants free slots, in order, until nothing more can be granted, and tells those
// who still wait what they wait for. The caller holds e.mu.
func (e *endpoint) pump() {
	e.stranger, e.stops = "", false
	for e.grantNext() {
	}
	switch {
	case e.stranger != "" && e.retry == nil:
		e.retry = time.AfterFunc(lockEvery, func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.retry = nil
			e.pump()
		})
	case e.stranger == "" && e.retry != nil: // it ends with the last who waits
		if e.retry.Stop() {
			e.retry = nil
		}
	}
	for _, w := range e.waiting {
		w.tell(e.line(w))
	}
}

// grantNext gives a slot to the first in line who wants one of those that are free, and
// reports whether anything has changed.
func (e *endpoint) grantNext() bool {
	for _, w := range e.inLine() {
		if lane(w.claim) == model.LaneHousekeeping && !e.idle() {
			return false
		}
		e.recall(w.claim)
		if w.lost() || e.awaits(w) != nil {
			continue
		}
		if changed, stays := e.grantTo(w); changed || !stays {
			return changed
		}
	}
	return false
}

// grantTo gives w the best free slot that no other process has. stays says that w wants none
// of the others: its own is kept by another process, for a moment.
func (e *endpoint) grantTo(w *waiter) (changed, stays bool) {
	for _, number := range e.preferred(w.claim.Session) {
		unlock, ok := e.lock(w, number)
		switch {
		case !ok && e.isHome(w, number) && w.staysFor(e.stops):
			return false, true
		case !ok:
		case e.inherits(w.claim.Endpoint, number, unlock):
			return true, false
		case !w.wins(): // another endpoint was quicker
			if unlock != nil {
				unlock()
			}
			return false, true
		default:
			e.grant(w, number, unlock)
			return true, false
		}
	}
	return false, false
}

func (e *endpoint) grant(w *waiter, number int, unlock func()) {
	for i, other := range e.waiting {
		if other == w {
			e.waiting = append(e.waiting[:i], e.waiting[i+1:]...)
			break
		}
	}
	e.turns[lane(w.claim)].served(w.claim.Session, w.turn)
	s := &e.seats[number]
	w.seat, w.own = number, s.lastUse > 0 && s.lastSession == w.claim.Session
	s.holder, s.unlock = w, unlock
	s.lastSession, s.lastLane, s.lastUse, s.lastAt = w.claim.Session, lane(w.claim), e.slots.uses.Add(1), time.Now()
	e.used(w)
	close(w.granted)
}

// used tells other processes that w has its slot now; ended, that it is given back, or lent.
func (e *endpoint) used(w *waiter) {
	if e.remembers(w.claim.Endpoint) {
		e.slots.cfg.Memory.Used(lockName(e.origin, w.seat), w.claim.Session)
	}
}

func (e *endpoint) ended(as model.Endpoint, number int) {
	if e.remembers(as) {
		e.slots.cfg.Memory.Ended(lockName(e.origin, number))
	}
}

// staysFor reports whether w waits for its session's slot, which another process has. That
// one says that it waits for a stopped request up to a moment before it lets go.
func (w *waiter) staysFor(stop bool) bool {
	if stop {
		w.stayed = time.Now()
	}
	return time.Since(w.stayed) < 2*lockEvery
}

// remembers reports whether other processes are told who uses which slot.
func (e *endpoint) remembers(as model.Endpoint) bool {
	return e.slots.cfg.Memory != nil && e.shared(as)
}

// recall takes up what other processes did with the free slots since this one used them.
// Of one slot there is nothing to choose; only housekeeping wants to know what it holds.
func (e *endpoint) recall(c model.Claim) {
	if !e.remembers(c.Endpoint) || e.inForce() == 1 && lane(c) != model.LaneHousekeeping {
		return
	}
	for i := range e.inForce() {
		s := &e.seats[i]
		if s.taken() {
			continue
		}
		session, at, _ := e.slots.cfg.Memory.Last(lockName(e.origin, i))
		if session == "" {
			continue
		}
		s.lastAt = at
		if session != s.lastSession {
			s.lastSession, s.lastLane, s.lastUse = session, model.LaneOwner, e.slots.uses.Add(1)
		}
	}
}

// lock takes the lock that other processes see. ok is false while one of them has it.
func (e *endpoint) lock(w *waiter, number int) (unlock func(), ok bool) {
	if !e.shared(w.claim.Endpoint) {
		return nil, true
	}
	unlock, holder, err := e.slots.cfg.TryLock(lockName(e.origin, number))
	if err != nil {
		e.seats[number].others = true
		return nil, true // a broken lock file keeps nobody from their own model
	}
	if unlock == nil {
		e.stranger = holder
		if holder == "" {
			e.stranger = "another process"
		}
		e.stops = e.stopsThere(w.claim.Endpoint, number)
		return nil, false
	}
	s := &e.seats[number]
	s.others = s.others || holder != "" || !s.locked
	s.locked = true
	return unlock, true
}

// shared reports whether other processes of the owner may use the server too.
func (e *endpoint) shared(as model.Endpoint) bool {
	return e.slots.cfg.TryLock != nil && as.Locality.Own()
}
