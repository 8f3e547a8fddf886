//go:build e2e && unix

package openai_test

import (
	"errors"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/test/ollama"
)

func TestRealOllama(t *testing.T) {
	s, err := ollama.Start(t.Context(), ollama.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Stop() }()
	t.Run("a conversation", func(t *testing.T) { conversation(t, s.URL, ollama.Chat) })
	t.Run("leaving", func(t *testing.T) { leaves(t, s.URL, ollama.Chat) })
	t.Run("a model that is not there", func(t *testing.T) {
		r := newTalk(s.URL, "qwen9").say(t, "hi")
		if hearth.ReasonOf(r.Err) != hearth.ReasonModelNotFound {
			t.Errorf("got %s", summed(r))
		}
	})
	t.Run("a model without tools teaches that", func(t *testing.T) {
		k := newTalk(s.URL, ollama.Plain)
		r := k.say(t, "@@plain")
		refusal, ok := errors.AsType[*model.Refusal](r.Err)
		if !ok || refusal.Lesson != model.LessonNoTools || hearth.ReasonOf(r.Err) != hearth.ReasonToolsRefused {
			t.Fatalf("got %s", summed(r))
		}
		k = newTalk(s.URL, ollama.Plain)
		k.req.Capabilities.Tools = model.ToolsNone
		if got := summed(k.say(t, "@@plain")); !strings.Contains(got, "Hello from") {
			t.Errorf("without tools: %s", got)
		}
	})
}
