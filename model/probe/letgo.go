package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"hearth"
	"hearth/model"
)

// An Ollama whose client leaves in the middle of an answer sometimes blocks the model for
// ever: its goroutine waits for a reader that is gone and holds the model's only permit
// (seen with 0.17.4; test/ollama reproduces it). Every later request then waits without
// a word, and nothing that Ollama says of itself shows it. What shows it is a request
// that needs the permit and is refused before the model sees it: a prompt longer than
// the window that may not be cut. It is answered at once, or not at all.
//
// A request that is left while its prompt is still read is not seen: Ollama reads on to
// the end (test/ollama), takes and refuses requests meanwhile, and the next one waits for
// it there. /api/ps moves expires_at when we leave, not when the reading ends. Only a
// request that the model answers would tell, and it would cost the cache. So there, as at
// every server that shows nothing, the end is estimated from how fast it reads.

// residence is a model at a server.
type residence struct{ origin, id string }

// leaving is an answer that was closed in the middle.
type leaving struct {
	options map[string]json.RawMessage // as the request had them: others would load the model anew
	keep    json.RawMessage            // its keep_alive
}

// Left notes that a request was closed early: for how long its server may still read the
// prompt; and where an answer was closed in the middle and the server is an Ollama, LetGo
// will look after it. It fits route.Config.Left.
func (d *Describer) Left(t model.Target, req *model.Request, how model.Departure) {
	client, h := d.at(t.Endpoint.Origin)
	d.lookAnew(t.Endpoint.Origin)
	if !h.Kind.dropsPrompts() {
		d.reads(t.Endpoint.Origin, how, t.Locality())
	}
	if client == nil || h.Kind != KindOllama || !how.Writing {
		return
	}
	l := leaving{options: make(map[string]json.RawMessage)}
	bag := map[string]json.RawMessage{}
	_ = json.Unmarshal(req.Options, &bag) // what is no object went out as no options
	for _, name := range []string{"num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread"} {
		if v, ok := bag[name]; ok && t.Protocol == "ollama" {
			l.options[name] = v
		}
	}
	l.keep = bag["keep_alive"]
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left[residence{t.Endpoint.Origin, req.Model}] = l
}

// lookAnew forgets what a server was at when a request that was left before was looked for.
func (d *Describer) lookAnew(origin string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.counts, origin)
	maps.DeleteFunc(d.tasks, func(at place, _ int) bool { return at.origin == origin })
}

// reads keeps until when a server may read what nobody waits for. It reads one prompt
// after the other.
func (d *Describer) reads(origin string, how model.Departure, where hearth.Locality) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	d.unsure[origin] = how.Unsure && where != hearth.LocalityHosted
	delete(d.lingers, origin)
	if (how.Reading || how.Unread > 0) && where != hearth.LocalityHosted {
		d.lingers[origin] = now.Add(lingering)
	}
	switch until := d.reading[origin]; {
	case how.Writing: // whatever came before has been read
		delete(d.reading, origin)
	case until.After(now):
		d.reading[origin] = until.Add(how.Unread)
	case how.Unread > 0:
		d.reading[origin] = now.Add(how.Unread)
	}
}

// lingering is for how long after a stop, at most, a server that is late is said to be
// perhaps still at that: slot tells processes of it for as long.
const lingering = 30 * time.Minute

// mayRead is what is said of a server of which nobody knows whether it is through.
const mayRead = "the server may still read the request that was stopped"

// Late gives, once, why a server that reads what was left would begin later than it should
// with what comes next. It fits slot.Config.Late.
func (d *Describer) Late(e model.Endpoint) string {
	d.mu.Lock()
	until, lingers := d.lingers[e.Origin]
	delete(d.lingers, e.Origin)
	d.mu.Unlock()
	if !lingers || time.Now().After(until) {
		return ""
	}
	if _, h := d.at(e.Origin); h.Kind.dropsPrompts() { // what another process wrote is of any server
		return ""
	}
	return mayRead
}

