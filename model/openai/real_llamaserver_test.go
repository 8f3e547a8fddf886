//go:build llamaserver && unix

package openai_test

import (
	"strings"
	"testing"

	"hearth"
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
	t.Run("a conversation whose requests are read from the cache", func(t *testing.T) {
		k := conversation(t, s.URL, llamaserver.Model)
		evaluated := k.timing.PromptTokens + k.timing.CachedTokens
		r := k.say(t, "@@plain")
		if k.timing.CachedTokens < evaluated-8 || !r.Usage.CacheCounted || r.Usage.CacheRead != k.timing.CachedTokens {
			t.Errorf("%d tokens were read before, now %+v, usage %+v", evaluated, k.timing, r.Usage)
		}
	})
	t.Run("progress and slots", func(t *testing.T) {
		k := newTalk(s.URL, llamaserver.Model)
		slot := 0
		k.req.Slot, k.req.Capabilities.SlotChoice, k.req.Capabilities.ReturnProgress = &slot, true, true
		r := k.say(t, strings.Repeat("many words come first ", 900)+"@@plain")
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
		r := newTalk(s.URL, llamaserver.Model).say(t, strings.Repeat("too many words ", 12000)+"@@plain")
		if o := overflowed(t, r); o.Window != llamaserver.Context || o.Prompt <= o.Window {
			t.Errorf("%+v", o)
		}
	})
	t.Run("leaving", func(t *testing.T) { leaves(t, s.URL, llamaserver.Model) })
}
