package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/agent"
	"hearth/model"
	"hearth/policy"
	"hearth/prompt"
	"hearth/tool"
)

// many gives fifteen tools that only look, and one that runs programs.
func many() []tool.Tool {
	var all []tool.Tool
	for i := range 15 {
		all = append(all, &counter{name: fmt.Sprintf("look%02d", i), effect: hearth.EffectRead})
	}
	return append(all, &counter{name: "exec", effect: hearth.EffectRun})
}

// indexed is what a model is offered of them.
var indexed = []string{"tool_call", "tool_describe", "tool_search"}

func TestToolsBeyondADozenAreReachedThroughAnIndex(t *testing.T) {
	tools := many()
	s := newScene(t, []step{
		{calls: call("c1", "tool_search", `{"query":"look07"}`)},
		{calls: call("c2", "tool_describe", `{"name":"look07"}`)},
		{calls: call("c3", "tool_call", `{"name":"look07","arguments":{"a":1}}`)},
		{calls: call("c4", "look08", `{}`)}, // a model that saw the name calls it as it is
		{text: "Found."},
	}, tools...)
	var shown []string
	if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "look"}); err != nil {
		t.Fatal(err)
	}
	out, err := s.agent.Turn(t.Context(), s.mem, func(e hearth.Event) {
		if e.Kind == hearth.EventToolStart || e.Kind == hearth.EventToolEnd {
			shown = append(shown, e.Call.Name)
		}
	})
	if err != nil || out.Answer != "Found." {
		t.Fatalf("got %+v, %v", out, err)
	}
	if !slices.Equal(out.Tools, indexed) || len(out.Catalogue) != 16 || out.Catalogue[0] != "exec" {
		t.Errorf("offered %v, and behind it %v", out.Tools, out.Catalogue)
	}
	if ran := tools[7].(*counter).ran + tools[8].(*counter).ran; ran != 2 {
		t.Errorf("%d tools ran", ran)
	}
	s.wantTalk("user: look",
		`assistant: call tool_search{"query":"look07"}`, "tool: result look07: counts",
		`assistant: call tool_describe{"name":"look07"}`, "tool: result look07\ncounts\nArguments, as a JSON schema: {\"type\":\"object\"}\nRun it with tool_call.",
		`assistant: call tool_call{"name":"look07","arguments":{"a":1}}`, "tool: result ok",
		`assistant: call look08{}`, "tool: result ok",
		"assistant: Found.")
	// The model hears the name that it called, the person the one that ran.
	var names []string
	for _, e := range s.mem.entries {
		for _, p := range e.Message.Parts {
			if p.Result != nil {
				names = append(names, p.Result.Name)
			}
		}
	}
	if want := []string{"tool_search", "tool_describe", "tool_call", "look08"}; !slices.Equal(names, want) {
		t.Errorf("results are of %v", names)
	}
	if want := []string{"tool_search", "tool_search", "tool_describe", "tool_describe", "look07", "look07", "look08", "look08"}; !slices.Equal(shown, want) || out.Calls[2] != "look07" {
		t.Errorf("the person was shown %v, and ran %v", shown, out.Calls)
	}
}

func TestAToolThatComesLateIsReachedInTheSameEpoch(t *testing.T) {
	s := newScene(t, []step{{text: "Hello."}, {calls: call("c1", "tool_call", `{"name":"late","arguments":{}}`)}, {text: "Done."}}, many()...)
	if _, err := s.say("hi"); err != nil {
		t.Fatal(err)
	}
	late := &counter{name: "late", effect: hearth.EffectRead}
	s.cfg.Tools = append(s.cfg.Tools, late)
	s.agent = agent.New(s.cfg)
	if out, err := s.say("use the late one"); err != nil || late.ran != 1 || !slices.Contains(out.Catalogue, "late") {
		t.Errorf("ran %d times: %+v, %v", late.ran, out, err)
	}
	if len(s.mem.epochs) != 1 {
		t.Errorf("%d epochs", len(s.mem.epochs))
	}
	for i, req := range s.script.asked[1:] {
		before := encode(s.script.asked[i])
		if encode(req).Prefix(len(before.Items)) != before.Prefix(len(before.Items)) {
			t.Errorf("request %d does not extend the one before", i+1)
		}
	}
}

