package demo_test

import (
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/model/demo"
)

func ask(t *testing.T, req *model.Request) (text, thinking string, call *hearth.ToolCall, stop hearth.StopReason) {
	t.Helper()
	first := true
	for d, err := range demo.New(demo.Config{}).Stream(t.Context(), req) {
		if err != nil {
			t.Fatal(err)
		}
		if first && d.Sent == nil {
			t.Error("the first delta is not Sent")
		}
		first = false
		text, thinking = text+d.Text, thinking+d.Thinking
		if d.Call != nil {
			call = d.Call
		}
		if d.Stop != "" {
			stop = d.Stop
		}
	}
	return text, thinking, call, stop
}

func said(s string, tools ...string) *model.Request {
	r := &model.Request{Messages: []hearth.Message{{Role: hearth.RoleUser, Parts: []hearth.Part{
		{Text: "[Sat 2026-11-21 12:00 CET]", Provenance: hearth.FromGateway}, {Text: s, Provenance: hearth.FromOwner}}}}}
	for _, name := range tools {
		r.Tools = append(r.Tools, hearth.ToolSpec{Name: name})
	}
	return r
}

func TestItGreetsAndSaysThatItIsNoLanguageModel(t *testing.T) {
	for _, words := range []string{"hi", "Hello there", "what is the weather?"} {
		text, thinking, call, stop := ask(t, said(words))
		if !strings.HasPrefix(text, "[demo] ") || !strings.Contains(text, "no language model") || !strings.Contains(text, "Ollama") || thinking != "" || call != nil || stop != hearth.StopEnd {
			t.Errorf("%q: got %q, %q, %v, %s", words, text, thinking, call, stop)
		}
	}
}

func TestItSaysWhatIsMissingWhereThatIsKnown(t *testing.T) {
	var text string
	for d, err := range demo.New(demo.Config{Next: "Fetch a model."}).Stream(t.Context(), said("hi")) {
		if err != nil {
			t.Fatal(err)
		}
		text += d.Text
	}
	if !strings.Contains(text, "until you have one. Fetch a model. Until then") || strings.Contains(text, "Install") {
		t.Errorf("got %q", text)
	}
}

func TestItThinksAloudWhenAsked(t *testing.T) {
	text, thinking, _, _ := ask(t, said("please think about it"))
	if thinking == "" || !strings.HasPrefix(text, "[demo] ") {
		t.Errorf("got %q, %q", text, thinking)
	}
}

func TestItCallsRealTools(t *testing.T) {
	for words, want := range map[string]string{
		"read notes.txt":        `read {"path":"notes.txt"}`,
		"write a.txt two words": `write {"path":"a.txt","content":"two words"}`,
		"run echo hi":           `exec {"command":"echo hi"}`,
	} {
		_, _, call, stop := ask(t, said(words, "read", "write", "exec"))
		if call == nil || call.Name+" "+call.Arguments != want || stop != hearth.StopToolCalls {
			t.Errorf("%q: got %+v, %s", words, call, stop)
		}
	}
	if text, _, call, _ := ask(t, said("run ls")); call != nil || !strings.Contains(text, "not available") {
		t.Errorf("without the tool: got %q, %v", text, call)
	}
}

func TestItQuotesResults(t *testing.T) {
	req := said("read x", "read")
	req.Messages = append(req.Messages, hearth.Message{Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{Name: "read", Text: "line one"}}}})
	if text, _, _, _ := ask(t, req); text != "[demo] read gave:\nline one" {
		t.Errorf("got %q", text)
	}
}
