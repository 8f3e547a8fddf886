package model_test

import (
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
)

// seen is what a caller is left with after a message.
type seen struct {
	Text, Thinking string
	Calls          []string // name and arguments
	Notices        []string
	Stop           hearth.StopReason
	Looks          []model.LookAlike
}

func (s seen) String() string {
	return fmt.Sprintf("text %q thinking %q calls %q notices %q stop %q looks %v", s.Text, s.Thinking, s.Calls, s.Notices, s.Stop, s.Looks)
}

var callID = regexp.MustCompile(`^call_[0-9a-f]{24}$`)

func look(t testing.TB, deltas iter.Seq2[model.Delta, error], tools ...string) seen {
	t.Helper()
	var looks []model.LookAlike
	s := collect(t, model.Visible(deltas, tools, func(l model.LookAlike) { looks = append(looks, l) }, model.Begun{}))
	s.Looks = looks
	return s
}

func collect(t testing.TB, deltas iter.Seq2[model.Delta, error]) seen {
	t.Helper()
	var s seen
	ids := map[hearth.CallID]bool{}
	for d, err := range deltas {
		if err != nil {
			s.Stop = hearth.StopCut
			continue
		}
		s.Text += d.Text
		s.Thinking += d.Thinking
		if d.TextWasThinking {
			s.Thinking, s.Text = s.Text+s.Thinking, ""
		}
		if d.Call != nil {
			s.Calls = append(s.Calls, d.Call.Name+" "+d.Call.Arguments)
			if ids[d.Call.ID] {
				t.Errorf("two calls have the id %q", d.Call.ID)
			}
			ids[d.Call.ID] = true
			if d.Call.ID != "structured" && !callID.MatchString(string(d.Call.ID)) {
				t.Errorf("call id %q is not in the usual form", d.Call.ID)
			}
		}
		if d.Notice != nil {
			s.Notices = append(s.Notices, d.Notice.Kind+": "+d.Notice.Text)
		}
		if d.Stop != "" {
			s.Stop = d.Stop
		}
	}
	return s
}

// message gives the deltas of one message, its text in pieces of n bytes.
func message(text string, n int, stop hearth.StopReason) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		for piece := range slices.Chunk([]byte(text), n) {
			if !yield(model.Delta{Text: string(piece)}, nil) {
				return
			}
		}
		if stop == hearth.StopCut {
			yield(model.Delta{}, &hearth.Error{Op: "test", Reason: hearth.ReasonCut})
			return
		}
		yield(model.Delta{Stop: stop}, nil)
	}
}

const (
	readBlock   = "[read]\n{\"path\": \"a.txt\"}\n[END_TOOL_REQUEST]"
	readArgs    = `{"path": "a.txt"}`
	writeBlock  = "[write]\n{\"path\":\"b\",\"content\":\"{[}]\\\"\\n\"}\n[/write]"
	writeArgs   = `{"path":"b","content":"{[}]\"\n"}`
	deployBlock = "[deploy]\n{}\n[/deploy]"

	saidDeploy       = `(The model wrote a call of the tool "deploy" as plain text; there is no tool of that name here. Nothing was run.)`
	noticedDeploy    = `hidden_call: the model wrote a call of the tool "deploy" as plain text; there is no tool of that name here; nothing was run`
	saidRead         = `(The model wrote a call of the tool "read" as plain text, beside other words or calls. Nothing was run.)`
	noticedRead      = `hidden_call: the model wrote a call of the tool "read" as plain text, beside other words or calls; nothing was run`
	noticedReasoning = "reasoning: what was shown so far is the model's reasoning: its server does not mark where that begins"
	saidCut          = `(The model wrote a call of the tool "read" as plain text, and its answer was cut short. Nothing was run.)`
	noticedCut       = `hidden_call: the model wrote a call of the tool "read" as plain text, and its answer was cut short; nothing was run`
)

var bracketed = []model.LookAlike{{Pattern: "bracketed_tool_call", Tool: "read", Registered: true}}

