//go:build unix

package llamaserver

import (
	"errors"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/model/modeltest"
)

// V1 checks a protocol below /v1 against a server that it starts: provider speaks it to
// the address it is given. more, which may be nil, checks what only that protocol has.
func V1(t *testing.T, provider func(url string) model.Provider, more func(t *testing.T, p model.Provider)) {
	s, err := Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	p := provider(s.URL)
	t.Run("a conversation", func(t *testing.T) { modeltest.Conversation(t, p, Model) })
	t.Run("overflow", func(t *testing.T) {
		r := modeltest.NewTalk(p, Model).Say(t, strings.Repeat("too many words ", 12000)+"@@plain")
		if o := overflowed(t, r); o.Window != Context || o.Prompt <= o.Window {
			t.Errorf("%+v", o)
		}
	})
	t.Run("leaving", func(t *testing.T) { modeltest.Leaves(t, p, Model) })
	if more != nil {
		more(t, p)
	}
}

func overflowed(t *testing.T, r modeltest.Result) *model.Overflow {
	t.Helper()
	o, ok := errors.AsType[*model.Overflow](r.Err)
	if !ok || hearth.ReasonOf(r.Err) != hearth.ReasonContextOverflow {
		t.Fatalf("got %s, want an overflow", modeltest.Summed(r))
	}
	return o
}
