package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"hearth"
	"hearth/config"
	"hearth/model"
)

// place is where a provider is reached, and the client that reaches it.
func (a *app) place(ctx context.Context, id string, p config.Provider, row config.Model) (model.Endpoint, *model.Client, error) {
	endpoint, err := model.ParseEndpoint(p.BaseURL)
	if err != nil {
		return endpoint, nil, &hearth.Error{Op: "provider " + id, Reason: hearth.ReasonConfig, Err: err,
			Cause: "The provider's baseUrl cannot be used.", Try: "Set models.providers." + id + ".baseUrl."}
	}
	endpoint.Slots = p.Slots
	client, err := a.client(ctx, id, p, row, endpoint)
	if err != nil {
		return endpoint, nil, err
	}
	a.mu.Lock()
	a.clients[endpoint.Origin] = reach{client, p.LocalService != nil}
	a.mu.Unlock()
	return endpoint, client, nil
}

// replicas adds the further places where the model is served. Each has a client of its
// own, so that trust, credentials and certificates are those of its own address. One that
// cannot be used is told, and left out.
func (a *app) replicas(ctx context.Context, c *candidate, p config.Provider, row config.Model) error {
	for _, address := range p.BaseURLs {
		p.BaseURL = address
		endpoint, client, err := a.place(ctx, c.Ref.Provider, p, row)
		if err != nil {
			if a.once("replica " + address) {
				fmt.Fprintf(a.io.err, "note: %s of provider %s is left out: %s\n", oneLine(address), c.Ref.Provider, oneLine(err.Error()))
			}
			continue
		}
		provider, err := speak(c.Protocol, client)
		if err != nil {
			return err
		}
		c.Replicas = append(c.Replicas, model.Replica{Endpoint: endpoint, Provider: provider})
		c.others = append(c.others, client)
	}
	return nil
}

// reach is how a server is reached.
type reach struct {
	client *model.Client
	starts bool // by us, when it is asked
}

// accepts reports whether the server at an origin may be asked again: it accepts
// connections, or is started when it is asked. One that no target leads to may not.
func (a *app) accepts(ctx context.Context, origin string) bool {
	a.mu.Lock()
	to := a.clients[origin]
	a.mu.Unlock()
	return to.client != nil && (to.starts || to.client.Accepts(ctx))
}

// asleep notes that a candidate's only place gave no answer within the time for one, so
// that the question goes to the next candidate instead of waiting as long once more. A
// refused connection costs no time, and one whose server we start is started by asking.
func (a *app) asleep(c candidate) {
	origin := c.Endpoint.Origin
	switch {
	case !a.maySleep(c):
	case !a.describer().Silent(origin):
		a.cooldowns.Heard(origin)
	default:
		if c.Endpoint.Locality.Own() {
			a.cooldowns.Silent(origin)
		}
		a.restAsleep(c)
	}
}

// maySleep reports whether a candidate has one place, whose server others start.
func (a *app) maySleep(c candidate) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.clients[c.Endpoint.Origin].starts && len(c.others) == 0
}

// restAsleep has a candidate rest until its place accepts connections.
func (a *app) restAsleep(c candidate) {
	origin := c.Endpoint.Origin
	a.slots.Lost(origin)
	a.cooldowns.Failed(c.Target, &hearth.Error{Op: "ask " + origin, Reason: hearth.ReasonUnreachable, Err: errors.New("nobody answers at " + origin)})
}

// glance is how long a machine that was silent a few minutes ago has to take a
// connection. One that is awake does, in its own network, in a few milliseconds.
const glance = 500 * time.Millisecond

// stillAsleep looks whether a candidate that an earlier command found asleep still is,
// and notes that. Whoever takes the connection, or refuses it, is awake.
func (a *app) stillAsleep(ctx context.Context, c candidate) bool {
	if c.client == nil || !a.maySleep(c) || !a.cooldowns.WasSilent(c.Endpoint.Origin) {
		return false
	}
	short, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	if err := c.client.Connects(short); ctx.Err() != nil || !unanswered(err) {
		return false
	}
	a.restAsleep(c)
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
func (a *app) describe(ctx context.Context, c candidate) model.Layers {
	if len(c.others) == 0 { // the usual case needs no goroutine
		return a.describePlace(ctx, c, c.client)
	}
	clients := append([]*model.Client{c.client}, c.others...)
	said := make([]model.Layers, len(clients))
	var all sync.WaitGroup
	for i, client := range clients {
		all.Go(func() {
			if at := client.Endpoint().Origin; a.slots.Out(at) {
				said[i] = a.describer().Remembered(at, c.Ref.Model, c.Protocol)
				return
			}
			said[i] = a.describePlace(ctx, c, client)
		})
	}
	all.Wait()
	return together(said)
}

// describePlace asks one server.
func (a *app) describePlace(ctx context.Context, c candidate, client *model.Client) model.Layers {
	said := a.describer().Describe(ctx, client, c.Ref.Model, c.Protocol)
	if n := said.Server.Slots; n != nil && c.Endpoint.Slots == 0 {
		a.slots.SetSlots(client.Endpoint().Origin, *n)
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
