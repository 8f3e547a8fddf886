package modeltest

import (
	"fmt"
	"regexp"
	"strings"

	"hearth"
)

const (
	readName = "read"
	readArgs = `{"path":"notes.txt"}`
	execArgs = `{"command":"ls -l"}`
)

// calls are unusual shapes of tool calls.
func calls() []Pathology {
	read := hearth.ToolCall{ID: "call_1", Name: readName, Arguments: readArgs}
	exec := hearth.ToolCall{ID: "call_2", Name: "exec", Arguments: execArgs}
	one, two := []string{"read " + readArgs}, []string{"read " + readArgs, "exec " + execArgs}
	raw := func(name, prose string, want Want, deltas ...string) Pathology {
		return Pathology{Name: name, Prose: prose, Protocols: chat, Want: want, Serve: func(x *Exchange) {
			for _, d := range deltas {
				x.Frames(chunk(x.Model(), d, "null"))
			}
			x.Frames(chunk(x.Model(), "{}", "tool_calls"), done)
			x.Finished()
		}}
	}
	text := func(name, prose, said string, want Want) Pathology {
		return Pathology{Name: name, Prose: prose, Protocols: everyProtocol, Serve: Say(Reply{Text: said, Pieces: 4}), Want: want}
	}
	call := func(index int, id, name, args string) string {
		return fmt.Sprintf(`{"tool_calls":[{"index":%d,"id":%s,"type":"function","function":{"name":%s,"arguments":%s}}]}`, index, js(id), js(name), args)
	}
	return []Pathology{
		raw("sends a whole call in one chunk", "Ollama, mlx_lm.", Want{Calls: one}, call(0, "call_1", "read", js(readArgs))),
		raw("sends arguments as an object", "Servers that pass on what their template parser made.", Want{Calls: one}, call(0, "call_1", "read", readArgs)),
		raw("sends arguments one byte at a time", "vLLM and llama-server stream fragments of any size.", Want{Calls: one},
			append([]string{call(0, "call_1", "read", `""`)}, fragments(readArgs)...)...),
		raw("sends an empty list of calls in every chunk", "Text that is not a call must not become one, nor be lost.", Want{Text: answer, Stop: hearth.StopToolCalls},
			`{"role":"assistant","content":"The kettle ","tool_calls":[]}`, `{"content":"is on.","tool_calls":[]}`),
		raw("gives two calls the same index", "Older Ollama and some proxies: the ids tell them apart.", Want{Calls: two},
			call(0, "call_1", "read", js(readArgs)), call(0, "call_2", "exec", js(execArgs))),
		raw("gives no index", "Google's endpoint and mlx_lm.", Want{Calls: two},
			`{"tool_calls":[{"id":"call_1","type":"function","function":{"name":"read","arguments":`+js(readArgs)+`}},{"id":"call_2","type":"function","function":{"name":"exec","arguments":`+js(execArgs)+`}}]}`),
		raw("gives no ids", "Several servers; results could not be told apart.", Want{Calls: two},
			`{"tool_calls":[{"index":0,"function":{"name":"read","arguments":`+js(readArgs)+`}},{"index":1,"function":{"name":"exec","arguments":`+js(execArgs)+`}}]}`),
		raw("gives empty ids", "As above.", Want{Calls: two}, call(0, "", "read", js(readArgs)), call(1, "", "exec", js(execArgs))),
		raw("gives two calls the same id", "Ids that count requests, not calls.", Want{Calls: two}, call(0, "call_0", "read", js(readArgs)), call(1, "call_0", "exec", js(execArgs))),
		raw("repeats id and name in every fragment", "Some proxies: the name must not grow.", Want{Calls: one},
			call(0, "call_1", "read", js(readArgs[:5])), call(0, "call_1", "read", js(readArgs[5:]))),
		raw("sends the name before the id", "Fragments in an unusual order.", Want{Calls: one},
			`{"tool_calls":[{"index":0,"type":"function","function":{"name":"read","arguments":""}}]}`, `{"tool_calls":[{"index":0,"id":"call_1","function":{"arguments":`+js(readArgs)+`}}]}`),
		raw("mixes the fragments of two calls", "Parallel calls, streamed side by side.", Want{Calls: two},
			call(0, "call_1", "read", `""`), call(1, "call_2", "exec", `""`),
			fragment(0, readArgs[:7]), fragment(1, execArgs[:4]), fragment(0, readArgs[7:]), fragment(1, execArgs[4:])),
		raw("breaks off inside its arguments", "The model forgot the closing brace. The string stays as it is: the tool, not the protocol, tells the model.", Want{Calls: []string{`read {"path":"no`}}, call(0, "call_1", "read", js(`{"path":"no`))),
		raw("sends no arguments at all", "A tool without parameters. The string is empty, as received.", Want{Calls: []string{"read "}}, `{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"read"}}]}`),
		raw("calls a tool that nobody offered", "Small models invent tools. The call must not vanish.", Want{Calls: []string{"open_browser {}"}}, call(0, "call_1", "open_browser", `"{}"`)),
		{
			Name: "calls a tool and says that it merely stopped", Prose: "vLLM with a named tool_choice, Ollama always: finish_reason is stop although calls are there.", Protocols: []string{Completions, Ollama},
			Serve: Say(Reply{Calls: []hearth.ToolCall{read}, Stop: hearth.StopEnd}), Want: Want{Calls: one},
		},
		{
			Name: "puts the namespace of its training in front of a tool", Prose: "gpt-oss, and models that were trained on other servers: the tool is ours all the same.", Protocols: everyProtocol,
			Serve: Say(Reply{Calls: []hearth.ToolCall{{ID: "call_1", Name: "functions.read", Arguments: readArgs}}}), Want: Want{Calls: one},
		},
		{
			Name: "writes a tool in another case", Prose: "LM Studio turns names into snake case.", Protocols: everyProtocol,
			Serve: Say(Reply{Calls: []hearth.ToolCall{{ID: "call_1", Name: "Read_", Arguments: readArgs}}}), Want: Want{Calls: one},
		},
		{
			Name: "talks before it calls", Prose: "Text and calls in one answer; both count.", Protocols: everyProtocol,
			Serve: Say(Reply{Text: answer, Calls: []hearth.ToolCall{read, exec}}), Want: Want{Text: answer, Calls: two},
		},
		{
			Name: "dies behind a whole call", Prose: "No finish reason: the call must not run, so it must not arrive as part of a finished answer.", Protocols: everyProtocol,
			Serve: func(x *Exchange) {
				pieces, rest := (Reply{Text: part, Calls: []hearth.ToolCall{read}}).frames(x)
				x.Frames(pieces...)
				end := map[string]int{Completions: 3, Responses: 1, Messages: 2, Ollama: 1}[x.Protocol]
				if x.Protocol == Completions && !x.wantsUsage() {
					end--
				}
				x.Frames(rest[:len(rest)-end]...)
				x.Drop()
			},
			Want: Want{Reason: hearth.ReasonCut, Text: part},
		},
		{
			Name: "sends calls without ids", Prose: "Ollama's native calls carried no ids before 0.9.", Protocols: lines,
			Serve: func(x *Exchange) {
				x.Frames(line(x.Model(), fmt.Sprintf(`{"role":"assistant","content":"","tool_calls":[{"function":{"name":"read","arguments":%s}},{"function":{"name":"exec","arguments":%s}}]}`, readArgs, execArgs)))
				frames := x.reply(Reply{})
				x.Frames(frames[len(frames)-1])
				x.Finished()
			},
			Want: Want{Calls: two},
		},
		text("writes its call as text", "A model without a tool parser on the server: the whole message is one block in LM Studio's older form.",
			"[read]\n"+readArgs+"\n[END_TOOL_REQUEST]", Want{Calls: one}),
		text("writes two calls as text", "As above.", "[read]\n"+readArgs+"\n[/read]\n[exec]\n"+execArgs+"\n[/exec]\n", Want{Calls: two}),
		text("writes a call of an unknown tool as text", "It is hidden, nothing runs, and a sentence says so: an empty reply would say nothing.",
			"[open_browser]\n{}\n[END_TOOL_REQUEST]", Want{Notice: "hidden_call",
				Text: `(The model wrote a call of the tool "open_browser" as plain text; there is no tool of that name here. Nothing was run.)`}),
		text("writes a call amid its text", "Only a message that is nothing but calls is acted on.",
			"Let me look.\n[read]\n"+readArgs+"\n[END_TOOL_REQUEST]", Want{Notice: "hidden_call",
				Text: "Let me look.\n" + `(The model wrote a call of the tool "read" as plain text, beside other words or calls. Nothing was run.)`}),
		text("writes a call in LM Studio's own form", "LM Studio could not read it and passes it on.",
			"[TOOL_REQUEST]\n{\"name\": \"read\", \"arguments\": {\"path\" \"notes.txt\"}}\n[END_TOOL_REQUEST]", Want{Notice: "hidden_call",
				Text: `(The model wrote a tool call as plain text that its server did not take for one. Nothing was run.)`}),
		text("writes a call as XML", "It stays text and is logged.", "<tool_call>\n"+`{"name": "read", "arguments": {}}`+"\n</tool_call>", Want{Text: "<tool_call>\n" + `{"name": "read", "arguments": {}}` + "\n</tool_call>"}),
		text("writes a call in its model's own tokens", "gpt-oss on a server without a parser for its channels. It stays text to the last byte, and is logged.",
			"<|channel|>commentary to=functions.read <|constrain|>json<|message|>"+readArgs+"<|call|>", Want{Text: "<|channel|>commentary to=functions.read <|constrain|>json<|message|>" + readArgs + "<|call|>"}),
		text("writes a call as JSON", "As above.", `{"name": "read", "arguments": {"path": "notes.txt"}}`, Want{Text: `{"name": "read", "arguments": {"path": "notes.txt"}}`}),
	}
}

