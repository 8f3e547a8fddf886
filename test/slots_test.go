//go:build unix

package test_test

import (
	"fmt"
	"sync"
	"syscall"
	"testing"

	"hearth/model/modeltest"
)

// gate is a server that works on each request until it is opened, and counts how many it
// works on at once: whether their client is still there or not.
type gate struct {
	open chan struct{}

	mu        sync.Mutex // guards the fields below
	now, most int
}

func (g *gate) answer(x *modeltest.Exchange) {
	g.count(1)
	<-g.open    // also for a client that has gone
	g.count(-1) // before the client can know that it is over
	modeltest.Say(modeltest.Reply{Text: "The kettle is on."})(x)
}

func (g *gate) count(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now += n
	g.most = max(g.most, g.now)
}

// Two processes with one server: never two requests at once; the one that waits says for
// whom, and Ctrl-C ends the wait without a request.
func TestTwoProcessesTakeTurns(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	w := newWorld(t, build(t), modeltest.Completions)
	w.server.Always(g.answer)
	first := w.start("agent", "--session", "one", "--message", "Hello")
	first.until("its request arrives", func() bool { return len(w.server.Requests()) == 1 })
	holder := fmt.Sprintf("behind process %d (hearth agent)", first.cmd.Process.Pid)

	second := w.start("agent", "--session", "two", "--message", "Hello")
	second.sees(holder)
	second.signal(syscall.SIGINT)
	if code := second.end(); code != 130 {
		t.Errorf("Ctrl-C while waiting ends with %d\n%s", code, second.err)
	}

	third := w.start("agent", "--session", "three", "--message", "Hello")
	third.sees(holder)
	if n := len(w.server.Requests()); n != 1 {
		t.Errorf("%d requests were sent while the server had one", n)
	}
	close(g.open)
	for _, r := range []*running{first, third} {
		if code := r.end(); code != 0 || r.out.String() != "The kettle is on.\n" {
			t.Errorf("exit %d: %q\n%s", code, r.out, r.err)
		}
	}
	if n := len(w.server.Requests()); n != 2 || g.most != 1 {
		t.Errorf("%d requests, %d at once; want 2 and 1", n, g.most)
	}
}
