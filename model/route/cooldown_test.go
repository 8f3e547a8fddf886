package route_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/route"
)

func TestHowLongACandidateRests(t *testing.T) {
	type row struct {
		name    string
		where   hearth.Locality
		passed  bool // on, to a vendor
		reason  hearth.Reason
		asked   time.Duration // Retry-After
		spans   []time.Duration
		account bool // the provider's other models rest too
	}
	rows := []row{
		{name: "a vendor's rate limit", where: hearth.LocalityHosted, reason: hearth.ReasonRateLimit,
			spans: []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute}},
		{name: "a rate limit with a time", where: hearth.LocalityHosted, reason: hearth.ReasonRateLimit, asked: 90 * time.Second,
			spans: []time.Duration{90 * time.Second, 90 * time.Second}},
		{name: "a rate limit of days", where: hearth.LocalityHosted, reason: hearth.ReasonRateLimit, asked: 114 * time.Hour,
			spans: []time.Duration{time.Hour}},
		{name: "a server of one's own that is busy", where: hearth.LocalityMachine, reason: hearth.ReasonOverloaded,
			spans: []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}},
		{name: "no money", where: hearth.LocalityHosted, reason: hearth.ReasonBilling, account: true,
			spans: []time.Duration{10 * time.Minute, 20 * time.Minute, 40 * time.Minute, time.Hour, time.Hour}},
		{name: "a refused key", where: hearth.LocalityHosted, reason: hearth.ReasonAuth, account: true,
			spans: []time.Duration{10 * time.Minute, 20 * time.Minute}},
		{name: "our own bad request", where: hearth.LocalityHosted, reason: hearth.ReasonBadRequest, spans: []time.Duration{0, 0}},
		{name: "a conversation that is too long", where: hearth.LocalityMachine, reason: hearth.ReasonContextOverflow, spans: []time.Duration{0}},
		{name: "a server of one's own that is not there and would pass it on", where: hearth.LocalityMachine, passed: true, reason: hearth.ReasonUnreachable,
			spans: []time.Duration{5 * time.Second, 10 * time.Second}},
	}
	for _, r := range rows {
		if r.where == hearth.LocalityHosted {
			r.name, r.where, r.passed = r.name+", behind a server at home", hearth.LocalityMachine, true
			rows = append(rows, r)
		}
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := route.NewCooldowns(nil)
				tg := target("a", nil)
				tg.Endpoint.Locality = row.where
				if row.passed {
					where := hearth.LocalityHosted
					tg.Layers.Server.Locality = &where
				}
				sibling := tg
				sibling.Ref.Model = "other"
				for i, span := range row.spans {
					c.Failed(tg, &hearth.Error{Reason: row.reason, RetryAfter: row.asked})
					if span > 0 {
						time.Sleep(span / 2)
						c.Failed(tg, &hearth.Error{Reason: row.reason}) // asked all the same: the rest is not made longer
						if left := time.Until(c.Until(tg)); left != span-span/2 {
							t.Errorf("failure %d: %v left, want %v", i, left, span-span/2)
						}
						if rests := c.Until(sibling).After(time.Now()); rests != row.account {
							t.Errorf("the provider's other model rests: %v, want %v", rests, row.account)
						}
						time.Sleep(span - span/2)
					}
					if c.Until(tg).After(time.Now()) {
						t.Errorf("failure %d: still resting", i)
					}
				}
				c.Failed(tg, &hearth.Error{Reason: row.reason})
				c.Answered(tg)
				if c.Until(tg).After(time.Now()) {
					t.Error("it answered, and rests all the same")
				}
				c.Failed(tg, &hearth.Error{Reason: row.reason})
				c.Clear()
				if c.Until(tg).After(time.Now()) {
					t.Error("the config was changed, and it rests all the same")
				}
			})
		})
	}
}

func TestOnesOwnServerRestsUntilItAcceptsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := map[string]bool{"http://a:1": true}
		c := route.NewCooldowns(func(origin string) bool { return out[origin] })
		tg := target("a", nil)
		c.Failed(tg, &hearth.Error{Reason: hearth.ReasonUnreachable})
		time.Sleep(time.Hour)
		if !c.Until(tg).After(time.Now()) {
			t.Error("it is asked though nothing listens")
		}
		replicated := tg
		replicated.Replicas = []model.Replica{{Endpoint: model.Endpoint{Origin: "http://a2:1"}}}
		if c.Until(replicated).After(time.Now()) {
			t.Error("one of its places is there, and it is not asked")
		}
		delete(out, "http://a:1")
		if c.Until(tg).After(time.Now()) {
			t.Error("it accepts connections, and is not asked")
		}
	})
}

