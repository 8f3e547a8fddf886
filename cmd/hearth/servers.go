package main

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/probe"
	"hearth/model/route"
	"hearth/model/slot"
)

// servers is what is known of the model servers while they are used: what they said of
// themselves, who is being answered, and which of them failed lately.
type servers struct {
	*home
	clients   *clients
	cache     *probe.Cache // kept between processes
	describer *probe.Describer
	slots     *slot.Slots
	cooldowns *route.Cooldowns // so that one that failed is not asked at every step
}

func newServers(h *home, reached *clients, shared *locks) *servers {
	s := &servers{home: h, clients: reached, cache: probe.OpenCache(h.state("cache", "capabilities.json"))}
	s.describer = probe.NewDescriber(s.cache, 0)
	s.describer.Lock = shared.wait
	s.slots = slot.New(slot.Config{
		TryLock: shared.try, Accepts: reached.accepts, Memory: shared.used,
		Gone: s.describer.Gone, Busy: s.describer.Busy, Aftermath: s.describer.Aftermath, Doubt: s.describer.Doubt, Late: s.describer.Late,
		Folder: h.state("locks"), Remainder: s.describer.Remainder, Recall: s.describer.Recall,
	})
	s.cooldowns = route.NewCooldowns(s.slots.Out)
	return s
}

// asleep notes that a candidate's only place gave no answer within the time for one, so
// that the question goes to the next candidate instead of waiting as long once more. A
// refused connection costs no time, and one whose server we start is started by asking.
func (s *servers) asleep(c candidate) {
	origin := c.Endpoint.Origin
	switch {
	case !s.maySleep(c):
	case !s.describer.Silent(origin):
		s.cooldowns.Heard(origin)
	default:
		if c.Endpoint.Locality.Own() {
			s.cooldowns.Silent(origin)
		}
		s.restAsleep(c)
	}
}

// maySleep reports whether a candidate has one place, whose server others start.
func (s *servers) maySleep(c candidate) bool {
	return !s.clients.starts(c.Endpoint.Origin) && len(c.others) == 0
}

// restAsleep has a candidate rest until its place accepts connections.
func (s *servers) restAsleep(c candidate) {
	origin := c.Endpoint.Origin
	s.slots.Lost(origin)
	s.cooldowns.Failed(c.Target, &hearth.Error{Op: "ask " + origin, Reason: hearth.ReasonUnreachable, Err: errors.New("nobody answers at " + origin)})
}

// glance is how long a machine that was silent a few minutes ago has to take a
// connection. One that is awake does, in its own network, in a few milliseconds.
const glance = 500 * time.Millisecond

// stillAsleep looks whether a candidate that an earlier command found asleep still is,
// and notes that. Whoever takes the connection, or refuses it, is awake.
func (s *servers) stillAsleep(ctx context.Context, c candidate) bool {
	if c.client == nil || !s.maySleep(c) || !s.cooldowns.WasSilent(c.Endpoint.Origin) {
		return false
	}
	short, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	if err := c.client.Connects(short); ctx.Err() != nil || !unanswered(err) {
		return false
	}
	s.restAsleep(c)
	return true
}

// unanswered reports whether an error says that a machine took no connection in time. A
// name that was not found out in time says nothing of the machine.
func unanswered(err error) bool {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return false
	}
	var late interface{ Timeout() bool }
	return errors.As(err, &late) && late.Timeout()
}

// describe asks the servers of a candidate about its model, all at once. What the first
// one says counts, then what the next ones say; the smallest window, because a
// conversation has to fit wherever it goes. A place that was lost is not waited for.
func (s *servers) describe(ctx context.Context, c candidate) model.Layers {
	if len(c.others) == 0 { // the usual case needs no goroutine
		return s.describePlace(ctx, c, c.client)
	}
	clients := append([]*model.Client{c.client}, c.others...)
	said := make([]model.Layers, len(clients))
	var all sync.WaitGroup
	for i, client := range clients {
		all.Go(func() {
			if at := client.Endpoint().Origin; s.slots.Out(at) {
				said[i] = s.describer.Remembered(at, c.Ref.Model, c.Protocol)
				return
			}
			said[i] = s.describePlace(ctx, c, client)
		})
	}
	all.Wait()
	return together(said)
}

