package route_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hearth"
	"hearth/internal/filelock"
	"hearth/model"
	"hearth/model/modeltest"
	"hearth/model/openai"
	"hearth/model/route"
	"hearth/model/slot"
)

// household is a real server with one slot, and callers that know nothing of each other.
type household struct {
	t      *testing.T
	server *modeltest.Server
	slots  *slot.Slots
	router *route.Router
	target model.Target
}

func newHousehold(t *testing.T, cfg slot.Config, server *modeltest.Server) *household {
	t.Helper()
	at, err := model.ParseEndpoint(server.URL + "/v1")
	if err != nil {
		t.Fatal(err)
	}
	client := model.NewClient(model.ClientConfig{Endpoint: at})
	t.Cleanup(client.CloseIdle)
	slots := slot.New(cfg)
	t.Cleanup(slots.Close)
	return &household{
		t: t, server: server, slots: slots, router: route.New(route.Config{Acquire: slots.Acquire}),
		target: model.Target{
			Ref: hearth.ModelRef{Provider: "local", Model: "test-model"}, Protocol: "openai-completions", Endpoint: at,
			Provider: openai.New(openai.Config{Client: client}), Layers: model.Layers{Default: model.DefaultLayer()},
		},
	}
}

// ask asks as one caller; its name is in the request, so that the server can tell.
func (h *household) ask(ctx context.Context, lane model.Lane, name string, wait func(hearth.Wait)) error {
	q := model.Question{
		Chain: []model.Target{h.target}, Lane: lane, Session: hearth.SessionID(name),
		Build: func(t model.Target) (*model.Request, error) {
			return &model.Request{Model: t.Ref.Model, Capabilities: t.Layers.Merge(),
				Messages: []hearth.Message{{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "I am " + name + "."}}}}}, nil
		},
	}
	for d, err := range h.router.Stream(ctx, q) {
		if err != nil {
			return err
		}
		if d.Wait != nil && wait != nil {
			wait(*d.Wait)
		}
	}
	return nil
}

// waiting waits until n claims wait for the endpoint.
func (h *household) waiting(n int) {
	h.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		if _, have := h.slots.Load(h.target.Endpoint.Origin); have == n {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			h.t.Fatalf("never %d waiting", n)
		}
	}
}

// worker is what the server does: it works on each request until it gets a step, and
// counts how many it works on at once. It counts by itself because a client may begin its
// next request before the server's handler of the last one has returned.
type worker struct {
	step chan struct{}

	mu        sync.Mutex
	now, most int
}

func (w *worker) answer(x *modeltest.Exchange) {
	w.mu.Lock()
	w.now++
	w.most = max(w.most, w.now)
	w.mu.Unlock()
	stepped := x.Wait(w.step)
	w.mu.Lock()
	w.now--
	w.mu.Unlock()
	if stepped {
		modeltest.Say(modeltest.Reply{Text: "ok"})(x)
	}
}

