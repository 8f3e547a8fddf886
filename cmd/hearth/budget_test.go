package main

import (
	"encoding/json"
	"testing"

	"github.com/tiktoken-go/tokenizer"

	"hearth"
	"hearth/model"
	"hearth/prompt"
	"hearth/tool"
)

// What every request of an agent costs before a person has said a word: on one GPU at
// home each of these tokens is read from cold at least once.
func TestOurTextAndToolsStaySmall(t *testing.T) {
	a := scene(t, "{}")
	kit, err := a.toolbox.toolkit(t.Context(), choice{workspace: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer kit.close()
	target := demoTarget(nil)
	target.Layers = model.Layers{Default: model.DefaultLayer()}
	cfg := a.agentConfig(choice{}, kit)
	h, err := cfg.House()
	if err != nil {
		t.Fatal(err)
	}
	h.Dir = "/home/somebody/.hearth/workspace"
	plan := prompt.NewPlan(target, h, specsOf(kit.tools))
	rendered := []byte(plan.System)
	for _, tool := range plan.Tools {
		b, err := json.Marshal(tool)
		if err != nil {
			t.Fatal(err)
		}
		rendered = append(rendered, b...)
	}
	if n := len(rendered); n > 6000 {
		t.Errorf("system text and tools have %d bytes, more than 6,000", n)
	}
	enc, err := tokenizer.Get(tokenizer.Cl100kBase)
	if err != nil {
		t.Fatal(err)
	}
	ids, _, err := enc.Encode(string(rendered))
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) > 1500 {
		t.Errorf("system text and tools have %d tokens, more than 1,500", len(ids))
	}
	t.Logf("%d bytes, %d tokens, %d tools", len(rendered), len(ids), len(plan.Tools))
}

// specsOf is what a model is told of tools.
func specsOf(tools []tool.Tool) []hearth.ToolSpec {
	var out []hearth.ToolSpec
	for _, t := range tools {
		out = append(out, t.Spec())
	}
	return out
}
