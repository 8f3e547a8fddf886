package probe_test

import (
	"context"
	"net"
	"syscall"
	"testing"
	"testing/synctest"

	"hearth"
	"hearth/internal/netguard"
	"hearth/model"
	"hearth/model/probe"
)

// A server that is asleep accepts nothing and refuses nothing.
func TestASilentServerIsToldFromOneThatRefuses(t *testing.T) {
	rows := []struct {
		name   string
		dial   func(context.Context) error
		silent bool
	}{
		{"asleep", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, true},
		{"refuses", func(context.Context) error { return syscall.ECONNREFUSED }, false},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			at, err := model.ParseEndpoint("http://127.0.0.1:9/v1")
			if err != nil {
				t.Fatal(err)
			}
			guard, err := netguard.New(netguard.Config{Origin: at.BaseURL, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { return nil, row.dial(ctx) }})
			if err != nil {
				t.Fatal(err)
			}
			client := model.NewClient(model.ClientConfig{Endpoint: at, Guard: guard})
			defer client.CloseIdle()
			d := probe.NewDescriber(probe.OpenCache(""), 0)
			if d.Silent(at.Origin) {
				t.Errorf("%s: it is silent before anybody asked", row.name)
			}
			if _, err := d.Host(t.Context(), client); hearth.ReasonOf(err) != hearth.ReasonUnreachable {
				t.Errorf("%s: %v", row.name, err)
			}
			if d.Silent(at.Origin) != row.silent {
				t.Errorf("%s: silent is %v", row.name, !row.silent)
			}
		})
	}
}