var visibleTests = []struct {
	name string
	in   string
	stop hearth.StopReason // of the server; "" = stop
	want seen              // Stop "" = stop
}{
	{name: "plain text passes", in: "a < b, c[0] > d\n", want: seen{Text: "a < b, c[0] > d\n"}},
	{name: "reasoning between tags is not text", in: "<think>\nhm\n</think>\n\nHello", want: seen{Text: "Hello", Thinking: "\nhm\n"}},
	{name: "reasoning in the middle of a line", in: "Hello <think>hm</think>world", want: seen{Text: "Hello world", Thinking: "hm"}},
	{name: "every name of the tag, in any case", in: "<thinking>a</thinking><THOUGHT>b</Thought><antthinking>c</antthinking><seed:think>d</seed:think><reasoning>e</reasoning>[THINK]f[/THINK]x", want: seen{Text: "x", Thinking: "abcdef"}},
	{name: "a tag closed by its sister", in: "<think>a</thinking>b", want: seen{Text: "b", Thinking: "a"}},
	{name: "an unclosed tag is reasoning to the end", in: "Hi\n<think>hm </thi", want: seen{Text: "Hi\n", Thinking: "hm </thi"}},
	{name: "only reasoning", in: "<think>hm</think>\n", want: seen{Thinking: "hm"}},
	{name: "gpt-oss's channels", in: "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hello<|return|>", want: seen{Text: "Hello", Thinking: "hm"}},
	{name: "a tag in a fenced block is code", in: "Look:\n```html\n<think>x</think>\n```\n<think>y</think>z", want: seen{Text: "Look:\n```html\n<think>x</think>\n```\nz", Thinking: "y"}},
	{name: "a tag in a fence of tildes", in: "~~~\n<think>\n```\n<think>\n~~~\n<think>y", want: seen{Text: "~~~\n<think>\n```\n<think>\n~~~\n", Thinking: "y"}},
	{name: "a fence in a list ends where it ends", in: "1. ```sh\n   ls\n   ```\n<think>y", want: seen{Text: "1. ```sh\n   ls\n   ```\n", Thinking: "y"}},
	{name: "three backticks on one line are no fence", in: "```a```\n<think>y", want: seen{Text: "```a```\n", Thinking: "y"}},
	{name: "a tag between backticks is code", in: "the `<think>` tag <think>y", want: seen{Text: "the `<think>` tag ", Thinking: "y"}},
	{name: "a template that opened the tag itself", in: "I should greet.\n</think>\n\nHello", want: seen{Text: "Hello", Thinking: "I should greet.\n", Notices: []string{noticedReasoning}}},
	{name: "and had nothing to think", in: "\n</think>\n\nHello", want: seen{Text: "Hello"}},
	{name: "a second closing tag is dropped", in: "<think>a</think>b</think>\nc", want: seen{Text: "b\nc", Thinking: "a"}},
	{name: "somebody writes about the closing tag", in: "the </think> tag", want: seen{Text: "the </think> tag"}},
	{name: "template tokens", in: "Hello<|im_end|>\n<|im_start|>assistant\nthere<|eot_id|><｜end▁of▁sentence｜><end_of_turn>", want: seen{Text: "Hello\nthere"}},
	{name: "what only resembles a template token", in: "a <|> b <||> c <| d |> <|x y|> <｜x", want: seen{Text: "a <|> b <||> c <| d |> <|x y|> <｜x"}},
	{name: "template tokens in code stay", in: "`<|im_end|>`", want: seen{Text: "`<|im_end|>`"}},

	{name: "tags around the answer", in: "<think>hm</think>\n<final>\nHello\n</final>", want: seen{Text: "Hello\n", Thinking: "hm"}},
	{name: "also in the middle, in any case, and unclosed", in: "So: <FINAL>Hello</Final> <final>there", want: seen{Text: "So: Hello there"}},
	{name: "what only resembles them", in: "a <finally> b <final c </final d> <fina", want: seen{Text: "a <finally> b <final c </final d> <fina"}},
	{name: "in code they stay", in: "`<final>` and\n```\n</final>\n```", want: seen{Text: "`<final>` and\n```\n</final>\n```"}},
	{name: "in reasoning they are reasoning", in: "<think>in <final> then</think>x", want: seen{Text: "x", Thinking: "in <final> then"}},
	{name: "a block between them is the whole message", in: "<final>" + readBlock + "</final>", want: seen{Calls: []string{"read " + readArgs}, Stop: hearth.StopToolCalls}},

	{name: "a message that is one block is a call", in: readBlock, want: seen{Calls: []string{"read " + readArgs}, Stop: hearth.StopToolCalls}},
	{name: "also behind reasoning, white space and a template token", in: "<think>hm</think>\n\n" + readBlock + "\n<|im_end|>", want: seen{Thinking: "hm", Calls: []string{"read " + readArgs}, Stop: hearth.StopToolCalls}},
	{name: "two blocks are two calls, arguments as received", in: readBlock + "\n\n" + writeBlock, want: seen{Calls: []string{"read " + readArgs, "write " + writeArgs}, Stop: hearth.StopToolCalls}},
	{name: "tags and tokens in arguments are arguments", in: "[write]\n{\"content\":\"<think>x</think><|im_end|>\"}\n[/write]", want: seen{Calls: []string{`write {"content":"<think>x</think><|im_end|>"}`}, Stop: hearth.StopToolCalls}},
	{name: "a tool nobody offered", in: deployBlock, want: seen{Text: saidDeploy, Notices: []string{noticedDeploy}, Looks: []model.LookAlike{{Pattern: "bracketed_tool_call", Tool: "deploy"}}}},
	{name: "names match exactly", in: "[Read]\n{}\n[/Read]", want: seen{
		Text:    `(The model wrote a call of the tool "Read" as plain text; there is no tool of that name here. Nothing was run.)`,
		Notices: []string{`hidden_call: the model wrote a call of the tool "Read" as plain text; there is no tool of that name here; nothing was run`},
		Looks:   []model.LookAlike{{Pattern: "bracketed_tool_call", Tool: "Read"}},
	}},
	{name: "one unknown name and none of the message runs", in: readBlock + "\n" + deployBlock, want: seen{Text: saidRead + "\n" + saidDeploy, Notices: []string{noticedRead, noticedDeploy}, Looks: bracketed}},
	{name: "a block behind words", in: "I will look.\n" + readBlock, want: seen{Text: "I will look.\n" + saidRead, Notices: []string{noticedRead}, Looks: bracketed}},
	{name: "a block before words", in: readBlock + "\nDone.", want: seen{Text: saidRead + "\nDone.", Notices: []string{noticedRead}, Looks: bracketed}},
	{name: "a block in a fence is text", in: "```\n" + readBlock + "\n```", want: seen{Text: "```\n" + readBlock + "\n```", Looks: bracketed}},
	{name: "a block inside reasoning is reasoning", in: "<think>\n" + readBlock + "\n</think>Hi", want: seen{Text: "Hi", Thinking: "\n" + readBlock + "\n"}},
	{name: "also where the template opened the tag", in: readBlock + "\n</think>\nHi", want: seen{Text: "Hi", Thinking: readBlock}},
	{name: "a block of a stream that was cut", in: readBlock, stop: hearth.StopCut, want: seen{Text: saidCut, Notices: []string{noticedCut}, Looks: bracketed, Stop: hearth.StopCut}},
	{name: "a block of an answer that hit its length", in: readBlock, stop: hearth.StopLength, want: seen{Text: saidCut, Notices: []string{noticedCut}, Looks: bracketed, Stop: hearth.StopLength}},
	{name: "half a block is text", in: "[read]\n{\"path\": \"a", want: seen{Text: "[read]\n{\"path\": \"a", Looks: bracketed}},
	{name: "a block whose payload is not JSON is text", in: "[read]\n{path: a}\n[/read]", want: seen{Text: "[read]\n{path: a}\n[/read]", Looks: bracketed}},
	{name: "a block closed by another name is text", in: "[read]\n{}\n[/write]", want: seen{Text: "[read]\n{}\n[/write]", Looks: bracketed}},
	{name: "name and payload on one line are text", in: "[read] {}\n[/read]", want: seen{Text: "[read] {}\n[/read]"}},
	{name: "too large a payload is text", in: "[read]\n{\"a\":\"" + strings.Repeat("x", 256_000) + "\"}\n[/read]", want: seen{Text: "[read]\n{\"a\":\"" + strings.Repeat("x", 256_000) + "\"}\n[/read]", Looks: bracketed}},
	{name: "LM Studio's own form is hidden and never runs", in: "[TOOL_REQUEST]\n{\"name\": \"read\", \"arguments\": {}}\n[END_TOOL_REQUEST]", want: seen{
		Text:    `(The model wrote a call of the tool "read" as plain text that its server did not take for one. Nothing was run.)`,
		Notices: []string{`hidden_call: the model wrote a call of the tool "read" as plain text that its server did not take for one; nothing was run`},
		Looks:   bracketed,
	}},
	{name: "also in the middle of a line and unreadable", in: "Sure! [TOOL_REQUEST]{name: read[END_TOOL_REQUEST] Done.", want: seen{
		Text:    `Sure! (The model wrote a tool call as plain text that its server did not take for one. Nothing was run.) Done.`,
		Notices: []string{`hidden_call: the model wrote a tool call as plain text that its server did not take for one; nothing was run`},
		Looks:   []model.LookAlike{{Pattern: "bracketed_tool_call"}},
	}},
	{name: "a Markdown link is text", in: "[read]\n(a)\n[x](y) [1]", want: seen{Text: "[read]\n(a)\n[x](y) [1]"}},

	{name: "XML stays text and is reported", in: "<tool_call>\n{\"name\": \"read\"}\n</tool_call>", want: seen{Text: "<tool_call>\n{\"name\": \"read\"}\n</tool_call>", Looks: []model.LookAlike{{Pattern: "xml_tool_call", Tool: "read", Registered: true}}}},
	{name: "so does the form of Qwen's coders", in: "<function=exec>\n<parameter=command>\nls\n</parameter>\n</function>", want: seen{Text: "<function=exec>\n<parameter=command>\nls\n</parameter>\n</function>", Looks: []model.LookAlike{{Pattern: "xml_tool_call", Tool: "exec"}}}},
	{name: "so does JSON", in: "Sure:\n{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}", want: seen{Text: "Sure:\n{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}", Looks: []model.LookAlike{{Pattern: "json_tool_call", Tool: "read", Registered: true}}}},
	{name: "so does ReAct", in: "Thought: hm\nAction: search\nAction Input: x", want: seen{Text: "Thought: hm\nAction: search\nAction Input: x", Looks: []model.LookAlike{{Pattern: "react_action", Tool: "search"}}}},
	{name: "a call in gpt-oss's channels stays text, to the last byte", in: "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.write <|constrain|>json<|message|>{\"path\":\"<|end|>`\"}<|call|>", want: seen{
		Text:     "<|start|>assistant<|channel|>commentary to=functions.write <|constrain|>json<|message|>{\"path\":\"<|end|>`\"}<|call|>",
		Thinking: "hm", Looks: []model.LookAlike{{Pattern: "token_tool_call", Tool: "write", Registered: true}},
	}},
	{name: "also where the role has the recipient, and what follows it is read", in: "<|start|>assistant to=functions.deploy<|channel|>commentary json<|message|>{}<|call|><|start|>assistant<|channel|>final<|message|>Hi<|return|>", want: seen{
		Text:  "<|start|>assistant to=functions.deploy<|channel|>commentary json<|message|>{}<|call|>Hi",
		Looks: []model.LookAlike{{Pattern: "token_tool_call", Tool: "deploy"}},
	}},
	{name: "gpt-oss's words before a call are words", in: "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>final<|message|>Hi", want: seen{Text: "I look.Hi"}},
	{name: "Kimi's calls stay text", in: "<|tool_calls_section_begin|><|tool_call_begin|>functions.write:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|><|im_end|>", want: seen{
		Text:  "<|tool_calls_section_begin|><|tool_call_begin|>functions.write:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
		Looks: []model.LookAlike{{Pattern: "token_tool_call", Tool: "write", Registered: true}},
	}},
	{name: "DeepSeek's calls stay text, code fences and all", in: "So:\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>write\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>", want: seen{
		Text:  "So:\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>write\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
		Looks: []model.LookAlike{{Pattern: "token_tool_call", Tool: "write", Registered: true}},
	}},
	{name: "and those of its newer models", in: "<｜tool▁call▁begin｜>deploy<｜tool▁sep｜>{}<｜tool▁call▁end｜>", want: seen{
		Text:  "<｜tool▁call▁begin｜>deploy<｜tool▁sep｜>{}<｜tool▁call▁end｜>",
		Looks: []model.LookAlike{{Pattern: "token_tool_call", Tool: "deploy"}},
	}},
	{name: "and of the newest", in: "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"write\">\n</｜DSML｜invoke>", want: seen{
		Text:  "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"write\">\n</｜DSML｜invoke>",
		Looks: []model.LookAlike{{Pattern: "token_tool_call", Tool: "write", Registered: true}},
	}},
	{name: "Mistral's calls stay text", in: `[TOOL_CALLS]write[ARGS]{"path":"a"}`, want: seen{Text: `[TOOL_CALLS]write[ARGS]{"path":"a"}`, Looks: []model.LookAlike{{Pattern: "token_tool_call", Tool: "write", Registered: true}}}},
	{name: "and its older ones", in: `[TOOL_CALLS][{"name":"read","arguments":{}}]`, want: seen{Text: `[TOOL_CALLS][{"name":"read","arguments":{}}]`, Looks: []model.LookAlike{{Pattern: "token_tool_call", Tool: "read", Registered: true}}}},
	{name: "Llama's and Phi's calls stay text", in: `<|python_tag|>{"name":"read","parameters":{}}<|eom_id|>`, want: seen{Text: `<|python_tag|>{"name":"read","parameters":{}}<|eom_id|>`, Looks: []model.LookAlike{{Pattern: "token_tool_call", Tool: "read", Registered: true}}}},
	{name: "a call that does not end", in: `<|tool_call|>[{"name":"deploy","arguments":{}}`, want: seen{Text: `<|tool_call|>[{"name":"deploy","arguments":{}}`, Looks: []model.LookAlike{{Pattern: "token_tool_call", Tool: "deploy"}}}},
	{name: "a call in reasoning is reasoning", in: "<think><|tool_call_begin|>read</think>Hi", want: seen{Text: "Hi", Thinking: "<|tool_call_begin|>read"}},
	{name: "a call between backticks is code", in: "`<|tool_call|>` and <|im_end|>on", want: seen{Text: "`<|tool_call|>` and on", Looks: []model.LookAlike{{Pattern: "token_tool_call"}}}},
	{name: "Gemma's code stays text", in: "```tool_code\nprint(read(path=\"a\"))\n```", want: seen{Text: "```tool_code\nprint(read(path=\"a\"))\n```", Looks: []model.LookAlike{{Pattern: "python_tool_call", Tool: "read", Registered: true}}}},
	{name: "so does Llama 4's list", in: `[write(path="a", content="x"), read(path="b")]`, want: seen{Text: `[write(path="a", content="x"), read(path="b")]`, Looks: []model.LookAlike{{Pattern: "python_tool_call", Tool: "write", Registered: true}}}},
	{name: "a link that holds a call is a link", in: "See [the docs (v=1)](https://a) and [f(x)](https://b).", want: seen{Text: "See [the docs (v=1)](https://a) and [f(x)](https://b)."}},
	{name: "JSON that calls nothing is not reported", in: `{"name": "Ada", "age": 36}`, want: seen{Text: `{"name": "Ada", "age": 36}`}},
}

