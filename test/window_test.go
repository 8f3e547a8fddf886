package test_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"hearth/model/modeltest"
)

// Forty turns of long messages, every fifth with a large tool output, in a window that
// holds a quarter of them, against a server that refuses what is longer in its own
// words and counts in its own way. Every turn is answered, requests extend one another
// but for a few breaks, and what the person said in the first turn lasts.
func TestALongConversationInASmallWindow(t *testing.T) {
	program := build(t)
	for api, words := range map[string]string{
		modeltest.Completions: "llama.cpp", modeltest.Responses: "openai responses", modeltest.Messages: "anthropic", modeltest.Ollama: "ollama",
	} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			t.Run("a process for each turn, in a window that is known", func(t *testing.T) {
				w := newSmallWorld(t, program, api, words)
				w.smallWindow(servedWindow)
				for n := 1; n <= longTurns; n++ {
					stdout, stderr, err := w.run("agent", "--json", "--message", longMessage(n))
					if want := fmt.Sprintf("Answer %d.", n); err != nil || !strings.Contains(stdout, want) {
						t.Fatalf("turn %d: %v\n%s%s", n, err, stdout, stderr)
					}
				}
				w.check()
				if refused := len(w.server.Requests()) - len(w.model.answered); refused > 0 {
					t.Errorf("%d requests were longer than the window", refused)
				}
			})
			t.Run("one process, and a config that promises more", func(t *testing.T) {
				w := newSmallWorld(t, program, api, words)
				w.smallWindow(4 * servedWindow)
				var said []string
				for n := 1; n <= longTurns; n++ {
					said = append(said, longMessage(n)+"\n")
				}
				cmd := w.command("up")
				cmd.Stdin = strings.NewReader(strings.Join(said, ""))
				var out, errs bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &errs
				if err := cmd.Run(); err != nil {
					t.Fatalf("%v\n%s%s", err, out.String(), errs.String())
				}
				rest := out.String()
				for n := 1; n <= longTurns; n++ {
					_, after, ok := strings.Cut(rest, fmt.Sprintf("Answer %d.", n))
					if !ok {
						t.Fatalf("turn %d has no answer\n%s%s", n, out.String(), errs.String())
					}
					rest = after
				}
				w.check()
				// The server says it once; nothing that it would refuse again is sent again.
				if refused := len(w.server.Requests()) - len(w.model.answered); refused != 1 {
					t.Errorf("%d requests were refused", refused)
				}
				if n := strings.Count(errs.String(), "40000 that were assumed; the conversation is kept within"); n != 1 {
					t.Errorf("the person is told %d times that the window is smaller", n)
				}
			})
		})
	}
}

const (
	longTurns    = 40
	servedWindow = 10_000
)

// longMessage is what a person says in a turn: a line of about 2,000 characters, some of
// them not ASCII.
func longMessage(n int) string {
	first := ""
	if n == 1 {
		first = "Remember that my cat is called Mulberry. "
	}
	return fmt.Sprintf("Turn %d: %s%s", n, first, strings.Repeat("Once more the same long story, größer and größer, until it ends. ", 30))
}

// serverCount is a tokenizer that is no relative of any estimate of ours.
func serverCount(prompt string) int {
	ascii, other := 0, 0
	for _, r := range prompt {
		if r < 0x80 {
			ascii++
		} else {
			other++
		}
	}
	return ascii*10/31 + other*3/2
}

// smallWorld is a person's machine with a server whose window is small.
type smallWorld struct {
	*world
	model *forgetful
}

func newSmallWorld(t *testing.T, program, api, words string) *smallWorld {
	m := &forgetful{}
	w := newWorldWith(t, program, api, modeltest.Config{Window: servedWindow, Refusal: words, Count: serverCount, Default: m.answer})
	w.write("work/log.txt", strings.Repeat("a line of the log\n", 300))
	return &smallWorld{world: w, model: m}
}

// smallWindow writes a config that says how large the window is.
func (w *smallWorld) smallWindow(tokens int) {
	base := w.server.URL
	if w.api == modeltest.Completions || w.api == modeltest.Responses {
		base += "/v1"
	}
	w.write("state/hearth.json", fmt.Sprintf(`{
  models: { providers: { box: { api: %q, baseUrl: %q, models: [{ id: "test-model", contextWindow: %d }] } } },
  agents: { defaults: { model: { primary: "box/test-model" }, workspace: %q } },
}`, w.api, base, tokens, filepath.Join(w.dir, "work")))
}

