package probe

import (
	"context"
	"errors"
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
	a := newAsker(client, 0)
	switch h.Kind {
	case KindLlamaCpp:
		if h.Slots == 1 {
			slot = -1
		}
		if idle, seen := slotIdle(a.get(ctx, "/slots"), slot); seen {
			return idle
		}
	case KindVLLM:
		if idle, seen := metric(a.get(ctx, "/metrics"), "vllm:num_requests_running"); seen {
			return idle
		}
	case KindSGLang:
		if idle, seen := metric(a.get(ctx, "/metrics"), "sglang:num_running_reqs"); seen {
			return idle
		}
	default:
	}
	if !d.unseen(ctx, client, e.Origin) {
		return false
	}
	return h.Kind != KindOllama || d.LetGo(ctx, e)
}

// slotIdle reads llama-server's list of slots. Where it is switched off, nothing is seen;
// a slot that is not in it does nothing of ours.
func slotIdle(r reply, number int) (idle, seen bool) {
	if r.err != nil {
		return refused(r.err), true
	}
	var slots []llamaSlot
	if !r.decode(&slots) {
		return false, false
	}
	for _, s := range slots {
		if (s.ID == number || len(slots) == 1) && s.Processing {
			return false, true
		}
	}
	return true, len(slots) > 0
}

// metric reports whether a gauge is zero in all its series. One that is not shown is not seen.
func metric(r reply, name string) (zero, seen bool) {
	if r.err != nil {
		return refused(r.err), true
	}
	for line := range strings.Lines(string(r.body)) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		seen = true
		if f := strings.Fields(rest); len(f) > 0 && strings.Trim(f[len(f)-1], "0.") != "" {
			return false, true
		}
	}
	return seen, seen
}

// refused reports whether the machine answered that nobody listens: the server has ended,
// and what it did with it. One that is asleep, or whose queue is full, says nothing.
func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, windowsRefused)
}

// windowsRefused is WSAECONNREFUSED, which syscall has no name for: its own ECONNREFUSED
// is one that Windows never gives.
const windowsRefused = syscall.Errno(10061)
