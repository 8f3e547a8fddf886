package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"hearth/model/modeltest"
)

// What an edit of the config means for a running conversation is held against the plan
// that it runs on, and said once.
func TestAChatSaysOnceWhichEditsWait(t *testing.T) {
	t.Setenv("HEARTH_DISCOVER", "off")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := modeltest.NewServer(t, modeltest.Config{Identity: modeltest.LlamaCpp, Window: 32768})
	start := fmt.Sprintf(`{models: {providers: {box: {baseUrl: "%s/v1", models: [{id: "test-model"}]}}},
		agents: {defaults: {workspace: %q%%s}}%%s}`, server.URL, t.TempDir())
	a := scene(t, fmt.Sprintf(start, "", ""))
	var out, errs bytes.Buffer
	a.io.out, a.io.err = &out, &errs
	k, err := a.open(ctx, choice{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()

	var person visitor
	heard := func(name string, want ...string) {
		person = append(person, func() string {
			said := errs.String()
			errs.Reset()
			for _, w := range want {
				if strings.Count(said, w) != 1 {
					t.Errorf("%s: %q is not said once:\n%s", name, w, said)
				}
			}
			if len(want) == 0 && (strings.Contains(said, "begins anew") || strings.Contains(said, "applies")) {
				t.Errorf("%s: something is said:\n%s", name, said)
			}
			return ""
		})
	}
	edited := func(inDefaults, atEnd string) {
		person = append(person, func() string {
			if err := os.WriteFile(k.file.Path(), fmt.Appendf(nil, start, inDefaults, atEnd), 0o600); err != nil {
				t.Error(err)
			}
			return "go on"
		})
	}
	const tools = `, tools: {deny: ["exec", "process"]}`
	person.says("hello")
	heard("at the beginning")
	edited("", tools)
	heard("the tools", "begins anew (/new) or is summed up (/compact): the tools (edit, read, write)")
	edited("", "")
	heard("the tools are back")
	edited(`, bootstrapMaxChars: 999`, "")
	heard("the system text", "applies when this conversation begins anew (/new): agents.defaults.bootstrapMaxChars")
	edited("", "")
	heard("the system text is back")
	edited(`, contextTokens: 9000`, "")
	heard("less of the window", "or is summed up (/compact): the window that is kept within (9000 tokens)", "begins anew")
	edited("", "")
	heard("all of it is back")
	edited("", tools)
	person.says("/new")
	person.says("hello")
	heard("a new conversation has it")
	if err := (chat{k}).converse(ctx, &person); err != nil {
		t.Fatal(err)
	}
}

// Whoever corrects a key, or how a server is reached, has it asked again at once: what it
// says decides how the next conversation begins.
func TestAServerIsAskedAgainAfterAnEdit(t *testing.T) {
	t.Setenv("HEARTH_DISCOVER", "off")
	var mu sync.Mutex
	window := 8192
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.Header.Get("Authorization") != "Bearer right-key-4711":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/v1/models":
			_, _ = fmt.Fprintf(w, `{"object":"list","data":[{"id":"m","owned_by":"vllm","max_model_len":%d}]}`, window)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	keyed := `{models: {providers: {box: {baseUrl: "` + server.URL + `/v1", apiKey: %q, timeoutSeconds: %d, models: [{id: "m"}]}}}}`
	a := scene(t, fmt.Sprintf(keyed, "wrong-key-4711", 60))
	k, err := a.open(t.Context(), choice{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	wants := func(name string, known bool, tokens int) {
		t.Helper()
		chain, err := k.targets.chain(t.Context(), k.choice)
		if err != nil {
			t.Fatal(err)
		}
		if c := chain[0].Layers.Merge(); c.WindowKnown != known || known && c.Window != tokens {
			t.Errorf("%s: a window of %d tokens, known %t", name, c.Window, c.WindowKnown)
		}
	}
	edited := func(key string, seconds int) {
		t.Helper()
		if err := os.WriteFile(k.file.Path(), fmt.Appendf(nil, keyed, key, seconds), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := k.reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wants("with the wrong key", false, 0)
	edited("right-key-4711", 60)
	wants("with the right one", true, 8192)
	mu.Lock()
	window = 4096
	mu.Unlock()
	edited("right-key-4711", 90)
	wants("after another edit", true, 4096)
}