// readsFor is how long a server may still read what nobody waits for; 0 = it does not.
func (d *Describer) readsFor(origin string) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return max(0, time.Until(d.reading[origin]))
}

// Remainder says what the server at e may still do with what was left. It fits
// slot.Config.Remainder.
func (d *Describer) Remainder(e model.Endpoint) model.Remainder {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := model.Remainder{Unsure: d.unsure[e.Origin] || d.doubts[e.Origin] != ""}
	if until := d.reading[e.Origin]; time.Until(until) > 0 {
		out.Until = until
	}
	return out
}

// Recall takes up what another process said of it, which may be wrong where the clock was
// set since. It fits slot.Config.Recall.
func (d *Describer) Recall(e model.Endpoint, r model.Remainder) {
	d.lookAnew(e.Origin)
	d.mu.Lock()
	defer d.mu.Unlock()
	if until := time.Now().Add(time.Until(r.Until)); until.After(d.reading[e.Origin]) && !r.Until.IsZero() {
		d.reading[e.Origin] = until
	}
	d.unsure[e.Origin] = d.unsure[e.Origin] || r.Unsure
	d.lingers[e.Origin] = time.Now().Add(lingering)
}

// certain forgets a doubt that another process had, which did not know what it asked.
func (d *Describer) certain(origin string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.unsure, origin)
}

// unseen reports whether a server that shows nothing is likely to be through with what was
// left. Where not even an estimate says so, the person will be told. c is nil where the
// server never said what it is: one that is busy reading may answer nothing else.
func (d *Describer) unseen(ctx context.Context, c *model.Client, origin string) bool {
	d.mu.Lock()
	reads, unsure := time.Until(d.reading[origin]) > 0, d.unsure[origin]
	d.unsure[origin] = false
	d.mu.Unlock()
	switch {
	case !reads && !unsure:
		return true
	case c != nil && refused(c.Connects(ctx)):
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.lingers, origin)
		return true
	case unsure:
		d.mu.Lock()
		defer d.mu.Unlock()
		d.doubts[origin] = mayRead + "; what comes next waits for that"
	}
	return !reads
}

// Busy says what a server is at that has not let go of a request. It fits slot.Config.Busy.
func (d *Describer) Busy(e model.Endpoint) (what string, left time.Duration) {
	if left = d.readsFor(e.Origin); left == 0 {
		return "", 0
	}
	return "the server still reads the request that was stopped", left
}

// LetGo reports whether an Ollama takes requests again for the models whose answers were
// left. A model that does not answer for half of the time that ctx has is told to be
// unloaded: that frees it. Ollama ends whatever others have it do first; if they do, the
// cost is that the model is loaded anew. What the person should know is in Aftermath.
func (d *Describer) LetGo(ctx context.Context, e model.Endpoint) bool {
	client, h := d.at(e.Origin)
	if client == nil || h.Kind != KindOllama {
		return true
	}
	for id, l := range d.leftAt(e.Origin) {
		if !d.letGo(ctx, client, id, l) {
			return false
		}
		d.mu.Lock()
		delete(d.left, residence{e.Origin, id})
		d.mu.Unlock()
	}
	return true
}

func (d *Describer) leftAt(origin string) map[string]leaving {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[string]leaving)
	for at, l := range d.left {
		if at.origin == origin {
			out[at.id] = l
		}
	}
	return out
}

// Aftermath gives, once, what a person should know of how a server let go. It fits
// slot.Config.Aftermath.
func (d *Describer) Aftermath(e model.Endpoint) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	told := d.aftermaths[e.Origin]
	delete(d.aftermaths, e.Origin)
	return told
}

// Doubt gives, once, what whoever is next should know of a request that may still be read.
// It fits slot.Config.Doubt.
func (d *Describer) Doubt(e model.Endpoint) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	told := d.doubts[e.Origin]
	delete(d.doubts, e.Origin)
	return told
}

