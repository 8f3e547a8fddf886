package probe

import (
	"context"
	"strings"
)

// addRunning marks what llama-swap has loaded. The commands in its reply stay unread:
// they may hold secrets.
func (a *asker) addRunning(ctx context.Context, h *Host) {
	var r swapRunning
	if !a.get(ctx, "/running").decode(&r) {
		return
	}
	for i := range h.Models {
		h.Models[i].Resident = new(false)
		h.Models[i].note("resident", "GET /running")
	}
	for _, e := range r.Running {
		if m := h.find(e.Model); m != nil {
			m.Resident = new(e.State == "ready")
			if *m.Resident {
				a.addUpstream(ctx, h, m)
			}
		}
	}
}

// addUpstream asks the llama-server of a model that llama-swap has loaded; for any other
// one, the question would load it (https://github.com/mostlygeek/llama-swap, /upstream).
func (a *asker) addUpstream(ctx context.Context, h *Host, m *Model) {
	var p llamaProps
	if strings.ContainsAny(m.ID, "?#% ") || !a.get(ctx, "/upstream/"+m.ID+"/props").decode(&p) {
		return
	}
	if p.Default.NCtx > 0 {
		m.set("GET /upstream/"+m.ID+"/props default_generation_settings.n_ctx", p.Default.NCtx)
	}
	if p.TotalSlots > 0 && len(h.Models) == 1 { // of several models, each has slots of its own
		h.works(int(p.TotalSlots), "GET /upstream/"+m.ID+"/props total_slots")
	}
}
