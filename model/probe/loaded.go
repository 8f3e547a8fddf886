package probe

import (
	"context"

	"hearth"
	"hearth/model"
)

// Loaded reports whether the server of a target, asked now, has the model in memory as a
// request wants it: what nobody asked for must load nothing. An Ollama loads a model anew
// when it is asked for with another window than it has it with. A vendor's server, or one
// that was never seen or does not answer, says no. It fits route.Config.Loaded.
func (d *Describer) Loaded(ctx context.Context, t model.Target, req *model.Request) bool {
	client, h := d.at(t.Endpoint.Origin)
	if client == nil || t.Endpoint.Locality == hearth.LocalityHosted {
		return false
	}
	a, now := newAsker(client, 0), Host{Kind: h.Kind}
	switch h.Kind {
	case KindOllama:
		window, err := resident(ctx, client, req.Model)
		return err == nil && window > 0 && window == req.AskedWindow()
	case KindLMStudio:
		a.listLMStudio(ctx, &now)
	case KindLlamaSwap:
		a.listOpenAI(ctx, &now)
		a.addRunning(ctx, &now)
	case KindLlamaCpp:
		return a.awake(ctx, &now, req.Model)
	default:
		now = h
	}
	m := now.find(req.Model)
	return m != nil && m.Resident != nil && *m.Resident
}

// awake reports whether a llama-server has a model in memory. One that serves a single model
// says so only by not being asleep; of several, each has a status.
func (a *asker) awake(ctx context.Context, h *Host, id string) bool {
	a.listOpenAI(ctx, h)
	m := h.find(id)
	switch {
	case m == nil:
		return false
	case m.Resident != nil:
		return *m.Resident && m.because["resident"] != sleepingStatus
	}
	var props struct {
		Sleeping bool `json:"is_sleeping"`
	}
	a.get(ctx, "/props").decode(&props)
	return !props.Sleeping
}

// sleepingStatus is the evidence of a model that its llama-server has put out of memory until
// it is asked for again.
const sleepingStatus = "GET /v1/models status.value=sleeping"
