package model

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"hearth"
	"hearth/internal/netguard"
)

// The clocks of a model call. T is models.providers.<id>.timeoutSeconds.
//
//	phase                  this machine, private network   public host    then
//	connect                min(5 s, T)                     min(10 s, T)   ReasonUnreachable
//	load and read, to the  none while the server is alive  120 s or T     ReasonTimeout
//	first token
//	write, between tokens  120 s or T                      120 s or T     ReasonStalled
//	total                  T or none                       T or 600 s     Timeout or Stalled
//
// Alive means that a fresh connection is accepted; that is looked at every few seconds
// of silence, and a refusal is believed when it is repeated a second later. A connection
// that is merely slow to be accepted is no death: a busy machine does that. Nor is a
// network that is away, perhaps for a moment only. When the other machine is gone
// altogether, the kernel's keep-alive on our own connection notices. Every byte counts as
// a sign of life, comments and blank lines too: servers send those exactly to say that
// they are at work.
const (
	connectLocal  = 5 * time.Second
	connectPublic = 10 * time.Second
	readPublic    = 120 * time.Second
	stallDefault  = 120 * time.Second
	totalPublic   = 600 * time.Second

	lingering    = 2 * time.Second
	aliveEvery   = 3 * time.Second
	aliveConfirm = time.Second
	settling     = 250 * time.Millisecond
	helloTime    = 10 * time.Second
)

func connectTime(p netguard.Place, allowed time.Duration) time.Duration {
	limit := connectPublic
	if p == netguard.PlaceMachine || p == netguard.PlacePrivate {
		limit = connectLocal
	}
	if allowed > 0 {
		return min(limit, allowed)
	}
	return limit
}

// allowed is T, or 0.
func (c *Client) allowed() time.Duration { return time.Duration(c.c.TimeoutSeconds) * time.Second }

// An exchange is one call from the first dial to the last byte. The caller's goroutine
// drives it; its watch, which a timer wakes, ends it when a clock runs out or the server
// is dead.
type exchange struct {
	client *Client
	call   Call
	cancel context.CancelCauseFunc
	cause  func() error // why the exchange was ended
	began  time.Time

	watch sync.Mutex // held while the watch looks; guards the fields below
	timer *time.Timer
	over  bool
	life  atomic.Int64 // when the last sign of life came, since began
	local atomic.Bool
	whole atomic.Bool // the answer is there; only its usage may follow
	times timesOf
}

// timesOf holds when each phase ended, since the beginning; 0 = not yet.
type timesOf struct{ connect, sent, headers, token atomic.Int64 }

// A Timeline says how long after the beginning of a call each thing happened; 0 means
// that it did not.
type Timeline struct {
	Connected  time.Duration // a connection was there
	Sent       time.Duration // the request was out
	Headers    time.Duration // the answer began
	FirstToken time.Duration // the model's first token came
}

func newExchange(c *Client, call Call) *exchange {
	x := &exchange{client: c, call: call, began: time.Now()}
	x.local.Store(c.local())
	return x
}

func (x *exchange) now() time.Duration { return time.Since(x.began) }

// mark notes the time in t when it is the first.
func (x *exchange) mark(t *atomic.Int64) bool {
	return t.CompareAndSwap(0, max(1, int64(x.now())))
}

// touch notes a sign of life.
func (x *exchange) touch() { x.life.Store(int64(x.now())) }

func (x *exchange) silence() time.Duration { return x.now() - time.Duration(x.life.Load()) }

// connected looks at whom we really speak to: a public name may lead to a private address.
func (x *exchange) connected(conn net.Conn) {
	x.mark(&x.times.connect)
	if x.client.c.Proxy != nil || conn == nil {
		return
	}
	if addr, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		switch netguard.KindOf(addr.Addr()) {
		case netguard.KindLoopback, netguard.KindPrivate:
			x.local.Store(true)
		default:
		}
	}
}

func (x *exchange) sent() bool {
	first := x.mark(&x.times.sent)
	x.touch()
	return first
}

// end stops the watch. Nothing of the exchange runs after it.
func (x *exchange) end() {
	x.cancel(errEnded) // a watch that is looking ends with it
	x.watch.Lock()
	defer x.watch.Unlock()
	x.over = true
	if x.timer != nil {
		x.timer.Stop()
	}
}

var errEnded = errors.New("the exchange is over")

// stopped is the cause of an exchange that our own clocks ended; its error is told.
type stopped struct{ told *hearth.Error }

