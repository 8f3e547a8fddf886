package probe

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"syscall"

	"hearth/model"
)

// Gone reports whether a request that was closed early has left the server, as far as
// the server tells: llama-server shows its slots, vLLM and SGLang how many requests run.
// Others that show nothing are taken to read the prompt to its end, and are through when
// Left's estimate of that is over, or when nobody listens any more. Ollama is then
// seen to take requests again; see LetGo. Gone asks once and, but for Ollama, does not
// wait; a question that is not answered says no. slot is the number that was asked for,
// negative where none was. It fits slot.Config.Gone.
func (d *Describer) Gone(ctx context.Context, e model.Endpoint, slot int) bool {
	client, h := d.at(e.Origin)
	if client == nil { // nobody ever asked who it is
		return d.unseen(ctx, nil, e.Origin)
	}
	if h.Kind.dropsPrompts() {
		d.certain(e.Origin)
	}
	a := newAsker(client, 0)
	switch h.Kind {
	case KindLlamaCpp:
		if h.Slots == 1 {
			slot = -1
		}
		r := a.get(ctx, "/slots")
		if r.err != nil {
			return refused(r.err)
		}
		if task, works, seen := taskOf(r, slot); seen {
			return d.movedOn(place{e.Origin, slot}, task, works)
		}
	case KindVLLM, KindSGLang:
		r := a.get(ctx, "/metrics")
		if r.err != nil {
			return refused(r.err)
		}
		if now, seen := countOf(h.Kind, r); seen {
			return d.counted(e.Origin, now)
		}
	default:
	}
	if !d.unseen(ctx, client, e.Origin) {
		return false
	}
	return h.Kind != KindOllama || d.LetGo(ctx, e)
}

// place is a slot of a server.
type place struct {
	origin string
	slot   int
}

// taskOf gives whether a slot works and on what, from llama-server's list of them. Where that is switched
// off, nothing is seen; a slot that is not in it does nothing of ours.
func taskOf(r reply, number int) (task int, works, seen bool) {
	var slots []llamaSlot
	if !r.decode(&slots) {
		return 0, false, false
	}
	for _, s := range slots {
		if (s.ID == number || len(slots) == 1) && s.Processing {
			return s.Task, true, true
		}
	}
	return 0, false, len(slots) > 0
}

// movedOn reports whether a slot does nothing, or works on something else than when it was
// first looked at. A request that was in the queue, behind one of another client, leaves it
// at once.
func (d *Describer) movedOn(at place, task int, works bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first, looked := d.tasks[at]
	if !works || looked && task != first {
		delete(d.tasks, at)
		return true
	}
	if task > 0 { // an older server does not number them
		d.tasks[at] = task
	}
	return false
}

// A count is how many requests a server works on, and how many it has given up so far.
type count struct{ running, aborted float64 }

// counters are the names under which servers count.
var counters = map[Kind]struct{ running, aborted, label string }{
	KindVLLM:   {"vllm:num_requests_running", "vllm:request_success_total", `finished_reason="abort"`},
	KindSGLang: {"sglang:num_running_reqs", "sglang:num_aborted_requests_total", ""},
}

// countOf reads a server's metrics. What it does not show is not seen.
func countOf(kind Kind, r reply) (out count, seen bool) {
	name := counters[kind]
	for line := range strings.Lines(string(r.body)) {
		if v, ok := sample(line, name.running, ""); ok {
			out.running, seen = out.running+v, true
		} else if v, ok := sample(line, name.aborted, name.label); ok {
			out.aborted += v
		}
	}
	return out, seen
}

// sample reads a line of metrics, if it is of a name and has a label.
func sample(line, name, label string) (value float64, ok bool) {
	rest, ok := strings.CutPrefix(line, name)
	if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' || !strings.Contains(rest, label) {
		return 0, false
	}
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0, false
	}
	value, err := strconv.ParseFloat(f[len(f)-1], 64)
	return value, err == nil
}

// Census notes how much a server that counts its requests has to do for others, before one of
// ours goes out, so that Gone can tell it from theirs. It asks a vLLM or SGLang once, and
// nobody else.
func (d *Describer) Census(ctx context.Context, e model.Endpoint) {
	client, h := d.at(e.Origin)
	if _, counts := counters[h.Kind]; client == nil || !counts {
		return
	}
	r := newAsker(client, 0).get(ctx, "/metrics")
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.others, e.Origin)
	if now, seen := countOf(h.Kind, r); seen && r.err == nil {
		d.others[e.Origin] = now
	}
}

// counted reports whether the stopped request is not among those that a server counts: there
// are no more than before it, or fewer than when it was first looked at, or the server has
// given one up.
func (d *Describer) counted(origin string, now count) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	others, asked := d.others[origin]
	first, looked := d.counts[origin]
	if now.running == 0 || asked && (now.running <= others.running || now.aborted > others.aborted) || looked && now.running < first {
		delete(d.counts, origin)
		return true
	}
	if !looked {
		d.counts[origin] = now.running
	}
	return false
}

// refused reports whether the machine answered that nobody listens: the server has ended,
// and what it did with it. One that is asleep, or whose queue is full, says nothing.
func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, windowsRefused)
}

// windowsRefused is WSAECONNREFUSED, which syscall has no name for: its own ECONNREFUSED
// is one that Windows never gives.
const windowsRefused = syscall.Errno(10061)
