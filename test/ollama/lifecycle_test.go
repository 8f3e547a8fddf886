//go:build e2e && unix

package ollama

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func unload(t *testing.T, model string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := server.Unload(ctx, model); err != nil {
		t.Fatal(err)
	}
}

func TestUnloadAndColdLoad(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol) {
		unload(t, Chat)
		began := logged(t)
		if a := p.ask(t, ask{model: Chat, history: user("@@plain"), stream: true}); !strings.HasPrefix(a.text, "Hello") {
			t.Errorf("after a cold load it says %q", a.text)
		}
		if loads := strings.Count(logged(t)[len(began):], "starting runner"); loads == 0 {
			t.Error("the model was not loaded again, so this saw no cold load")
		}
	})
}

func logged(t *testing.T) string {
	t.Helper()
	log, err := server.Log()
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// The window is part of what is loaded: a request with another num_ctx loads the model
// anew and forgets every cached prompt. So all requests of a session must send the same.
func TestAnotherWindowReloads(t *testing.T) {
	question := func(window int) int {
		began := len(logged(t))
		native.ask(t, ask{model: Chat, history: user("@@plain"), extra: map[string]any{"options": map[string]any{"num_ctx": window}}})
		return strings.Count(logged(t)[began:], "starting runner")
	}
	question(1024)
	if n := question(1024); n != 0 {
		t.Errorf("the same window loads the model %d times", n)
	}
	if n := question(1536); n == 0 {
		t.Error("another window does not load the model anew")
	}
}

// A request that extends the one before is read from the cache but for what is new, in
// every protocol, with tools, calls, results and thinking on the way.
func TestExtendingRequestsAreCached(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol) {
		history := []message{{role: "system", text: "You read files. " + long(300)}, {role: "user", text: "@@say-read"}}
		tools := []string{"read", "exec"}
		var before Evaluation
		for turn, next := range [][]message{
			nil,
			{{role: "assistant", text: "I look into the notes.", calls: []call{{"call_1", "read", `{"path":"notes.txt"}`}}}, {role: "tool", call: "call_1", text: "milk, eggs"}},
			{{role: "assistant", text: "The tool says it is done."}, {role: "user", text: "@@think again"}},
			{{role: "assistant", text: "The answer is 42."}, {role: "user", text: "@@plain"}},
		} {
			history = append(history, next...)
			p.ask(t, ask{model: Chat, history: history, tools: tools, stream: true})
			now := lastEvaluation(t)
			if turn > 0 && now.Cached < before.Prompt {
				t.Errorf("turn %d: of %d tokens %d were cached; the request before had %d", turn, now.Prompt, now.Cached, before.Prompt)
			}
			t.Logf("%+v", now)
			before = now
		}
	})
}

func lastEvaluation(t *testing.T) Evaluation {
	t.Helper()
	all, err := server.Evaluations()
	if err != nil || len(all) == 0 {
		t.Fatalf("the log says nothing of evaluated prompts (%v)", err)
	}
	return all[len(all)-1]
}

// A client that goes away frees the only slot, mostly. Sometimes it blocks the model for
// ever: when a token arrives between the failed write to the client and the end of its
// handler, the goroutine that reads from the runner waits for a reader that is gone, and
// holds the model's only permit. Every later request then waits without a word, while
// /api/version and /api/ps answer as ever. A fast model meets this about once in eight
// departures, a slow one seldom. Unloading the model helps.
func TestGoingAwayFreesTheSlotOrAnUnloadDoes(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol) {
		stuck := 0
		for range 4 {
			goAway(t, p)
			if answersWithin(t, p, 3*time.Second) {
				continue
			}
			stuck++
			unload(t, Chat)
			if !answersWithin(t, p, 30*time.Second) {
				t.Fatal("the model is stuck, and unloading it does not help")
			}
		}
		t.Logf("stuck after %d of 4 departures", stuck)
	})
}

// goAway asks for an endless answer and closes the connection in the middle of it.
func goAway(t *testing.T, p protocol) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	resp := send(t, ctx, p.path, p.body(ask{model: Chat, history: user("@@loop"), stream: true, extra: endless(p)}))
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.ReadFull(resp.Body, make([]byte, 400)); err != nil {
		t.Fatal(err)
	}
}

// A prompt that is being read is read to its end, also when nobody waits for the answer:
// the next request waits for that, and nothing that Ollama says of itself shows it; a
// request that is too long is refused at once. What was read stays in the cache.
func TestGoingAwayDoesNotStopTheReading(t *testing.T) {
	native.ask(t, ask{model: Chat, history: user("@@plain"), stream: true}) // it is loaded
	began := len(logged(t))
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		// One token, in one piece: should it come before we leave, nothing can get stuck.
		body := native.body(ask{model: Chat, history: user("@@plain " + long(1200)), extra: map[string]any{"options": map[string]any{"num_predict": 1}}})
		if resp, err := trySend(ctx, native.path, body); err == nil {
			_ = resp.Body.Close() // only that it was read counts
		}
	}()
	awaitLog(t, began, `loading cache slot.* prompt=[3-9]\d\d\d `)
	leave()
	<-left
	native.ask(t, ask{model: Chat, history: user("@@plain"), stream: true})
	awaitLog(t, began, `loading cache slot.* cache=[3-9]\d\d\d `)
}

// awaitLog waits until the log has a line that fits, from a place on.
func awaitLog(t *testing.T, from int, line string) {
	t.Helper()
	want := regexp.MustCompile(line)
	patience := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !want.MatchString(logged(t)[from:]) {
		select {
		case <-tick.C:
		case <-patience:
			t.Fatalf("no line of the log fits %s:\n%s", line, logged(t)[from:])
		}
	}
}

func answersWithin(t *testing.T, p protocol, limit time.Duration) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	resp, err := trySend(ctx, p.path, p.body(ask{model: Chat, history: user("@@plain"), stream: true}))
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return err == nil && strings.HasPrefix(p.read(t, body).text, "Hello")
}

// endless lifts the limit on output tokens.
func endless(p protocol) map[string]any {
	switch p.name {
	case "native":
		return map[string]any{"options": map[string]any{"num_predict": -1}}
	case "messages":
		return map[string]any{"max_tokens": 1 << 20}
	}
	return nil
}

// When the runner dies in the middle of an answer, three of the four protocols end the
// stream as if nothing had happened: no error, a clean end of file. Only what is
// missing tells: the finish word and the end mark. The next request loads the model.
func TestRunnerDiesMidStream(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		resp := send(t, ctx, p.path, p.body(ask{model: Chat, history: user("@@loop"), stream: true, extra: endless(p)}))
		defer func() { _ = resp.Body.Close() }()
		head := make([]byte, 2000)
		if _, err := io.ReadFull(resp.Body, head); err != nil {
			t.Fatal(err)
		}
		if err := server.KillRunners(t.Context()); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("the stream breaks with %v; it used to end cleanly", err)
		}
		end := bytes.TrimSpace(rest[max(0, len(rest)-300):])
		a := p.read(t, slices.Concat(head, rest))
		if p.name == "native" {
			if !strings.Contains(a.finish, "an error was encountered while running the model") || a.closed {
				t.Errorf("finish %q, closed %v; the stream ends %s", a.finish, a.closed, end)
			}
		} else if a.finish != "" || a.closed {
			t.Errorf("finish %q, closed %v; the stream ends %s", a.finish, a.closed, end)
		}
		if a := p.ask(t, ask{model: Chat, history: user("@@plain"), stream: true}); !strings.HasPrefix(a.text, "Hello") {
			t.Errorf("the next answer is %q", a.text)
		}
	})
}
