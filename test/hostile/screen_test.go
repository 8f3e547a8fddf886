package hostile

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"hearth"
	"hearth/model/modeltest"
)

// TestWhatAPersonSees runs `hearth agent --message Hello` against every row: all of
// those that chat completions show, and of the other protocols what only they show.
func TestWhatAPersonSees(t *testing.T) {
	for _, protocol := range modeltest.Protocols {
		t.Run(protocol, func(t *testing.T) {
			name := filepath.Join("testdata", protocol+".txtar")
			golden := &txtar.Archive{Comment: []byte("What a person sees of `hearth agent --message Hello` when the model's server …\n\n")}
			if !*update {
				var err error
				if golden, err = txtar.ParseFile(name); err != nil {
					t.Fatal(err)
				}
			}
			var rows []modeltest.Pathology
			for _, p := range modeltest.Pathologies() {
				if p.On(protocol) && (protocol == modeltest.Completions || !p.On(modeltest.Completions)) {
					rows = append(rows, p)
				}
			}
			screens := make([]string, len(rows))
			t.Run("rows", func(t *testing.T) {
				for i, p := range rows {
					t.Run(p.Name, func(t *testing.T) {
						t.Parallel()
						screens[i] = screen(t, p, protocol)
					})
				}
			})
			if *update {
				for i, p := range rows {
					golden.Files = append(golden.Files, txtar.File{Name: p.Name, Data: []byte(screens[i])})
				}
				if err := os.WriteFile(name, txtar.Format(golden), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			compare(t, golden, rows, screens)
		})
	}
}

// compare holds the screens to the golden file, in both directions.
func compare(t *testing.T, golden *txtar.Archive, rows []modeltest.Pathology, screens []string) {
	t.Helper()
	want := map[string]string{}
	for _, f := range golden.Files {
		want[f.Name] = string(f.Data)
	}
	for i, p := range rows {
		if got := screens[i]; got != want[p.Name] {
			t.Errorf("when the server %s, a person sees\n%s\nand not\n%s", p.Name, got, want[p.Name])
		}
		delete(want, p.Name)
	}
	for name := range want {
		t.Errorf("the golden file has a row %q that modeltest has not", name)
	}
}

// screen gives what is seen of one row.
func screen(t *testing.T, p modeltest.Pathology, protocol string) string {
	t.Helper()
	server := modeltest.NewServer(t, modeltest.Config{Default: modeltest.Say(modeltest.Reply{Text: "Thank you."})})
	h := newHouse(t, server.URL, protocol)
	switch {
	case p.Down:
		server.Close()
	case len(p.Want.Calls) > 0: // what follows the tools' results is said plainly
		server.Script(p.Serve)
	default:
		server.Always(p.Serve)
	}
	args := []string{"agent", "--message", "Hello"}
	var got seen
	switch {
	case slices.Contains(makeWait, p.Name):
		got = h.interrupted(t, server, "", ", the server ", args...)
	case p.Hangs:
		got = h.interrupted(t, server, strings.TrimSpace(p.Want.Text), "", args...)
	default:
		got = h.run(t, args...)
	}
	switch p.Want.Reason {
	case hearth.ReasonBadRequest, hearth.ReasonToolsRefused, hearth.ReasonContextOverflow:
		neverTwice(t, server.Requests())
	default:
	}
	// On a slow machine anything may take its time, and the program says so.
	got.err = waiting.ReplaceAllStringFunc(got.err, func(line string) string {
		if slices.Contains(makeWait, p.Name) && strings.Contains(line, ", the server ") {
			return line
		}
		return ""
	})
	return h.plain(got, server.URL)
}

// neverTwice checks that no body was sent again: after such an error the same bytes would
// get the same answer.
func neverTwice(t *testing.T, requests []modeltest.Request) {
	t.Helper()
	if len(requests) == 0 {
		t.Error("nothing was asked")
	}
	for i, r := range requests {
		if slices.ContainsFunc(requests[:i], func(before modeltest.Request) bool { return bytes.Equal(before.Body, r.Body) }) {
			t.Errorf("request %d of %d was sent before: %s", i+1, len(requests), r.Body)
		}
	}
}

// makeWait are the rows that a person gives up on while the program waits to ask again.
var makeWait = []string{"asks to come back in seven seconds", "says in prose when to come back", "is busy", "is overloaded"}

var waiting = regexp.MustCompile(`(?m)^(waiting for|waiting until|connecting to|test-model is|test-model reads) .*\n`)

// display is an output that can be waited for.
type display struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newDisplay() *display { return &display{changed: make(chan struct{}, 1)} }

func (d *display) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
	return d.text.Write(p)
}

func (d *display) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// await waits until a text is on the display.
func (d *display) await(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(d.String(), text) {
		select {
		case <-d.changed:
		case <-ctx.Done():
			t.Fatalf("%q did not appear in %q", text, d)
		}
	}
}

// interrupted runs the program and presses Ctrl-C once the server has had its request
// and the wanted texts are on standard output and standard error.
func (h house) interrupted(t *testing.T, server *modeltest.Server, onOut, onErr string, args ...string) seen {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd, out, errs := h.command(ctx, args...), newDisplay(), newDisplay()
	cmd.Stdout, cmd.Stderr = out, errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if onErr == "" {
		if err := server.AwaitOpen(ctx, 1); err != nil {
			t.Fatalf("the request did not arrive: %v", err)
		}
	}
	out.await(ctx, t, onOut)
	errs.await(ctx, t, onErr)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	return seen{code: exitCode(t, cmd.Wait()), out: out.String(), err: errs.String()}
}

// TestJSONIsOneObjectWhateverHappens checks --json on rows that end in different ways.
func TestJSONIsOneObjectWhateverHappens(t *testing.T) {
	golden := map[string]string{}
	name := filepath.Join("testdata", "json.txtar")
	if !*update {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			golden[f.Name] = string(f.Data)
		}
	}
	archive := &txtar.Archive{Comment: []byte("What `hearth agent --message Hello --json` prints when the model's server …\n\n")}
	for _, row := range []string{
		"refuses the connection", "dies in the middle of its answer", "wants a key", "hits its output limit",
		"does not fit the prompt into its window, in the words of llama.cpp", "only thinks", "closes reasoning that it never opened", "sends everything in one piece",
	} {
		t.Run(row, func(t *testing.T) {
			p := modeltest.Named(row)
			server := modeltest.NewServer(t, modeltest.Config{})
			h := newHouse(t, server.URL, modeltest.Completions)
			if p.Down {
				server.Close()
			} else {
				server.Always(p.Serve)
			}
			seen := h.run(t, "agent", "--message", "Hello", "--json")
			seen.out = printed(t, seen.out)
			got := h.plain(seen, server.URL)
			archive.Files = append(archive.Files, txtar.File{Name: row, Data: []byte(got)})
			if !*update && got != golden[row] {
				t.Errorf("got\n%s\nwant\n%s", got, golden[row])
			}
		})
	}
	if *update {
		if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
