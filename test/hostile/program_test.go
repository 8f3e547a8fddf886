package hostile

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"hearth/model/modeltest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// binary is the program under test.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "hearth-hostile-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "hearth")
	build := exec.Command("go", "build", "-o", binary, "hearth/cmd/hearth")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build hearth: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// A house is a person's computer: a home, a workspace with a note in it, a config.
type house struct {
	dir string
	env []string
}

// The go command keeps the result of a test until a file that the test read changes. The
// program is built by another process, so its sources are read here once, for that alone.
var dependOnSources = sync.OnceValue(func() error {
	return filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return err
		}
		_, err = os.ReadFile(name)
		return err
	})
})

// newHouse makes a config whose only model is served at url in the given protocol.
func newHouse(t *testing.T, url, protocol string) house {
	t.Helper()
	if err := dependOnSources(); err != nil {
		t.Fatal(err)
	}
	h := house{dir: t.TempDir()}
	base := url + "/v1"
	if protocol == modeltest.Ollama {
		base = url
	}
	h.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "HEARTH_HOME=" + filepath.Join(h.dir, "state"), "HEARTH_DISCOVER=off", "TZ=UTC", "TMPDIR=" + os.TempDir()}
	h.write(t, "work/notes.txt", "milk, eggs\n")
	h.write(t, "state/hearth.json", fmt.Sprintf(`{
  agents: { defaults: { workspace: %q, model: { primary: "box/test-model" } } },
  models: { providers: { box: { baseUrl: %q, api: %q, models: [
    { id: "test-model", name: "Test", contextWindow: 32768, maxTokens: 1024, input: ["text", "image"] },
  ] } } },
}
`, filepath.Join(h.dir, "work"), base, protocol))
	return h
}

func (h house) write(t *testing.T, name, text string) {
	t.Helper()
	name = filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// seen is what a command left on the screen.
type seen struct {
	out, err string
	code     int
}

// command prepares the program; the caller starts it.
func (h house) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env, cmd.Dir = h.env, filepath.Join(h.dir, "work")
	cmd.WaitDelay = time.Second
	return cmd
}

// run runs the program to its end.
func (h house) run(t *testing.T, args ...string) seen {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd := h.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	return seen{code: exitCode(t, cmd.Run()), out: out.String(), err: errs.String()}
}

// exitCode of a command that ran; -1 when it was killed.
func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatalf("run hearth: %v", err)
	return 0
}

var (
	ownPort = regexp.MustCompile(`127\.0\.0\.1:\d+->`)
	seconds = regexp.MustCompile(`· \d+ s`)
)

// plain takes out of what was seen what differs from run to run.
func (h house) plain(s seen, url string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "exit %d\n", s.code)
	for _, part := range []struct{ name, text string }{{"out", s.out}, {"err", s.err}} {
		text := strings.ReplaceAll(part.text, h.dir, "HOME")
		text = strings.ReplaceAll(text, strings.TrimPrefix(url, "http://"), "BOX")
		text = ownPort.ReplaceAllString(seconds.ReplaceAllString(text, "· N s"), "HERE->")
		if len(text) > 4000 {
			text = fmt.Sprintf("%s … %d bytes … %s", text[:20], len(text), text[len(text)-20:])
		}
		for line := range strings.Lines(text) {
			fmt.Fprintf(&b, "%s| %s\n", part.name, strings.TrimSuffix(line, "\n"))
		}
		if text != "" && !strings.HasSuffix(text, "\n") {
			fmt.Fprintf(&b, "%s| (no line end)\n", part.name)
		}
	}
	return b.String()
}
