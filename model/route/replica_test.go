package route_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/route"
)

// office gives slots at the places that it is told to, and keeps what was claimed.
type office struct {
	places []int // of the claims, in order; then the first
	moved  bool
	claims []model.Claim
}

func (o *office) acquire(ctx context.Context, c model.Claim, _ func(hearth.Wait)) (context.Context, *model.Ticket, error) {
	place := 0
	if n := len(o.claims); n < len(o.places) {
		place = o.places[n]
	}
	o.claims = append(o.claims, c)
	return ctx, &model.Ticket{Place: place, Moved: o.moved && place > 0, Done: func(bool) {}}, nil
}

// wanted gives the origins that a claim is for.
func wanted(c model.Claim) string {
	all := []string{c.Endpoint.Origin}
	for _, e := range c.Or {
		all = append(all, e.Origin)
	}
	return strings.Join(all, " ")
}

// inOrder has the places asked in the order in which they are configured.
type inOrder struct{ places }

func (*inOrder) Choose(_ hearth.SessionID, all []model.Endpoint) []int {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	return order
}

// TestWhichReplicaIsAskedIsKnownWithTheSlot: a claim is for all that were not asked yet, and
// the request goes where it was granted.
func TestWhichReplicaIsAskedIsKnownWithTheSlot(t *testing.T) {
	silent := because(hearth.ReasonUnreachable, "connection refused")
	for _, row := range []struct {
		name    string
		places  []int
		moved   bool
		fails   string // origins that do not answer
		busy    string // and that say at first that they load
		claims  []string
		asked   []string
		notices []string
		lost    []string
	}{
		{name: "the first is free", claims: []string{"http://a:1 http://b:1 http://c:1"}, asked: []string{"http://a:1"}},
		{name: "another is", places: []int{2}, claims: []string{"http://a:1 http://b:1 http://c:1"}, asked: []string{"http://c:1"}},
		{name: "its own was waited for", places: []int{1}, moved: true, claims: []string{"http://a:1 http://b:1 http://c:1"}, asked: []string{"http://b:1"},
			notices: []string{"replica: http://a:1 is still busy; asking http://b:1, which has to read the conversation first"}},
		{name: "the one that is free does not answer", places: []int{2, 1}, fails: "http://c:1",
			claims: []string{"http://a:1 http://b:1 http://c:1", "http://b:1 http://a:1"}, asked: []string{"http://c:1", "http://a:1"}, lost: []string{"http://c:1"},
			notices: []string{"replica: http://c:1 did not answer (connection refused); asking http://a:1, which may have to read the conversation first"}},
		{name: "none answers", places: []int{1}, fails: "http://a:1 http://b:1 http://c:1",
			claims: []string{"http://a:1 http://b:1 http://c:1", "http://a:1 http://c:1", "http://c:1"}, asked: []string{"http://b:1", "http://a:1", "http://c:1"},
			lost: []string{"http://b:1", "http://a:1", "http://c:1"},
			notices: []string{
				"replica: http://b:1 did not answer (connection refused); asking http://a:1, which may have to read the conversation first",
				"replica: http://a:1 did not answer (connection refused); asking http://c:1, which may have to read the conversation first"}},
		{name: "who finished without a word is asked again where they are", places: []int{1}, busy: "http://b:1",
			claims: []string{"http://a:1 http://b:1 http://c:1", "http://b:1"}, asked: []string{"http://b:1", "http://b:1"},
			notices: []string{"again: a/m-a did not answer (the model finished without a word); asking once more"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var targets []model.Target
				for _, name := range []string{"a", "b", "c"} {
					p := &fake{calls: [][]step{fine}}
					tg := target(name, p)
					if strings.Contains(row.fails, tg.Endpoint.Origin) {
						p.calls = [][]step{{silent}}
					}
					if row.busy == tg.Endpoint.Origin {
						p.calls = [][]step{{end(hearth.StopEnd)}, fine}
					}
					targets = append(targets, tg)
				}
				tg := targets[0]
				for _, other := range targets[1:] {
					tg.Replicas = append(tg.Replicas, model.Replica{Endpoint: other.Endpoint, Provider: other.Provider})
				}
				pool, slots := &inOrder{}, &office{places: row.places, moved: row.moved}
				o := ask(t, route.New(route.Config{Replicas: pool, Acquire: slots.acquire}), tg)
				var claims, asked []string
				for _, c := range slots.claims {
					claims = append(claims, wanted(c))
				}
				for _, r := range o.reports {
					asked = append(asked, r.Endpoint)
				}
				if !slices.Equal(claims, row.claims) || !slices.Equal(asked, row.asked) || !slices.Equal(o.notices, row.notices) || !slices.Equal(pool.lost, row.lost) {
					t.Errorf("claimed %q, asked %q, lost %q, told %q", claims, asked, pool.lost, o.notices)
				}
				if (o.err == nil) != (len(row.lost) < 3) {
					t.Errorf("got %q, %v", o.text, o.err)
				}
			})
		})
	}
}

// paces are how fast each server reads, by its origin.
type paces map[string]float64

func (p paces) ReadingTime(origin, _ string, from, to int) (least, most time.Duration) {
	if p[origin] == 0 {
		return 0, 0
	}
	least = time.Duration(float64(to-from) / p[origin] * float64(time.Second))
	return least, 10 * least // nobody stays for as long as that
}

func (paces) ReadingMeasured(string, string, int, int, time.Duration) {}

// TestHowLongASessionStays with who has read it: for as long as another would read.
func TestHowLongASessionStays(t *testing.T) {
	for _, row := range []struct {
		name   string
		speeds route.Speeds
		words  int
		stay   time.Duration
	}{
		{"nothing is measured", nil, 1000, 5 * time.Second},
		{"nothing is measured elsewhere", paces{"http://a:1": 900}, 1000, 5 * time.Second},
		{"the fastest of the others counts", paces{"http://b:1": 100, "http://c:1": 200}, 1000, 10 * time.Second},
		{"a short conversation is read anew soon", paces{"http://b:1": 100}, 10, 200 * time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tg, slots := target("a", &fake{calls: [][]step{fine}}), &office{}
				for _, name := range []string{"b", "c"} {
					tg.Replicas = append(tg.Replicas, model.Replica{Endpoint: model.Endpoint{Origin: "http://" + name + ":1"}, Provider: tg.Provider})
				}
				words := func(model.Target) (*model.Request, error) {
					return &model.Request{Model: "m", Messages: []hearth.Message{{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: strings.Repeat("word ", row.words)}}}}}, nil
				}
				cfg := route.Config{Replicas: &inOrder{}, Acquire: slots.acquire, Speeds: row.speeds}
				o := gather(route.New(cfg).Stream(t.Context(), model.Question{Chain: []model.Target{tg}, Build: words, Session: "s"}))
				if o.err != nil || len(slots.claims) != 1 || slots.claims[0].Stay != row.stay {
					t.Errorf("claimed %s, %v; want to stay %v", fmt.Sprint(slots.claims), o.err, row.stay)
				}
			})
		})
	}
}