func TestTheGuardSeesTheCallBehindAToolCall(t *testing.T) {
	inner := `{"name":"exec","arguments":{"command":"ls"}}`
	tools := many()
	exec := tools[15].(*counter)
	s := newScene(t, []step{{calls: call("c1", "tool_call", inner)}, {text: "done"}}, tools...)
	out, err := s.say("list")
	if err != nil || out.Question == nil || exec.ran != 0 {
		t.Fatalf("no question: %+v, %v; ran %d times", out, err, exec.ran)
	}
	q := *out.Question
	want := hearth.ToolCall{ID: "c1", Name: "exec", Arguments: `{"command":"ls"}`}
	if q.Call != want || q.Hash != policy.Hash(want, "s1", "") || !strings.Contains(q.Text, `exec {"command":"ls"}`) {
		t.Errorf("asked about %+v", q)
	}
	forged := q
	forged.Hash = policy.Hash(hearth.ToolCall{ID: "c1", Name: "tool_call", Arguments: inner}, "s1", "")
	if err := s.agent.Decide(t.Context(), s.mem, forged, true); hearth.ReasonOf(err) != hearth.ReasonUsage {
		t.Errorf("a yes to the wrapping counts: %v", err)
	}
	if err := s.agent.Decide(t.Context(), s.mem, q, true); err != nil {
		t.Fatal(err)
	}
	if out, err := s.agent.Turn(t.Context(), s.mem, nil); err != nil || out.Answer != "done" || exec.ran != 1 {
		t.Errorf("after the yes: %+v, %v; ran %d times", out, err, exec.ran)
	}
}

func TestACallBehindAToolCallMayBeDenied(t *testing.T) {
	tools := many()
	s := newScene(t, []step{{calls: call("c1", "tool_call", `{"name":"exec","arguments":{}}`)}, {text: "pity"}}, tools...)
	s.cfg.CanAsk = false
	s.cfg.Rules = policy.Rules{Exec: policy.SecurityDeny}
	s.agent = agent.New(s.cfg)
	if _, err := s.say("run"); err != nil {
		t.Fatal(err)
	}
	if n := tools[15].(*counter).ran; n != 0 {
		t.Errorf("it ran %d times", n)
	}
	if talk := s.mem.talk(); !strings.Contains(talk[2], "Not allowed") {
		t.Errorf("the model was told %q", talk[2])
	}
}

func TestALoopIsSeenThroughTheIndex(t *testing.T) {
	s := newScene(t, []step{
		{calls: call("c1", "tool_call", `{"name":"look01","arguments":{"a":1}}`)},
		{calls: call("c2", "tool_call", `{"arguments":{"a":1},"name":"look01"}`)},
		{calls: call("c3", "look01", `{"a":1}`)},
	}, many()...)
	_, err := s.say("look")
	if hearth.ReasonOf(err) != hearth.ReasonLimit || !strings.Contains(err.Error(), "look01") {
		t.Errorf("got %v", err)
	}
}

func TestBadCallsOfTheIndexAreToldToTheModel(t *testing.T) {
	s := newScene(t, []step{
		{calls: call("c1", "tool_call", `{"arguments":{}}`)},
		{calls: call("c2", "tool_call", `{"name":"fly","arguments":{}}`)},
		{calls: call("c3", "tool_call", `{"name":"tool_call","arguments":{"name":"look01"}}`)},
		{text: "I see."},
	}, many()...)
	if _, err := s.say("try"); err != nil {
		t.Fatal(err)
	}
	talk := strings.Join(s.mem.talk(), "\n")
	for _, want := range []string{`"name" must be the name of a tool`, `There is no tool named "fly"`, `There is no tool named "tool_call"`} {
		if !strings.Contains(talk, want) {
			t.Errorf("%q is missing in\n%s", want, talk)
		}
	}
}

