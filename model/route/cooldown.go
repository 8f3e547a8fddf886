package route

import (
	"cmp"
	"errors"
	"sync"
	"time"

	"hearth"
	"hearth/model"
)

// How long a candidate rests after a failure: the first time, and at most. A server of
// one's own is back sooner than a vendor's limit, and asking it costs little.
const (
	firstRest      = 30 * time.Second
	longestRest    = 5 * time.Minute
	firstRestOwn   = 5 * time.Second
	longestRestOwn = time.Minute
	firstLockout   = 10 * time.Minute // no money, no valid key: that takes a person
	longestLockout = time.Hour
	longestAsked   = time.Hour // of what a server asks for; some name days
	restForgotten  = time.Hour // so long after a rest the next one begins small again
)

// Cooldowns remembers, for this process and with Keep for the next ones, which candidates
// failed lately and how long they rest: as long as the server asked for, else twice as long
// with each failure in a row. A key or account that was refused rests for its provider, one
// that asked too much rests for its model, and after anything else the model rests under
// every key. A server of the owner's that could not be reached rests until it accepts
// connections. Its methods may be called from any goroutine.
type Cooldowns struct {
	out  func(origin string) bool
	path string // "" keeps nothing
	mark func(t model.Target) string

	mu     sync.Mutex // guards the fields below
	rests  map[string]rest
	why    map[string]string   // by model
	before map[string]keptRest // what the file held; nil = not read yet
}

var _ Cooldown = (*Cooldowns)(nil)

type rest struct {
	until time.Time
	span  time.Duration
}

// NewCooldowns gives Cooldowns under which everybody may be asked. out reports whether
// the server at an origin was lost and is not back yet (slot.Slots.Out); it may be nil.
func NewCooldowns(out func(origin string) bool) *Cooldowns {
	if out == nil {
		out = func(string) bool { return false }
	}
	return &Cooldowns{out: out, rests: make(map[string]rest), why: make(map[string]string)}
}

// Until is when t may be tried again; a time that has passed means now.
func (c *Cooldowns) Until(t model.Target) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	until := c.of(ofModel(t), &t).until
	for _, key := range []string{ofAccount(t), ofServed(t)} {
		if other := c.of(key, &t).until; other.After(until) {
			until = other
		}
	}
	if next := time.Now().Add(firstOutageLook); c.gone(t) && next.After(until) {
		until = next
	}
	return until
}

// firstOutageLook is when a lost server may be back at the earliest.
const firstOutageLook = time.Second

// gone reports whether no place of t can be reached.
func (c *Cooldowns) gone(t model.Target) bool {
	for _, r := range t.Replicas {
		if !c.out(r.Endpoint.Origin) {
			return false
		}
	}
	return c.out(t.Endpoint.Origin)
}

// Why says in a few words what the last failure of t was; "" where it had none since it
// answered.
func (c *Cooldowns) Why(t model.Target) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cmp.Or(c.why[ofModel(t)], c.whyKept(&t))
}

// Failed notes why t did not answer. A rest under way is not made longer.
func (c *Cooldowns) Failed(t model.Target, err error) {
	reason := hearth.ReasonOf(err)
	e, told := errors.AsType[*hearth.Error](err)
	if !reason.FallsBack() || told && e.TooLarge { // a smaller question may be answered
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.why[ofModel(t)] = briefly(err)
	key, first, longest := ofServed(t), firstRest, longestRest
	if reason == hearth.ReasonRateLimit {
		key = ofModel(t)
	}
	switch {
	case reason == hearth.ReasonAuth, reason == hearth.ReasonNoCredential, reason == hearth.ReasonBilling:
		key, first, longest = ofAccount(t), firstLockout, longestLockout
	case t.Endpoint.Locality.Own() && reason == hearth.ReasonUnreachable && c.gone(t):
		return // a connection that is accepted ends that rest
	case local(&t), t.Endpoint.Locality.Own() && reason == hearth.ReasonUnreachable:
		first, longest = firstRestOwn, longestRestOwn
	}
	now, r := time.Now(), c.of(key, &t)
	if r.until.After(now) {
		return
	}
	if now.Sub(r.until) > restForgotten {
		r.span = 0
	}
	r.span = min(max(2*r.span, first), longest)
	r.until = now.Add(r.span)
	if told && e.RetryAfter > 0 {
		r.until = now.Add(min(e.RetryAfter, longestAsked))
	}
	c.rests[key] = r
	c.keep(key, &t, r, reason)
}

// Answered ends all rests of t.
func (c *Cooldowns) Answered(t model.Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.why, ofModel(t))
	delete(c.rests, ofModel(t))
	delete(c.rests, ofAccount(t))
	delete(c.rests, ofServed(t))
	c.drop(ofModel(t), ofAccount(t), ofServed(t))
}

// Clear ends all rests, those that are kept too: the owner changed something.
func (c *Cooldowns) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.rests)
	clear(c.why)
	if c.path == "" {
		return
	}
	if c.before = c.read(); len(c.before) > 0 {
		clear(c.before)
		c.write()
	}
}

func ofModel(t model.Target) string   { return "model " + t.Ref.String() + "@" + t.Profile }
func ofServed(t model.Target) string  { return "served " + t.Ref.String() }
func ofAccount(t model.Target) string { return "account " + t.Ref.Provider + "@" + t.Profile }

// local reports whether a model runs on the owner's own machines. One that a server there
// passes on to a vendor does not: its limits are the vendor's.
func local(t *model.Target) bool { return t.Locality().Own() }
