//go:build llamaserver && unix

package openai_test

import (
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/model/modeltest"
	"hearth/test/llamaserver"
)

func TestRealLlamaServer(t *testing.T) {
	llamaserver.V1(t, provider, cacheAndSlots)
}

func cacheAndSlots(t *testing.T, p model.Provider) {
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
}
