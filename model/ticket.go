package model

import (
	"context"
	"errors"
	"time"

	"hearth"
)

// A Ticket is the right to use one slot of an endpoint. It is given by slot and held
// only while a request is on the wire.
type Ticket struct {
	// Slot is the slot's number at its endpoint, from 0. A session gets the number it
	// had before whenever that one is free.
	Slot int
	// Place is the endpoint that it is of: 0 is the one that was claimed, and from 1 on those
	// of Claim.Or.
	Place int
	// Moved says that the session was read at the endpoint that was claimed, which had no
	// slot free for as long as the claim was to stay.
	Moved bool
	// Own says that this session was the last to use the slot, so that the server may
	// still have its prefix in the cache.
	Own bool
	// Notice is something that the person should be told of how the slot was got; "" is
	// nothing.
	Notice string
	// Late is why the server may begin later than it should, to be said when it does; "" is
	// nothing.
	Late string
	// Done gives the slot back. clean says that the server is known to be through with
	// the request; after a request that was closed early the slot first waits until it
	// is gone from the server. Calls after the first do nothing. It does not block.
	Done func(clean bool)
	// GiveWay lets whoever waits for the slot in another process have it, and comes back
	// with the slot: for housekeeping before each of its requests, never during one.
	// others says that somebody had it in between. wait, which may be nil, is as for
	// Acquire. Without other processes it does nothing. Its error is as Acquire's.
	GiveWay func(ctx context.Context, wait func(hearth.Wait)) (others bool, err error)
}

// Acquire waits for a slot of c.Endpoint. The context it gives is the one to work
// under: it is cancelled with ErrYield when a housekeeping claim has to make room.
// wait, which may be nil, is called from the waiting goroutine whenever what is being
// waited for changes. The error is a *hearth.Error with ReasonCancelled that keeps
// context.Cause. The implementation is slot.Slots; route is handed it as a value.
type Acquire func(ctx context.Context, c Claim, wait func(hearth.Wait)) (held context.Context, t *Ticket, err error)

// ErrYield is the cause of a cancelled housekeeping request: somebody needs the model.
var ErrYield = errors.New("made room for somebody who is waiting")

// A Departure says how far a server was with a request that was closed early.
type Departure struct {
	Reading bool // it had the request of somebody who waits, and had not begun to answer
	Writing bool // its answer had begun
	// Unread is for how long it still reads the prompt, as estimated; 0 where nothing is known
	// of that, or it took longer than was foreseen. Many servers read on when nobody waits any
	// more.
	Unread time.Duration
	// Unsure says that it may read for much longer than that.
	Unsure bool
}

// A Remainder is what a server may still do with requests that were closed early, where it
// does not show it. The zero value is nothing.
type Remainder struct {
	Until  time.Time // when it is likely to have read what it was left with; zero = no estimate
	Unsure bool      // it may read for much longer than that, or for nobody knows how long
}
