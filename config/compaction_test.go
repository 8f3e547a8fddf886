package config

import (
	"slices"
	"strings"
	"testing"
)

// Every key that OpenClaw has for compaction does what it says here, or is told to do
// nothing.
func TestKeysOfCompactionAreUsedOrToldToBeUnused(t *testing.T) {
	used := []string{"enabled", "background", "reserveTokens", "keepRecentTokens", "customInstructions"}
	all := `mode: "safeguard", enabled: true, background: true, reserveTokens: 1000, reserveTokensFloor: 2000, keepRecentTokens: 2000, maxHistoryShare: 0.5,
customInstructions: "x", identifierInstructions: "y", identifierPolicy: "strict", recentTurnsPreserve: 3, qualityGuard: {enabled: true, maxRetries: 1},
midTurnPrecheck: {enabled: false}, postIndexSync: "async", notifyUser: false, provider: "p", model: "p/m", postCompactionSections: ["a"], timeoutSeconds: 900,
thinkingLevel: "low", memoryFlush: {enabled: true, model: "p/m", softThresholdTokens: 4000, forceFlushTranscriptBytes: "2mb", prompt: "p", systemPrompt: "s"},
truncateAfterCompaction: true, maxActiveTranscriptBytes: 1000`
	file, _ := newHome(t).config(`{agents: {defaults: {compaction: {` + all + `}}}}`)
	const block = "agents.defaults.compaction."
	seen := 0
	for _, m := range file.tree.Get("agents").Get("defaults").Get("compaction").Members {
		seen++
		told := slices.ContainsFunc(file.unused, func(path string) bool {
			return path == block+m.Key || strings.HasPrefix(path, block+m.Key+".")
		})
		if told == slices.Contains(used, m.Key) {
			t.Errorf("%s: told to be unused %t", m.Key, told)
		}
	}
	c := file.Config.Agents.Defaults.Compaction
	if seen != 23 || !*c.Enabled || !*c.Background || *c.ReserveTokens != 1000 || c.KeepRecentTokens != 2000 || c.CustomInstructions != "x" {
		t.Errorf("of %d keys came %+v", seen, c)
	}
}
