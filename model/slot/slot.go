package slot

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hearth"
	"hearth/model"
)

const (
	defaultPatience = 10 * time.Second
	lockEvery       = 50 * time.Millisecond   // how often a lock held by another process is tried
	lastChance      = 1800 * time.Millisecond // for a stopped request when the process ends: a person may wait for that
	goneEvery       = 250 * time.Millisecond  // how often a server is asked about a stopped request
)

// Config says what Slots may use of the world outside. The zero value shares nothing
// with other processes and takes a closed request for a finished one.
type Config struct {
	// TryLock takes the lock called name, which other processes see, without blocking.
	// A nil unlock with a nil error means that somebody has it; holder says who. With an
	// unlock, holder is "" if nobody else had the lock since this process last had it. It is
	// called for endpoints on this machine and on private networks. An error is not a
	// reason to keep a person waiting: the slot is used without the lock.
	TryLock func(name string) (unlock func(), holder string, err error)
	// Memory is what processes share of who used which slot; nil = each its own.
	Memory Memory
	// Folder is where processes tell each other, in a file for each slot, of requests that
	// were stopped and may still run; "" = they do not. A file is written and removed
	// only by who has the slot's lock. A stop that cannot be written is known to this
	// process alone.
	Folder string
	// Remainder says what a server may still do with what was stopped, and Recall takes up
	// what another process said of it: so Gone, Busy and Doubt speak of what any of them
	// left. They do not block, and may be nil.
	Remainder func(e model.Endpoint) model.Remainder
	Recall    func(e model.Endpoint, r model.Remainder)
	// Gone reports whether nothing of ours is running any more on that slot of the
	// endpoint. It is asked after a request was closed early, from a goroutine of its
	// own, until it says yes or Patience is over. It should return when ctx ends.
	Gone func(ctx context.Context, e model.Endpoint, slot int) bool
	// Busy says, while Gone says no, what the server is at and for how long, as far as is
	// known: for the Wait line of whoever is next. It does not block. May be nil.
	Busy func(e model.Endpoint) (what string, left time.Duration)
	// Aftermath gives, once, what the person should be told of how the server let go of a
	// stopped request; "" is nothing. It does not block. May be nil.
	Aftermath func(e model.Endpoint) string
	// Doubt gives, once, what only whoever is next should be told of it: nobody else has
	// anything to wait for. It does not block. May be nil.
	Doubt func(e model.Endpoint) string
	// Late gives, once, why a server may begin late with what comes next, for whoever has the
	// slot next. It does not block. May be nil.
	Late func(e model.Endpoint) string
	// Accepts reports whether the server at origin accepts a connection; nothing is asked
	// of it. It is called for a replica that was lost, from a goroutine of its own, every
	// now and then until it says yes. It should return when ctx ends. Without it a lost
	// replica counts as back after a while.
	Accepts func(ctx context.Context, origin string) bool
	// Patience bounds the wait for a stopped request; 0 means 10 s.
	Patience time.Duration
}

// Memory knows which session used a slot last, in any process: its prompt is what that
// slot has cached. name is the slot's lock's. Its methods are called while others wait
// and must not block for long; what they lose costs a prompt read anew.
type Memory interface {
	// Last gives the session, "" for nobody or unknown, when its use began, and whether it
	// ended. One that did not, of a slot that nobody has, is of a process that was killed.
	Last(name string) (session hearth.SessionID, at time.Time, ended bool)
	// Used and Ended are called by who has the slot's lock.
	Used(name string, session hearth.SessionID)
	Ended(name string)
}

// Slots is the one owner of in-flight work of this process. Its methods may be called
// from any goroutine.
type Slots struct {
	cfg      Config
	life     context.Context //nolint:containedctx // the life of drains and watches, which outlive the claims that left them; Close ends it
	end      context.CancelFunc
	draining sync.WaitGroup // and watches over lost replicas
	uses     atomic.Int64   // counts grants, so that the newest can be told

	mu        sync.Mutex // guards the fields below
	endpoints map[string]*endpoint
	outages   map[string]*outage
}

// New gives Slots without any endpoint; they appear as they are claimed.
func New(cfg Config) *Slots {
	if cfg.Patience == 0 {
		cfg.Patience = defaultPatience
	}
	life, end := context.WithCancel(context.Background())
	return &Slots{
		cfg: cfg, life: life, end: end,
		endpoints: make(map[string]*endpoint), outages: make(map[string]*outage),
	}
}

// Close ends the waits for lost replicas, and soon those for stopped requests: each server
// is given a last moment to let go while its slot is still ours. It returns when their
// goroutines are gone, after two seconds at most where Gone keeps to its context. Claims still work afterwards, but wait for nothing
// that was stopped.
func (s *Slots) Close() {
	s.mu.Lock()
	s.end() // under the lock, so that no goroutine begins after it
	s.mu.Unlock()
	s.draining.Wait()
}

// begin has a goroutine wait for a stopped request, and reports false after Close.
func (s *Slots) begin(drain func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		return false
	}
	s.draining.Go(drain)
	return true
}

// Aftermaths gives what is to be said of stopped requests and nobody was told yet, because
// no claim came after them.
func (s *Slots) Aftermaths() []string {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.endpoints))
	s.mu.Unlock()
	var told []string
	for _, e := range all {
		e.mu.Lock()
		for i := range e.seats {
			if seat := &e.seats[i]; seat.aftermath != "" {
				told = append(told, seat.aftermath)
				seat.aftermath = ""
			}
		}
		e.mu.Unlock()
	}
	return told
}

// SetSlots tells how many requests the server at origin works on at once, as it said
// itself. A number in the config wins. Fewer slots than are in use take effect as
// requests end.
func (s *Slots) SetSlots(origin string, n int) {
	e := s.endpoint(origin)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.learned = max(n, 1)
	e.pump()
}

// Load tells how many requests run at origin and how many wait for it.
func (s *Slots) Load(origin string) (running, waiting int) {
	e := s.endpoint(origin)
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.seats {
		if e.seats[i].taken() {
			running++
		}
	}
	return running, len(e.waiting)
}

func (s *Slots) endpoint(origin string) *endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.endpoints[origin]
	if !ok {
		e = &endpoint{slots: s, origin: origin, learned: 1, seats: make([]seat, 1)}
		for lane := range e.turns {
			e.turns[lane].next = make(map[hearth.SessionID]int64)
		}
		s.endpoints[origin] = e
	}
	return e
}

// Acquire implements model.Acquire.
func (s *Slots) Acquire(ctx context.Context, c model.Claim, wait func(hearth.Wait)) (context.Context, *model.Ticket, error) {
	if ctx.Err() != nil {
		return nil, nil, cancelled(ctx)
	}
	q := s.line(c)
	moves := q.moves()
	for {
		// A grant and a cancel may be there at once: the cancel wins, so that a person
		// who pressed Ctrl-C never sees a request go out.
		select {
		case <-ctx.Done():
			q.leave(nil)
			return nil, nil, cancelled(ctx)
		case <-q.first().granted:
			if ctx.Err() != nil {
				q.leave(nil)
				return nil, nil, cancelled(ctx)
			}
			held, ticket := q.hold(ctx)
			return held, ticket, nil
		case <-moves:
			q.spread()
		case line := <-q.first().news:
			if wait != nil {
				wait(line)
			}
		}
	}
}

func cancelled(ctx context.Context) error {
	return &hearth.Error{Op: "wait for the model", Reason: hearth.ReasonCancelled, Err: context.Cause(ctx)}
}
