//go:build (e2e || llamaserver) && unix

package openai_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/model/modeltest"
	"hearth/model/openai"
)

// talk is a conversation with a real server that serves the scripted model.
type talk struct {
	p        *openai.Provider
	req      *model.Request
	last     *model.Sent // of the request before
	lastBody []byte
	timing   model.Timing // of the last answer
}

func newTalk(baseURL, name string) *talk {
	client := model.NewClient(model.ClientConfig{Provider: "box", Endpoint: model.Endpoint{BaseURL: baseURL + "/v1"}})
	req := modeltest.NewRequest("")
	req.Model, req.Messages = name, nil
	return &talk{p: openai.New(openai.Config{Client: client}), req: req}
}

// say appends the person's words, or nothing, and gives the answer, which is appended too.
func (k *talk) say(t *testing.T, words string) modeltest.Result {
	t.Helper()
	if words != "" {
		k.req.Messages = append(k.req.Messages, hearth.Message{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: words}}})
	}
	var sent *model.Sent
	k.timing = model.Timing{}
	watched := func(yield func(model.Delta, error) bool) {
		for d, err := range k.p.Stream(t.Context(), k.req) {
			if d.Sent != nil {
				sent = d.Sent
			}
			if d.Timing != nil {
				k.timing = *d.Timing
			}
			if !yield(d, err) {
				return
			}
		}
	}
	r := modeltest.Collect(watched, "read", "exec")
	if k.last != nil && !bytes.HasPrefix(sent.Body, bytes.TrimSuffix(k.lastBody, k.last.Params)) {
		t.Errorf("the request does not extend the last:\n%s\n%s", k.lastBody, sent.Body)
	}
	k.last, k.lastBody = sent, bytes.Clone(sent.Body)
	answer := hearth.Message{Role: hearth.RoleAssistant}
	if r.Text != "" {
		answer.Parts = append(answer.Parts, hearth.Part{Text: r.Text})
	}
	for _, c := range r.Calls {
		answer.Parts = append(answer.Parts, hearth.Part{Call: &c})
	}
	k.req.Messages = append(k.req.Messages, answer)
	return r
}

func (k *talk) result(c hearth.ToolCall, text string) {
	k.req.Messages = append(k.req.Messages, hearth.Message{Role: hearth.RoleTool, Parts: []hearth.Part{
		{Result: &hearth.ToolResult{CallID: c.ID, Name: c.Name, Text: text}},
	}})
}

func summed(r modeltest.Result) string {
	s := fmt.Sprintf("text %q thinking %q stop %s", r.Text, r.Thinking, r.Stop)
	for _, c := range r.Calls {
		s += fmt.Sprintf(" call %s %s", c.Name, c.Arguments)
	}
	if r.Err != nil {
		s += fmt.Sprintf(" error %s: %v", hearth.ReasonOf(r.Err), r.Err)
	}
	return s
}

// conversation is what every real server must let us do; each server's own facts are
// in its file.
func conversation(t *testing.T, baseURL, name string) *talk {
	t.Helper()
	k := newTalk(baseURL, name)
	for _, step := range []struct{ words, want string }{
		{"@@think", `text "The answer is 42." thinking "The user wants an answer, so I reason first.`},
		{"@@utf8", `text "Grüße 👋🏽 日本語 café — ok" thinking "" stop stop`},
		{"@@bracket", ` stop tool_calls call read {"path": "notes.txt"}`},
	} {
		r := k.say(t, step.words)
		if got := summed(r); !strings.Contains(got, step.want) {
			t.Errorf("%s: got %s, want %s", step.words, got, step.want)
		}
		if r.Usage.Input < 20 || r.Usage.Output < 3 {
			t.Errorf("%s: usage %+v", step.words, r.Usage)
		}
		for _, c := range r.Calls {
			k.result(c, "milk and eggs")
		}
	}
	if got := summed(k.say(t, "")); !strings.Contains(got, `text "The tool says it is done."`) {
		t.Errorf("after the bracketed call: %s", got)
	}
	r := k.say(t, "please @@read")
	if len(r.Calls) != 1 || r.Calls[0].Name != "read" || r.Calls[0].ID == "" || r.Stop != hearth.StopToolCalls {
		t.Fatalf("a call: %s", summed(r))
	}
	k.result(r.Calls[0], "the notes say @@plain")
	if got := summed(k.say(t, "")); !strings.Contains(got, "Hello from the tiny scripted model.") {
		t.Errorf("after the call: %s", got)
	}
	return k
}

// leaves stops in the middle of an endless answer and asks again.
func leaves(t *testing.T, baseURL, name string) {
	t.Helper()
	k := newTalk(baseURL, name)
	k.req.MaxTokens = 0
	k.req.Messages = []hearth.Message{{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "@@loop"}}}}
	n := 0
	for d, err := range k.p.Stream(t.Context(), k.req) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Text != "" {
			n++
		}
		if n == 5 {
			break
		}
	}
	if got := summed(newTalk(baseURL, name).say(t, "@@plain")); !strings.Contains(got, "Hello from") {
		t.Errorf("after leaving: %s", got)
	}
}

func overflowed(t *testing.T, r modeltest.Result) *model.Overflow {
	t.Helper()
	o, ok := errors.AsType[*model.Overflow](r.Err)
	if !ok || hearth.ReasonOf(r.Err) != hearth.ReasonContextOverflow {
		t.Fatalf("got %s, want an overflow", summed(r))
	}
	return o
}
