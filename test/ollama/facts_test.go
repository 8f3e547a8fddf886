//go:build e2e && unix

package ollama

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// reads is a history that ends with the result of a read.
func reads(trigger, result string) []message {
	return []message{
		{role: "system", text: "You read files."},
		{role: "user", text: "please " + trigger},
		{role: "assistant", calls: []call{{"call_1", "read", `{"path":"notes.txt"}`}}},
		{role: "tool", call: "call_1", text: result},
	}
}

func TestToolRoundTrip(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol) {
		first := p.ask(t, ask{model: Chat, history: user("@@read"), tools: []string{"read", "exec"}, stream: true})
		if len(first.calls) != 1 || first.calls[0].name != "read" || first.calls[0].id == "" {
			t.Fatalf("calls %q, want one read with an id", first.calls)
		}
		after := p.ask(t, ask{model: Chat, history: reads("@@read", "milk and eggs"), tools: []string{"read", "exec"}, stream: true})
		if after.text != "The tool says it is done." || len(after.calls) != 0 {
			t.Errorf("after the result it says %q and calls %q", after.text, after.calls)
		}
		next := p.ask(t, ask{model: Chat, history: reads("@@read", "now @@exec"), tools: []string{"read", "exec"}, stream: true})
		if len(next.calls) != 1 || next.calls[0].name != "exec" {
			t.Errorf("a result with a trigger leads to %q and calls %q, want exec", next.text, next.calls)
		}
	})
}

// finishWords are the protocols' words for an end with and without calls, and for a
// cut at the limit of tokens. Two of the four say that calls are waiting; the
// Responses API does not even say that the answer was cut.
var finishWords = map[string]struct{ done, calls, cut string }{
	"native":      {"stop", "stop", "length"},
	"completions": {"stop", "tool_calls", "length"},
	"responses":   {"completed", "completed", "completed"},
	"messages":    {"end_turn", "tool_use", "max_tokens"},
}

func TestFinishWords(t *testing.T) {
	limit := map[string]map[string]any{
		"native":      {"options": map[string]any{"num_predict": 20}},
		"completions": {"max_tokens": 20},
		"responses":   {"max_output_tokens": 20},
		"messages":    {"max_tokens": 20},
	}
	eachProtocol(t, func(t *testing.T, p protocol) {
		want := finishWords[p.name]
		if a := p.ask(t, ask{model: Chat, history: user("@@plain"), stream: true}); a.finish != want.done {
			t.Errorf("an answer ends with %q, want %q", a.finish, want.done)
		}
		if a := p.ask(t, ask{model: Chat, history: user("@@read"), tools: []string{"read"}, stream: true}); a.finish != want.calls {
			t.Errorf("a call ends with %q, want %q", a.finish, want.calls)
		}
		a := p.ask(t, ask{model: Chat, history: user("@@loop"), stream: true, extra: limit[p.name]})
		if a.finish != want.cut || a.output != 20 {
			t.Errorf("20 tokens of an endless answer end with %q after %d tokens, want %q after 20", a.finish, a.output, want.cut)
		}
	})
}

// A call with a name that no tool has, or with broken JSON, leaves nothing: no text, no
// call, a normal end. Only the count of output tokens betrays that something was said.
func TestInvalidCallsVanish(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol) {
		for _, trigger := range []string{"@@unknown-tool", "@@bad-tool"} {
			a := p.ask(t, ask{model: Chat, history: user(trigger), tools: []string{"read", "get_weather"}, stream: true})
			if a.text != "" || len(a.calls) != 0 || a.finish != finishWords[p.name].done || !a.closed {
				t.Errorf("%s: text %q, calls %q, finish %q", trigger, a.text, a.calls, a.finish)
			}
			if a.output < 5 {
				t.Errorf("%s: %d output tokens, so nothing says that the model spoke", trigger, a.output)
			}
		}
	})
}

