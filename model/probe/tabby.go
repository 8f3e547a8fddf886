package probe

import "context"

// addTabby asks TabbyAPI for the model that is loaded: its list has names only, and with
// the key of an administrator those of all folders (endpoints/core/utils/model.py).
func (a *asker) addTabby(ctx context.Context, h *Host) {
	const where = "GET /v1/model "
	var card openAIModel
	if !a.get(ctx, "/v1/model").decode(&card) || card.ID == "" {
		a.addTabbyProps(ctx, h)
		return
	}
	for i := range h.Models {
		h.Models[i].Resident = new(h.Models[i].ID == card.ID)
		h.Models[i].note("resident", where+"id")
	}
	m := h.find(card.ID)
	if m == nil {
		return
	}
	p := card.Parameters
	switch {
	case p.CacheSize > 0 && p.CacheSize < p.MaxSeqLen: // what is longer is refused
		m.set(where+"parameters.cache_size", p.CacheSize)
	case p.MaxSeqLen > 0:
		m.set(where+"parameters.max_seq_len", p.MaxSeqLen)
	}
	if p.MaxBatchSize > 0 {
		h.works(int(p.MaxBatchSize), where+"parameters.max_batch_size")
	}
	if p.UseVision != nil {
		m.Vision = p.UseVision
		m.note("vision", where+"parameters.use_vision")
	}
}

// addTabbyProps reads what TabbyAPI says in llama-server's words.
func (a *asker) addTabbyProps(ctx context.Context, h *Host) {
	var p llamaProps
	if len(h.Models) != 1 || !a.get(ctx, "/props").decode(&p) {
		return
	}
	if p.Default.NCtx > 0 {
		h.Models[0].set("GET /props default_generation_settings.n_ctx", p.Default.NCtx)
	}
	if p.TotalSlots > 0 {
		h.works(int(p.TotalSlots), "GET /props total_slots")
	}
}
