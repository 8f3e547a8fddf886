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

// The row of an epoch says what its beginning cost: the first byte at which a request in
// it leaves what the server was sent last, and about how many tokens come from there on.
// What goes on from that costs nothing, whatever it was that ended the epoch before.
func TestAnEpochSaysWhatItsBeginningCost(t *testing.T) {
	lesson := func(l model.Lesson) func(*scene, *model.Target) {
		return func(s *scene, _ *model.Target) { s.script.steps[0].refuse = &model.Refusal{Lesson: l, Words: "no"} }
	}
	for _, c := range []struct {
		name   string
		change func(*scene, *model.Target) // after two turns, before the third
		reason string
		detail string
		cost   string // "nothing", "from the difference on", "all that was sent"
		told   string // notices, each of which begins so
	}{
		{name: "nothing happened", change: func(*scene, *model.Target) {}, reason: "first", cost: "nothing"},
		{name: "a lesson that changes what comes first", change: lesson(model.LessonNoTools), reason: "server-refused", cost: "from the difference on"},
		{name: "a lesson that changes nothing that was sent", change: lesson(model.LessonStrictKeys), reason: "server-refused", cost: "nothing"},
		{name: "a lesson that changes what answers look like", change: lesson(model.LessonReasoningBack), reason: "server-refused", cost: "nothing"},
		{name: "a server that says that it takes no tools", change: func(_ *scene, now *model.Target) { now.Layers.Server.Tools = new(model.ToolsNone) },
			reason: "refresh", detail: "local/m takes no tools now, its server says", cost: "from the difference on", told: "local/m does not support tools"},
		{name: "another protocol", change: func(_ *scene, now *model.Target) { now.Protocol = "p2" },
			reason: "refresh", detail: "local/m is asked by p2 now, not by p1 (api in the config)", cost: "all that was sent", told: "local/m is asked by p2"},
		{name: "another program, which has read nothing of the same bytes", change: func(_ *scene, now *model.Target) { now.Layers.Server.Server = new("vllm") },
			reason: "refresh", detail: "local/m is served by vllm now, not by ollama", cost: "all that was sent", told: "local/m is served by vllm"},
		{name: "another level of thinking, which no byte tells", change: func(s *scene, now *model.Target) { now.Params.Thinking = "high"; s.refresh() },
			reason: "refresh", detail: "applied: the thinking level (high)", cost: "nothing"},
		{name: "a refresh that folds in an edited file", change: func(s *scene, now *model.Target) {
			s.files[0].Text, now.Params.Thinking = "Be brief.", "high"
			s.refresh()
		}, reason: "refresh", detail: "applied: the thinking level (high)", cost: "from the difference on"},
		{name: "a refresh after many answers of another model", change: func(s *scene, now *model.Target) {
			for range 450 {
				s.mem.reports = append(s.mem.reports, hearth.Report{Target: hearth.ModelRef{Provider: "other", Model: "m2"}, EpochID: 9, Added: []byte("x")})
			}
			s.files[0].Text, now.Params.Thinking = "Be brief.", "high"
			s.refresh()
		}, reason: "refresh", detail: "applied: the thinking level (high)", cost: "from the difference on"},
		{name: "a compaction", change: func(s *scene, _ *model.Target) { s.compact() },
			reason: "compaction", detail: "summed up 2 messages", cost: "from the difference on"},
		{name: "a refresh after a compaction whose epoch was sent nothing", change: func(s *scene, now *model.Target) {
			s.compact()
			now.Params.Thinking = "high"
			s.refresh()
		}, reason: "refresh", detail: "applied: the thinking level (high)", cost: "from the difference on"},
		{name: "a provider that cannot write a request without sending it", change: func(s *scene, now *model.Target) { now.Provider = nil; s.compact() },
			reason: "compaction", detail: "summed up 2 messages", cost: "nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, []step{{text: "One."}, {text: "Two."}}, &counter{name: "look", effect: hearth.EffectRead})
			targets, err := s.cfg.Targets(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			now := &targets[0]
			now.Protocol, now.Layers.Server.Server, now.Provider = "p1", new("ollama"), measured{}
			s.cfg.Targets = func(context.Context) ([]model.Target, error) {
				chain := slices.Clone(targets)
				if chain[0].Provider != nil {
					chain[0].Provider = measured{protocol: chain[0].Protocol}
				}
				return chain, nil
			}
			s.files = append(s.files, prompt.File{Name: "AGENTS.md", Text: "Be kind."})
			s.cfg.Room.KeepRecentTokens = 1
			s.agent = agent.New(s.cfg)
			for _, text := range []string{"a", "b"} {
				if _, err := s.say(text); err != nil {
					t.Fatal(err)
				}
			}
			before := bytesOf(s.script.asked[1], "p1")
			s.script.steps = []step{{text: "Three."}}
			c.change(s, now)
			told := s.hear("c")
			after := bytesOf(s.script.asked[len(s.script.asked)-1], now.Protocol)

			e := s.mem.epochs[len(s.mem.epochs)-1]
			if e.Reason != c.reason || e.Detail != c.detail {
				t.Errorf("it began for %q (%s), want %q (%s)", e.Reason, e.Detail, c.reason, c.detail)
			}
			at := 0
			for at < min(len(before), len(after)) && before[at] == after[at] {
				at++
			}
			if at == len(before) {
				at = 0
			}
			least, most := 0, 0
			switch c.cost {
			case "nothing":
				at = 0
			case "all that was sent":
				least, most = len(before)/4, len(before)/4
			case "from the difference on": // a message that follows is no part of it
				least, most = 1, (len(after)-at)/4
			}
			if e.FirstDiff != at || e.TokensLost < least || e.TokensLost > most {
				t.Errorf("it differs at byte %d and costs %d tokens, want byte %d and %d to %d", e.FirstDiff, e.TokensLost, at, least, most)
			}
			if got := strings.Join(told, "; "); !strings.HasPrefix(got, c.told) || len(told) != min(1, len(c.told)) {
				t.Errorf("the person is told %q, want %q", told, c.told)
			}
		})
	}
}

// bytesOf is what a request sends, without the commas of a body.
func bytesOf(req *model.Request, protocol string) string {
	sent := encode(req)
	return protocol + string(sent.Head) + string(slices.Concat(sent.Items...))
}

// hear gives what a person is told while a message of theirs is answered.
func (s *scene) hear(text string) (notices []string) {
	s.Helper()
	accepted, err := s.agent.Accept(s.Context(), s.mem, prompt.Incoming{Text: text})
	if err != nil {
		s.Fatal(err)
	}
	for _, n := range accepted {
		notices = append(notices, n.Text)
	}
	if _, err := s.agent.Turn(s.Context(), s.mem, func(e hearth.Event) {
		if e.Kind == hearth.EventNotice {
			notices = append(notices, e.Notice.Text)
		}
	}); err != nil {
		s.Fatal(err)
	}
	return notices
}

func (s *scene) refresh() {
	s.Helper()
	if ended, err := s.agent.Refresh(s.Context(), s.mem); err != nil || !ended {
		s.Fatalf("an epoch ended: %t, %v", ended, err)
	}
}

// compact has the script sum up what it is asked to.
func (s *scene) compact() {
	s.Helper()
	answers := s.script.steps
	s.script.steps = append([]step{{text: "They said a."}}, answers...)
	if err := s.agent.Compact(s.Context(), s.mem, "", nil); err != nil {
		s.Fatal(err)
	}
	if len(s.script.steps) != len(answers) {
		s.Fatal("no summary was asked for")
	}
}
