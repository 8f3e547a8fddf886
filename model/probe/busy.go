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
// Ollama is seen to take requests again; see LetGo. The rest have nothing to ask; they
// count as done. It asks once and, but for Ollama, does not wait; a question that is not
// answered says no. slot is the number that was asked for, negative where none was. It
// fits slot.Config.Gone.
func (d *Describer) Gone(ctx context.Context, e model.Endpoint, slot int) bool {
	client, h := d.at(e.Origin)
	if client == nil {
		return true // nobody ever asked who it is
	}
	slots := h.Slots
	a := newAsker(client, 0)
	switch h.Kind {
	case KindLlamaCpp:
		if slots == 1 {
			slot = -1
		}
		return slotIdle(a.get(ctx, "/slots"), slot)
	case KindVLLM:
		return metric(a.get(ctx, "/metrics"), "vllm:num_requests_running")
	case KindSGLang:
		return metric(a.get(ctx, "/metrics"), "sglang:num_running_reqs")
	case KindOllama:
		return d.LetGo(ctx, e)
	default:
		return true
	}
}

// slotIdle reads llama-server's list of slots. Where it is switched off, or the slot is
// not known among several, nothing can be told.
func slotIdle(r reply, number int) bool {
	if r.err != nil {
		return refused(r.err)
	}
	var slots []llamaSlot
	if !r.decode(&slots) {
		return true
	}
	for _, s := range slots {
		if (s.ID == number || len(slots) == 1) && s.Processing {
			return false
		}
	}
	return true
}

// metric reports whether a gauge is zero in all its series; one that is not shown says nothing.
func metric(r reply, name string) bool {
	if r.err != nil {
		return refused(r.err)
	}
	for line := range strings.Lines(string(r.body)) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		if f := strings.Fields(rest); len(f) > 0 && strings.Trim(f[len(f)-1], "0.") != "" {
			return false
		}
	}
	return true
}

// refused reports whether the machine answered that nobody listens: the server has ended,
// and what it did with it. One that is asleep, or whose queue is full, says nothing.
func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, windowsRefused)
}

// windowsRefused is WSAECONNREFUSED, which syscall has no name for: its own ECONNREFUSED
// is one that Windows never gives.
const windowsRefused = syscall.Errno(10061)