func TestVisible(t *testing.T) {
	for _, c := range visibleTests {
		t.Run(c.name, func(t *testing.T) {
			if c.stop == "" {
				c.stop = hearth.StopEnd
			}
			if c.want.Stop == "" {
				c.want.Stop = hearth.StopEnd
			}
			for _, size := range []int{len(c.in), 1, 2, 7, 1000} {
				got := look(t, message(c.in, size, c.stop), "read", "write")
				if got.String() != c.want.String() {
					t.Errorf("in pieces of %d bytes:\n got %.2000v\nwant %.2000v", size, got, c.want)
				}
			}
		})
	}
}

func TestVisibleLeavesBlocksAloneBesideStructuredCalls(t *testing.T) {
	call := model.Delta{Call: &hearth.ToolCall{ID: "structured", Name: "write", Arguments: "{}"}}
	for name, deltas := range map[string][]model.Delta{
		"block first": {{Text: readBlock}, call, {Stop: hearth.StopToolCalls}},
		"call first":  {call, {Text: readBlock}, {Stop: hearth.StopToolCalls}},
	} {
		t.Run(name, func(t *testing.T) {
			got := look(t, sequence(deltas...), "read", "write")
			want := seen{Text: saidRead, Calls: []string{"write {}"}, Notices: []string{noticedRead}, Stop: hearth.StopToolCalls}
			if got.String() != want.String() {
				t.Errorf("\n got %v\nwant %v", got, want)
			}
		})
	}
}

