//go:build llamaserver && unix

package openai_test

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
	t.Run("a conversation whose requests are read from the cache", func(t *testing.T) {
		k := modeltest.Conversation(t, p, llamaserver.Model)
		evaluated := k.Timing.PromptTokens + k.Timing.CachedTokens
		r := k.Say(t, "@@plain")
		if k.Timing.CachedTokens < evaluated-8 || !r.Usage.CacheCounted || r.Usage.CacheRead != k.Timing.CachedTokens {
			t.Errorf("%d tokens were read before, now %+v, usage %+v", evaluated, k.Timing, r.Usage)
		}
	})
	t.Run("progress and slots", func(t *testing.T) {
		k := modeltest.NewTalk(p, llamaserver.Model)
		slot := 0
		k.Request.Slot, k.Request.Capabilities.SlotChoice, k.Request.Capabilities.ReturnProgress = &slot, true, true
		r := k.Say(t, strings.Repeat("many words come first ", 900)+"@@plain")
		read := 0
		for _, w := range r.Waits {
			if w.Phase == hearth.PhaseReading && w.Total > 0 {
				read = max(read, w.Done)
			}
		}
		if r.Err != nil || read == 0 {
			t.Errorf("no progress in %+v, %v", r.Waits, r.Err)
		}
	})
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
