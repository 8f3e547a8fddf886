package hostile

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hearth/model/modeltest"
)

const (
	mayRead   = "note: the server may still read the request that was stopped; what comes next waits for that"
	goesOn    = "note: the server may still be working on the request that was stopped; going on"
	answersIt = "Thank you."
)

// TestTheNextCommandKnowsOfAStoppedOne: the server goes on to read what Ctrl-C stopped, and
// the command is over. The next one waits as the first would have, and says so or that
// nobody knows, once.
func TestTheNextCommandKnowsOfAStoppedOne(t *testing.T) {
	rows := []struct {
		name     string
		identity modeltest.Identity
		protocol string
		measured string // how fast it reads, as the cache has it
		killed   bool   // the first command, while it waits for the server
		told     string
	}{
		{name: "a server that nobody knows", protocol: modeltest.Completions, told: mayRead},
		{name: "LM Studio", identity: modeltest.LMStudio, protocol: modeltest.Responses, measured: slowly, told: goesOn},
		{name: "Ollama", identity: modeltest.OllamaServer, protocol: modeltest.Ollama, measured: slowly, told: goesOn},
		{name: "Ollama, measured on short prompts only", identity: modeltest.OllamaServer, protocol: modeltest.Ollama, measured: `[{"depth": 1, "perSec": 20000}]`, told: mayRead},
		{name: "Ollama, and kill -9", identity: modeltest.OllamaServer, protocol: modeltest.Ollama, measured: slowly, killed: true, told: goesOn},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := modeltest.NewServer(t, modeltest.Config{
				Identity: row.identity, Models: []modeltest.Model{{ID: "test-model", Window: 32768, TrainedMax: 32768}},
				Default: modeltest.Say(modeltest.Reply{Text: answersIt}),
			})
			h := newHouse(t, server.URL, row.protocol)
			if got := h.run(t, "agent", "-m", "Hello"); got.code != 0 {
				t.Fatalf("exit %d\n%s", got.code, got.err)
			}
			if got := h.run(t, "config", "set", "models.providers.box.slots", "1"); got.code != 0 { // others need not wait for one
				t.Fatal(got.err)
			}
			if row.measured != "" {
				h.reads(t, row.measured)
			}
			server.Script(func(x *modeltest.Exchange) { x.Hang() })
			h.stopsReading(t, row.killed)
			for i, command := range []string{"the next", "the one after"} {
				got := h.run(t, "agent", "-m", "And now?")
				if got.code != 0 || strings.TrimSpace(got.out) != answersIt {
					t.Fatalf("%s: exit %d\n%s%s", command, got.code, got.out, got.err)
				}
				said := 0
				for line := range strings.Lines(got.err) {
					if line = strings.TrimSuffix(line, "\n"); line == mayRead || line == goesOn {
						said++
						if line != row.told {
							t.Errorf("%s is told %q", command, line)
						}
					}
				}
				if want := 1 - i; said != want {
					t.Errorf("%s is told %d times, want %d:\n%s", command, said, want, got.err)
				}
			}
			if left, err := filepath.Glob(filepath.Join(h.dir, "state/locks/*.stopped")); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestTheNextCommandKnowsOfAKilledOne: kill -9 leaves no word of what the server was asked,
// but a slot whose use never ended. A server that drops a prompt with its client is asked,
// and nobody is told.
func TestTheNextCommandKnowsOfAKilledOne(t *testing.T) {
	rows := []struct {
		name     string
		identity modeltest.Identity
		protocol string
		told     string
	}{
		{name: "a server that nobody knows", protocol: modeltest.Completions, told: mayRead},
		{name: "Ollama", identity: modeltest.OllamaServer, protocol: modeltest.Ollama, told: mayRead},
		{name: "llama-server", identity: modeltest.LlamaCpp, protocol: modeltest.Completions},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := modeltest.NewServer(t, modeltest.Config{
				Identity: row.identity, Models: []modeltest.Model{{ID: "test-model", Window: 32768, TrainedMax: 32768}},
				Default: modeltest.Say(modeltest.Reply{Text: answersIt}),
			})
			h := newHouse(t, server.URL, row.protocol)
			if got := h.run(t, "agent", "-m", "Hello"); got.code != 0 || strings.Contains(got.err, "note:") {
				t.Fatalf("exit %d\n%s", got.code, got.err)
			}
			if got := h.run(t, "config", "set", "models.providers.box.slots", "1"); got.code != 0 { // others need not wait for one
				t.Fatal(got.err)
			}
			server.Script(func(x *modeltest.Exchange) { x.Hang() })
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			cmd, errs := h.command(ctx, "agent", "-m", "Read this"), newDisplay()
			cmd.Stderr = errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			errs.await(ctx, t, "test-model reads about ")
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			for i, command := range []string{"the next", "the one after"} {
				got := h.run(t, "agent", "-m", "And now?")
				if got.code != 0 || strings.TrimSpace(got.out) != answersIt {
					t.Fatalf("%s: exit %d\n%s%s", command, got.code, got.out, got.err)
				}
				if told := strings.Contains(got.err, row.told); i == 0 && !told || (i > 0 || row.told == "") && strings.Contains(got.err, "still") {
					t.Errorf("%s is told %q", command, got.err)
				}
			}
			if left, err := filepath.Glob(filepath.Join(h.dir, "state/locks/*.stopped")); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// slowly is a token a second at each depth, which takes longer than anybody waits.
const slowly = `[{"depth": 1, "perSec": 1}, {"depth": 100000, "perSec": 1}]`

// reads has the program remember how fast the server was measured to read.
func (h house) reads(t *testing.T, measured string) {
	t.Helper()
	name := filepath.Join(h.dir, "state/cache/capabilities.json")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Version int              `json:"version"`
		Entries []map[string]any `json:"entries"`
	}
	if err := json.Unmarshal(text, &file); err != nil || len(file.Entries) == 0 {
		t.Fatalf("%v in %s", err, text)
	}
	for _, e := range file.Entries {
		e["reading"] = json.RawMessage(measured)
	}
	if text, err = json.Marshal(file); err == nil {
		err = os.WriteFile(name, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// stopsReading runs a command until it says that the server reads, and presses Ctrl-C; it
// may kill it when that is written down.
func (h house) stopsReading(t *testing.T, kill bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd, errs := h.command(ctx, "agent", "-m", "Read this"), newDisplay()
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	errs.await(ctx, t, "test-model reads about ")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if kill {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for written := 0; written == 0; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatal("nothing is written of the stop")
			}
			files, err := filepath.Glob(filepath.Join(h.dir, "state/locks/*.stopped"))
			if err != nil {
				t.Fatal(err)
			}
			written = len(files)
		}
		_ = cmd.Process.Kill() // it may be over on a slow machine
	}
	if code := exitCode(t, cmd.Wait()); code != 130 && !kill {
		t.Fatalf("exit %d\n%s", code, errs)
	}
}