func TestBracketedCallsStayText(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol) {
		a := p.ask(t, ask{model: Chat, history: user("@@bracket"), tools: []string{"read"}, stream: true})
		if want := "[read]\n{\"path\": \"notes.txt\"}\n[END_TOOL_REQUEST]"; a.text != want || len(a.calls) != 0 {
			t.Errorf("text %q and calls %q, want the text %q", a.text, a.calls, want)
		}
	})
}

// Text beside a call: the Responses API loses it when the reply is not streamed.
func TestTextBeforeACall(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol) {
		for _, stream := range []bool{true, false} {
			want := "I look into the notes."
			if p.name == "responses" && !stream {
				want = ""
			}
			a := p.ask(t, ask{model: Chat, history: user("@@say-read"), tools: []string{"read"}, stream: stream})
			if got := strings.TrimSpace(a.text); got != want || len(a.calls) != 1 {
				t.Errorf("streamed %v: text %q with %d calls, want %q with 1", stream, got, len(a.calls), want)
			}
		}
	})
}

func TestThinkingIsApart(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol) {
		a := p.ask(t, ask{model: Chat, history: user("@@muse-read"), tools: []string{"read"}, stream: true})
		if !strings.Contains(a.thinking, "The notes may say more") || a.text != "" || len(a.calls) != 1 {
			t.Errorf("thinking %q, text %q, calls %q", a.thinking, a.text, a.calls)
		}
		// A template that knows no thinking leaves the tags to us.
		a = p.ask(t, ask{model: Tools, history: user("@@think"), stream: true})
		if a.thinking != "" || !strings.HasPrefix(a.text, "<think>\n") || !strings.HasSuffix(a.text, "The answer is 42.") {
			t.Errorf("without a thinking template: thinking %q, text %q", a.thinking, a.text)
		}
	})
}

// Asked not to think, a model that thinks all the same has its tags in the answer. The
// Responses API does not read the effort, and the Messages API has no word for "none".
func TestThinkingSwitchedOffLeaks(t *testing.T) {
	cases := []struct {
		protocol protocol
		off      map[string]any
		leaks    bool
	}{
		{native, map[string]any{"think": false}, true},
		{completions, map[string]any{"reasoning_effort": "none"}, true},
		{responses, map[string]any{"reasoning": map[string]any{"effort": "none"}}, false},
		{messages, map[string]any{"thinking": map[string]any{"type": "disabled"}}, false},
	}
	for _, c := range cases {
		a := c.protocol.ask(t, ask{model: Chat, history: user("@@think"), stream: true, extra: c.off})
		if leaks := strings.HasPrefix(a.text, "<think>") && a.thinking == ""; leaks != c.leaks {
			t.Errorf("%s: thinking %q, text %q", c.protocol.name, a.thinking, a.text)
		}
	}
}

func TestRefusals(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p protocol) {
		cases := []struct {
			what   string
			ask    ask
			status int
			words  string
		}{
			{"a model that is not there", ask{model: "absent", history: user("hi")}, 404, "model 'absent' not found"},
			{"tools for a model without", ask{model: Plain, history: user("hi"), tools: []string{"read"}}, 400, "does not support tools"},
		}
		for _, c := range cases {
			for _, c.ask.stream = range []bool{false, true} {
				refused(t, c.what, p, c.ask, c.status, c.words)
			}
		}
	})
}

// Thinking asked of a model without is an error on two routes and ignored on the others.
func TestThinkingAskedOfAModelWithout(t *testing.T) {
	plain := func(field string, value any) ask {
		return ask{model: Plain, history: user("@@plain"), extra: map[string]any{field: value}}
	}
	refused(t, "think", native, plain("think", true), 400, "does not support thinking")
	refused(t, "reasoning_effort", completions, plain("reasoning_effort", "high"), 400, "does not support thinking")
	for _, a := range []answer{
		responses.ask(t, plain("reasoning", map[string]any{"effort": "high"})),
		messages.ask(t, plain("thinking", map[string]any{"type": "enabled", "budget_tokens": 1024})),
	} {
		if !strings.HasPrefix(a.text, "Hello") {
			t.Errorf("text %q", a.text)
		}
	}
}

