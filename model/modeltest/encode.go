package modeltest

import (
	"fmt"
	"strings"

	"hearth"
)

// The four wire formats, as healthy servers write them: llama-server's chunks, OpenAI's
// events, Anthropic's events, Ollama's lines.

func chunk(model, delta, finish string) Frame {
	if finish != "null" {
		finish = js(finish)
	}
	return Frame{Data: fmt.Sprintf(`{"choices":[{"index":0,"delta":%s,"finish_reason":%s}],"created":1700000000,"id":"chatcmpl-1","model":%s,"object":"chat.completion.chunk"}`, delta, finish, js(model))}
}

func (r Reply) completions(usage bool) (pieces, rest []Frame) {
	pieces = append(pieces, chunk(r.Model, `{"role":"assistant","content":null}`, "null"))
	for _, p := range r.cut(r.Thinking) {
		pieces = append(pieces, chunk(r.Model, `{"reasoning_content":`+js(p)+`}`, "null"))
	}
	for _, p := range r.cut(r.Text) {
		pieces = append(pieces, chunk(r.Model, `{"content":`+js(p)+`}`, "null"))
	}
	for i, c := range r.Calls {
		rest = append(rest, chunk(r.Model, fmt.Sprintf(`{"tool_calls":[{"index":%d,"id":%s,"type":"function","function":{"name":%s,"arguments":""}}]}`, i, js(c.ID), js(c.Name)), "null"))
		for _, p := range (Reply{Pieces: 5}).cut(c.Arguments) {
			rest = append(rest, chunk(r.Model, fmt.Sprintf(`{"tool_calls":[{"index":%d,"function":{"arguments":%s}}]}`, i, js(p)), "null"))
		}
	}
	rest = append(rest, chunk(r.Model, `{}`, string(r.Stop)))
	if usage {
		rest = append(rest, r.usageChunk())
	}
	return pieces, append(rest, done)
}

func (r Reply) usageChunk() Frame {
	return Frame{Data: fmt.Sprintf(`{"choices":[],"created":1700000000,"id":"chatcmpl-1","model":%s,"object":"chat.completion.chunk","usage":%s}`, js(r.Model), chatUsage(*r.Usage))}
}

