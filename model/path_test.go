package model_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
)

// A server that lacks the API that the config names may well have the model.
func TestAPathThatIsNotThereIsNoMissingModel(t *testing.T) {
	const missing = `Provider box does not offer qwen3 at this address.|See what it offers: hearth models list --refresh`
	messages, completions := model.Call{Path: "/v1/messages", FromRoot: true}, model.Call{Path: "/chat/completions"}
	rows := []struct {
		name, base, body string
		call             model.Call
		want             string
	}{
		{"Go, another API", "/v1", "404 page not found", messages,
			"Provider box has no /v1/messages at this address.|hearth config set models.providers.box.api openai-completions"},
		{"vLLM, an address without /v1", "", `{"detail":"Not Found"}`, messages,
			"Provider box has no /v1/messages at this address.|hearth config set models.providers.box.api openai-completions (the address then ends in /v1: models.providers.box.baseUrl)"},
		{"llama.cpp, Ollama's own API", "/v1", `{"error":{"message":"File Not Found","type":"not_found_error","code":404}}`, model.Call{Path: "/api/chat", FromRoot: true},
			"Provider box has no /api/chat at this address.|hearth config set models.providers.box.api openai-completions"},
		{"a forgotten /v1", "", "404 page not found", completions,
			"Provider box has no /chat/completions at this address.|Most servers have it below /v1: correct models.providers.box.baseUrl."},
		{"an address that is elsewhere", "/v1", `{"error":"not found"}`, completions,
			"Provider box has no /chat/completions at this address.|Correct models.providers.box.baseUrl, or models.providers.box.api where the server speaks another API."},
		{"no words", "/v1", "", messages,
			"Provider box has no /v1/messages at this address.|hearth config set models.providers.box.api openai-completions"},
		{"a model that is missing", "/v1", `{"error":"model 'qwen3' not found"}`, completions, missing},
		{"a model that is missing, in short", "/v1", `{"error":"not found: qwen3"}`, completions, missing},
		{"Anthropic's words for a model", "", `{"type":"error","error":{"type":"not_found_error","message":"model: qwen3"}}`, messages, missing},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusNotFound)
				_, _ = fmt.Fprint(w, row.body)
			}))
			defer server.Close()
			at, err := model.ParseEndpoint(server.URL + row.base)
			if err != nil {
				t.Fatal(err)
			}
			c := model.NewClient(model.ClientConfig{Provider: "box", Endpoint: at})
			defer c.CloseIdle()
			row.call.Op, row.call.Model, row.call.Body = "ask", "qwen3", []byte("{}")
			_, err = c.Post(t.Context(), row.call)
			e := told(t, err)
			if got := e.Cause + "|" + e.Try; e.Reason != hearth.ReasonModelNotFound || got != row.want {
				t.Errorf("%s\ngot  %s\nwant %s", e.Reason, got, strings.TrimSpace(row.want))
			}
		})
	}
}
