//go:build unix

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"hearth/model/modeltest"
)

// What a person types to a terminal beside words.
const (
	enter    = "\r"
	ctrlC    = "\x03"
	ctrlD    = "\x04"
	arrowUp  = "\x1b[A"
	downward = "\x1b[B"
)

// paste is what a terminal sends for pasted text.
func paste(s string) string { return "\x1b[200~" + strings.ReplaceAll(s, "\n", "\r") + "\x1b[201~" }

// guard is how long a test waits for what must happen. It says nothing about how long
// things take; a healthy program never comes near it.
const guard = time.Minute

// console is a person at a terminal in which hearth runs.
type console struct {
	pty  *os.File
	done chan struct{} // closed when nothing more can be read
	code chan int      // gives the exit code

	mu      sync.Mutex    // guards the fields below
	out     []byte        // all that was written
	seen    int           // how much of the readable text the test has passed
	changed chan struct{} // closed when out grows
}

// household is the home of somebody who runs hearth at a terminal.
type household struct{ dir string }

// newHousehold makes an empty home. Discovery must not find what runs on this machine.
func newHousehold(t *testing.T) household {
	t.Helper()
	return household{t.TempDir()}
}

func (h household) state(name string) string { return filepath.Join(h.dir, "state", name) }

// configured writes a config for a server: no warm-up, so that each model call is one
// that the test asked for.
func (h household) configured(t *testing.T, s *modeltest.Server) {
	t.Helper()
	text := `{
  models: { providers: { box: { baseUrl: "` + s.URL + `/v1", models: [{ id: "test-model", contextWindow: 32768 }] } } },
  agents: { defaults: { model: "box/test-model", warmup: false } },
}`
	if err := os.MkdirAll(h.state(""), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.state("hearth.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sit runs hearth in a new terminal. env adds to an environment that says nothing.
func (h household) sit(t *testing.T, env []string, args ...string) *console {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "hearth", args...)
	cmd.Dir = h.dir
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "HEARTH_HOME=" + h.state(""), "HEARTH_DISCOVER=off",
		"TMPDIR=" + os.TempDir(), "TERM=xterm-256color", "LANG=C.UTF-8",
	}, env...)
	tty := inTerminal(t, cmd)
	p := &console{pty: tty, done: make(chan struct{}), code: make(chan int, 1), changed: make(chan struct{})}
	go p.read() // ends with the program, whose end closes the terminal
	go func() { // ends with the program
		err := cmd.Wait()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			t.Errorf("wait for hearth: %v", err)
		} else if ok {
			p.code <- exit.ExitCode()
			return
		}
		p.code <- 0
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended already, if the test went well
		_ = tty.Close()
		<-p.done
	})
	return p
}

// inTerminal starts a program in a terminal of its own and gives the person's end of it.
// At Ctrl-C a terminal forgets what it has not shown yet, and on a busy machine the kernel
// does so late: what the program says about it is lost with the rest. A person would ask
// again; a test cannot, so here it is told not to.
func inTerminal(t *testing.T, cmd *exec.Cmd) *os.File {
	t.Helper()
	person, program, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = program.Close() }() // the program has its own
	if err := pty.Setsize(person, &pty.Winsize{Rows: 40, Cols: 200}); err != nil {
		t.Fatal(err)
	}
	setting := exec.CommandContext(t.Context(), "stty", "noflsh")
	setting.Stdin = program
	if out, err := setting.CombinedOutput(); err != nil {
		t.Fatalf("stty noflsh: %v: %s", err, out)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return person
}

// widens gives the terminal so many columns.
func (p *console) widens(t *testing.T, columns uint16) {
	t.Helper()
	if err := pty.Setsize(p.pty, &pty.Winsize{Rows: 40, Cols: columns}); err != nil {
		t.Fatal(err)
	}
}

func (p *console) read() {
	defer close(p.done)
	b := make([]byte, 4096)
	for {
		n, err := p.pty.Read(b)
		p.mu.Lock()
		p.out = append(p.out, b[:n]...)
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return // EIO or EOF: nobody holds the other end
		}
	}
}

// types sends keys.
func (p *console) types(t *testing.T, keys ...string) {
	t.Helper()
	if _, err := io.WriteString(p.pty, strings.Join(keys, "")); err != nil {
		t.Fatal(err)
	}
}

// sees waits until text stands behind what the test has seen so far, and passes it.
func (p *console) sees(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(guard)
	for {
		p.mu.Lock()
		screen, changed := readable(p.out), p.changed
		at := strings.Index(screen[min(p.seen, len(screen)):], text)
		if at >= 0 {
			p.seen += at + len(text)
		}
		rest := screen[min(p.seen, len(screen)):]
		p.mu.Unlock()
		if at >= 0 {
			return
		}
		select {
		case <-changed:
		case <-p.done:
			if p.grew(changed) {
				continue
			}
			t.Fatalf("hearth ended before %q was to be seen; the rest of the screen is:\n%s", text, rest)
		case <-timeout:
			t.Fatalf("%q is not to be seen; the rest of the screen is:\n%s", text, rest)
		}
	}
}

// grew reports whether something was written since changed was taken.
func (p *console) grew(changed chan struct{}) bool {
	select {
	case <-changed:
		return true
	default:
		return false
	}
}

// screen is all that was to be read so far.
func (p *console) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return readable(p.out)
}

// raw is all that was written so far, control sequences included.
func (p *console) raw() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.out)
}

// leaves waits for the end of hearth and compares its exit code.
func (p *console) leaves(t *testing.T, want int) {
	t.Helper()
	select {
	case got := <-p.code:
		if got != want {
			t.Fatalf("exit code %d, want %d; the screen is:\n%s", got, want, p.screen())
		}
		<-p.done
	case <-time.After(guard):
		t.Fatalf("hearth does not end; the screen is:\n%s", p.screen())
	}
}

// escapes are what a program sends to a terminal beside text: control sequences,
// operating system commands, and the shorter ones.
var escapes = regexp.MustCompile("\x1b\\[([0-?]*)[ -/]*([@-~])|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1bP[^\x1b]*\x1b\\\\|\x1b[ -/]*[0-~]")

// readable is the text in what a program wrote, in the order in which it was written.
// A cursor that moves right has written blanks; runs of white space are one blank.
func readable(out []byte) string {
	text := escapes.ReplaceAllStringFunc(string(out), func(s string) string {
		m := escapes.FindStringSubmatch(s)
		if m[2] != "C" {
			return ""
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			n = 1
		}
		return strings.Repeat(" ", n)
	})
	return strings.Join(strings.Fields(text), " ")
}

// modelServer starts a server that closes with the test.
func modelServer(t *testing.T, c modeltest.Config) *modeltest.Server {
	t.Helper()
	s, err := modeltest.Start(c, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}
