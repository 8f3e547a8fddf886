package probe

import (
	"context"
	"slices"
	"strings"
	"time"

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

// lately is how long ago a prompt may have been read for its server to be taken to have it
// still, where a model that is in memory is all that the server shows. Ollama lets go of one
// after five minutes.
const lately = 5 * time.Minute

// Holds reports whether the server of a target, asked now, is seen to still have a prompt
// that it has read; who used its slot since, the caller knows. llama-server shows how many
// tokens each slot holds, and none after a start. vLLM and SGLang say when they were started.
// The others that load models lose them when they are started anew, so one that is in memory
// has not been since. It fits route.Config.Holds.
func (d *Describer) Holds(ctx context.Context, t model.Target, had model.Reading) bool {
	client, h := d.at(t.Endpoint.Origin)
	if client == nil {
		return false
	}
	a, recent := newAsker(client, 0), time.Since(had.At) < lately
	switch h.Kind {
	case KindLlamaCpp:
		var slots []llamaSlot
		return a.get(ctx, "/slots").decode(&slots) && slices.ContainsFunc(slots, func(s llamaSlot) bool {
			return !s.Processing && s.Tokens >= had.Prompt && s.Tokens <= had.Prompt+had.Answer
		})
	case KindVLLM, KindSGLang:
		return recent && startedBefore(a.get(ctx, "/metrics"), had.At)
	case KindOllama, KindLMStudio, KindLlamaSwap:
		return recent
	default:
		return false
	}
}

// startedBefore reads from a server's metrics whether its process was there at an instant.
func startedBefore(r reply, at time.Time) bool {
	for line := range strings.Lines(string(r.body)) {
		if began, ok := sample(line, "process_start_time_seconds", ""); ok {
			return began > 0 && began < float64(at.Unix())
		}
	}
	return false
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