// forgetful is a model that knows what is in the request and nothing else.
type forgetful struct {
	mu       sync.Mutex // guards the field below
	answered []heard
}

// heard is a request that fitted.
type heard struct {
	body    []byte
	tokens  int
	summary bool // it asks for one
}

var turnNumber = regexp.MustCompile(`Turn (\d+): `)

func (m *forgetful) answer(x *modeltest.Exchange) {
	h := heard{body: x.Body, tokens: x.Usage.Input, summary: bytes.Contains(x.Body, []byte("about to be shortened"))}
	m.mu.Lock()
	m.answered = append(m.answered, h)
	m.mu.Unlock()
	body := string(x.Body)
	turns := turnNumber.FindAllStringSubmatchIndex(body, -1)
	switch {
	case h.summary && strings.Contains(body, "Mulberry"):
		says("The person's cat is called Mulberry. They tell a long story.")(x)
	case h.summary:
		says("Somebody tells a long story.")(x)
	case len(turns) == 0:
		says("There is no question.")(x)
	default:
		last := turns[len(turns)-1]
		n, since := body[last[2]:last[3]], body[last[1]:]
		if strings.HasSuffix(n, "5") && !strings.Contains(since, "a line of the log") {
			calls("read", `{"path":"log.txt"}`)(x)
			return
		}
		says("Answer " + n + ".")(x)
	}
}

// check holds the conversation against what was promised.
func (w *smallWorld) check() {
	w.t.Helper()
	all := w.model.answered
	breaks, grown, summaries := 0, 0, 0
	var before heard // the newest request of the conversation itself
	for i, now := range all {
		switch {
		case i == 0:
		case now.summary:
			summaries++
			w.summary(before, now)
			continue
		case len(extends(before.body, now.body)) > 0:
			breaks++
		default:
			grown += now.tokens - before.tokens
		}
		before = now
	}
	w.t.Logf("%d requests, %d refused, %d breaks, %d summaries, %d tokens appended", len(all), len(w.server.Requests())-len(all), breaks, summaries, grown)
	if !bytes.Contains(all[len(all)-1].body, []byte("Mulberry")) {
		w.t.Error("the last request does not hold the fact of the first turn")
	}
	// A conversation is shortened when three quarters of the window are full, and what
	// stays (head, summary, a fifth of the window of recent words) fills at most half of
	// it. So at least a quarter is filled anew before the next break.
	if most := grown/(servedWindow/4) + 1; summaries == 0 || breaks > most {
		w.t.Errorf("%d summaries and %d breaks; %d tokens need at most %d", summaries, breaks, grown, most)
	}
	if got := w.compactions(); got != breaks {
		w.t.Errorf("%d breaks by our own account, %d in what was sent", got, breaks)
	}
}

// summary checks a request for one: all but the question is in the server's cache.
func (w *smallWorld) summary(before, now heard) {
	w.t.Helper()
	_, was := messages(before.body)
	_, is := messages(now.body)
	for i, m := range is[:min(len(is)-1, len(was))] {
		if !bytes.Equal(m, was[i]) {
			w.t.Errorf("message %d of %d in the request for a summary is not what was sent before: %s", i, len(is), clip(m))
			break
		}
	}
	if !bytes.Contains(now.body, []byte("Mulberry")) {
		w.t.Error("a summary is asked for without the fact of the first turn")
	}
}

// compactions counts the epochs that began so, and complains of any other than the first.
func (w *smallWorld) compactions() (n int) {
	w.t.Helper()
	stdout, stderr, err := w.run("sessions", "epochs", "main", "--json")
	var of struct {
		Epochs []struct{ Reason string }
	}
	if err != nil || json.Unmarshal([]byte(stdout), &of) != nil || len(of.Epochs) == 0 {
		w.t.Fatalf("the epochs: %v\n%s%s", err, stdout, stderr)
	}
	for i, e := range of.Epochs {
		switch {
		case e.Reason == "compaction":
			n++
		case i > 0 || e.Reason != "first":
			w.t.Errorf("an epoch began because of %q", e.Reason)
		}
	}
	return n
}