// A plan decides once, by the number of the tools and the room that their schemas take.
func TestWhenThereIsAnIndex(t *testing.T) {
	spec := func(i, bytes int) hearth.ToolSpec {
		return hearth.ToolSpec{Name: fmt.Sprintf("t%02d", i), Description: strings.Repeat("d", bytes), Schema: json.RawMessage(`{"type":"object"}`)}
	}
	none := model.ToolsNone
	for name, c := range map[string]struct {
		tools, bytes, window int
		support              *model.ToolSupport
		want                 bool
	}{
		"a dozen tools, a large window":              {12, 40, 100_000, nil, false},
		"thirteen":                                   {13, 40, 100_000, nil, true},
		"five of the usual size in the usual window": {5, 300, 16_384, nil, false},
		"five of the usual size in the least window": {5, 300, 4_096, nil, true},
		"two small ones in the least window":         {2, 100, 4_096, nil, false},
		"a model without tools":                      {13, 40, 100_000, &none, false},
	} {
		var specs []hearth.ToolSpec
		for i := range c.tools {
			specs = append(specs, spec(i, c.bytes))
		}
		target := model.Target{Ref: hearth.ModelRef{Provider: "local", Model: "m"}, Layers: model.Layers{Config: model.Layer{Window: &c.window, Tools: c.support}, Default: model.DefaultLayer()}}
		plan := prompt.NewPlan(target, prompt.House{}, specs)
		if plan.Indexed != c.want || plan.Indexed && !slices.Equal(plan.ToolNames(), indexed) || strings.Contains(plan.System, "tool_search") != c.want {
			t.Errorf("%s: indexed %t, %v", name, plan.Indexed, plan.ToolNames())
		}
	}
}

// An edit of the workspace is folded into the system text when an epoch ends anyway, and
// is then told to the model once.
func TestACompactionFoldsInWhatChanged(t *testing.T) {
	server := &small{window: 10_000}
	s := filling(t, server)
	head := encode(server.requests[0]).Prefix(0)
	compact := func() string {
		t.Helper()
		if err := s.agent.Compact(t.Context(), s.mem, "", nil); err != nil {
			t.Fatal(err)
		}
		if out, err := s.say("go on " + strings.Repeat("Long words follow one another. ", 70)); err != nil || out.Answer == "" {
			t.Fatal(err)
		}
		return encode(server.requests[len(server.requests)-1]).Prefix(0)
	}
	if compact() != head {
		t.Error("nothing changed, and the server has to read the head again")
	}
	s.files = []prompt.File{{Name: "AGENTS.md", Text: "Be brief."}}
	for range 4 {
		if _, err := s.say("more. " + strings.Repeat("Long words follow one another. ", 70)); err != nil {
			t.Fatal(err)
		}
	}
	if encode(server.requests[len(server.requests)-1]).Prefix(0) != head {
		t.Error("the head changed within an epoch")
	}
	if compact() == head || !strings.Contains(server.requests[len(server.requests)-1].System, "Be brief.") {
		t.Error("the edit is not in the system text of the new epoch")
	}
	if told := fmt.Sprint(server.requests[len(server.requests)-1].Messages); strings.Contains(told, "AGENTS.md was changed") {
		t.Error("the edit is told again")
	}
}

// A server that looks for names in the tag of a call would find tool_call in every one.
func TestTheIndexHasNoNameThatATagHolds(t *testing.T) {
	tools := many()
	s := newScene(t, []step{
		{calls: call("c1", "tool_describe", `{"name":"look07"}`)},
		{calls: call("c2", "use_tool", `{"name":"look07","arguments":{"a":1}}`)},
		{text: "Found."},
	}, tools...)
	targets, _ := s.cfg.Targets(t.Context())
	targets[0].Layers.Server.NamesInTags = new(true)
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return targets, nil }
	s.agent = agent.New(s.cfg)
	out, err := s.say("look")
	if err != nil || out.Answer != "Found." || tools[7].(*counter).ran != 1 {
		t.Fatalf("got %+v, %v", out, err)
	}
	if want := []string{"tool_describe", "tool_search", "use_tool"}; !slices.Equal(out.Tools, want) {
		t.Errorf("offered %v, want %v", out.Tools, want)
	}
	first := s.script.asked[0]
	if strings.Contains(first.System, "tool_call") || !strings.Contains(first.System, "use_tool") {
		t.Errorf("it is told %q", first.System)
	}
	if len(first.Callable) != len(tools) {
		t.Errorf("text may call %v", first.Callable)
	}
	s.wantTalk("user: look",
		`assistant: call tool_describe{"name":"look07"}`, "tool: result look07\ncounts\nArguments, as a JSON schema: {\"type\":\"object\"}\nRun it with use_tool.",
		`assistant: call use_tool{"name":"look07","arguments":{"a":1}}`, "tool: result ok", "assistant: Found.")
}
