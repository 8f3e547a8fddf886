package route_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/model/route"
)

// TestTheOwnersLimitBoundsTheWaitForAServer that says it is loading, and is named then.
func TestTheOwnersLimitBoundsTheWaitForAServer(t *testing.T) {
	loading := fails(hearth.Error{Reason: hearth.ReasonOverloaded, Loading: true, Err: errors.New("Loading model")})
	asked := fails(hearth.Error{Reason: hearth.ReasonRateLimit, RetryAfter: 20 * time.Second, Err: errors.New("too many")})
	for _, row := range []struct {
		name   string
		says   step
		within time.Duration
		ready  int // after so many requests
		waits  time.Duration
		fails  bool
	}{
		{"no limit", loading, 0, 8, 30 * time.Second, false},
		{"it is ready in time", loading, 10 * time.Second, 3, 6 * time.Second, false},
		{"it is not", loading, 5 * time.Second, 8, 3 * time.Second, true},
		{"it asks for more time than there is", asked, 5 * time.Second, 2, 0, true},
		{"it asks for less", asked, time.Minute, 1, 20 * time.Second, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &fake{}
				for range row.ready {
					p.calls = append(p.calls, []step{row.says})
				}
				p.calls = append(p.calls, fine)
				tg := target("a", p)
				tg.Within = row.within
				o := ask(t, route.New(route.Config{}), tg)
				if (o.err != nil) != row.fails || o.took != row.waits {
					t.Errorf("got %q after %v, %v; want it after %v", o.text, o.took, o.err, row.waits)
				}
				e, told := errors.AsType[*hearth.Error](o.err)
				if row.fails && (!told || !strings.Contains(e.Cause+e.Try, "models.providers.a.timeoutSeconds") || e.Reason != hearth.ReasonOf(row.says.err)) {
					t.Errorf("got %+v", e)
				}
			})
		})
	}
}
