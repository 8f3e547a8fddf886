package agent_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/agent"
	"hearth/model"
	"hearth/prompt"
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
	for i, want := range []struct{ reason, detail string }{{"first", ""}, {"refresh", "applied: the thinking level (high)"}, {"refresh", "applied: the thinking level (as the model likes)"}} {
		if e := s.mem.epochs[i]; e.Reason != want.reason || e.Detail != want.detail || e.FirstSeq != 1 {
			t.Errorf("epoch %d: %s (%s) from %d", i, e.Reason, e.Detail, e.FirstSeq)
		}
	}
}

// What an owner changes about a model's server ends the epoch or waits for its end, and is
// told as what it is.
func TestAnotherServerOfAModelIsARefreshWithItsCause(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*model.Target)
		detail string // of the epoch that begins; "" = it goes on
		differ bool   // the bytes do
		told   string
	}{
		{name: "nothing", change: func(*model.Target) {}},
		{name: "another protocol", change: func(t *model.Target) { t.Protocol = "p2" },
			detail: "local/m is asked by p2 now, not by p1 (api in the config)", differ: true, told: "(api in the config): the server reads the conversation anew once"},
		{name: "another program", change: func(t *model.Target) { t.Layers.Server.Server = new("vllm") },
			detail: "local/m is served by vllm now, not by ollama", told: "served by vllm now"},
		{name: "another program and a setting", change: func(t *model.Target) {
			t.Layers.Server.Server, t.Layers.Config.StringContent = new("vllm"), new(true)
		}, detail: "local/m is served by vllm now, not by ollama", told: "served by vllm now"},
		{name: "a program that nobody knows", change: func(t *model.Target) { t.Layers.Server.Server = new("unknown") }},
		{name: "a server that did not say", change: func(t *model.Target) { t.Layers.Server.Server = nil }},
		{name: "a compat setting", change: func(t *model.Target) { t.Layers.Config.StringContent = new(true) },
			told: "applied when it begins anew (/new) or is summed up (/compact): what the config declares of the model"},
		{name: "a compat setting against what the server says", change: func(t *model.Target) {
			t.Layers.Server.StringContent, t.Layers.Config.StringContent = new(false), new(true)
		}, told: "applied when it begins anew (/new) or is summed up (/compact): what the config declares of the model"},
		{name: "no tools by the config, from a server that has them", change: func(t *model.Target) {
			t.Layers.Server.Tools, t.Layers.Config.Tools = new(model.ToolsNative), new(model.ToolsNone)
		}, told: "applied when it begins anew (/new) or is summed up (/compact): the tools (none)"},
		{name: "a level of thinking that no request tells", change: func(t *model.Target) { t.Params.Thinking = "high" }},
		{name: "what a probe found", change: func(t *model.Target) { t.Layers.Probe.ReplayThinking = new(true) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, []step{{text: "a"}, {text: "b"}, {text: "c"}}, &counter{name: "look", effect: hearth.EffectRead})
			targets, changed := s.cfg.Targets, false
			s.cfg.Targets = func(ctx context.Context) ([]model.Target, error) {
				chain, err := targets(ctx)
				chain[0].Protocol, chain[0].Layers.Server.Server = "p1", new("ollama")
				if changed {
					c.change(&chain[0])
				}
				chain[0].Provider = measured{protocol: chain[0].Protocol}
				return chain, err
			}
			s.agent = agent.New(s.cfg)
			if _, err := s.say("one"); err != nil {
				t.Fatal(err)
			}
			changed = true
			var told []string
			for _, text := range []string{"two", "three"} {
				s.agent = agent.New(s.cfg)
				if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: text}); err != nil {
					t.Fatal(err)
				}
				if _, err := s.agent.Turn(t.Context(), s.mem, func(e hearth.Event) {
					if e.Kind == hearth.EventNotice && text == "two" {
						told = append(told, e.Notice.Text)
					}
				}); err != nil {
					t.Fatal(err)
				}
			}
			if got := strings.Join(told, "; "); !strings.Contains(got, c.told) || len(told) != min(len(c.told), 1) {
				t.Errorf("told %q, want %q", told, c.told)
			}
			want := 1
			if c.detail != "" {
				want = 2
			}
			if len(s.mem.epochs) != want {
				t.Fatalf("the epochs are %+v", s.mem.epochs)
			}
			if e := s.mem.epochs[want-1]; e.Detail != c.detail || want == 2 && (e.Reason != "refresh" || e.FirstSeq != 1 || e.TokensLost == 0 || (e.FirstDiff > 0) != c.differ) {
				t.Errorf("the epoch is %+v", e)
			}
			if n := len(s.script.asked[2].Messages); n != 5 {
				t.Errorf("%d messages were sent", n)
			}
		})
	}
}

// What waits for the epoch's end is not announced by that end.
func TestACompactionAppliesWhatWaitsWithoutAWord(t *testing.T) {
	s := newScene(t, []step{{text: "One."}, {text: "Two."}})
	targets, err := s.cfg.Targets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return targets, nil }
	s.cfg.Room.KeepRecentTokens = 1
	s.agent = agent.New(s.cfg)
	for _, text := range []string{"a", "b"} {
		if _, err := s.say(text); err != nil {
			t.Fatal(err)
		}
	}
	targets[0].Params.Thinking = "high"
	s.script.steps = []step{{text: "They said a."}}
	var told []string
	if err := s.agent.Compact(t.Context(), s.mem, "", func(e hearth.Event) {
		if e.Kind == hearth.EventNotice {
			told = append(told, e.Notice.Kind)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(told, []string{"compaction"}) {
		t.Errorf("told %q", told)
	}
	plan, err := prompt.DecodePlan(s.mem.epochs[len(s.mem.epochs)-1].Plan)
	if err != nil || plan.Params.Thinking != "high" {
		t.Errorf("it goes on with %q: %v", plan.Params.Thinking, err)
	}
}