func sequence(deltas ...model.Delta) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		for _, d := range deltas {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func TestVisibleYieldsTextAsSoonAsItIsDecided(t *testing.T) {
	steps := []struct{ in, out string }{
		{"Hel", "Hel"},
		{"lo ", "lo "},
		{"<", ""},
		{"b", "<b"},
		{"> and <thi", "> and "},
		{"s>", "<this>"},
		{"\n", "\n"},
		{"[read", ""},
		{"]", ""},
		{" is a word", "[read] is a word"},
		{"\n[read]\n{\"path", "\n"},
		{"\": 1}\n", ""},
		{"[no]", "[read]\n{\"path\": 1}\n"},
		{" `<think", "[no] `<think"},
	}
	next, stop := iter.Pull2(model.Visible(func(yield func(model.Delta, error) bool) {
		for _, s := range steps {
			if !yield(model.Delta{Text: s.in}, nil) || !yield(model.Delta{Wait: &hearth.Wait{}}, nil) {
				return
			}
		}
	}, []string{"read"}, nil, model.Begun{}))
	defer stop()
	for _, s := range steps {
		got := ""
		for {
			d, err, ok := next()
			if err != nil || !ok {
				t.Fatalf("after %q: err %v, more %v", s.in, err, ok)
			}
			if d.Wait != nil {
				break
			}
			got += d.Text
		}
		if got != s.out {
			t.Errorf("after %q: got %q, want %q", s.in, got, s.out)
		}
	}
}

func TestVisibleKeepsAttemptsApart(t *testing.T) {
	got := look(t, sequence(
		model.Delta{Sent: &model.Sent{}},
		model.Delta{Text: "<think>first"},
		model.Delta{Report: &hearth.Report{}},
		model.Delta{Sent: &model.Sent{}},
		model.Delta{Text: "second"},
		model.Delta{Stop: hearth.StopEnd},
		model.Delta{Report: &hearth.Report{}},
	))
	if got.Thinking != "first" || got.Text != "second" {
		t.Errorf("got %v", got)
	}
}

func TestVisiblePassesTheErrorAndEverythingBefore(t *testing.T) {
	var text string
	var last error
	for d, err := range model.Visible(message("Hello <thi", 3, hearth.StopCut), nil, nil, model.Begun{}) {
		text += d.Text
		last = err
	}
	if e, ok := errors.AsType[*hearth.Error](last); text != "Hello <thi" || !ok || e.Reason != hearth.ReasonCut {
		t.Errorf("got %q, %v", text, last)
	}
}

// halfBlocks are beginnings of what Visible looks for, over and over.
var halfBlocks = []string{"[read]\n{\"a\":\n", "[read]\n{", "[TOOL_REQUEST]", "[1]\n{\"x\":[\n", "<|", "[read]\n{\"a\":\"\\:\""}

func TestVisibleLosesNothingOfHalfBlocks(t *testing.T) {
	for _, half := range halfBlocks {
		text, shown := strings.Repeat(half, 40_000/len(half)), 0
		for d, err := range model.Visible(message(text, 5, hearth.StopEnd), []string{"read"}, nil, model.Begun{}) {
			if err != nil {
				t.Fatal(err)
			}
			shown += len(d.Text) + len(d.Thinking)
		}
		if shown != len(text) {
			t.Errorf("%q: got %d bytes of %d", half, shown, len(text))
		}
	}
}

// A model that writes block after half block must not cost quadratic time: the
// nanoseconds for a byte are to be the same for both lengths.
func BenchmarkVisibleHalfBlocks(b *testing.B) {
	for _, size := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				for _, half := range halfBlocks {
					for range model.Visible(message(strings.Repeat(half, size/len(half)), 5, hearth.StopEnd), []string{"read"}, nil, model.Begun{}) {
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size*len(halfBlocks)), "ns/byte")
		})
	}
}

