package hostile

import (
	"fmt"
	"strings"
	"testing"

	"hearth/model/modeltest"
)

// TestALongTalkWithASmallWindow goes on talking long after the server's window is full,
// while the config claims a window eight times as large. Every message is answered, no
// request that the server would have to refuse twice is sent twice, and nobody is left
// without a word about what was left out.
func TestALongTalkWithASmallWindow(t *testing.T) {
	server := modeltest.NewServer(t, modeltest.Config{Window: 6000, Refusal: "llama.cpp", Default: modeltest.Say(modeltest.Reply{Text: "I see."})})
	h := newHouse(t, server.URL, modeltest.Completions)
	told := ""
	for i := range 16 {
		s := h.run(t, "agent", "--message", fmt.Sprintf("Part %d: %s", i, strings.Repeat("a long story ", 120)))
		if s.code != 0 || !strings.Contains(s.out, "I see.") {
			t.Fatalf("message %d: exit %d\n%s%s", i, s.code, s.out, s.err)
		}
		told += s.err
	}
	t.Logf("%d requests; told:\n%s", len(server.Requests()), told)
	for _, want := range []string{
		"note: box/test-model was loaded with a window of 6000 tokens, not the 32768 that were assumed; the conversation is kept within that\n",
		" were summed up (nothing is lost on disk)\n",
	} {
		if strings.Count(told, want) != 1 {
			t.Errorf("the person was not told, once: %s", want)
		}
	}
	bodies := map[string]bool{}
	for i, r := range server.Requests() {
		if bodies[string(r.Body)] {
			t.Errorf("request %d was sent before", i)
		}
		bodies[string(r.Body)] = true
	}
}
