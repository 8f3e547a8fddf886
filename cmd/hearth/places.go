package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

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
	a.mu.Lock()
	starts := a.clients[origin].starts
	a.mu.Unlock()
	if starts || len(c.others) > 0 || !a.describer().Silent(origin) {
		return
	}
	a.slots.Lost(origin)
	a.cooldowns.Failed(c.Target, &hearth.Error{Op: "ask " + origin, Reason: hearth.ReasonUnreachable, Err: errors.New("nobody answers at " + origin)})
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
