package slot

import (
	"context"
	"sync/atomic"
	"time"

	"hearth/model"
)

// queue is one claim wherever it waits: at its own endpoint, and after a while at the others
// that would do.
type queue struct {
	slots *Slots
	claim model.Claim
	race  *race // nil = there are no others
	stays bool  // at first, at its own endpoint
	at    []place
}

// place is a claim at one endpoint; number is its model.Ticket.Place.
type place struct {
	*endpoint
	*waiter
	number int
}

// race is among the endpoints at which one claim waits: the first that has a slot for it wins.
type race struct {
	winner atomic.Pointer[waiter]
	over   chan struct{} // closed when there is one
}

// wins reports whether a waiter may be given a slot: nobody else may afterwards.
func (w *waiter) wins() bool { return w.race == nil || w.race.winner.CompareAndSwap(nil, w) }

// lost reports whether its claim was given a slot elsewhere.
func (w *waiter) lost() bool {
	if w.race == nil {
		return false
	}
	winner := w.race.winner.Load()
	return winner != nil && winner != w
}

// line enqueues a claim at its own endpoint.
func (s *Slots) line(c model.Claim) *queue {
	q := &queue{slots: s, claim: c}
	if len(c.Or) > 0 && lane(c) != model.LaneHousekeeping {
		q.race = &race{over: make(chan struct{})}
	}
	q.join(c.Endpoint, 0)
	return q
}

func (q *queue) join(at model.Endpoint, number int) {
	c, e := q.claim, q.slots.endpoint(at.Origin)
	c.Endpoint = at
	q.at = append(q.at, place{e, e.enqueue(c, q.race), number})
}

// first is where the claim waited from the beginning; its line is told.
func (q *queue) first() *waiter { return q.at[0].waiter }

// moves gives a channel that says when to wait at the other endpoints too.
func (q *queue) moves() <-chan time.Time {
	if q.race == nil {
		return nil
	}
	if q.stays = q.claim.Stay > 0 && q.at[0].hasRead(q.claim); q.stays {
		return time.After(q.claim.Stay)
	}
	now := make(chan time.Time, 1)
	now <- time.Time{}
	return now
}

// spread enqueues the claim at the endpoints that would do too, until it has a slot. One that
// was lost is left to who has no other.
func (q *queue) spread() {
	for i, other := range q.claim.Or {
		if q.race.winner.Load() != nil {
			return
		}
		if !q.slots.Out(other.Origin) {
			q.join(other, i+1)
		}
	}
}

// hold makes the ticket of the slot that was granted.
func (q *queue) hold(ctx context.Context) (context.Context, *model.Ticket) {
	won := q.at[0]
	if q.race != nil {
		winner := q.race.winner.Load()
		q.leave(winner)
		for _, p := range q.at {
			if p.waiter == winner {
				won = p
			}
		}
	}
	held, ticket := won.hold(ctx, won.waiter)
	ticket.Place, ticket.Moved = won.number, won.number > 0 && q.stays
	return held, ticket
}

// leave takes back the claim wherever it waits, but for one.
func (q *queue) leave(but *waiter) {
	for _, p := range q.at {
		if p.waiter != but {
			p.endpoint.leave(p.waiter)
		}
	}
}

// hasRead reports whether the session of a claim was the last in a slot, in any process.
func (e *endpoint) hasRead(c model.Claim) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.inForce() {
		if e.usedBy(c.Endpoint, i, c.Session) != (use{}) {
			return true
		}
	}
	return false
}