func (d *Describer) letGo(ctx context.Context, c *model.Client, id string, l leaving) bool {
	window, err := resident(ctx, c, id)
	switch {
	case err != nil:
		return false
	case window == 0: // nothing is in memory that could be blocked
		return true
	case takes(ctx, c, id, l, window):
		return true
	case ctx.Err() != nil:
		return false
	}
	told := fmt.Sprintf("Ollama did not let go of %s when its answer was stopped; it was told to unload it, so the next answer loads it again", id)
	if !unload(ctx, c, id) {
		told = fmt.Sprintf("Ollama did not let go of %s when its answer was stopped; if it stays silent, run: ollama stop %s", id, id)
	}
	d.Forget(c.Endpoint().Origin)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.aftermaths[c.Endpoint().Origin] = told
	return true
}

// resident gives the window of a model in memory, 0 when it is not there, or the server is not.
func resident(ctx context.Context, c *model.Client, id string) (window int, err error) {
	var running ollamaRunning
	r := newAsker(c, 0).get(ctx, "/api/ps")
	if refused(r.err) {
		return 0, nil
	}
	if !r.decode(&running) {
		return 0, errors.Join(r.err, errors.New("GET /api/ps cannot be read"))
	}
	for _, m := range running.Models {
		if m.Name == id || m.Name == id+":latest" {
			return int(m.ContextLength), nil
		}
	}
	return 0, nil
}

// takes reports whether the model takes a request, within half of the time that is left.
// The request is refused for its length before the model sees it, and takes nothing out
// of its cache. Whatever answers, also an error, is an answer. A window that no such
// request would be too long for is not asked about.
func takes(ctx context.Context, c *model.Client, id string, l leaving, window int) bool {
	if window > mostAsked {
		return true
	}
	options := map[string]json.RawMessage{"num_ctx": json.RawMessage(fmt.Sprint(window)), "num_predict": json.RawMessage("1")}
	maps.Copy(options, l.options)
	body, err := json.Marshal(struct {
		Model     string                     `json:"model"`
		Prompt    string                     `json:"prompt"`
		Raw       bool                       `json:"raw"`
		Stream    bool                       `json:"stream"`
		Truncate  bool                       `json:"truncate"`
		Shift     bool                       `json:"shift"`
		KeepAlive json.RawMessage            `json:"keep_alive,omitempty"`
		Options   map[string]json.RawMessage `json:"options"`
	}{id, strings.Repeat("a b ", window), true, false, false, false, l.keep, options})
	if err != nil {
		return true // an option that is no JSON never went out
	}
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	return answered(ctx, c, "see whether "+id+" is free", body)
}

// mostAsked is the largest window, in tokens, that takes makes a prompt for: 64 MB.
const mostAsked = 16 << 20

// answered posts to /api/generate and reports whether anything came back.
func answered(ctx context.Context, c *model.Client, op string, body []byte) bool {
	r, err := c.Post(ctx, model.Call{Op: op, Path: "/api/generate", FromRoot: true, Accept: model.AcceptJSON, Body: body})
	if err != nil {
		return hearth.ReasonOf(err) != hearth.ReasonCancelled
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(r, mostBytes)) // only that it came counts
	_ = r.Close()
	return true
}

// unload has a model unloaded and reports whether it is gone from memory.
func unload(ctx context.Context, c *model.Client, id string) bool {
	body, err := json.Marshal(struct {
		Model     string `json:"model"`
		KeepAlive int    `json:"keep_alive"`
	}{Model: id})
	if err != nil || !answered(ctx, c, "unload "+id, body) {
		return false
	}
	tick := time.NewTicker(unloadEvery)
	defer tick.Stop()
	for {
		if window, err := resident(ctx, c, id); err == nil && window == 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// unloadEvery is how often an Ollama is asked whether a model is gone.
const unloadEvery = 100 * time.Millisecond
