package modeltest

import (
	"bytes"
	"fmt"

	"hearth"
)

// wantedBack are servers that refuse a conversation without what they themselves gave with
// an earlier answer. They call a tool first, and answer when its result comes.
func wantedBack() []Pathology {
	thought := "I must read it."
	row := func(name, prose, needs string, protocols []string, refusal func(x *Exchange), first Behaviour, want Want) Pathology {
		want.Calls = []string{"read " + readArgs}
		return Pathology{Name: name, Prose: prose, Protocols: protocols, Want: want, Serve: func(x *Exchange) {
			switch called := bytes.Contains(x.Body, []byte(`"tool_calls":`)) || bytes.Contains(x.Body, []byte(`"tool_use"`)); {
			case !called:
				first(x)
			case !bytes.Contains(x.Body, []byte(needs)):
				refusal(x)
			default:
				Say(Reply{Text: answer})(x)
			}
		}}
	}
	thinks := Say(Reply{Thinking: thought, Calls: []hearth.ToolCall{{ID: "call_1", Name: readName, Arguments: readArgs}}})
	says := func(message string) func(x *Exchange) {
		return func(x *Exchange) { x.Status(400, x.errorBody(message, "invalid_request_error")) }
	}
	kept := fmt.Sprintf(`"reasoning_content":%s`, js(thought))
	return []Pathology{
		row("wants its reasoning back", "DeepSeek's thinking mode, once a tool was called.", kept, chat,
			says("Missing `reasoning_content` field in the assistant message at message index 2. For more information, please refer to https://api-docs.deepseek.com/guides/thinking_mode#tool-calls"), thinks, Want{Thinking: thought}),
		row("wants its reasoning back, in the words of DeepSeek V4", "Of every answer, whether it called a tool or not.", kept, chat,
			says("The `reasoning_content` in the thinking mode must be passed back to the API."), thinks, Want{Thinking: thought}),
		row("wants its reasoning back, in the words of Kimi", "K2.5 and later, and those who pass it on.", kept, chat,
			says("thinking is enabled but reasoning_content is missing in assistant tool call message at index 2"), thinks, Want{Thinking: thought}),
		row("wants its thinking block back", "DeepSeek V4 in Anthropic's protocol.", fmt.Sprintf(`"thinking":%s`, js(thought)), []string{Messages},
			says("The `content[].thinking` in the thinking mode must be passed back to the API."), thinks, Want{Thinking: thought}),
		row("wants the signature of its calls back", "Gemini 3 on Google's OpenAI-compatible endpoint: the signature stands beside the function.", signature, chat,
			func(x *Exchange) {
				x.Status(400, `[{"error":{"code":400,"message":"Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call `+"`default_api:read`"+` , position 2. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.","status":"INVALID_ARGUMENT"}}]`)
			},
			func(x *Exchange) {
				x.Frames(chunk(x.Model(), fmt.Sprintf(`{"role":"assistant","tool_calls":[{%s,"function":{"name":"read","arguments":%s},"id":"call_1","index":0,"type":"function"}]}`, signature, js(readArgs)), "tool_calls"), done)
				x.Finished()
			}, Want{}),
	}
}

// signature is a member of a call, as Google writes it.
const signature = `"extra_content":{"google":{"thought_signature":"EjQKMgG+/<x>=="}}`