func (s *stopped) Error() string { return s.told.Error() }

// keepWatch begins the watch: a timer instead of a goroutine, because most calls end
// before there is anything to look at.
func (x *exchange) keepWatch(ctx context.Context) {
	x.watch.Lock()
	defer x.watch.Unlock()
	x.timer = time.AfterFunc(x.nextLook(), func() { x.look(ctx) })
}

// look ends the exchange when a clock has run out or the server is found dead.
func (x *exchange) look(ctx context.Context) {
	x.watch.Lock()
	defer x.watch.Unlock()
	if x.over || ctx.Err() != nil {
		return
	}
	if late := x.overdue(); late != nil {
		x.cancel(&stopped{late})
		return
	}
	if x.awaiting() && x.local.Load() && x.silence() >= aliveEvery && x.knock(ctx) == doorRefuses {
		x.cancel(&stopped{x.dead()})
		return
	}
	x.timer.Reset(x.nextLook())
}

// awaiting reports whether the request is out, so that the server is the one to move.
func (x *exchange) awaiting() bool { return x.times.sent.Load() > 0 }

// patience is how long the server may be silent now; 0 = as long as it lives.
func (x *exchange) patience() time.Duration {
	allowed := x.client.allowed()
	switch {
	case x.whole.Load():
		return lingering
	case !x.awaiting():
		return 0 // connecting has its own clock, in the guard
	case x.times.token.Load() > 0:
		if allowed > 0 {
			return allowed
		}
		return stallDefault
	case x.local.Load():
		return 0
	case allowed > 0:
		return allowed
	}
	return readPublic
}

// total is how long the whole call may take; 0 = as long as it takes.
func (x *exchange) total() time.Duration {
	if allowed := x.client.allowed(); allowed > 0 || x.local.Load() {
		return allowed
	}
	return totalPublic
}

func (x *exchange) nextLook() time.Duration {
	next := aliveEvery
	if t := x.total(); t > 0 {
		next = min(next, t-x.now())
	}
	if p := x.patience(); p > 0 {
		next = min(next, p-x.silence())
	}
	return max(next, time.Millisecond)
}

// overdue gives the error of the clock that ran out, or nil.
func (x *exchange) overdue() *hearth.Error {
	if t := x.total(); t > 0 && x.now() >= t {
		return x.late("the whole call took longer than", t)
	}
	if p := x.patience(); p > 0 && x.silence() >= p {
		return x.late("the server was silent for", p)
	}
	return nil
}

func (x *exchange) late(what string, limit time.Duration) *hearth.Error {
	e := &hearth.Error{
		Op: x.call.Op, Reason: hearth.ReasonTimeout, Err: fmt.Errorf("%s %s", what, limit),
		Cause: "The server took the request and has not said a word within the time allowed.",
		Try:   "Raise " + x.client.key("timeoutSeconds") + " if this model may take longer.",
	}
	if !x.awaiting() {
		e.Reason = hearth.ReasonUnreachable
		e.Cause = "Nobody answered at " + x.client.origin.Written() + ": the machine is off, asleep, or a firewall is in between."
		e.Try = "Wake the machine and check the address in " + x.client.key("baseUrl") + "."
	}
	if x.times.token.Load() > 0 {
		e.Reason = hearth.ReasonStalled
		e.Cause = "The server began to answer and did not finish within the time allowed; what it said so far is kept."
	}
	return e
}

// A door is how a server's address behaves when somebody knocks.
type door int

const (
	doorOpens   door = iota
	doorSilent       // nobody opens, nobody refuses: it is busy, or its machine is away
	doorRefuses      // twice: nothing listens any more
)

// knock finds out whether the server still accepts connections.
func (x *exchange) knock(ctx context.Context) door {
	for try := range 2 {
		err := x.client.guard.Connect(ctx)
		switch {
		case err == nil:
			return doorOpens
		case ctx.Err() != nil, isTimeout(err), isAway(err):
			return doorSilent
		}
		if try == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(aliveConfirm):
			}
		}
	}
	return doorRefuses
}

func (x *exchange) dead() *hearth.Error {
	return &hearth.Error{
		Op: x.call.Op, Reason: hearth.ReasonUnreachable,
		Err:   errors.New("the server no longer accepts connections"),
		Cause: "The model server stopped or crashed while it worked on the request; running out of memory is the usual reason.",
		Try:   "Start it again and look at its log; a smaller model or context window needs less memory.",
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
