package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hearth/model/service"
)

func TestWhatAnAnswerSaysOfAServersHealth(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		body   string
		want   service.Health
		words  string
	}{
		{"it answers", 200, "{}", service.Ready, ""},
		{"it wants a key, so it is there", 401, "{}", service.Ready, ""},
		{"it does not like ours", 403, "{}", service.Ready, ""},
		{"it says in llama-server's words that it is loading", 503, `{"error":{"message":"Loading model","type":"unavailable_error","code":503}}`, service.Loading, "Loading model"},
		{"it says so in words of its own", 503, "one moment\n", service.Loading, "one moment"},
		{"something else answers", 404, "no such page", service.Absent, "answers 404 no such page"},
		{"a proxy has nobody behind it", 502, "", service.Absent, "answers 502"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/health" || r.Header.Get("Authorization") != "" {
					t.Errorf("asked %s with %q", r.URL, r.Header)
				}
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
			}))
			defer server.Close()
			a := scene(t, `{models:{providers:{own:{baseUrl:"http://127.0.0.1:9/v1",apiKey:"sk-for-the-model",localService:{command:"/x",healthUrl:"`+server.URL+`/health"},models:[]}}}}`)
			h, err := a.services.health(t.Context(), "own", a.file.Config.Models.Providers["own"])
			if err != nil {
				t.Fatal(err)
			}
			if got, words := h.ask(t.Context()); got != row.want || !strings.Contains(words, row.words) {
				t.Errorf("got %d %q, want %d %q", got, words, row.want, row.words)
			}
			server.Close()
			if got, words := h.ask(t.Context()); got != service.Absent || !strings.Contains(words, "refused") {
				t.Errorf("when it is gone: %d %q", got, words)
			}
		})
	}
}

func TestWhereAServersHealthIsAsked(t *testing.T) {
	for base, want := range map[string]string{
		`baseUrl:"http://127.0.0.1:9/v1/"`:                         "http://127.0.0.1:9/v1/models",
		`baseUrl:"http://127.0.0.1:9",api:"ollama"`:                "http://127.0.0.1:9/api/version",
		`baseUrl:"http://127.0.0.1:9/v1",api:"ollama"`:             "http://127.0.0.1:9/api/version",
		`baseUrl:"http://127.0.0.1:9/v1",api:"anthropic-messages"`: "http://127.0.0.1:9/v1/models",
	} {
		a := scene(t, `{models:{providers:{own:{`+base+`,localService:{command:"/x"},models:[]}}}}`)
		h, err := a.services.health(t.Context(), "own", a.file.Config.Models.Providers["own"])
		if err != nil || h.url != want {
			t.Errorf("%s: asked %s, want %s (%v)", base, h.url, want, err)
		}
	}
}