func chatUsage(u hearth.Usage) string {
	return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d}}`, u.Input, u.Output, u.Total, u.CacheRead)
}

func (r Reply) responses() (pieces, rest []Frame) {
	seq := 0
	event := func(kind, members string) Frame {
		f := Frame{Event: kind, Data: fmt.Sprintf(`{"type":%s,"sequence_number":%d,%s}`, js(kind), seq, members)}
		seq++
		return f
	}
	head := fmt.Sprintf(`"id":"resp_1","object":"response","created_at":1700000000,"model":%s`, js(r.Model))
	pieces = append(pieces,
		event("response.created", `"response":{`+head+`,"status":"in_progress","output":[]}`),
		event("response.in_progress", `"response":{`+head+`,"status":"in_progress","output":[]}`))
	var output []string
	item := func(id, open, closed string, body func()) {
		n := len(output)
		pieces = append(pieces, event("response.output_item.added", fmt.Sprintf(`"output_index":%d,"item":{"id":%s,"status":"in_progress",%s}`, n, js(id), open)))
		body()
		whole := fmt.Sprintf(`{"id":%s,"status":"completed",%s}`, js(id), closed)
		output = append(output, whole)
		pieces = append(pieces, event("response.output_item.done", fmt.Sprintf(`"output_index":%d,"item":%s`, n, whole)))
	}
	if r.Thinking != "" {
		item("rs_1", `"type":"reasoning","summary":[],"content":[]`, fmt.Sprintf(`"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":%s}]`, js(r.Thinking)), func() {
			pieces = append(pieces, event("response.content_part.added", `"item_id":"rs_1","output_index":0,"content_index":0,"part":{"type":"reasoning_text","text":""}`))
			for _, p := range r.cut(r.Thinking) {
				pieces = append(pieces, event("response.reasoning_text.delta", `"item_id":"rs_1","output_index":0,"content_index":0,"delta":`+js(p)))
			}
			pieces = append(pieces, event("response.reasoning_text.done", `"item_id":"rs_1","output_index":0,"content_index":0,"text":`+js(r.Thinking)))
		})
	}
	if r.Text != "" {
		at := fmt.Sprintf(`"item_id":"msg_1","output_index":%d,"content_index":0,`, len(output))
		part := fmt.Sprintf(`{"type":"output_text","annotations":[],"text":%s}`, js(r.Text))
		item("msg_1", `"type":"message","role":"assistant","content":[]`, `"type":"message","role":"assistant","content":[`+part+`]`, func() {
			pieces = append(pieces, event("response.content_part.added", at+`"part":{"type":"output_text","annotations":[],"text":""}`))
			for _, p := range r.cut(r.Text) {
				pieces = append(pieces, event("response.output_text.delta", at+`"delta":`+js(p)))
			}
			pieces = append(pieces, event("response.output_text.done", at+`"text":`+js(r.Text)), event("response.content_part.done", at+`"part":`+part))
		})
	}
	said := len(pieces)
	for i, c := range r.Calls {
		id := fmt.Sprintf("fc_%d", i)
		at := fmt.Sprintf(`"item_id":%s,"output_index":%d,`, js(id), len(output))
		named := fmt.Sprintf(`"type":"function_call","call_id":%s,"name":%s,`, js(c.ID), js(c.Name))
		item(id, named+`"arguments":""`, named+`"arguments":`+js(c.Arguments), func() {
			for _, p := range (Reply{Pieces: 5}).cut(c.Arguments) {
				pieces = append(pieces, event("response.function_call_arguments.delta", at+`"delta":`+js(p)))
			}
			pieces = append(pieces, event("response.function_call_arguments.done", at+`"arguments":`+js(c.Arguments)))
		})
	}
	pieces = append(pieces, r.responseEnd(event, head, output))
	return pieces[:said], pieces[said:]
}

func (r Reply) responseEnd(event func(kind, members string) Frame, head string, output []string) Frame {
	usage := fmt.Sprintf(`"usage":{"input_tokens":%d,"input_tokens_details":{"cached_tokens":%d},"output_tokens":%d,"output_tokens_details":{"reasoning_tokens":%d},"total_tokens":%d}`,
		r.Usage.Input, r.Usage.CacheRead, r.Usage.Output, Tokens(r.Thinking), r.Usage.Total)
	all := "[" + strings.Join(output, ",") + "]"
	why := map[hearth.StopReason]string{hearth.StopLength: "max_output_tokens", hearth.StopFiltered: "content_filter"}[r.Stop]
	if why != "" {
		return event("response.incomplete", fmt.Sprintf(`"response":{%s,"status":"incomplete","incomplete_details":{"reason":%s},"output":%s,%s}`, head, js(why), all, usage))
	}
	return event("response.completed", fmt.Sprintf(`"response":{%s,"status":"completed","output":%s,%s}`, head, all, usage))
}

func (r Reply) messages() (pieces, rest []Frame) {
	event := func(kind, members string) Frame {
		if members != "" {
			members = "," + members
		}
		return Frame{Event: kind, Data: fmt.Sprintf(`{"type":%s%s}`, js(kind), members)}
	}
	u := r.Usage
	pieces = append(pieces, event("message_start", fmt.Sprintf(`"message":{"id":"msg_1","type":"message","role":"assistant","model":%s,"content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":%d,"cache_read_input_tokens":%d,"cache_creation_input_tokens":0,"output_tokens":1}}`,
		js(r.Model), u.Input-u.CacheRead, u.CacheRead)))
	n := 0
	block := func(open string, deltas []string) []Frame {
		frames := []Frame{event("content_block_start", fmt.Sprintf(`"index":%d,"content_block":%s`, n, open))}
		for _, d := range deltas {
			frames = append(frames, event("content_block_delta", fmt.Sprintf(`"index":%d,"delta":%s`, n, d)))
		}
		frames = append(frames, event("content_block_stop", fmt.Sprintf(`"index":%d`, n)))
		n++
		return frames
	}
	deltas := func(kind, member string, cut []string) (all []string) {
		for _, p := range cut {
			all = append(all, fmt.Sprintf(`{"type":%s,%s:%s}`, js(kind), js(member), js(p)))
		}
		return all
	}
	if r.Thinking != "" {
		said := append(deltas("thinking_delta", "thinking", r.cut(r.Thinking)), `{"type":"signature_delta","signature":"c2ln"}`)
		pieces = append(pieces, block(`{"type":"thinking","thinking":"","signature":""}`, said)...)
	}
	if r.Text != "" {
		pieces = append(pieces, block(`{"type":"text","text":""}`, deltas("text_delta", "text", r.cut(r.Text)))...)
	}
	for _, c := range r.Calls {
		open := fmt.Sprintf(`{"type":"tool_use","id":%s,"name":%s,"input":{}}`, js(c.ID), js(c.Name))
		rest = append(rest, block(open, deltas("input_json_delta", "partial_json", (Reply{Pieces: 5}).cut(c.Arguments)))...)
	}
	stop := map[hearth.StopReason]string{hearth.StopEnd: "end_turn", hearth.StopLength: "max_tokens", hearth.StopToolCalls: "tool_use", hearth.StopFiltered: "refusal"}[r.Stop]
	return pieces, append(rest,
		event("message_delta", fmt.Sprintf(`"delta":{"stop_reason":%s,"stop_sequence":null},"usage":{"output_tokens":%d}`, js(stop), u.Output)),
		event("message_stop", ""))
}

func line(model, message string) Frame {
	return Frame{Data: fmt.Sprintf(`{"model":%s,"created_at":"2026-01-02T03:04:05.678901Z","message":%s,"done":false}`, js(model), message)}
}

func (r Reply) ollama() (pieces, rest []Frame) {
	for _, p := range r.cut(r.Thinking) {
		pieces = append(pieces, line(r.Model, `{"role":"assistant","content":"","thinking":`+js(p)+`}`))
	}
	for _, p := range r.cut(r.Text) {
		pieces = append(pieces, line(r.Model, `{"role":"assistant","content":`+js(p)+`}`))
	}
	for i, c := range r.Calls {
		rest = append(rest, line(r.Model, fmt.Sprintf(`{"role":"assistant","content":"","tool_calls":[{"id":%s,"function":{"index":%d,"name":%s,"arguments":%s}}]}`, js(c.ID), i, js(c.Name), c.Arguments)))
	}
	stop := r.Stop
	if stop == hearth.StopToolCalls {
		stop = hearth.StopEnd // Ollama has no word for it
	}
	return pieces, append(rest, Frame{Data: fmt.Sprintf(`{"model":%s,"created_at":"2026-01-02T03:04:06.1Z","message":{"role":"assistant","content":""},"done":true,"done_reason":%s,"total_duration":900000000,"load_duration":100000000,"prompt_eval_count":%d,"prompt_eval_duration":200000000,"eval_count":%d,"eval_duration":500000000}`,
		js(r.Model), js(stop), r.Usage.Input, r.Usage.Output)})
}
