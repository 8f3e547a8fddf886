package agent

import (
	"context"
	"time"

	"hearth"
	"hearth/model"
)

// turnClock bounds a turn by its own time: what tools and the writing of answers take. It
// stands while the next thing is up to others: a turn waits in the queue for its server,
// and for a server of the owner's to load and to read, however long that takes. A server
// that died is noticed where it is asked. A nil clock never runs out. It belongs to the
// turn's goroutine.
type turnClock struct {
	timer *time.Timer
	left  time.Duration
	since time.Time // when it went on; zero while it stands
}

// startClock gives a clock that cancels with errTurnTime when limit is used up, nil where
// there is no limit.
func startClock(limit time.Duration, cancel context.CancelCauseFunc) *turnClock {
	if limit < 0 {
		return nil
	}
	return &turnClock{timer: time.AfterFunc(limit, func() { cancel(errTurnTime) }), left: limit, since: time.Now()}
}

// end stops the clock for good.
func (c *turnClock) end() {
	if c != nil {
		c.timer.Stop()
	}
}

// stand has time no longer count.
func (c *turnClock) stand() {
	if c == nil || c.since.IsZero() {
		return
	}
	c.timer.Stop()
	c.left -= time.Since(c.since)
	c.since = time.Time{}
}

// goOn has time count again.
func (c *turnClock) goOn() {
	if c == nil || !c.since.IsZero() {
		return
	}
	c.since = time.Now()
	c.timer.Reset(max(c.left, 0))
}

// follow has the clock stand or go on by what a model call brings. It stands from before
// the call, which may have to queue; from its first token on it counts. A vendor's time
// counts from when the request goes out: its waits have limits of their own.
func (c *turnClock) follow(vendor bool, d *model.Delta) {
	if c == nil {
		return
	}
	switch {
	case d.Text != "", d.Thinking != "", d.Call != nil, d.Opaque != nil, d.Report != nil:
		c.goOn()
	case d.Wait != nil && d.Wait.Phase == hearth.PhaseWriting:
		c.goOn()
	case d.Sent != nil && vendor:
		c.goOn()
	case d.Wait != nil && !vendor:
		c.stand()
	}
}

// vendors reports whether a target does not run on the owner's own machines.
func vendors(t *model.Target) bool { return !t.Locality().Own() }
