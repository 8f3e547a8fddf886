package agent_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/agent"
	"hearth/model"
	"hearth/policy"
	"hearth/prompt"
)

// supports has the config say which tools the model of a scene takes, and let commands run.
func (s *scene) supports(config *model.ToolSupport) {
	targets, err := s.cfg.Targets(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	targets[0].Layers.Config.Tools = config
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return slices.Clone(targets), nil }
	s.cfg.Rules = policy.Rules{Exec: policy.SecurityFull, Ask: policy.AskOff}
	s.agent = agent.New(s.cfg)
}

// Who was given no tools runs none, whatever its server makes of its answer.
func TestAModelWithoutToolsRunsNone(t *testing.T) {
	two := append(call("c1", "exec", `{"command":"ls"}`), call("c2", "exec", `{"command":"id"}`)...)
	for _, c := range []struct {
		name   string
		step   step
		config *model.ToolSupport
		answer string
		notice string
	}{
		{
			name: "its owner switched them off", step: step{calls: call("c1", "exec", `{"command":"ls"}`)}, config: new(model.ToolsNone),
			answer: `(The model called the tool "exec", though it was given no tools. Nothing was run.)`,
			notice: `the model called the tool "exec", though it was given no tools; nothing was run`,
		},
		{
			name: "its server refused them", step: step{calls: call("c1", "exec", `{"command":"ls"}`), refuse: &model.Refusal{Lesson: model.LessonNoTools, Words: "does not support tools"}},
			answer: `(The model called the tool "exec", though it was given no tools. Nothing was run.)`,
			notice: `the model called the tool "exec", though it was given no tools; nothing was run`,
		},
		{
			name: "behind words of its own, more than one", step: step{text: "Let me see.", calls: two}, config: new(model.ToolsNone),
			answer: "Let me see.\n" + `(The model called 2 tools, "exec" first, though it was given no tools. Nothing was run.)`,
			notice: `the model called 2 tools, "exec" first, though it was given no tools; nothing was run`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			exec := &counter{name: "exec", effect: hearth.EffectRun}
			s := newScene(t, []step{c.step, {text: "And on."}}, exec)
			s.supports(c.config)
			if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "go"}); err != nil {
				t.Fatal(err)
			}
			var shown, noticed strings.Builder
			out, err := s.agent.Turn(t.Context(), s.mem, func(e hearth.Event) {
				switch e.Kind {
				case hearth.EventText:
					shown.WriteString(e.Text)
				case hearth.EventNotice:
					noticed.WriteString(e.Notice.Text)
				case hearth.EventToolStart, hearth.EventToolEnd:
					t.Errorf("a tool is shown: %+v", e.Call)
				}
			})
			if err != nil || exec.ran != 0 || len(out.Tools) != 0 || len(out.Calls) != 0 {
				t.Errorf("got %+v, %v after %d runs", out, err, exec.ran)
			}
			if out.Answer != c.answer || shown.String() != c.answer || !strings.Contains(noticed.String(), c.notice) {
				t.Errorf("the answer is %q, shown as %q beside %q", out.Answer, shown.String(), noticed.String())
			}
			if out, err := s.say("and?"); err != nil || out.Answer != "And on." {
				t.Errorf("got %+v, %v", out, err)
			}
			s.wantTalk("user: go", "assistant: "+c.answer, "user: and?", "assistant: And on.")
		})
	}
}

// A tool that came when the conversation had begun was not offered in it, and is not run.
func TestAToolThatWasNotOfferedIsUnknown(t *testing.T) {
	look, late := &counter{name: "look", effect: hearth.EffectRead}, &counter{name: "late", effect: hearth.EffectRead}
	s := newScene(t, []step{{text: "Hello."}, {calls: call("c1", "late", `{}`)}, {text: "Sorry."}}, look)
	if _, err := s.say("hi"); err != nil {
		t.Fatal(err)
	}
	s.cfg.Tools = append(s.cfg.Tools, late)
	s.agent = agent.New(s.cfg)
	if out, err := s.say("now"); err != nil || late.ran != 0 || out.Answer != "Sorry." {
		t.Errorf("got %+v, %v after %d runs", out, err, late.ran)
	}
	s.wantTalk("user: hi", "assistant: Hello.", "user: now", "assistant: call late{}",
		`tool: result There is no tool named "late". The tools are: look.`, "assistant: Sorry.")
}
