//go:build unix

package llamaserver

import (
	"context"
	"errors"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/model/modeltest"
	"hearth/test/process"
	"hearth/test/scripted"
)

// V1 checks a protocol below /v1 against a server that it starts: provider speaks it to
// the address it is given. more, which may be nil, checks what only that protocol has.
func V1(t *testing.T, provider func(url string) model.Provider, more func(t *testing.T, p model.Provider)) {
	p := provider(start(t, scripted.Config{}).URL)
	modeltest.Real(t, p, Model, nil)
	t.Run("overflow", func(t *testing.T) {
		r := modeltest.NewTalk(p, Model).Say(t, strings.Repeat("too many words ", 12000)+"@@plain")
		if o := overflowed(t, r); o.Window != Context || o.Prompt <= o.Window {
			t.Errorf("%+v", o)
		}
	})
	if more != nil {
		more(t, p)
	}
}

// start is Start for the length of a test.
func start(t *testing.T, config scripted.Config, further ...string) *Server {
	t.Helper()
	return process.During(t, func(ctx context.Context, dir string) (*Server, error) { return Start(ctx, dir, config, further...) })
}

func overflowed(t *testing.T, r modeltest.Result) *model.Overflow {
	t.Helper()
	o, ok := errors.AsType[*model.Overflow](r.Err)
	if !ok || hearth.ReasonOf(r.Err) != hearth.ReasonContextOverflow {
		t.Fatalf("got %s, want an overflow", modeltest.Summed(r))
	}
	return o
}
