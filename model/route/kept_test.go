package route_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/route"
)

// TestARestOutlivesItsProcess: each Cooldowns here is a process of its own.
func TestARestOutlivesItsProcess(t *testing.T) {
	rows := []struct {
		name    string
		where   hearth.Locality
		reason  hearth.Reason
		mark    string        // of the second process; the first has "one"
		between time.Duration // from one process to the next
		rests   time.Duration // left for the second
		sibling bool          // the provider's other models rest too
		why     string
	}{
		{name: "a rate limit", where: hearth.LocalityHosted, reason: hearth.ReasonRateLimit, mark: "one", between: 10 * time.Second, rests: 20 * time.Second, why: "rate limit"},
		{name: "one that is over", where: hearth.LocalityHosted, reason: hearth.ReasonRateLimit, mark: "one", between: time.Minute},
		{name: "no money", where: hearth.LocalityHosted, reason: hearth.ReasonBilling, mark: "one", rests: 10 * time.Minute, sibling: true, why: "billing"},
		{name: "a refused key", where: hearth.LocalityHosted, reason: hearth.ReasonAuth, mark: "one", rests: 10 * time.Minute, sibling: true, why: "auth"},
		{name: "a refused key that was replaced", where: hearth.LocalityHosted, reason: hearth.ReasonAuth, mark: "two"},
		{name: "a server of one's own", where: hearth.LocalityMachine, reason: hearth.ReasonServer, mark: "one"},
		{name: "one that is not there", where: hearth.LocalityPrivate, reason: hearth.ReasonUnreachable, mark: "one"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "cache", "cooldowns.json")
				process := func(mark string) *route.Cooldowns {
					c := route.NewCooldowns(nil)
					c.Keep(path, func(model.Target) string { return mark })
					return c
				}
				tg := target("a", nil)
				tg.Endpoint.Locality = row.where
				sibling := tg
				sibling.Ref.Model = "other"
				process("one").Failed(tg, &hearth.Error{Reason: row.reason, Err: errors.New("bad key sk-4711")})
				time.Sleep(row.between)
				second := process(row.mark)
				if left := max(0, time.Until(second.Until(tg))); left != row.rests || second.Why(tg) != row.why {
					t.Errorf("%s left, because of %q; want %s, %q", left, second.Why(tg), row.rests, row.why)
				}
				if rests := second.Until(sibling).After(time.Now()); rests != row.sibling {
					t.Errorf("the provider's other model rests: %v", rests)
				}
				if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), "4711") {
					t.Errorf("the server's words are in the file: %s", b)
				}
				if info, err := os.Stat(path); err == nil && runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
					t.Errorf("others may read it: %v", info.Mode())
				}
				third := process("one")
				third.Clear()
				for _, c := range []*route.Cooldowns{third, process("one")} {
					if c.Until(tg).After(time.Now()) || c.Why(tg) != "" {
						t.Error("the config was changed, and it rests all the same")
					}
				}
				process("one").Failed(tg, &hearth.Error{Reason: row.reason})
				second.Answered(tg)
				if process("one").Until(tg).After(time.Now()) {
					t.Error("it answered, and rests all the same")
				}
			})
		})
	}
}

func TestAnOutageOfTheNetworkIsNotKeptForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "cooldowns.json")
		tg := target("a", nil)
		tg.Endpoint.Locality = hearth.LocalityHosted
		for i := range 5 { // each process fails anew, and none waits longer for it
			c := route.NewCooldowns(nil)
			c.Keep(path, func(model.Target) string { return "" })
			if c.Until(tg).After(time.Now()) {
				t.Errorf("process %d: it rests", i)
			}
			c.Failed(tg, &hearth.Error{Reason: hearth.ReasonUnreachable})
			time.Sleep(30 * time.Second)
		}
	})
}

// TestAFileThatCannotBeBelievedKeepsNobodyFromAModel whatever is in it.
func TestAFileThatCannotBeBelievedKeepsNobodyFromAModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		row := func(at, until time.Duration) string {
			now := time.Now()
			return fmt.Sprintf(`[{"of":"model a/m-a@","mark":"","at":%q,"until":%q,"spanMS":1000,"reason":"rate_limit"}]`,
				now.Add(at).Format(time.RFC3339Nano), now.Add(until).Format(time.RFC3339Nano))
		}
		rows := []struct {
			name, file string
			rests      bool
		}{
			{"as it should be", row(-time.Second, time.Minute), true},
			{"empty", "", false},
			{"garbage", "\x00{{", false},
			{"another shape", `{"of":1}`, false},
			{"from the future", row(time.Minute, 2*time.Minute), false},
			{"days long", row(-time.Second, 48*time.Hour), false},
			{"backwards", row(-time.Second, -time.Minute), false},
		}
		for _, row := range rows {
			path := filepath.Join(t.TempDir(), "cooldowns.json")
			if err := os.WriteFile(path, []byte(row.file), 0o600); err != nil {
				t.Fatal(err)
			}
			c := route.NewCooldowns(nil)
			c.Keep(path, func(model.Target) string { return "" })
			tg := target("a", nil)
			tg.Endpoint.Locality = hearth.LocalityHosted
			if rests := c.Until(tg).After(time.Now()); rests != row.rests {
				t.Errorf("%s: rests %v", row.name, rests)
			}
			c.Failed(tg, &hearth.Error{Reason: hearth.ReasonRateLimit})
			c = route.NewCooldowns(nil)
			c.Keep(path, func(model.Target) string { return "" })
			if !c.Until(tg).After(time.Now()) {
				t.Errorf("%s: what is learned now is not kept", row.name)
			}
		}
	})
}

// TestASilentAddressIsRemembered: each Cooldowns here is a process of its own.
func TestASilentAddressIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "cache", "cooldowns.json")
		process := func() *route.Cooldowns {
			c := route.NewCooldowns(nil)
			c.Keep(path, func(model.Target) string { return "" })
			return c
		}
		const box, other = "http://192.168.1.20:8080", "http://192.168.1.21:8080"
		process().Silent(box)
		time.Sleep(4 * time.Minute)
		if c := process(); !c.WasSilent(box) || c.WasSilent(other) {
			t.Errorf("a few minutes later %v, another address %v", c.WasSilent(box), c.WasSilent(other))
		}
		process().Silent(box) // found so again: that makes it no longer
		time.Sleep(2 * time.Minute)
		if process().WasSilent(box) {
			t.Error("it is never given its whole time again")
		}
		process().Silent(box)
		process().Heard(box)
		if process().WasSilent(box) {
			t.Error("it was heard of, and counts as silent")
		}
		nobody := route.NewCooldowns(nil)
		nobody.Silent(box)
		if nobody.WasSilent(box) {
			t.Error("noted without a place to note it")
		}
	})
}