// FuzzVisible checks that the cut of the stream does not matter, that nothing visible is
// lost or invented, and that no panic is to be had.
func FuzzVisible(f *testing.F) {
	for _, c := range visibleTests {
		if len(c.in) < 1000 {
			f.Add(c.in, 3)
		}
	}
	f.Fuzz(func(t *testing.T, in string, size int) {
		if size < 1 || size > 1000 || len(in) > 100_000 {
			t.Skip()
		}
		whole := look(t, message(in, max(len(in), 1), hearth.StopEnd), "read", "write")
		for _, n := range []int{1, size} {
			if cut := look(t, message(in, n, hearth.StopEnd), "read", "write"); cut.String() != whole.String() {
				t.Fatalf("in pieces of %d:\n got %v\nwhole %v", n, cut, whole)
			}
		}
		shown := hiddenSentence.ReplaceAllString(whole.Text, "")
		if !strings.ContainsAny(in, "<[") && strings.TrimSpace(in) != "" && whole.Text != in {
			t.Fatalf("got %q of plain text %q", whole.Text, in)
		}
		if len(whole.Notices) == 0 && !isSubsequence(shown, in) {
			t.Fatalf("text %q is not from %q", shown, in)
		}
		left := in
		for _, drop := range droppable {
			left = drop.ReplaceAllString(left, "")
		}
		if len(whole.Calls) == 0 && len(whole.Notices) == 0 && whole.Thinking == "" && !isSubsequence(left, shown) {
			t.Fatalf("of %q only %q was shown", in, shown)
		}
	})
}

