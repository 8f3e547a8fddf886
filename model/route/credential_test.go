package route_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/route"
)

// under is a model asked under one of several credentials.
func under(profile string, p model.Provider) model.Target {
	t := target("a", p)
	t.Profile = profile
	return t
}

func TestAnotherCredentialOfTheSameModel(t *testing.T) {
	for _, row := range []struct {
		name   string
		first  step
		asked  []string // profiles and providers, in order
		notice string
	}{
		{"after a rate limit", fails(hearth.Error{Reason: hearth.ReasonRateLimit, RetryAfter: 5 * time.Second}), []string{"a@one", "a@two"}, "fallback: a/m-a@one did not answer (rate limit); asking a/m-a@two instead"},
		{"after a refused key", because(hearth.ReasonAuth, "bad key"), []string{"a@one", "a@two"}, "fallback: a/m-a@one did not answer (bad key); asking a/m-a@two instead"},
		{"after an account that cannot pay", because(hearth.ReasonBilling, "no money"), []string{"a@one", "a@two"}, "fallback: a/m-a@one did not answer (no money); asking a/m-a@two instead"},
		{"not after a server that is not there", because(hearth.ReasonUnreachable, "refused"), []string{"a@one", "b"}, "fallback: a/m-a did not answer (refused); asking b/m-b instead"},
		{"nor after one that broke", because(hearth.ReasonModelNotFound, "not here"), []string{"a@one", "b"}, "fallback: a/m-a did not answer (not here); asking b/m-b instead"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second, other := &fake{calls: [][]step{{row.first}}}, &fake{calls: [][]step{fine}}, &fake{calls: [][]step{fine}}
				r := route.New(route.Config{Cooldown: route.NewCooldowns(nil)})
				o := ask(t, r, under("one", first), under("two", second), target("b", other))
				var asked []string
				for _, rep := range o.reports {
					asked = append(asked, strings.TrimSuffix(rep.Target.Provider+"@"+rep.Profile, "@"))
				}
				if o.err != nil || !slices.Equal(asked, row.asked) || !slices.Contains(o.notices, row.notice) || len(o.notices) != 1 {
					t.Errorf("asked %q, notices %q, %v", asked, o.notices, o.err)
				}
				if row.asked[1] == "a@two" && first.bodies[0] != second.bodies[0] {
					t.Errorf("the bytes differ: %q and %q", first.bodies[0], second.bodies[0])
				}
			})
		})
	}
}

func TestACredentialThatRestsIsPassedOverInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &fake{calls: [][]step{{because(hearth.ReasonRateLimit, "slow down")}, fine}}, &fake{calls: [][]step{fine}}
		r := route.New(route.Config{Cooldown: route.NewCooldowns(nil)})
		chain := []model.Target{under("one", first), under("two", second)}
		turn := func(id hearth.TurnID) outcome {
			return gather(r.Stream(t.Context(), model.Question{Chain: chain, Build: build, Session: "s", Turn: id}))
		}
		if o := turn("1"); o.err != nil || len(o.notices) != 1 {
			t.Fatalf("%q, %v", o.notices, o.err)
		}
		if o := turn("2"); o.err != nil || len(o.notices) != 0 || first.dialled != 1 || second.dialled != 2 {
			t.Errorf("while it rests: %q, asked %d and %d times, %v", o.notices, first.dialled, second.dialled, o.err)
		}
		time.Sleep(time.Hour)
		if o := turn("3"); o.err != nil || len(o.notices) != 0 || first.dialled != 2 {
			t.Errorf("afterwards: %q, asked %d times, %v", o.notices, first.dialled, o.err)
		}
	})
}

func TestWhenEveryCredentialFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := &fake{calls: [][]step{{because(hearth.ReasonAuth, "bad key")}}}, &fake{calls: [][]step{{because(hearth.ReasonAuth, "worse key")}}}
		o := ask(t, route.New(route.Config{}), under("one", one), under("two", two))
		const want = "ask a/m-a: a/m-a@one: bad key; a/m-a@two: worse key"
		if o.err == nil || o.err.Error() != want {
			t.Errorf("%v, want %s", o.err, want)
		}
	})
}

// What is said of them all is no more than what holds for each.
func TestWhenEveryCredentialFailsForAnotherReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		poor := &fake{calls: [][]step{{fails(hearth.Error{Reason: hearth.ReasonBilling, HTTPStatus: 402, Err: errors.New("no money"), Cause: "The account cannot pay."})}}}
		wrong := &fake{calls: [][]step{{fails(hearth.Error{Reason: hearth.ReasonAuth, HTTPStatus: 401, Err: errors.New("bad key"), Cause: "The key is refused."})}}}
		o := ask(t, route.New(route.Config{}), under("one", poor), under("two", wrong))
		e, ok := errors.AsType[*hearth.Error](o.err)
		if !ok || e.HTTPStatus != 0 || e.Error() != "ask a/m-a: a/m-a@one: no money; a/m-a@two: bad key" || !strings.Contains(e.Cause, "each for a reason of its own") {
			t.Errorf("%v; cause %q", o.err, e.Cause)
		}
	})
}

func TestWhatRestsUnderWhichCredential(t *testing.T) {
	for reason, both := range map[hearth.Reason]bool{
		hearth.ReasonRateLimit: false, hearth.ReasonAuth: false, hearth.ReasonBilling: false,
		hearth.ReasonServer: true, hearth.ReasonTimeout: true, hearth.ReasonModelNotFound: true,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := route.NewCooldowns(nil)
			c.Failed(under("one", nil), &hearth.Error{Reason: reason})
			if !c.Until(under("one", nil)).After(time.Now()) || c.Until(under("two", nil)).After(time.Now()) != both {
				t.Errorf("%s: the other credential rests: %v, want %v", reason, !both, both)
			}
			c.Answered(under("one", nil))
			if c.Until(under("two", nil)).After(time.Now()) {
				t.Errorf("%s: the other credential rests after an answer", reason)
			}
		})
	}
}
