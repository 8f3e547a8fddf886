//go:build e2e && unix

package ollama

import "encoding/json"

// native is POST /api/chat.
var native = protocol{
	name: "native", path: "/api/chat",
	encode: func(q ask) map[string]any {
		var list []any
		for _, m := range q.history {
			var calls []any
			for _, c := range m.calls {
				calls = append(calls, map[string]any{"function": map[string]any{"name": c.name, "arguments": json.RawMessage(c.arguments)}})
			}
			entry := map[string]any{"role": m.role, "content": m.text}
			if calls != nil {
				entry["tool_calls"] = calls
			}
			list = append(list, entry)
		}
		return map[string]any{"messages": list, "tools": functions(q.tools)}
	},
	whole: func(body []byte) (a answer, err error) { return a, nativeLine(&a, "", string(body)) },
	lines: nativeLine,
}

func nativeLine(a *answer, _, data string) error {
	var v struct {
		Error   string
		Message struct {
			Content, Thinking string
			ToolCalls         []struct {
				ID       string
				Function struct {
					Name      string
					Arguments json.RawMessage
				}
			} `json:"tool_calls"`
		}
		Done       bool
		DoneReason string `json:"done_reason"`
		Prompt     int    `json:"prompt_eval_count"`
		Output     int    `json:"eval_count"`
	}
	if err := decode(data, &v); err != nil {
		return err
	}
	if v.Error != "" {
		a.finish = "error: " + v.Error
	}
	a.text += v.Message.Content
	a.thinking += v.Message.Thinking
	for _, c := range v.Message.ToolCalls {
		a.calls = append(a.calls, call{c.ID, c.Function.Name, string(c.Function.Arguments)})
	}
	if v.Done {
		a.finish, a.prompt, a.output, a.closed = v.DoneReason, v.Prompt, v.Output, true
	}
	return nil
}

// completions is POST /v1/chat/completions.
var completions = protocol{
	name: "completions", path: "/v1/chat/completions",
	encode: func(q ask) map[string]any {
		var list []any
		for _, m := range q.history {
			entry := map[string]any{"role": m.role, "content": m.text}
			var calls []any
			for _, c := range m.calls {
				calls = append(calls, map[string]any{"id": c.id, "type": "function", "function": map[string]any{"name": c.name, "arguments": c.arguments}})
			}
			if calls != nil {
				entry["tool_calls"] = calls
			}
			if m.call != "" {
				entry["tool_call_id"] = m.call
			}
			list = append(list, entry)
		}
		return map[string]any{"messages": list, "tools": functions(q.tools), "stream_options": map[string]any{"include_usage": true}}
	},
	whole: func(body []byte) (a answer, err error) { return a, completionsLine(&a, "", string(body)) },
	lines: completionsLine,
}

// completionsLine reads a chunk or a whole reply; they differ in delta or message.
func completionsLine(a *answer, _, data string) error {
	if data == "[DONE]" {
		a.closed = true
		return nil
	}
	type content struct {
		Content, Reasoning string
		ToolCalls          []struct {
			ID       string
			Function struct{ Name, Arguments string }
		} `json:"tool_calls"`
	}
	var v struct {
		Choices []struct {
			Delta, Message content
			FinishReason   string `json:"finish_reason"`
		}
		Usage struct {
			Prompt int `json:"prompt_tokens"`
			Output int `json:"completion_tokens"`
		}
	}
	if err := decode(data, &v); err != nil {
		return err
	}
	for _, choice := range v.Choices {
		for _, part := range []content{choice.Delta, choice.Message} {
			a.text += part.Content
			a.thinking += part.Reasoning
			for _, c := range part.ToolCalls {
				a.calls = append(a.calls, call{c.ID, c.Function.Name, c.Function.Arguments})
			}
		}
		if choice.FinishReason != "" {
			a.finish = choice.FinishReason
		}
	}
	a.prompt, a.output = max(a.prompt, v.Usage.Prompt), max(a.output, v.Usage.Output)
	return nil
}