var (
	hiddenSentence = regexp.MustCompile(`\(The model wrote [^\n]*? Nothing was run\.\)`)
	// droppable is generous: what may be left out of a text, and more.
	droppable = []*regexp.Regexp{
		regexp.MustCompile(`(?i)</?(seed:think|ant?thinking|think(ing)?|thought|reasoning)>|\[/?THINK\]|</?(start|end)_of_turn>|</?final>`),
		regexp.MustCompile(`(?i)assistant|model|analysis|commentary|final`),
		regexp.MustCompile(`<[|｜][^|｜]*[|｜]>`),
		regexp.MustCompile(`\s`),
	}
)

func isSubsequence(of, in string) bool {
	for i := range len(in) {
		if of == "" {
			return true
		}
		if in[i] == of[0] {
			of = of[1:]
		}
	}
	return of == ""
}

func BenchmarkVisible(b *testing.B) {
	words := slices.Repeat([]model.Delta{{Text: " word"}}, 1000)
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range model.Visible(sequence(words...), []string{"read"}, nil, model.Begun{}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/token")
}

// What is left of a message of a model that may begin in its reasoning: the answer alone,
// and nothing is taken back from a person who has read it.
func TestAnswersThatBeginInReasoning(t *testing.T) {
	long := strings.Repeat("so many words ", 6000)
	for _, c := range []struct {
		name, in string
		tools    []string
		stop     hearth.StopReason
		want     seen
		settled  string
	}{
		{name: "the usual case", in: "hm, let me see\n</think>\n\nHello", want: seen{Text: "Hello", Thinking: "hm, let me see\n"}, settled: "[true]"},
		{name: "no line break behind the tag", in: "hm</think>Hello", want: seen{Text: "Hello", Thinking: "hm"}, settled: "[true]"},
		{name: "nothing was thought", in: "</think>\n\nHello", want: seen{Text: "Hello"}, settled: "[true]"},
		{name: "code in the reasoning is no code of the answer", in: "```go\nx := `a\n</think>\nHello", want: seen{Text: "Hello", Thinking: "```go\nx := `a\n"}, settled: "[true]"},
		{name: "a tag of another name in it", in: "is a<b or <think> ok\n</thinking>\nHello", want: seen{Text: "Hello", Thinking: "is a<b or <think> ok\n"}, settled: "[true]"},
		{name: "a call behind it", in: "hm\n</think>\n" + readBlock, tools: []string{"read"}, want: seen{Thinking: "hm\n", Calls: []string{"read " + readArgs}, Stop: hearth.StopToolCalls}, settled: "[true]"},
		{name: "an answer without reasoning", in: "Hello, a <b> c", want: seen{Text: "Hello, a <b> c"}, settled: "[false]"},
		{name: "a call without reasoning", in: readBlock, tools: []string{"read"}, want: seen{Calls: []string{"read " + readArgs}, Stop: hearth.StopToolCalls}},
		{name: "a model that opens it itself", in: "\n<think>hm</think>Hello", want: seen{Text: "Hello", Thinking: "hm"}},
		{name: "cut in the middle of it", in: "hm, let me", stop: hearth.StopCut, want: seen{Thinking: "hm, let me", Stop: hearth.StopCut}},
		{name: "at a limit in the middle of it", in: "hm, let me", stop: hearth.StopLength, want: seen{Thinking: "hm, let me", Stop: hearth.StopLength}},
		{name: "cut where a tag may begin", in: "hm, a<b </thi", stop: hearth.StopLength, want: seen{Thinking: "hm, a<b </thi", Stop: hearth.StopLength}},
		{name: "much too long, and cut", in: long, stop: hearth.StopLength, want: seen{Text: long, Stop: hearth.StopLength}},
		{name: "cut behind it", in: "hm\n</think>\nHel", stop: hearth.StopLength, want: seen{Text: "Hel", Thinking: "hm\n", Stop: hearth.StopLength}, settled: "[true]"},
		{name: "much too long", in: long + "\n</think>\nHello", want: seen{Text: "Hello", Thinking: long + "\n", Notices: []string{noticedReasoning}}, settled: "[true]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.stop == "" {
				c.stop = hearth.StopEnd
			}
			if c.want.Stop == "" {
				c.want.Stop = hearth.StopEnd
			}
			for _, n := range []int{1, 3, min(4096, len(c.in))} {
				var settled []bool
				got := collect(t, model.Visible(message(c.in, n, c.stop), c.tools, nil,
					model.Begun{Hold: true, Settled: func(b bool) { settled = append(settled, b) }}))
				if got.String() != c.want.String() {
					t.Errorf("in pieces of %d:\n got %s\nwant %s", n, got, c.want)
				}
				if s := fmt.Sprint(settled); s != c.settled && (c.settled != "" || len(settled) > 0) {
					t.Errorf("in pieces of %d: settled %s, want %s", n, s, c.settled)
				}
			}
		})
	}
}

