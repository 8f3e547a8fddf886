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
	const whole = `models.providers.box.baseUrl is the address of one kind of request; Hearth adds /chat/completions to it.|hearth config set models.providers.box.baseUrl URL/v1`
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
		{"the whole address of the requests", "/v1/chat/completions", `{"detail":"Not Found"}`, completions, whole},
		{"with a final slash", "/v1/chat/completions/", "404 page not found", completions, whole},
		{"that of another API", "/v1/responses", `{"detail":"Not Found"}`, completions, whole},
		{"that of Ollama's own", "/api/chat", "404 page not found", model.Call{Path: "/api/chat", FromRoot: true},
			"models.providers.box.baseUrl is the address of one kind of request; Hearth adds /api/chat to it.|hearth config set models.providers.box.baseUrl URL"},
		{"LM Studio, the whole address", "/v1/chat/completions", `{"error":"Unexpected endpoint or method. (POST /v1/chat/completions/chat/completions)"}`, completions, whole},
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
				if !strings.Contains(row.body, "Unexpected endpoint") { // those words come with 200
					w.WriteHeader(http.StatusNotFound)
				}
				_, _ = fmt.Fprint(w, row.body)
			}))
			defer server.Close()
			at, err := model.ParseEndpoint(server.URL + row.base)
			if err != nil {
				t.Fatal(err)
			}
			c := model.NewClient(model.ClientConfig{Provider: "box", Endpoint: at})
			defer c.CloseIdle()
			row.call.Op, row.call.Model, row.call.Body, row.call.Accept = "ask", "qwen3", []byte("{}"), model.AcceptEvents
			_, err = c.Post(t.Context(), row.call)
			e := told(t, err)
			if got := e.Cause + "|" + e.Try; e.Reason != hearth.ReasonModelNotFound || got != strings.ReplaceAll(row.want, "URL", server.URL) {
				t.Errorf("%s\ngot  %s\nwant %s", e.Reason, got, strings.TrimSpace(row.want))
			}
		})
	}
}

// All names of this machine are one for slots and locks; a person is told the one that
// they wrote, since a server may listen at it alone.
func TestAnAddressIsToldAsItIsWritten(t *testing.T) {
	for _, row := range []struct{ base, origin, written string }{
		{"http://LOCALHOST:8080/v1", "http://127.0.0.1:8080", "http://localhost:8080"},
		{"http://[::1]:8080", "http://127.0.0.1:8080", "http://[::1]:8080"},
		{"https://gpu.lan/v1", "https://gpu.lan:443", "https://gpu.lan:443"},
	} {
		at, err := model.ParseEndpoint(row.base)
		if err != nil || at.Origin != row.origin || at.Written() != row.written {
			t.Errorf("%s: %s, told as %s (%v)", row.base, at.Origin, at.Written(), err)
		}
	}
	if demo := (model.Endpoint{Origin: "demo"}); demo.Written() != "demo" {
		t.Errorf("one that was not read is told as %q", demo.Written())
	}
}

func TestTheAddressThatWasMeant(t *testing.T) {
	for _, row := range []struct{ written, meant string }{
		{"127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"},
		{"localhost:1234/v1", "http://localhost:1234/v1"},
		{"localhost", "http://localhost"},
		{"gpubox:8000", "http://gpubox:8000"},
		{"[::1]:8000/v1", "http://[::1]:8000/v1"},
		{" box.local/v1 ", "http://box.local/v1"},
		{"http:/127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"},
		{"https:box.local/v1", "https://box.local/v1"},
		{"HTTP//box.local/v1", "http://box.local/v1"},
		{"ftp://127.0.0.1/v1", ""},
		{"http://127.0.0.1:99999/v1", ""},
		{"http://localhost::8000/v1", ""},
		{"localhost:1234/v1; rm -r x", ""},
		{"words", ""},
		{"", ""},
		{"http://127.0.0.1:8000/v1", ""},
	} {
		if got := model.Mended(row.written); got != row.meant {
			t.Errorf("%q: %q, want %q", row.written, got, row.meant)
		}
	}
}