// TestThePersonIsNextEveryTime: one person, three subagents and five scheduled jobs at a
// real server with one slot. While a request of somebody else runs, everybody asks; the
// next one that the server sees is the person's.
func TestThePersonIsNextEveryTime(t *testing.T) {
	work := &worker{step: make(chan struct{})}
	server := modeltest.NewServer(t, modeltest.Config{Default: work.answer})
	h := newHousehold(t, slot.Config{}, server)
	const rounds = 4
	for round := range rounds {
		var callers sync.WaitGroup
		ask := func(lane model.Lane, name string) {
			callers.Go(func() {
				if err := h.ask(t.Context(), lane, name, nil); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		if err := server.Await(t.Context(), round*10); err != nil {
			t.Fatal(err)
		}
		ask(model.LaneSchedule, "early") // holds the slot while the others arrive
		if err := server.AwaitOpen(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			ask(model.LaneSchedule, fmt.Sprint("job", i))
		}
		for i := range 3 {
			ask(model.LaneSubagent, fmt.Sprint("subagent", i))
		}
		h.waiting(8)
		ask(model.LaneOwner, "person")
		h.waiting(9)
		for range 10 {
			work.step <- struct{}{}
		}
		callers.Wait()
		seen := server.Requests()[round*10:]
		if !bytes.Contains(seen[1].Body, []byte("I am person.")) {
			t.Errorf("round %d: after the request that ran came %s", round, seen[1].Body)
		}
		for i, r := range seen[2:5] {
			if !bytes.Contains(r.Body, []byte("I am subagent")) {
				t.Errorf("round %d: place %d is %s, want a subagent", round, i+2, r.Body)
			}
		}
	}
	if work.most != 1 {
		t.Errorf("max in flight %d, want 1", work.most)
	}
}

// TestTwoProcessesOneServer: two sets of slots that share nothing but lock files.
func TestTwoProcessesOneServer(t *testing.T) {
	dir := t.TempDir()
	locked := func(me string) slot.Config {
		return slot.Config{TryLock: func(name string) (func(), string, error) {
			l, err := filelock.Try(filepath.Join(dir, name+".lock"), filelock.Holder{PID: 4711, Command: me})
			if held, ok := errors.AsType[*filelock.HeldError](err); ok {
				return nil, held.Holder.String(), nil
			}
			if err != nil {
				return nil, "", err
			}
			return func() { _ = l.Release() }, "", nil // the kernel frees it in any case
		}}
	}
	work := &worker{step: make(chan struct{})}
	server := modeltest.NewServer(t, modeltest.Config{Default: work.answer})
	one, two := newHousehold(t, locked("hearth up"), server), newHousehold(t, locked("hearth agent"), server)
	done := make(chan error, 2)
	go func() { done <- one.ask(t.Context(), model.LaneOwner, "first", nil) }()
	if err := server.AwaitOpen(t.Context(), 1); err != nil {
		t.Fatal(err)
	}

	stop := errors.New("ctrl-c")
	ctx, cancel := context.WithCancelCause(t.Context())
	var said []string
	err := two.ask(ctx, model.LaneOwner, "second", func(w hearth.Wait) {
		said = append(said, w.Behind)
		cancel(stop)
	})
	if !errors.Is(err, stop) || !slices.Equal(said, []string{"process 4711 (hearth up)"}) {
		t.Errorf("said %q, then %v; want the holder, then the cancel", said, err)
	}

	go func() { done <- two.ask(t.Context(), model.LaneOwner, "second", nil) }()
	two.waiting(1)
	for range 2 {
		work.step <- struct{}{}
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if work.most != 1 || len(server.Requests()) != 2 {
		t.Errorf("%d requests, max in flight %d; want 2 and 1", len(server.Requests()), work.most)
	}
}

// TestAReplicaReturnsByItself: nobody sends a request to the dead one to find out that it
// lives again, and then it gets its share of the sessions.
func TestAReplicaReturnsByItself(t *testing.T) {
	dead := modeltest.NewServer(t, modeltest.Config{})
	address := strings.TrimPrefix(dead.URL, "http://")
	alive := modeltest.NewServer(t, modeltest.Config{})
	clients := map[string]*model.Client{}
	accepts := func(ctx context.Context, origin string) bool { return clients[origin].Accepts(ctx) }
	h := newHousehold(t, slot.Config{Accepts: accepts}, dead)
	h.router = route.New(route.Config{Acquire: h.slots.Acquire, Replicas: h.slots})
	other, err := model.ParseEndpoint(alive.URL + "/v1")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []model.Endpoint{h.target.Endpoint, other} {
		clients[at.Origin] = model.NewClient(model.ClientConfig{Endpoint: at})
	}
	h.target.Replicas = []model.Replica{{Endpoint: other, Provider: openai.New(openai.Config{Client: clients[other.Origin]})}}
	sessions := 0
	ask := func() {
		t.Helper()
		sessions++
		if err := h.ask(t.Context(), model.LaneOwner, fmt.Sprint("session", sessions), nil); err != nil {
			t.Fatal(err)
		}
	}
	dead.Close()
	for !h.slots.Out(h.target.Endpoint.Origin) { // half of all sessions go there first
		ask()
	}
	if n := len(alive.Requests()); n != sessions {
		t.Errorf("%d of %d questions were answered by the living server", n, sessions)
	}
	back, err := modeltest.Start(modeltest.Config{}, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Close)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for h.slots.Out(h.target.Endpoint.Origin) {
		<-tick.C
	}
	if n := len(back.Requests()); n != 0 {
		t.Errorf("%d requests went to it before it was back", n)
	}
	for len(back.Requests()) == 0 {
		ask()
	}
}

// TestRealRefusals: the words of a real server go through the protocol to a lesson and
// to the second request, which is the last.
func TestRealRefusals(t *testing.T) {
	server := modeltest.NewServer(t, modeltest.Config{})
	server.Script(func(x *modeltest.Exchange) {
		x.Status(400, `{"error":{"message":"Unrecognized request argument supplied: stream_options","type":"invalid_request_error"}}`)
	})
	h := newHousehold(t, slot.Config{}, server)
	var learned []model.Lesson
	h.router = route.New(route.Config{Learn: func(_ context.Context, _ model.Target, r *model.Refusal) error {
		learned = append(learned, r.Lesson)
		return nil
	}})
	if err := h.ask(t.Context(), model.LaneOwner, "person", nil); err != nil {
		t.Fatal(err)
	}
	requests := server.Requests()
	if len(requests) != 2 || !bytes.Contains(requests[0].Body, []byte("stream_options")) || bytes.Contains(requests[1].Body, []byte("stream_options")) {
		t.Errorf("%d requests: %s", len(requests), requests[len(requests)-1].Body)
	}
	if !slices.Equal(learned, []model.Lesson{model.LessonNoStreamOptions}) {
		t.Errorf("learned %v", learned)
	}
}

// BenchmarkQuestion is what a question costs beside its protocol: a conversation of
// 30,000 tokens, whose answer comes at once in 200 pieces.
func BenchmarkQuestion(b *testing.B) {
	items := make([][]byte, 200)
	for i := range items {
		items[i] = bytes.Repeat([]byte("m"), 600)
	}
	body := bytes.Join(items, nil)
	answer := providerOf(func(yield func(model.Delta, error) bool) {
		if !yield(model.Delta{Sent: &model.Sent{Body: body, Head: body[:6000], Items: items}}, nil) {
			return
		}
		for range 200 {
			if !yield(model.Delta{Text: "word "}, nil) {
				return
			}
		}
		yield(model.Delta{Stop: hearth.StopEnd}, nil)
	})
	slots := slot.New(slot.Config{})
	r := route.New(route.Config{Acquire: slots.Acquire})
	q := model.Question{Session: "s", Build: build, Chain: []model.Target{target("a", answer)}}
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range r.Stream(b.Context(), q) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

type providerOf func(yield func(model.Delta, error) bool)

func (p providerOf) Stream(context.Context, *model.Request) iter.Seq2[model.Delta, error] {
	return iter.Seq2[model.Delta, error](p)
}