// describePlace asks one server.
func (s *servers) describePlace(ctx context.Context, c candidate, client *model.Client) model.Layers {
	said := s.describer.Describe(ctx, client, c.Ref.Model, c.Protocol)
	if n := said.Server.Slots; n != nil && c.Endpoint.Slots == 0 {
		s.slots.SetSlots(client.Endpoint().Origin, *n)
	}
	return said
}

// together makes one of what is known of a model in several places.
func together(said []model.Layers) model.Layers {
	out := said[0]
	for _, other := range said[1:] {
		window := smaller(out.Server.Window, other.Server.Window)
		out.Server = out.Server.Over(other.Server)
		out.Server.Window = window
		out.Probe, out.Catalog = out.Probe.Over(other.Probe), out.Catalog.Over(other.Catalog)
	}
	return out
}

func smaller(a, b *int) *int {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

// known adds what the server says of itself, and the lessons it taught.
func (s *servers) known(ctx context.Context, c candidate) model.Target {
	t := c.Target
	if c.client == nil {
		return t
	}
	said := s.describe(ctx, c)
	t.Layers.Server, t.Layers.Probe = said.Server, said.Probe
	t.Layers.Catalog = said.Catalog.Over(t.Layers.Catalog)
	t.Asleep = t.Layers.Server.Server == nil && s.describer.Listed(t.Endpoint.Origin) == nil && configured(s.file, t.Ref.Provider).LocalService != nil
	return t
}

// quietNow is what is said of a server that is quiet.
const quietNow = "does not answer now: start it, or look whether this is its address"

// quiet reports whether a server of one's own did not answer when it was asked what it is.
func (s *servers) quiet(t model.Target) bool {
	return t.Ref != demoRef && t.Endpoint.Locality != hearth.LocalityHosted && s.describer.Listed(t.Endpoint.Origin) == nil
}

// knownAnew is known by what the servers say now, however lately they were asked.
func (s *servers) knownAnew(ctx context.Context, c candidate) model.Target {
	for _, client := range append([]*model.Client{c.client}, c.others...) {
		if client != nil {
			s.describer.Forget(client.Endpoint().Origin)
		}
	}
	return s.known(ctx, c)
}

// remembered adds what is known without asking anybody.
func (s *servers) remembered(c candidate) model.Target {
	t := c.Target
	if c.client != nil {
		said := s.describer.Remembered(t.Endpoint.Origin, t.Ref.Model, t.Protocol)
		t.Layers.Server, t.Layers.Probe = said.Server, said.Probe
		t.Layers.Catalog = said.Catalog.Over(t.Layers.Catalog)
	}
	return t
}

// allKnown adds what the servers say of themselves. One that rests after a failure is
// not asked while there are others.
func (s *servers) allKnown(ctx context.Context, chain []candidate) []model.Target {
	if len(chain) == 1 {
		return []model.Target{s.known(ctx, chain[0])}
	}
	out := make([]model.Target, len(chain))
	var all sync.WaitGroup
	for i, c := range chain {
		if slices.ContainsFunc(chain[:i], func(have candidate) bool { return have.Ref == c.Ref }) {
			out[i] = c.Target
			continue
		}
		if s.cooldowns.Until(c.Target).After(time.Now()) {
			out[i] = s.remembered(c)
			continue
		}
		all.Go(func() {
			if s.stillAsleep(ctx, c) {
				out[i] = s.remembered(c)
				return
			}
			out[i] = s.known(ctx, c)
			s.asleep(c)
		})
	}
	all.Wait()
	for i := range out { // what a model is does not hang on the credential: its requests have the same bytes
		first := slices.IndexFunc(out, func(t model.Target) bool { return t.Ref == out[i].Ref })
		out[i].Layers, out[i].Asleep = out[first].Layers, out[first].Asleep
	}
	return out
}