// TestEachChangeOfModelIsToldOnce is a conversation of three turns: the first choice dies
// in the second step, stays dead for a turn, and comes back.
func TestEachChangeOfModelIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := because(hearth.ReasonServer, "out of memory")
		first := &fake{calls: [][]step{{call("read"), end(hearth.StopToolCalls)}, {down}, {down}, fine}}
		second := &fake{calls: [][]step{fine}}
		a, b := target("a", first), target("b", second)
		r := route.New(route.Config{Cooldown: route.NewCooldowns(nil)})
		say := func(turn hearth.TurnID) outcome {
			t.Helper()
			o := gather(r.Stream(t.Context(), model.Question{Chain: []model.Target{a, b}, Build: build, Session: "s", Turn: turn}))
			if o.err != nil {
				t.Fatal(o.err)
			}
			return o
		}
		steps := []struct {
			name    string
			after   time.Duration
			turn    hearth.TurnID
			first   int // requests to the first choice so far
			notices []string
		}{
			{"step one", 0, "t1", 1, nil},
			{"step two: it dies", 0, "t1", 2, []string{"fallback: a/m-a did not answer (out of memory); asking b/m-b instead"}},
			{"step three: nobody asks it again", 0, "t1", 2, nil},
			{"step four: its rest is over, but the turn stays with the other", 10 * time.Second, "t1", 2, nil},
			{"the next turn asks it; nothing has changed for the person", 0, "t2", 3, nil},
			{"the turn after that comes too early", time.Second, "t3", 3, nil},
			{"later it answers", time.Minute, "t4", 4, []string{"fallback: a/m-a answers again"}},
			{"and goes on to", 0, "t4", 5, nil},
		}
		for _, s := range steps {
			time.Sleep(s.after)
			o := say(s.turn)
			if !slices.Equal(o.notices, s.notices) || first.dialled != s.first {
				t.Errorf("%s: %d requests to the first choice, said %q; want %d, %q", s.name, first.dialled, o.notices, s.first, s.notices)
			}
		}
	})
}

// TestAnotherConversationIsToldWhy: it did not see the failure, and asks nobody in vain.
func TestAnotherConversationIsToldWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &fake{calls: [][]step{{because(hearth.ReasonServer, "out of memory")}}}
		r := route.New(route.Config{Cooldown: route.NewCooldowns(nil)})
		for _, session := range []hearth.SessionID{"one", "two"} {
			chain := []model.Target{target("a", first), target("b", &fake{calls: [][]step{fine}})}
			o := gather(r.Stream(t.Context(), model.Question{Chain: chain, Build: build, Session: session, Turn: "t"}))
			want := []string{"fallback: a/m-a did not answer (out of memory); asking b/m-b instead"}
			if o.err != nil || !slices.Equal(o.notices, want) || first.dialled != 1 {
				t.Errorf("%s: %d requests to the first choice, said %q, %v", session, first.dialled, o.notices, o.err)
			}
		}
	})
}

// TestInATurnTheOthersAreStillThere: the model that stood in fails too.
func TestInATurnTheOthersAreStillThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &fake{calls: [][]step{{because(hearth.ReasonServer, "boom")}, fine}}
		second := &fake{calls: [][]step{fine, {because(hearth.ReasonServer, "bang")}}}
		a, b := target("a", first), target("b", second)
		r := route.New(route.Config{})
		if o := ask(t, r, a, b); o.err != nil || second.dialled != 1 {
			t.Fatalf("got %+v", o)
		}
		o := ask(t, r, a, b)
		want := []string{"fallback: b/m-b did not answer (bang); asking a/m-a instead"}
		if o.err != nil || first.dialled != 2 || second.dialled != 2 || !slices.Equal(o.notices, want) {
			t.Errorf("%d and %d requests, %q, %v", first.dialled, second.dialled, o.notices, o.err)
		}
	})
}

// TestTheOnlyModelIsAlwaysAsked whatever happened to it before.
func TestTheOnlyModelIsAlwaysAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fake{calls: [][]step{{because(hearth.ReasonAuth, "bad key")}, {because(hearth.ReasonAuth, "bad key")}, fine}}
		r := route.New(route.Config{Cooldown: route.NewCooldowns(func(string) bool { return true })})
		for range 2 {
			if o := ask(t, r, target("a", p)); hearth.ReasonOf(o.err) != hearth.ReasonAuth {
				t.Errorf("got %v", o.err)
			}
		}
		if o := ask(t, r, target("a", p)); o.err != nil || len(o.notices) != 0 {
			t.Errorf("got %q, %v", o.notices, o.err)
		}
	})
}
