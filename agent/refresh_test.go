package agent_test

import (
	"context"
	"testing"

	"hearth/agent"
	"hearth/model"
)

func TestAnotherLevelOfThinkingBeginsAnEpochWithTheSameMessages(t *testing.T) {
	s := newScene(t, []step{{text: "a"}, {text: "b"}, {text: "c"}})
	level := ""
	targets := s.cfg.Targets
	s.cfg.Targets = func(ctx context.Context) ([]model.Target, error) {
		chain, err := targets(ctx)
		chain[0].Params.Thinking = level
		return chain, err
	}
	s.agent = agent.New(s.cfg)
	refresh := func(want bool) {
		t.Helper()
		if ended, err := s.agent.Refresh(t.Context(), s.mem); err != nil || ended != want {
			t.Errorf("ended %t, %v; want %t", ended, err, want)
		}
	}
	refresh(false) // there is no epoch yet
	if _, err := s.say("one"); err != nil {
		t.Fatal(err)
	}
	refresh(false) // nothing waits
	level = "high"
	refresh(true)
	refresh(false)
	level = "" // as in a process that was not told: the level holds
	if _, err := s.say("two"); err != nil {
		t.Fatal(err)
	}
	refresh(true) // but whoever asks for none gets none
	if _, err := s.say("three"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range s.script.asked {
		got = append(got, r.Thinking)
	}
	if last := s.script.asked[2]; len(s.mem.epochs) != 3 || got[0] != "" || got[1] != "high" || got[2] != "" || len(last.Messages) != 5 {
		t.Errorf("%d epochs, levels %q, %d messages", len(s.mem.epochs), got, len(last.Messages))
	}
	for i, want := range []string{"first", "refresh", "refresh"} {
		if e := s.mem.epochs[i]; e.Reason != want || e.FirstSeq != 1 {
			t.Errorf("epoch %d: %s from %d", i, e.Reason, e.FirstSeq)
		}
	}
}