func refused(t *testing.T, what string, p protocol, q ask, status int, words string) {
	t.Helper()
	got, body := p.post(t, q)
	if got != status || !strings.Contains(errorText(t, body), words) {
		t.Errorf("%s, streamed %v: %d %s; want %d and %q", what, q.stream, got, body, status, words)
	}
}

// errorText finds the words in the three shapes of an error: a string, an object
// (OpenAI), an object beside a type (Anthropic).
func errorText(t *testing.T, body []byte) string {
	t.Helper()
	var v struct{ Error json.RawMessage }
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("an error that is not JSON: %s", body)
	}
	var words string
	if json.Unmarshal(v.Error, &words) == nil {
		return words
	}
	var object struct{ Message string }
	if err := json.Unmarshal(v.Error, &object); err != nil {
		t.Fatalf("an error of no known shape: %s", body)
	}
	return object.Message
}

// long is a text of well over n tokens of the scripted model.
func long(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d ", i)
	}
	return b.String()
}

// Overflow is silent everywhere but for the native field truncate: the oldest message
// is dropped, the status is 200, and the model answers what is left. The script of the
// dropped message proves it: the default answers in its place.
func TestOverflow(t *testing.T) {
	history := []message{
		{role: "user", text: "@@think " + long(SmallContext/2)},
		{role: "assistant", text: "fine"},
		{role: "user", text: "and? " + long(SmallContext/2)},
	}
	eachProtocol(t, func(t *testing.T, p protocol) {
		a := p.ask(t, ask{model: Small, history: history, stream: true})
		if a.thinking != "" || !strings.HasPrefix(a.text, "Hello") || a.finish != finishWords[p.name].done {
			t.Errorf("text %q, thinking %q, finish %q; want the default answer", a.text, a.thinking, a.finish)
		}
		if a.prompt > SmallContext {
			t.Errorf("the prompt has %d tokens in a window of %d", a.prompt, SmallContext)
		}
		one := p.ask(t, ask{model: Small, history: user("@@think " + long(SmallContext)), stream: true})
		if one.prompt != SmallContext {
			t.Errorf("one message too long: %d tokens were read, want the window's %d exactly", one.prompt, SmallContext)
		}
	})
	status, body := native.post(t, ask{model: Small, history: history, extra: map[string]any{"truncate": false}})
	if words := errorText(t, body); status != http.StatusBadRequest || words != "the input length exceeds the context length" {
		t.Errorf("with truncate:false: %d %q", status, words)
	}
}

// With shift:false an answer that reaches the end of the window ends there, one token
// beyond it to be exact; else the runner forgets half of the prompt and goes on.
func TestAnswersThatReachTheWindow(t *testing.T) {
	options := map[string]any{"num_ctx": 512, "num_predict": 900}
	for _, shift := range []bool{false, true} {
		a := native.ask(t, ask{model: Chat, history: user("@@loop"), stream: true, extra: map[string]any{"shift": shift, "options": options}})
		total := a.prompt + a.output
		if a.finish != "length" || shift && a.output != 900 || !shift && total != 513 {
			t.Errorf("shift %v: %d + %d tokens in a window of 512, finish %q", shift, a.prompt, a.output, a.finish)
		}
	}
}

// The field that OpenAI recommends is not read.
func TestMaxCompletionTokensIsIgnored(t *testing.T) {
	a := completions.ask(t, ask{model: Chat, history: user("@@plain"), stream: true, extra: map[string]any{"max_completion_tokens": 2}})
	if a.finish != "stop" || a.output <= 2 {
		t.Errorf("%d tokens, finish %q: it is read now", a.output, a.finish)
	}
}
