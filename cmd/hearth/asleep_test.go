package main

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/internal/netguard"
	"hearth/model"
)

// An address that was silent in an earlier command is given half a second, and whoever is
// there again is used at once.
func TestAMachineThatWasAsleepIsGivenAShortLook(t *testing.T) {
	hang := func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	refuse := func(context.Context) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	accept := func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		return here, there.Close()
	}
	unknown := func(context.Context) (net.Conn, error) { return nil, &net.DNSError{IsTimeout: true} }
	for _, row := range []struct {
		name   string
		noted  bool // as silent
		dial   func(context.Context) (net.Conn, error)
		asleep bool
		took   time.Duration
	}{
		{"still asleep", true, hang, true, glance},
		{"switched on", true, accept, false, 0},
		{"on, and nothing listens", true, refuse, false, 0},
		{"nobody found its name in time", true, unknown, false, 0},
		{"never silent", false, hang, false, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Setenv("HEARTH_HOME", t.TempDir())
			synctest.Test(t, func(t *testing.T) {
				a, err := newApp(t.Context(), streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard, getenv: os.Getenv, terminal: -1}, &options{})
				if err != nil {
					t.Fatal(err)
				}
				defer a.close()
				c := dialling(t, row.dial)
				if row.noted {
					a.servers.cooldowns.Silent(c.Endpoint.Origin)
				}
				began := time.Now()
				if got := a.servers.stillAsleep(t.Context(), c); got != row.asleep {
					t.Errorf("asleep: %v", got)
				}
				if took := time.Since(began); took != row.took {
					t.Errorf("it took %s, want %s", took, row.took)
				}
				if rests := a.servers.cooldowns.Until(c.Target).After(time.Now()); rests != row.asleep {
					t.Errorf("it rests: %v", rests)
				}
			})
		})
	}
}

// dialling is a candidate on the network that is reached by dial.
func dialling(t *testing.T, dial func(context.Context) (net.Conn, error)) candidate {
	t.Helper()
	at, err := model.ParseEndpoint("http://192.168.1.20:8080/v1")
	if err != nil {
		t.Fatal(err)
	}
	guard, err := netguard.New(netguard.Config{Origin: at.BaseURL, AllowPrivate: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }})
	if err != nil {
		t.Fatal(err)
	}
	client := model.NewClient(model.ClientConfig{Endpoint: at, Guard: guard, AllowPrivateNetwork: true})
	t.Cleanup(client.CloseIdle)
	return candidate{Target: model.Target{Ref: hearth.ModelRef{Provider: "box", Model: "m"}, Endpoint: at}, client: client}
}
