package agent_test

import (
	"context"
	"testing"

	"hearth"
	"hearth/agent"
	"hearth/model"
)

// resident makes the scene's model one that is loaded now.
func (s *scene) resident(yes bool) {
	target := model.Target{Ref: hearth.ModelRef{Provider: "local", Model: "m"}, Layers: model.Layers{Server: model.Layer{Resident: &yes}, Default: model.DefaultLayer()}}
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{target}, nil }
	s.agent = agent.New(s.cfg)
}

func TestWarmingReadsTheLastRequestAgainForOneToken(t *testing.T) {
	s := newScene(t, []step{{text: "one"}, {text: "x"}, {text: "two"}})
	s.resident(true)
	_, _ = s.say("a")
	read, ok, err := s.agent.Warm(t.Context(), s.mem)
	if err != nil || !ok {
		t.Fatalf("nothing to warm: %v", err)
	}
	report, err := read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.agent.Warmed(t.Context(), s.mem, report); err != nil {
		t.Fatal(err)
	}
	if report.Purpose != hearth.PurposeWarmUp || report.Items != 1 || report.Prefix != "" || report.Through != 0 {
		t.Errorf("the report is %+v", report)
	}
	first, warm := s.script.asked[0], s.script.asked[1]
	if warm.MaxTokens != 1 || encode(warm).Prefix(99) != encode(first).Prefix(99) {
		t.Errorf("the warm-up is another request: %+v", warm)
	}
	_, _ = s.say("b")
	if n := len(s.mem.epochs); n != 1 {
		t.Errorf("the warm-up broke the epoch: %+v", s.mem.epochs)
	}
	s.wantTalk("user: a", "assistant: one", "user: b", "assistant: two")
}

func TestNothingIsWarmedThatWouldLoadAModelOrWasNeverAsked(t *testing.T) {
	s := newScene(t, []step{{text: "one"}})
	s.resident(true)
	if _, ok, err := s.agent.Warm(t.Context(), s.mem); ok || err != nil {
		t.Errorf("an empty conversation is warmed, %v", err)
	}
	_, _ = s.say("a")
	s.resident(false)
	if _, ok, err := s.agent.Warm(t.Context(), s.mem); ok || err != nil {
		t.Errorf("a model that is not loaded is warmed, %v", err)
	}
}
