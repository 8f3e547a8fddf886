package probe

import "context"

// showLocalAI asks LocalAI about one model, in Ollama's language: what is called its
// context length is the size that its config has it served with
// (core/http/endpoints/ollama/models.go).
func (a *asker) showLocalAI(ctx context.Context, m *Model) {
	s, _ := a.shown(ctx, m.ID)
	if n := countIn(s.Info["general.context_length"]); n > 0 {
		m.set("POST /api/show model_info general.context_length", n)
	}
}
