package modeltest

import (
	"fmt"
	"strings"

	"hearth"
)

// streams are errors inside an answer that began with status 200, and missing ends.
func streams() []Pathology {
	return []Pathology{
		{
			Name:      "leaves out [DONE]",
			Prose:     "The finish reason came, so the answer is whole.",
			Protocols: chat,
			Serve: func(x *Exchange) {
				frames := x.reply(Reply{Text: answer})
				x.Frames(frames[:len(frames)-1]...)
				x.Finished()
			},
			Want: Want{Text: answer},
		},
		{
			Name:      "keeps the connection open behind its last event",
			Prose:     "One report about LM Studio: the server never closed its side. The last event ends the answer, not the end of the body.",
			Protocols: everyProtocol,
			Serve:     func(x *Exchange) { x.Frames(x.reply(Reply{Text: answer})...); x.Finished(); x.Hang() },
			Want:      Want{Text: answer},
		},
		{
			Name:      "ends with [DONE] but without a finish reason",
			Prose:     "The stream looks complete and is not: vLLM does this behind an error.",
			Protocols: chat,
			Serve:     func(x *Exchange) { x.Frames(append(until(x, part), done)...); x.Finished() },
			Want:      Want{Reason: hearth.ReasonCut, Text: part},
		},
		{
			Name:      "sends an error frame, then [DONE]",
			Prose:     "vLLM when its engine dies in the middle: status 200, some text, an error, and a proper end.",
			Protocols: chat,
			Serve: func(x *Exchange) {
				x.Frames(until(x, part)...)
				x.Frames(Frame{Data: `{"error":{"message":"EngineCore encountered an issue. See stack trace (above) for the root cause.","type":"InternalServerError","param":null,"code":500}}`}, done)
				x.Finished()
			},
			Want: Want{Reason: hearth.ReasonServer, Text: part, Words: "EngineCore encountered an issue"},
		},
		{
			Name:      "sends an error frame and ends",
			Prose:     "llama-server when its cache is full in the middle of an answer.",
			Protocols: chat,
			Serve: func(x *Exchange) {
				x.Frames(until(x, part)...)
				x.Frames(Frame{Data: `{"error":{"code":500,"message":"Compute error.","type":"server_error"}}`})
				x.Finished()
			},
			Want: Want{Reason: hearth.ReasonServer, Text: part, Words: "Compute error."},
		},
		{
			Name:      "sends an event called error",
			Prose:     "OpenAI's responses and Anthropic report an overloaded server inside a stream that began well.",
			Protocols: []string{Responses, Messages},
			Serve: func(x *Exchange) {
				x.Frames(until(x, part)...)
				if x.Protocol == Messages {
					x.Frames(Frame{Event: "error", Data: `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`})
				} else {
					x.Frames(Frame{Event: "error", Data: `{"type":"error","sequence_number":9,"code":"server_is_overloaded","message":"The server is overloaded.","param":null}`})
				}
				x.Finished()
			},
			Want: Want{Reason: hearth.ReasonOverloaded, Text: part, Words: "verloaded"},
		},
		{
			Name:      "reports that the response failed",
			Prose:     "The responses protocol's own way to say that the model broke.",
			Protocols: []string{Responses},
			Serve: func(x *Exchange) {
				x.Frames(until(x, part)...)
				x.Frames(Frame{Event: "response.failed", Data: fmt.Sprintf(`{"type":"response.failed","sequence_number":9,"response":{"id":"resp_1","object":"response","model":%s,"status":"failed","error":{"code":"server_error","message":"The model has crashed without additional information. (Exit code: 18446744072635812000)"},"output":[]}}`, js(x.Model()))})
				x.Finished()
			},
			Want: Want{Reason: hearth.ReasonServer, Text: part, Words: "has crashed"},
		},
		{
			Name:      "sends a line that is an error",
			Prose:     "Ollama when its runner dies: the status stays 200.",
			Protocols: lines,
			Serve: func(x *Exchange) {
				x.Frames(until(x, part)...)
				x.Frames(Frame{Data: `{"error":"an error was encountered while running the model: unexpected EOF"}`})
				x.Finished()
			},
			Want: Want{Reason: hearth.ReasonServer, Text: part, Words: "an error was encountered while running the model"},
		},
		{
			Name:      "answers a stream with one JSON document",
			Prose:     "A server that does not stream, or not with tools.",
			Protocols: everyProtocol,
			Serve:     func(x *Exchange) { x.Status(200, whole(x, answer)) },
			Want:      Want{Text: answer},
		},
		{
			Name:      "sends half an event and ends",
			Prose:     "A cut in the middle of a JSON object: what came before stands, the rest is no answer.",
			Protocols: everyProtocol,
			Serve: func(x *Exchange) {
				x.Frames(until(x, part)...)
				f := until(x, "never seen")
				b := f[len(f)-1].bytes(x.Protocol)
				x.Raw(b[:len(b)/2])
				x.Drop()
			},
			Want: Want{Reason: hearth.ReasonCut, Text: part},
		},
		{
			Name:      "sends a status 200 error of the wrong path",
			Prose:     "LM Studio answers every path that it does not know with 200 and an error in JSON, whatever was asked for.",
			Protocols: []string{Completions, Messages, Ollama},
			Serve: func(x *Exchange) {
				x.Status(200, `{"error":"Unexpected endpoint or method. (POST /chat/completions)"}`)
			},
			Want: Want{Reason: hearth.ReasonModelNotFound, Words: "Unexpected endpoint or method"},
		},
		{
			Name:      "does not know the responses protocol",
			Prose:     "Older versions of most servers. Another model would not help; another api in the config does, and the error holds that line.",
			Protocols: []string{Responses},
			Serve:     func(x *Exchange) { x.Status(404, "404 page not found") },
			Want:      Want{Reason: hearth.ReasonBadRequest, Words: "404 page not found"},
		},
	}
}

