package probe

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"hearth/model"
)

// Tokenize has the tokenizer of the server behind t count texts. It gives nil where the
// server has none to ask, is not the owner's own, does not have the model in memory, or
// did not answer all of it before ctx's deadline; then it is never asked again. It fits
// agent.Counts.
//
// llama.cpp counts at POST /tokenize {content}, without taking a slot; vLLM there as well,
// with {model, prompt}.
func (d *Describer) Tokenize(ctx context.Context, t model.Target, texts []string) []int {
	client, h := d.at(t.Endpoint.Origin)
	if !t.Locality().Own() || client == nil || h.Kind != KindLlamaCpp && h.Kind != KindVLLM {
		return nil
	}
	if m := h.find(t.Ref.Model); m == nil || m.Resident != nil && !*m.Resident {
		return nil
	}
	d.mu.Lock()
	mute := d.mute[t.Endpoint.Origin]
	d.mu.Unlock()
	if mute {
		return nil
	}
	// ctx bounds the questions: the caller knows what they are worth.
	counts := make([]int, len(texts))
	for i, text := range texts {
		n, ok := tokens(ctx, newAsker(client, time.Minute), h.Kind, t.Ref.Model, text)
		if !ok {
			if !errors.Is(ctx.Err(), context.Canceled) { // else somebody stopped us, not the server
				d.mu.Lock()
				d.mute[t.Endpoint.Origin] = true
				d.mu.Unlock()
			}
			return nil
		}
		counts[i] = n
	}
	return counts
}

// tokens asks for one text.
func tokens(ctx context.Context, a *asker, kind Kind, id, text string) (int, bool) {
	var question any = struct {
		Content string `json:"content"`
		Special bool   `json:"add_special"`
	}{Content: text}
	if kind == KindVLLM {
		question = struct {
			Model   string `json:"model"`
			Prompt  string `json:"prompt"`
			Special bool   `json:"add_special_tokens"`
		}{Model: id, Prompt: text}
	}
	body, err := json.Marshal(question)
	if err != nil {
		return 0, false // text is text
	}
	var said struct {
		Count  int               `json:"count"`
		Tokens []json.RawMessage `json:"tokens"`
	}
	if !a.post(ctx, "/tokenize", body).decode(&said) {
		return 0, false
	}
	n := max(said.Count, len(said.Tokens))
	return n, n > 0
}
