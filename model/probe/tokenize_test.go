package probe_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/modeltest"
	"hearth/model/probe"
)

// target is a model behind a client.
func targetOf(c *model.Client, id string) model.Target {
	return model.Target{Ref: hearth.ModelRef{Provider: "box", Model: id}, Protocol: "openai-completions", Endpoint: c.Endpoint()}
}

func TestAServersOwnTokenizerCounts(t *testing.T) {
	for name, row := range map[string]struct {
		identity modeltest.Identity
		want     []int
	}{
		"llama.cpp":             {modeltest.LlamaCpp, []int{9, 16}},
		"vLLM":                  {modeltest.VLLM, []int{9, 16}},
		"one that offers none":  {modeltest.SGLang, nil},
		"one that nobody knows": {modeltest.AnyCompatible, nil},
	} {
		t.Run(name, func(t *testing.T) {
			server := modeltest.NewServer(t, modeltest.Config{Identity: row.identity, Count: func(text string) int { return len([]rune(text)) }})
			d, c := probe.NewDescriber(probe.OpenCache(""), 0), client(t, server.URL)
			target := targetOf(c, "test-model")
			if got := d.Tokenize(t.Context(), target, []string{"too early"}); got != nil {
				t.Errorf("a server that was not recognised counts %v", got)
			}
			d.Describe(t.Context(), c, "test-model", "openai-completions")
			if got := d.Tokenize(t.Context(), target, []string{"Привет, я", "sixteen letters!"}); !slices.Equal(got, row.want) {
				t.Errorf("got %v, want %v", got, row.want)
			}
			target.Endpoint.Locality = hearth.LocalityHosted
			if got := d.Tokenize(t.Context(), target, []string{"mine"}); got != nil {
				t.Errorf("a vendor was asked, and counts %v", got)
			}
		})
	}
}

func TestATokenizerThatGivesNoAnswerIsNotAskedAgain(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"it is not there":       http.NotFound,
		"it says something odd": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"tokens":"many"}`)) },
		"it is silent":          func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			real := modeltest.NewServer(t, modeltest.Config{Identity: modeltest.LlamaCpp})
			var asked atomic.Int32
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/tokenize" {
					page, err := http.Get(real.URL + r.URL.Path)
					if err != nil {
						http.Error(w, err.Error(), http.StatusBadGateway)
						return
					}
					defer func() { _ = page.Body.Close() }()
					w.WriteHeader(page.StatusCode)
					_, _ = io.Copy(w, page.Body)
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				asked.Add(1)
				answer(w, r)
			}))
			t.Cleanup(front.Close)
			d, c := probe.NewDescriber(probe.OpenCache(""), 0), client(t, front.URL)
			if l := d.Describe(t.Context(), c, "test-model", "openai-completions"); l.Server.Server == nil || *l.Server.Server != "llama.cpp" {
				t.Fatalf("it was taken for %v", l.Server.Server)
			}
			for range 3 {
				ctx := t.Context()
				if name == "it is silent" {
					var cancel func()
					ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
					defer cancel()
				}
				if got := d.Tokenize(ctx, targetOf(c, "test-model"), []string{strings.Repeat("a ", 50), "b"}); got != nil {
					t.Errorf("it counted %v", got)
				}
			}
			if n := asked.Load(); n > 1 { // the silent one may not have heard the first question
				t.Errorf("asked %d times", n)
			}
		})
	}
}
