//go:build unix

package ollama

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"hearth/test/scripted"
)

// The models a started server has.
const (
	Chat  = "tiny"       // tools and thinking
	Tools = "tiny-tools" // tools, no thinking: the "<think>" of a script stays in the text
	Plain = "tiny-plain" // neither
	Small = "tiny-small" // Chat with a window of SmallContext tokens
)

// Windows in tokens. Ollama's /v1 routes have no field for it, so a test of overflow
// there needs a model that is made small, and an agent one that is not: 4096, Ollama's
// own default, hardly holds an agent's tools in the vocabulary of this model.
const (
	ChatContext  = 16384 // of all models but Small
	SmallContext = 2048
)

var (
	//go:embed templates/chat.tmpl
	chatTemplate string
	//go:embed templates/tools.tmpl
	toolsTemplate string
	//go:embed templates/plain.tmpl
	plainTemplate string
)

// creation is the body of POST /api/create.
type creation struct {
	Model      string            `json:"model"`
	Files      map[string]string `json:"files"` // file name → digest of an uploaded blob
	Template   string            `json:"template"`
	Parameters parameters        `json:"parameters"`
	Stream     bool              `json:"stream"`
}

type parameters struct {
	NumThread int `json:"num_thread"`
	NumCtx    int `json:"num_ctx,omitempty"`
}

// Templates for Create: of Chat, which keeps the reasoning of all messages, and one like
// most that Ollama ships, which drops what is older than the last question.
func Templates() (keeps, drops string) {
	drops = strings.Replace(chatTemplate, "{{- range .Messages -}}", `{{- $asked := -1 -}}
{{- range $i, $m := .Messages -}}{{- if eq $m.Role "user" -}}{{- $asked = $i -}}{{- end -}}{{- end -}}
{{- range $i, $m := .Messages -}}`, 1)
	return chatTemplate, strings.Replace(drops, "{{ if .Thinking -}}", "{{ if and .Thinking (gt $i $asked) -}}", 1)
}

// Create gives the server another model, with the window and the one thread of Chat.
func (s *Server) Create(ctx context.Context, name, template string, config scripted.Config) error {
	model, err := scripted.Build(config)
	if err != nil {
		return err
	}
	digest, err := s.upload(ctx, model)
	if err != nil {
		return err
	}
	return s.create(ctx, digest, creation{Model: name, Template: template, Parameters: parameters{NumCtx: ChatContext}})
}

// createModels uploads the scripted model once and names it with each template.
func (s *Server) createModels(ctx context.Context) error {
	model, err := scripted.Build(scripted.Config{})
	if err != nil {
		return err
	}
	digest, err := s.upload(ctx, model)
	if err != nil {
		return err
	}
	for _, c := range []creation{
		{Model: Chat, Template: chatTemplate, Parameters: parameters{NumCtx: ChatContext}},
		{Model: Tools, Template: toolsTemplate, Parameters: parameters{NumCtx: ChatContext}},
		{Model: Plain, Template: plainTemplate, Parameters: parameters{NumCtx: ChatContext}},
		{Model: Small, Template: chatTemplate, Parameters: parameters{NumCtx: SmallContext}},
	} {
		if err := s.create(ctx, digest, c); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) upload(ctx context.Context, model []byte) (digest string, err error) {
	digest = fmt.Sprintf("sha256:%x", sha256.Sum256(model))
	return digest, s.post(ctx, "/api/blobs/"+digest, model)
}

func (s *Server) create(ctx context.Context, digest string, c creation) error {
	c.Files = map[string]string{"script.gguf": digest}
	c.Parameters.NumThread = 1
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	if err := s.post(ctx, "/api/create", body); err != nil {
		return fmt.Errorf("create model %s: %w", c.Model, err)
	}
	return nil
}

func (s *Server) post(ctx context.Context, path string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // nothing is left to learn from it
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("POST %s: %s: %s", path, resp.Status, answer)
	}
	return nil
}

// Unload makes the server forget a model and returns when it has: the next request
// loads it anew, with an empty cache.
func (s *Server) Unload(ctx context.Context, model string) error {
	body, err := json.Marshal(map[string]any{"model": model, "keep_alive": 0})
	if err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	if err := s.post(ctx, "/api/generate", body); err != nil {
		return fmt.Errorf("unload %s: %w", model, err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		names, err := s.Loaded(ctx)
		if err != nil || !slices.Contains(names, model+":latest") {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("unload %s: %w", model, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// Loaded gives the names of the models in memory.
func (s *Server) Loaded(ctx context.Context) ([]string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/ps", http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // nothing is left to learn from it
	var v struct{ Models []struct{ Name string } }
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return nil, fmt.Errorf("GET /api/ps: %w", err)
	}
	var names []string
	for _, m := range v.Models {
		names = append(names, m.Name)
	}
	return names, nil
}