func fragment(index int, args string) string {
	return fmt.Sprintf(`{"tool_calls":[{"index":%d,"function":{"arguments":%s}}]}`, index, js(args))
}

// fragments gives a delta for each byte of a call's arguments.
func fragments(args string) (deltas []string) {
	for b := range strings.SplitSeq(args, "") {
		deltas = append(deltas, fragment(0, b))
	}
	return deltas
}

// number is a count or a duration in an answer.
var number = regexp.MustCompile(`("(?:\w+_tokens|\w*eval_count|\w+_duration)":)(\d+)`)

// recounted says something else in place of each number, one after the other; $n is what
// stood there.
func recounted(name, prose string, want *hearth.Usage, instead ...string) Pathology {
	return Pathology{Name: name, Prose: prose, Protocols: everyProtocol, Want: Want{Text: answer, Usage: want}, Serve: func(x *Exchange) {
		seen := 0
		for _, f := range x.reply(Reply{Text: answer, Usage: &hearth.Usage{Input: 7, Output: 3, Total: 10}}) {
			f.Data = number.ReplaceAllStringFunc(f.Data, func(found string) string {
				m := number.FindStringSubmatch(found)
				seen++
				return m[1] + strings.ReplaceAll(instead[seen%len(instead)], "$n", m[2])
			})
			x.Frames(f)
		}
		x.Finished()
	}}
}

