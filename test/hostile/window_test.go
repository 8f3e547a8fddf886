package hostile

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
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

// TestAModelThatIsLoadedAnewWithLessForTheRequestItself talks to a server that put the model
// out of memory after a while, and loads it with less room for the request that comes next,
// which it then refuses without a number. It says itself what it has loaded, and is asked.
func TestAModelThatIsLoadedAnewWithLessForTheRequestItself(t *testing.T) {
	list := func(window int, unloaded bool) *modeltest.Server {
		return modeltest.NewServer(t, modeltest.Config{
			Identity: modeltest.LMStudio, Window: window, Refusal: "lmstudio stream without a number",
			Models:  []modeltest.Model{{ID: "test-model", Window: window, TrainedMax: 131_072, Unloaded: unloaded}},
			Default: modeltest.Say(modeltest.Reply{Text: "I see."}),
		})
	}
	roomy, asleep, cramped := list(32_768, false), list(6_000, true), list(6_000, false)
	var now atomic.Pointer[modeltest.Server]
	now.Store(roomy)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/chat/completions") {
			now.CompareAndSwap(asleep, cramped)
		}
		now.Load().ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	h := newHouse(t, front.URL, modeltest.Completions)
	h.run(t, "config", "set", "models.providers.box.params.preload", "false")
	for i := range 12 {
		if s := h.run(t, "agent", "--message", fmt.Sprintf("Part %d: %s", i, strings.Repeat("a long story ", 160))); s.code != 0 {
			t.Fatalf("message %d: exit %d\n%s%s", i, s.code, s.out, s.err)
		}
	}
	now.Store(asleep)
	s := h.run(t, "agent", "--message", "hello after lunch")
	if s.code != 0 || !strings.Contains(s.err, "box/test-model has a window of 6000 tokens now, not the 32768 that this conversation began with; it is kept within that\n") {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.err)
	}
	if !strings.Contains(s.err, " were summed up (nothing is lost on disk)\n") {
		t.Errorf("what left the conversation was not summed up:\n%s", s.err)
	}
}
