package route_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/route"
	"hearth/model/slot"
)

// gpu is a server with one place, in virtual time. It says a word a second, and goes on
// with a request for a while after its client has gone.
type gpu struct {
	lingers time.Duration // after the client has gone; negative: for ever
	born    time.Time

	mu        sync.Mutex // guards the fields below
	now, most int
	began     []time.Duration // of each request, since born
	closed    []time.Duration // by the client before its end
}

func (g *gpu) Stream(ctx context.Context, req *model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		if !yield(model.Delta{Sent: &model.Sent{Body: []byte(req.Messages[0].Parts[0].Text), Params: []byte(req.Messages[0].Parts[0].Text)}}, nil) {
			return
		}
		g.begin()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for range 30 {
			select {
			case <-tick.C:
			case <-ctx.Done():
				g.left()
				yield(model.Delta{}, &hearth.Error{Op: "gpu", Reason: hearth.ReasonCancelled, Err: context.Cause(ctx)})
				return
			}
			if !yield(model.Delta{Text: "word "}, nil) {
				g.left()
				return
			}
		}
		g.end()
		yield(model.Delta{Stop: hearth.StopEnd}, nil)
	}
}

func (g *gpu) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now++
	g.most = max(g.most, g.now)
	g.began = append(g.began, time.Since(g.born))
}

func (g *gpu) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now--
}

// left notes that the client of a request has gone.
func (g *gpu) left() {
	g.mu.Lock()
	g.closed = append(g.closed, time.Since(g.born))
	g.mu.Unlock()
	if g.lingers > 0 {
		time.AfterFunc(g.lingers, g.end)
	} else if g.lingers == 0 {
		g.end()
	}
}

// gone is what the server says of its work, as /slots does.
func (g *gpu) gone(context.Context, model.Endpoint, int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now == 0
}

// router puts a router and slots before the server.
func (g *gpu) router(t *testing.T) *route.Router {
	slots := slot.New(slot.Config{Gone: g.gone})
	t.Cleanup(slots.Close)
	g.born = time.Now()
	return route.New(route.Config{Acquire: slots.Acquire})
}

func (g *gpu) ask(ctx context.Context, r *route.Router, lane model.Lane, session hearth.SessionID) outcome {
	q := model.Question{Chain: []model.Target{target("a", g)}, Lane: lane, Session: session, Build: func(t model.Target) (*model.Request, error) {
		req, err := build(t)
		req.Messages[0].Parts[0].Text = string(session)
		return req, err
	}}
	return gather(r.Stream(ctx, q))
}

// TestHousekeepingMakesRoomForThePerson: a person's message ends what runs for nobody
// within a second, and goes in as soon as the server has let go of it.
func TestHousekeepingMakesRoomForThePerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gpu{lingers: 400 * time.Millisecond}
		r := g.router(t)
		var chore outcome
		var callers sync.WaitGroup
		callers.Go(func() { chore = g.ask(t.Context(), r, model.LaneHousekeeping, "chore") })
		const arrives = 5*time.Second + 300*time.Millisecond
		time.Sleep(arrives)
		person := g.ask(t.Context(), r, model.LaneOwner, "person")
		callers.Wait()
		if person.err != nil || len(g.began) != 2 || len(g.closed) != 1 || g.most != 1 {
			t.Fatalf("began %v, closed %v, most %d at once: %v", g.began, g.closed, g.most, person.err)
		}
		if !errors.Is(chore.err, model.ErrYield) || hearth.ReasonOf(chore.err) != hearth.ReasonCancelled {
			t.Errorf("housekeeping ended with %v", chore.err)
		}
		if g.closed[0]-arrives > time.Second {
			t.Errorf("housekeeping was closed %v after the person's message", g.closed[0]-arrives)
		}
		if waited := g.began[1] - arrives; waited < g.lingers || waited > time.Second {
			t.Errorf("the person's request went in after %v", waited)
		}
	})
}

// TestACancelIsConfirmedAtOnce: the person is not kept waiting for the server; the next
// request is, until the server has let go of the one before, and for 10 s at most.
func TestACancelIsConfirmedAtOnce(t *testing.T) {
	rows := []struct {
		name    string
		lingers time.Duration
		waits   time.Duration // of the next request, within a quarter of a second
		most    int
		says    string
	}{
		{"the server lets go", 0, 0, 1, ""},
		{"the server finishes its prefill first", 3100 * time.Millisecond, 3100 * time.Millisecond, 1, ""},
		{"the server never lets go", -1, 10 * time.Second, 2, "stopping: the server may still be working on the request that was stopped; going on"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &gpu{lingers: row.lingers}
				r := g.router(t)
				stop := errors.New("ctrl-c")
				ctx, cancel := context.WithCancelCause(t.Context())
				const at = 4*time.Second + 600*time.Millisecond
				time.AfterFunc(at, func() { cancel(stop) })
				first := g.ask(ctx, r, model.LaneOwner, "chat")
				confirmed := time.Since(g.born)
				if !errors.Is(first.err, stop) || first.text == "" {
					t.Errorf("the cancelled turn gives %q, %v", first.text, first.err)
				}
				if confirmed-at > 2*time.Second {
					t.Errorf("the cancel was confirmed after %v", confirmed-at)
				}
				second := g.ask(t.Context(), r, model.LaneOwner, "chat")
				if second.err != nil || len(g.began) != 2 || g.most != row.most {
					t.Fatalf("began %v, most %d at once: %v", g.began, g.most, second.err)
				}
				if waited := g.began[1] - confirmed; waited < row.waits || waited > row.waits+250*time.Millisecond {
					t.Errorf("the next request waited %v, want %v", waited, row.waits)
				}
				if said := strings.Join(second.notices, "\n"); said != row.says {
					t.Errorf("said %q, want %q", said, row.says)
				}
				if row.waits > 0 && !strings.Contains(strings.Join(second.waits, "\n"), "stopping: until the server has dropped the request that was stopped") {
					t.Errorf("the wait says %q", second.waits)
				}
			})
		})
	}
}
