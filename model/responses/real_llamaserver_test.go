//go:build llamaserver && unix

package responses_test

import (
	"errors"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/model/modeltest"
	"hearth/test/llamaserver"
)

func TestRealLlamaServer(t *testing.T) {
	s, err := llamaserver.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	p := provider(s.URL)
	t.Run("a conversation", func(t *testing.T) { modeltest.Conversation(t, p, llamaserver.Model) })
	t.Run("overflow", func(t *testing.T) {
		r := modeltest.NewTalk(p, llamaserver.Model).Say(t, strings.Repeat("too many words ", 12000)+"@@plain")
		if o := overflowed(t, r); o.Window != llamaserver.Context || o.Prompt <= o.Window {
			t.Errorf("%+v", o)
		}
	})
	t.Run("leaving", func(t *testing.T) { modeltest.Leaves(t, p, llamaserver.Model) })
}

func overflowed(t *testing.T, r modeltest.Result) *model.Overflow {
	t.Helper()
	o, ok := errors.AsType[*model.Overflow](r.Err)
	if !ok || hearth.ReasonOf(r.Err) != hearth.ReasonContextOverflow {
		t.Fatalf("got %s, want an overflow", modeltest.Summed(r))
	}
	return o
}
