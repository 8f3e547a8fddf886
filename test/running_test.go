package test_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// patience is how long one thing is waited for: a guard, not a measure.
const patience = 2 * time.Minute

// A running program, its lines typed by us.
type running struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *screen
	err   *screen
	ended chan struct{}
}

// start runs the program.
func (w *world) start(args ...string) *running {
	w.t.Helper()
	r := &running{t: w.t, cmd: w.command(args...), out: newScreen(), err: newScreen(), ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.err
	in, err := r.cmd.StdinPipe()
	if err == nil {
		r.in, err = in, r.cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	go func() {
		_ = r.cmd.Wait() // its state says how it ended
		close(r.ended)
	}()
	return r
}

// say types a line.
func (r *running) say(line string) {
	r.t.Helper()
	r.out.turn()
	r.err.turn()
	if _, err := io.WriteString(r.in, line+"\n"); err != nil {
		r.t.Fatalf("%q cannot be typed: %v\n%s", line, err, r.err.String())
	}
}

// hears waits until it has answered with some words since the last line.
func (r *running) hears(words string) { r.t.Helper(); r.shown(r.out, words) }

// sees does so for what is no answer.
func (r *running) sees(words string) { r.t.Helper(); r.shown(r.err, words) }

func (r *running) shown(on *screen, words string) {
	r.t.Helper()
	enough := time.After(patience)
	for {
		changed, ok := on.holds(words)
		if ok {
			return
		}
		select {
		case <-changed:
		case <-r.ended:
			if _, ok := on.holds(words); !ok {
				r.t.Fatalf("it ended (%v) without %q\n%s\n%s", r.cmd.ProcessState, words, r.out.String(), r.err.String())
			}
		case <-enough:
			r.t.Fatalf("%q is never said\n%s\n%s", words, r.out.String(), r.err.String())
		}
	}
}

// until waits for something that it does elsewhere.
func (r *running) until(what string, holds func() bool) {
	r.t.Helper()
	enough := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-r.ended:
			r.t.Fatalf("it ended (%v) before %s\n%s\n%s", r.cmd.ProcessState, what, r.out.String(), r.err.String())
		case <-enough:
			r.t.Fatalf("never: %s\n%s\n%s", what, r.out.String(), r.err.String())
		}
	}
}

func (r *running) signal(sig os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.t.Fatal(err)
	}
}

// end waits for its end and gives its exit code; -1 when it was killed.
func (r *running) end() int {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.t.Fatalf("it does not end\n%s\n%s", r.out.String(), r.err.String())
	}
	return r.cmd.ProcessState.ExitCode()
}

// screen keeps what a program writes.
type screen struct {
	mu      sync.Mutex // guards the fields below
	text    bytes.Buffer
	from    int // where the newest turn begins
	changed chan struct{}
}

func newScreen() *screen { return &screen{changed: make(chan struct{})} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	return s.text.Write(p)
}

func (s *screen) turn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from = s.text.Len()
}

func (s *screen) holds(words string) (changed <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed, bytes.Contains(s.text.Bytes()[s.from:], []byte(words))
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
