package modeltest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/model"
)

// A Talk is a conversation with a real server that serves the scripted model of
// test/scripted.
type Talk struct {
	Request *model.Request // of the next question; answers are appended to its messages
	Timing  model.Timing   // of the last answer, where the server says

	p    model.Provider
	last *model.Sent // of the request before
	body []byte
}

// NewTalk begins a conversation with a model.
func NewTalk(p model.Provider, name string) *Talk {
	req := NewRequest("")
	req.Model, req.Messages = name, nil
	return &Talk{Request: req, p: p}
}

// Say appends the person's words, or nothing, and gives the answer, which is appended too.
func (k *Talk) Say(t *testing.T, words string) Result {
	t.Helper()
	if words != "" {
		k.Request.Messages = append(k.Request.Messages, hearth.Message{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: words}}})
	}
	var sent *model.Sent
	k.Timing = model.Timing{}
	watched := func(yield func(model.Delta, error) bool) {
		for d, err := range k.p.Stream(t.Context(), k.Request) {
			if d.Sent != nil {
				sent = d.Sent
			}
			if d.Timing != nil {
				k.Timing = *d.Timing
			}
			if !yield(d, err) {
				return
			}
		}
	}
	r := Collect(watched, "read", "exec")
	if k.last != nil && !bytes.HasPrefix(sent.Body, bytes.TrimSuffix(k.body, k.last.Params)) {
		t.Errorf("the request does not extend the last:\n%s\n%s", k.body, sent.Body)
	}
	k.last, k.body = sent, bytes.Clone(sent.Body)
	answer := hearth.Message{Role: hearth.RoleAssistant}
	if r.Text != "" {
		answer.Parts = append(answer.Parts, hearth.Part{Text: r.Text})
	}
	for _, raw := range r.Opaque {
		answer.Parts = append(answer.Parts, hearth.Part{Opaque: raw})
	}
	for _, c := range r.Calls {
		answer.Parts = append(answer.Parts, hearth.Part{Call: &c})
	}
	k.Request.Messages = append(k.Request.Messages, answer)
	return r
}

// Result appends the result of a call.
func (k *Talk) Result(c hearth.ToolCall, text string) {
	k.Request.Messages = append(k.Request.Messages, hearth.Message{Role: hearth.RoleTool, Parts: []hearth.Part{
		{Result: &hearth.ToolResult{CallID: c.ID, Name: c.Name, Text: text}},
	}})
}

// Summed tells a result in a line.
func Summed(r Result) string {
	var s strings.Builder
	fmt.Fprintf(&s, "text %q thinking %q stop %s", r.Text, r.Thinking, r.Stop)
	for _, c := range r.Calls {
		fmt.Fprintf(&s, " call %s %s", c.Name, c.Arguments)
	}
	if r.Err != nil {
		fmt.Fprintf(&s, " error %s: %v", hearth.ReasonOf(r.Err), r.Err)
	}
	return s.String()
}

// Real checks what holds for every real server and every protocol, with its model name.
// free is for Leaves.
func Real(t *testing.T, p model.Provider, name string, free func(context.Context) error) {
	t.Helper()
	t.Run("a conversation", func(t *testing.T) { Conversation(t, p, name) })
	t.Run("leaving", func(t *testing.T) { Leaves(t, p, name, free) })
}

// Conversation is what every real server must let us do: thinking, text in many
// scripts, a call as text, a call, and their results, each request extending the last.
func Conversation(t *testing.T, p model.Provider, name string) *Talk {
	t.Helper()
	k := NewTalk(p, name)
	for _, step := range []struct{ words, want string }{
		{"@@think", `text "The answer is 42." thinking "The user wants an answer, so I reason first.`},
		{"@@utf8", `text "Grüße 👋🏽 日本語 café — ok" thinking "" stop stop`},
		{"@@bracket", ` stop tool_calls call read {"path": "notes.txt"}`},
	} {
		r := k.Say(t, step.words)
		if got := Summed(r); !strings.Contains(got, step.want) {
			t.Errorf("%s: got %s, want %s", step.words, got, step.want)
		}
		if r.Usage.Input < 20 || r.Usage.Output < 3 {
			t.Errorf("%s: usage %+v", step.words, r.Usage)
		}
		for _, c := range r.Calls {
			k.Result(c, "milk and eggs")
		}
	}
	if got := Summed(k.Say(t, "")); !strings.Contains(got, `text "The tool says it is done."`) {
		t.Errorf("after the bracketed call: %s", got)
	}
	r := k.Say(t, "please @@read")
	if len(r.Calls) != 1 || r.Calls[0].Name != "read" || r.Calls[0].ID == "" || r.Stop != hearth.StopToolCalls {
		t.Fatalf("a call: %s", Summed(r))
	}
	k.Result(r.Calls[0], "the notes say @@plain")
	if got := Summed(k.Say(t, "")); !strings.Contains(got, "Hello from the tiny scripted model.") {
		t.Errorf("after the call: %s", got)
	}
	return k
}

// Leaves stops in the middle of a long answer and asks again. The answer has an end, and
// free, which may be nil, frees a model that answers nobody after that: Ollama 0.17.4 was
// seen once in seven runs to miss that its client had gone, and at times to block for ever.
func Leaves(t *testing.T, p model.Provider, name string, free func(context.Context) error) {
	t.Helper()
	k := NewTalk(p, name)
	k.Request.MaxTokens = 4000
	k.Request.Messages = []hearth.Message{{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "@@loop"}}}}
	n := 0
	for d, err := range k.p.Stream(t.Context(), k.Request) {
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
	if free != nil && !answers(t.Context(), p, name) {
		t.Log("nobody is answered any more; the model is freed")
		if err := free(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := Summed(NewTalk(p, name).Say(t, "@@plain")); !strings.Contains(got, "Hello from") {
		t.Errorf("after leaving: %s", got)
	}
}

// answers reports whether a model answers soon: a scripted one needs a moment.
func answers(ctx context.Context, p model.Provider, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	k := NewTalk(p, name)
	k.Request.Messages = []hearth.Message{{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "@@plain"}}}}
	return Collect(p.Stream(ctx, k.Request)).Err == nil
}
