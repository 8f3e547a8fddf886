package probe

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"hearth"
	"hearth/model"
)

// Preload loads a model into LM Studio through its own API when it is not loaded, so
// that it gets the window the conversation was planned for instead of LM Studio's
// default. Servers of other kinds, and models that are loaded already or not listed,
// are left alone: a second load would make a second instance. So what is remembered is
// not enough to load anything: somebody may have done so while we waited for our turn. And a
// load that was stopped may go on: it is waited for, for a minute, before there is another.
// wait is told of the loading, which lasts as long as it lasts. The error is the client's,
// with the server's own words; the request may be tried all the same.
func (d *Describer) Preload(ctx context.Context, c *model.Client, id string, window int, wait func(hearth.Wait)) error {
	h, err := d.Host(ctx, c)
	if err != nil || h.Kind != KindLMStudio {
		return nil //nolint:nilerr // who cannot be asked cannot be told to load either; the request itself will say why
	}
	if m := h.find(id); m == nil || m.Resident == nil || *m.Resident {
		return nil
	}
	defer func() { // what it has loaded is not what we knew
		d.Forget(c.Endpoint().Origin)
		_, _ = d.Host(ctx, c) // who does not answer is asked again by the next turn
	}()
	if unloaded(ctx, c, id) == nil {
		return nil
	}
	if wait != nil {
		wait(hearth.Wait{Phase: hearth.PhaseLoading, Model: id, Note: "LM Studio loads it"})
	}
	if d.Lock != nil {
		release, err := d.Lock(ctx, "load "+c.Endpoint().Origin)
		if err != nil {
			return err
		}
		defer release()
	}
	m := d.stillUnloaded(ctx, c, id)
	if m == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	origin := c.Endpoint().Origin
	_ = d.cache.setLoading(origin, id, time.Now().UTC()) // a full disk costs a second instance at worst
	err = load(ctx, c, id, m, window)
	if ctx.Err() == nil {
		_ = d.cache.setLoading(origin, id, time.Time{}) // nor does it have more to tell then
	}
	return err
}

// How long a load may go on of which nobody saw the end, and how often it is looked for. LM
// Studio does not say that it loads something, nor that it gave up when the client left.
const (
	loadMayTake = time.Minute
	loadedEvery = 250 * time.Millisecond
)

// stillUnloaded is unloaded once no load can be under way that somebody stopped waiting for,
// in this process or another one.
func (d *Describer) stillUnloaded(ctx context.Context, c *model.Client, id string) *Model {
	tick := time.NewTicker(loadedEvery)
	defer tick.Stop()
	for {
		m, began := unloaded(ctx, c, id), d.cache.loading(c.Endpoint().Origin, id)
		if since := time.Since(began); m == nil || since < 0 || since >= loadMayTake {
			return m
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// unloaded asks an LM Studio what it has loaded now, and gives the model when it is not
// among that.
func unloaded(ctx context.Context, c *model.Client, id string) *Model {
	h := Host{Kind: KindLMStudio}
	newAsker(c, 0).listLMStudio(ctx, &h)
	if m := h.find(id); m != nil && m.Resident != nil && !*m.Resident {
		return m
	}
	return nil
}

func load(ctx context.Context, c *model.Client, id string, m *Model, window int) error {
	body, err := json.Marshal(struct {
		Model         string `json:"model"`
		ContextLength int    `json:"context_length,omitempty"`
	}{m.ID, m.windowFor(window)})
	if err != nil {
		return err
	}
	r, err := c.Post(ctx, model.Call{
		Op: "load " + id, Model: id, Path: "/api/v1/models/load", FromRoot: true, Accept: "application/json", Body: body,
		Reading: hearth.Wait{Phase: hearth.PhaseLoading, Model: id},
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	_ = r.Close() // it was read, or err says why not
	return err
}

// Prepare loads the model of a target as Preload does, with the window of the request.
// It is best effort: where loading fails, LM Studio may still load the model by itself
// when it is asked. It fits route.Config.Prepare; params.preload:false is the caller's
// to honour.
func (d *Describer) Prepare(ctx context.Context, t model.Target, req *model.Request, wait func(hearth.Wait)) error {
	client, _ := d.at(t.Endpoint.Origin)
	if client == nil {
		return nil
	}
	err := d.Preload(ctx, client, req.Model, req.Capabilities.InForce(), wait)
	if err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}

// windowFor bounds a wanted window by what the model was trained for; 0 leaves the
// choice to the server.
func (m *Model) windowFor(want int) int {
	if m.TrainedMax > 0 && want > m.TrainedMax {
		return m.TrainedMax
	}
	return want
}

// Forget has the server at origin asked again, however lately it was: what it has loaded just
// changed, or may have.
func (d *Describer) Forget(origin string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, origin)
}