// responses is POST /v1/responses.
var responses = protocol{
	name: "responses", path: "/v1/responses",
	encode: func(q ask) map[string]any {
		var input, tools []any
		for _, m := range q.history {
			switch {
			case m.role == "tool":
				input = append(input, map[string]any{"type": "function_call_output", "call_id": m.call, "output": m.text})
			case m.text != "" || len(m.calls) == 0:
				input = append(input, map[string]any{"type": "message", "role": m.role, "content": m.text})
			}
			for _, c := range m.calls {
				input = append(input, map[string]any{"type": "function_call", "call_id": c.id, "name": c.name, "arguments": c.arguments})
			}
		}
		for _, name := range q.tools {
			tools = append(tools, map[string]any{"type": "function", "name": name, "description": "Does " + name + ".", "parameters": schema})
		}
		return map[string]any{"input": input, "tools": tools}
	},
	whole: func(body []byte) (a answer, err error) { return a, responsesWhole(&a, string(body)) },
	lines: func(a *answer, event, data string) error {
		var v struct {
			Delta    string
			Response json.RawMessage
		}
		if err := decode(data, &v); err != nil {
			return err
		}
		switch event {
		case "response.output_text.delta":
			a.text += v.Delta
		case "response.reasoning_summary_text.delta":
			a.thinking += v.Delta
		case "response.completed", "response.failed", "response.incomplete":
			streamed := *a
			*a = answer{}
			if err := responsesWhole(a, string(v.Response)); err != nil {
				return err
			}
			a.text, a.thinking, a.closed = streamed.text, streamed.thinking, true
		}
		return nil
	},
}

func responsesWhole(a *answer, data string) error {
	var v struct {
		Status string
		Output []struct {
			Type             string
			Content, Summary []struct{ Text string }
			CallID           string `json:"call_id"`
			Name, Arguments  string
		}
		Usage struct {
			Prompt int `json:"input_tokens"`
			Output int `json:"output_tokens"`
		}
	}
	if err := decode(data, &v); err != nil {
		return err
	}
	for _, item := range v.Output {
		for _, part := range item.Content {
			a.text += part.Text
		}
		for _, part := range item.Summary {
			a.thinking += part.Text
		}
		if item.Type == "function_call" {
			a.calls = append(a.calls, call{item.CallID, item.Name, item.Arguments})
		}
	}
	a.finish, a.prompt, a.output = v.Status, v.Usage.Prompt, v.Usage.Output
	return nil
}

// messages is POST /v1/messages.
var messages = protocol{
	name: "messages", path: "/v1/messages",
	encode: func(q ask) map[string]any {
		var list, tools []any
		body := map[string]any{"max_tokens": 400}
		for _, m := range q.history {
			switch m.role {
			case "system":
				body["system"] = m.text
			case "tool":
				list = append(list, map[string]any{"role": "user", "content": []any{
					map[string]any{"type": "tool_result", "tool_use_id": m.call, "content": m.text},
				}})
			default:
				var blocks []any
				if m.text != "" {
					blocks = append(blocks, map[string]any{"type": "text", "text": m.text})
				}
				for _, c := range m.calls {
					blocks = append(blocks, map[string]any{"type": "tool_use", "id": c.id, "name": c.name, "input": json.RawMessage(c.arguments)})
				}
				list = append(list, map[string]any{"role": m.role, "content": blocks})
			}
		}
		for _, name := range q.tools {
			tools = append(tools, map[string]any{"name": name, "description": "Does " + name + ".", "input_schema": schema})
		}
		body["messages"] = list
		if tools != nil {
			body["tools"] = tools
		}
		return body
	},
	whole: func(body []byte) (a answer, err error) {
		var v struct {
			Content    []block
			StopReason string `json:"stop_reason"`
			Usage      messagesUsage
		}
		if err := decode(string(body), &v); err != nil {
			return a, err
		}
		for _, b := range v.Content {
			a.block(b)
		}
		a.finish, a.prompt, a.output = v.StopReason, v.Usage.Prompt, v.Usage.Output
		return a, nil
	},
	lines: messagesLine,
}

type block struct {
	Type, Text, Thinking, ID, Name string
	Input                          json.RawMessage
}

type messagesUsage struct {
	Prompt int `json:"input_tokens"`
	Output int `json:"output_tokens"`
}

func (a *answer) block(b block) {
	a.text += b.Text
	a.thinking += b.Thinking
	if b.Type == "tool_use" {
		a.calls = append(a.calls, call{b.ID, b.Name, string(b.Input)})
	}
}

func messagesLine(a *answer, event, data string) error {
	var v struct {
		ContentBlock block `json:"content_block"`
		Delta        struct {
			Text, Thinking string
			PartialJSON    string `json:"partial_json"`
			StopReason     string `json:"stop_reason"`
		}
		Usage messagesUsage
	}
	if err := decode(data, &v); err != nil {
		return err
	}
	switch event {
	case "content_block_start":
		a.block(v.ContentBlock)
		if n := len(a.calls); v.ContentBlock.Type == "tool_use" {
			a.calls[n-1].arguments = "" // they come in deltas
		}
	case "content_block_delta":
		a.text += v.Delta.Text
		a.thinking += v.Delta.Thinking
		if v.Delta.PartialJSON != "" {
			a.calls[len(a.calls)-1].arguments += v.Delta.PartialJSON
		}
	case "message_delta":
		a.finish, a.prompt, a.output = v.Delta.StopReason, v.Usage.Prompt, v.Usage.Output
	case "message_stop":
		a.closed = true
	}
	return nil
}