// whole is an answer that is not a stream.
func whole(x *Exchange, text string) string {
	model := js(x.Model())
	switch x.Protocol {
	case Responses:
		return fmt.Sprintf(`{"id":"resp_1","object":"response","created_at":1700000000,"model":%s,"status":"completed","output":[{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","annotations":[],"text":%s}]}],"usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":0},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":15}}`, model, js(text))
	case Messages:
		return fmt.Sprintf(`{"id":"msg_1","type":"message","role":"assistant","model":%s,"content":[{"type":"text","text":%s}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":5}}`, model, js(text))
	case Ollama:
		return fmt.Sprintf(`{"model":%s,"created_at":"2026-01-02T03:04:05Z","message":{"role":"assistant","content":%s},"done":true,"done_reason":"stop","total_duration":1,"prompt_eval_count":10,"eval_count":5}`, model, js(text))
	}
	return fmt.Sprintf(`{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":%s,"choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`, model, js(text))
}

// contents are unusual shapes of text and reasoning.
func contents() []Pathology {
	messages := func(name, prose, phase string, want Want) Pathology {
		return Pathology{Name: name, Prose: prose, Protocols: []string{Responses}, Want: want, Serve: func(x *Exchange) {
			for i, said := range []string{"I will look.", answer} {
				item := fmt.Sprintf(`{"id":"msg_%d","type":"message","role":"assistant"%s,"content":[{"type":"output_text","text":%s,"annotations":[]}]}`, i, phase, js(said))
				x.Frames(
					Frame{Event: "response.output_item.added", Data: fmt.Sprintf(`{"type":"response.output_item.added","output_index":%d,"item":{"id":"msg_%[1]d","type":"message","role":"assistant"%s,"content":[]}}`, i, phase)},
					Frame{Event: "response.output_text.delta", Data: fmt.Sprintf(`{"type":"response.output_text.delta","output_index":%d,"content_index":0,"item_id":"msg_%[1]d","delta":%s}`, i, js(said))},
					Frame{Event: "response.output_item.done", Data: fmt.Sprintf(`{"type":"response.output_item.done","output_index":%d,"item":%s}`, i, item)})
				if phase != "" {
					phase = `,"phase":"final_answer"`
				}
			}
			x.Frames(Frame{Event: "response.completed", Data: `{"type":"response.completed","response":{"status":"completed","output":[]}}`})
			x.Finished()
		}}
	}
	thought := func(member string) Behaviour {
		return func(x *Exchange) {
			for _, f := range x.reply(Reply{Thinking: "Is it hot?", Text: answer}) {
				f.Data = strings.ReplaceAll(f.Data, `"reasoning_content"`, js(member))
				x.Frames(f)
			}
			x.Finished()
		}
	}
	reasoning := func(name, prose, member string) Pathology {
		return Pathology{Name: name, Prose: prose, Protocols: chat, Serve: thought(member), Want: Want{Thinking: "Is it hot?", Text: answer}}
	}
	said := func(name, prose, text string, want Want) Pathology {
		return Pathology{Name: name, Prose: prose, Protocols: everyProtocol, Serve: Say(Reply{Text: text, Pieces: 3}), Want: want}
	}
	return []Pathology{
		messages("answers in two messages", "OpenAI's own models. Between the two stands an empty line.", "", Want{Text: "I will look.\n\n" + answer}),
		messages("comments before it answers", "gpt-5.3-codex and later: a message of the phase commentary is no part of the answer.", `,"phase":"commentary"`, Want{Thinking: "I will look.", Text: answer}),
		reasoning("calls its reasoning reasoning_content", "llama-server, SGLang, DeepSeek, LM Studio by a setting.", "reasoning_content"),
		reasoning("calls its reasoning reasoning", "Ollama, vLLM since late 2025, mlx_lm, LM Studio for gpt-oss.", "reasoning"),
		reasoning("calls its reasoning reasoning_text", "Some proxies.", "reasoning_text"),
		reasoning("calls its reasoning thinking", "Some proxies of Ollama.", "thinking"),
		{
			Name: "sends its reasoning twice", Prose: "Proxies that serve old and new clients send reasoning and reasoning_content with the same words: they are to be read once.", Protocols: chat,
			Serve: func(x *Exchange) {
				x.Frames(chunk(x.Model(), `{"role":"assistant","reasoning":"Is it hot?","reasoning_content":"Is it hot?"}`, "null"))
				x.Frames(x.reply(Reply{Text: answer})...)
				x.Finished()
			},
			Want: Want{Thinking: "Is it hot?", Text: answer},
		},
		said("writes its reasoning into the text, in tags cut anywhere", "Any server without a reasoning parser for its model.", "<think>\nIs it hot?\n</think>\n\n"+answer, Want{Thinking: "\nIs it hot?\n", Text: answer}),
		said("never closes its reasoning", "The model hit a limit while it was thinking. None of that is an answer.", "<think>\nIs it hot?", Want{Thinking: "\nIs it hot?"}),
		said("closes reasoning that it never opened", "The chat template wrote the opening tag into the prompt.", "Is it hot?\n</think>\n\n"+answer, Want{Thinking: "Is it hot?\n", Text: answer}),
		said("leaks its template's tokens", "A wrong or missing stop token.", answer+"<|im_end|>\n<|im_start|>assistant\n", Want{Text: answer + "\n"}),
		said("says nothing at all", "LM Studio answers tool_choice required so; small models do it behind long tool results. A Provider reports it as it is.", "", Want{}),
		{
			Name: "only thinks", Prose: "All tokens went into reasoning.", Protocols: everyProtocol,
			Serve: Say(Reply{Thinking: "Is it hot?"}), Want: Want{Thinking: "Is it hot?"},
		},
		{
			Name: "says its role in every chunk", Prose: "Ollama 0.17.", Protocols: chat,
			Serve: func(x *Exchange) {
				for _, f := range x.reply(Reply{Text: answer}) {
					f.Data = strings.ReplaceAll(f.Data, `{"content":`, `{"role":"assistant","content":`)
					x.Frames(f)
				}
				x.Finished()
			},
			Want: Want{Text: answer},
		},
		{
			Name: "never says its role", Prose: "Several small servers.", Protocols: chat,
			Serve: func(x *Exchange) { x.Frames(x.reply(Reply{Text: answer})[1:]...); x.Finished() },
			Want:  Want{Text: answer},
		},
		{
			Name: "sends null where it says nothing", Prose: "content, tool_calls, reasoning, usage, even choices and delta.", Protocols: chat,
			Serve: func(x *Exchange) {
				x.Frames(Frame{Data: `{"id":null,"choices":null,"usage":null}`}, Frame{Data: `{"choices":[{"index":0,"delta":null,"finish_reason":null}]}`},
					chunk(x.Model(), `{"role":null,"content":null,"tool_calls":null,"reasoning":null,"reasoning_content":null,"function_call":null,"refusal":null}`, "null"))
				x.Frames(x.reply(Reply{Text: answer})...)
				x.Finished()
			},
			Want: Want{Text: answer},
		},
		{
			Name: "sends chunks without choices", Prose: "Azure begins with the filter's results; others send heartbeats as empty objects.", Protocols: chat,
			Serve: func(x *Exchange) {
				x.Frames(Frame{Data: `{}`}, Frame{Data: `{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}`})
				x.Frames(x.reply(Reply{Text: answer})...)
				x.Finished()
			},
			Want: Want{Text: answer},
		},
		{
			Name: "repeats its finish reason", Prose: "Proxies add their own last chunk.", Protocols: chat,
			Serve: func(x *Exchange) {
				frames := x.reply(Reply{Text: answer})
				x.Frames(frames[:len(frames)-1]...)
				x.Frames(chunk(x.Model(), `{"content":""}`, "stop"), done)
				x.Finished()
			},
			Want: Want{Text: answer},
		},
		{
			Name: "fills its window with an answer", Prose: "Claude 4.5 and later, Z.AI: the stop reason says that it was the window and no limit on output.", Protocols: []string{Completions, Messages},
			Serve: func(x *Exchange) {
				for _, f := range x.reply(Reply{Text: answer, Stop: hearth.StopLength}) {
					f.Data = strings.NewReplacer(`"max_tokens"`, `"model_context_window_exceeded"`, `"finish_reason":"length"`, `"finish_reason":"model_context_window_exceeded"`).Replace(f.Data)
					x.Frames(f)
				}
				x.Finished()
			},
			Want: Want{Text: answer, Stop: hearth.StopLength},
		},
		{
			Name: "hits its output limit", Prose: "A default of 512 (mlx_lm) or 128 tokens, or the window's end.", Protocols: everyProtocol,
			Serve: Say(Reply{Text: part, Stop: hearth.StopLength}), Want: Want{Text: part, Stop: hearth.StopLength},
		},
		{
			Name: "lets its filter stop the answer", Prose: "Hosted models.", Protocols: eventStreams,
			Serve: Say(Reply{Text: part, Stop: hearth.StopFiltered}), Want: Want{Text: part, Stop: hearth.StopFiltered},
		},
		{
			Name: "names another model", Prose: "LM Studio uses the loaded model whatever was asked for; proxies route.", Protocols: everyProtocol,
			Serve: Say(Reply{Text: answer, Model: "some-other-model-7b"}), Want: Want{Text: answer, Answered: "some-other-model-7b"},
		},
		{
			Name: "tells how far it has read", Prose: "llama-server with return_progress: chunks without text while it reads the prompt.", Protocols: chat,
			Serve: func(x *Exchange) {
				for n := 512; n <= 2048; n += 512 {
					x.Frames(Frame{Data: fmt.Sprintf(`{"choices":[{"index":0,"delta":{"role":"assistant","content":null},"finish_reason":null}],"model":%s,"object":"chat.completion.chunk","prompt_progress":{"total":2048,"cache":0,"processed":%d,"time_ms":%d}}`, js(x.Model()), n, n)})
				}
				x.Frames(x.reply(Reply{Text: answer})...)
				x.Finished()
			},
			Want: Want{Text: answer, Reading: 2048},
		},
	}
}
