//go:build unix

package ollama

import (
	"context"
	"errors"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/model/modeltest"
	"hearth/test/process"
)

// V1 checks a protocol below /v1 against a server that it starts: provider speaks it to
// the address it is given.
func V1(t *testing.T, provider func(url string) model.Provider) {
	s := process.During(t, func(ctx context.Context, dir string) (*Server, error) { return Start(ctx, Config{Dir: dir}) })
	p := provider(s.URL)
	modeltest.Real(t, p, Chat, func(ctx context.Context) error { return s.Unload(ctx, Chat) })
	t.Run("a model that is not there", func(t *testing.T) {
		r := modeltest.NewTalk(p, "qwen9").Say(t, "hi")
		if hearth.ReasonOf(r.Err) != hearth.ReasonModelNotFound {
			t.Errorf("got %s", modeltest.Summed(r))
		}
	})
	t.Run("a model without tools teaches that", func(t *testing.T) {
		r := modeltest.NewTalk(p, Plain).Say(t, "@@plain")
		refusal, ok := errors.AsType[*model.Refusal](r.Err)
		if !ok || refusal.Lesson != model.LessonNoTools || hearth.ReasonOf(r.Err) != hearth.ReasonToolsRefused {
			t.Fatalf("got %s", modeltest.Summed(r))
		}
		k := modeltest.NewTalk(p, Plain)
		k.Request.Capabilities.Tools = model.ToolsNone
		if got := modeltest.Summed(k.Say(t, "@@plain")); !strings.Contains(got, "Hello from") {
			t.Errorf("without tools: %s", got)
		}
	})
}
