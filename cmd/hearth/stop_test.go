package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hearth"
	"hearth/agent"
	"hearth/internal/terminal"
	"hearth/model/modeltest"
	"hearth/prompt"
)

// notified is an output that tells when it has begun.
type notified struct {
	once  sync.Once
	begun chan struct{}

	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (n *notified) Write(p []byte) (int, error) {
	n.once.Do(func() { close(n.begun) })
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

// A llama-server that goes on with a prompt after its client has gone: the person's
// Ctrl-C is confirmed while it does, and the next message goes in when its /slots says
// that it is through.
func TestAStoppedTurnIsWaitedForAtTheServer(t *testing.T) {
	t.Setenv("HEARTH_DISCOVER", discoveryOff)
	through := make(chan struct{})
	server := modeltest.NewServer(t, modeltest.Config{Identity: modeltest.LlamaCpp, Models: []modeltest.Model{{ID: "test-model", Window: 32768, TrainedMax: 32768}}})
	server.Script(func(x *modeltest.Exchange) {
		modeltest.Named("hangs in the middle of its answer").Serve(x)
		<-through
	})
	a := scene(t, fmt.Sprintf(`{models: {providers: {box: {baseUrl: %q, models: [{id: "test-model"}]}}}}`, server.URL+"/v1"))
	out := &notified{begun: make(chan struct{})}
	a.io.out = out
	k, err := a.open(t.Context(), choice{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.close)
	type result struct {
		out agent.Outcome
		err error
	}
	say := func(ctx context.Context, text string) <-chan result {
		done := make(chan result, 1)
		go func() {
			out, err := k.say(ctx, prompt.Incoming{Text: text}, false, nil)
			done <- result{out, err}
		}()
		return done
	}

	patience, enough := context.WithTimeout(t.Context(), 2*time.Minute)
	defer enough()
	turn, ctrlC := context.WithCancelCause(patience)
	stopped := say(turn, "Hello")
	select {
	case <-out.begun:
	case r := <-stopped:
		t.Fatalf("the turn ended before it was stopped: %q, %v", r.out.Answer, r.err)
	}
	ctrlC(terminal.ErrInterrupted)
	if r := <-stopped; hearth.ReasonOf(r.err) != hearth.ReasonCancelled || !strings.HasPrefix(r.out.Answer, "The") {
		t.Fatalf("the stopped turn gives %q, %v", r.out.Answer, r.err)
	}

	next := say(patience, "And now?")
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for waiting := 0; waiting == 0 || !slices.Contains(server.Asked(), "GET /slots"); _, waiting = a.servers.slots.Load(server.URL) {
		select {
		case r := <-next:
			t.Fatalf("the next message was not kept waiting: %q, %v", r.out.Answer, r.err)
		case <-tick.C:
		}
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d requests while the server works on the one that was stopped", n)
	}
	close(through)
	if r := <-next; r.err != nil || r.out.Answer != "ok" {
		t.Errorf("the next message gets %q, %v", r.out.Answer, r.err)
	}
	if n := server.MaxInFlight(); n != 1 {
		t.Errorf("the server worked on %d requests at once", n)
	}
}