// Nothing is held back behind reasoning that the server sorted out, nor from other models.
func TestOnlyWhatMayBeReasoningWaits(t *testing.T) {
	stream := func(first model.Delta) iter.Seq2[model.Delta, error] {
		return func(yield func(model.Delta, error) bool) {
			_ = yield(first, nil) && yield(model.Delta{Text: "Hello"}, nil) && yield(model.Delta{Text: " there"}, nil) && yield(model.Delta{Stop: hearth.StopEnd}, nil)
		}
	}
	for _, c := range []struct {
		first model.Delta
		hold  bool
		want  int
	}{{model.Delta{Thinking: "hm"}, true, 2}, {model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseReading}}, false, 2}, {model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseReading}}, true, 1}} {
		texts := 0
		for d, err := range model.Visible(stream(c.first), nil, nil, model.Begun{Hold: c.hold}) {
			if err != nil {
				t.Fatal(err)
			}
			if d.Text != "" {
				texts++
			}
		}
		if texts != c.want {
			t.Errorf("%+v, held %v: the text comes in %d pieces, want %d", c.first, c.hold, texts, c.want)
		}
	}
}

func TestWhichModelsBeginThinking(t *testing.T) {
	for id, want := range map[string]bool{
		"deepseek-r1": true, "deepseek-r1:8b": true, "deepseek/deepseek-r1-0528": true, "DeepSeek-R1-Distill-Qwen-32B-AWQ": true,
		"qwq": true, "Qwen/QwQ-32B": true, "qwen3-30b-a3b-thinking-2507": true, "kimi-k2-thinking": true, "bartowski/r1-1776-GGUF": true,
		"qwen3:8b": false, "qwen3-30b-a3b-instruct-2507": false, "deepseek-v3.1": false, "llama-3.1-8b": false, "command-r1": false, "gpt-oss:20b": false,
	} {
		if got := model.BeginsThinking(id); got != want {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
}