// counts are unusual token counts.
func counts() []Pathology {
	usage := func(name, prose, text string, want *hearth.Usage) Pathology {
		return Pathology{Name: name, Prose: prose, Protocols: chat, Want: Want{Text: answer, Usage: want}, Serve: func(x *Exchange) {
			pieces, _ := (Reply{Text: answer}).frames(x)
			x.Frames(pieces...)
			x.Frames(chunk(x.Model(), "{}", "stop"))
			if text != "" {
				x.Frames(Frame{Data: text})
			}
			x.Frames(done)
			x.Finished()
		}}
	}
	return []Pathology{
		usage("counts nothing", "mlx_lm without stream_options, proxies that drop the chunk.", "", &hearth.Usage{}),
		usage("sends null as its count", "Seen in every chunk of OpenAI's own streams.", `{"choices":[],"usage":null}`, &hearth.Usage{}),
		usage("counts behind the finish reason", "The usual place: the stream must be read to its end.", `{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"prompt_tokens_details":null}}`,
			&hearth.Usage{Input: 7, Output: 3, Total: 10}),
		usage("counts nonsense", "Negative numbers and more tokens than there are: an estimate is better than that, and nothing may break.",
			`{"choices":[],"usage":{"prompt_tokens":-5,"completion_tokens":99999999999999999999,"total_tokens":-1,"prompt_tokens_details":{"cached_tokens":1e300}}}`, nil),
		recounted("counts nonsense in every field", "As above, in each protocol: the answer is worth more than its numbers.", nil,
			`-5`, `99999999999999999999`, `1e300`, `"many"`, `null`, `{}`),
		recounted("counts in floats", "Proxies in languages with one kind of number, or that divide.", &hearth.Usage{Input: 7, Output: 3, Total: 10}, `$n.0`),
		usage("counts in strings", "A proxy written in a language that does not mind.", `{"choices":[],"usage":{"prompt_tokens":"7","completion_tokens":"3","total_tokens":"10"}}`, nil),
		{
			Name: "counts in every chunk", Prose: "vLLM's continuous usage, Anthropic-like proxies: the last count is the one that holds.", Protocols: chat,
			Serve: func(x *Exchange) {
				n := 0
				for _, f := range x.reply(Reply{Text: answer, Usage: &hearth.Usage{Input: 7, Output: 4, Total: 11}}) {
					if n++; f != done && !strings.Contains(f.Data, `"usage"`) {
						f.Data = strings.TrimSuffix(f.Data, "}") + fmt.Sprintf(`,"usage":{"prompt_tokens":7,"completion_tokens":%d,"total_tokens":%d}}`, min(n, 4), 7+min(n, 4))
					}
					x.Frames(f)
				}
				x.Finished()
			},
			Want: Want{Text: answer, Usage: &hearth.Usage{Input: 7, Output: 4, Total: 11}},
		},
		{
			Name: "reads only a part of the prompt and does not say so", Prose: "Ollama's default: a long conversation is cut and answered with status 200. The count is all that shows it.", Protocols: everyProtocol,
			Serve: Say(Reply{Text: answer, Usage: &hearth.Usage{Input: 3, Output: 5, Total: 8}}),
			Want:  Want{Text: answer, Usage: &hearth.Usage{Input: 3, Output: 5, Total: 8}},
		},
	}
}
