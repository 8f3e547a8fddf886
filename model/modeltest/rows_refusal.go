package modeltest

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	"hearth"
	"hearth/model"
)

// refuse says no to a body, and to the same body again, and answers any other: a server
// whose refusal can be met by saying it another way.
func refuse(status int, body string) Behaviour {
	var mu sync.Mutex
	var refused []byte
	return func(x *Exchange) {
		mu.Lock()
		if refused == nil {
			refused = x.Body
		}
		again := bytes.Equal(refused, x.Body)
		mu.Unlock()
		if again {
			x.Status(status, body)
			return
		}
		Say(Reply{Text: answer})(x)
	}
}

// refusals teach: each names what a server would rather have.
func refusals() []Pathology {
	row := func(name, prose string, status int, body, words string, lesson model.Lesson, detail string) Pathology {
		return Pathology{
			Name: name, Prose: prose, Protocols: chat, Serve: refuse(status, body),
			Want: Want{Reason: hearth.ReasonBadRequest, Lesson: lesson, Detail: detail, Words: words},
		}
	}
	return []Pathology{
		row("refuses content that is a list", "mistral.rs and other strict servers; models.providers.*.models[].compat.requiresStringContent is the config's word for it.", 400,
			`{"error":{"message":"messages[1].content: invalid type: sequence, expected a string","type":"invalid_request_error"}}`, "expected a string", model.LessonStringContent, ""),
		row("refuses the developer role", "Chat templates that know only system, user, assistant and tool.", 400,
			`{"error":{"message":"Unexpected message role: developer","type":"invalid_request_error","code":null}}`, "developer", model.LessonNoDeveloperRole, ""),
		row("refuses a second system message", "Templates of Qwen and Mistral.", 400,
			`{"error":{"message":"System message must be at the beginning.","type":"BadRequestError","param":null,"code":400}}`, "System message must be", model.LessonOneSystem, ""),
		row("wants roles to alternate", "Gemma's and Mistral's templates.", 400,
			`{"error":{"message":"After the optional system message, conversation roles must alternate user and assistant roles except for tool calls and results.","type":"BadRequestError","code":400}}`, "must alternate", model.LessonAlternate, ""),
		row("refuses a field that it does not know", "Servers with strict schemas; here it is tool_choice.", 422,
			`{"error":{"message":"Unrecognized request argument supplied: tool_choice","type":"invalid_request_error"}}`, "tool_choice", model.LessonDropField, "tool_choice"),
		row("refuses a keyword in a tool's schema", "Grammars made of schemas do not know every keyword.", 400,
			`{"error":{"message":"Unsupported JSON schema keyword: 'enum'","type":"invalid_request_error"}}`, "enum", model.LessonDropKeyword, "enum"),
		row("refuses stream_options", "Older servers.", 400,
			`{"error":{"message":"Unrecognized request argument supplied: stream_options","type":"invalid_request_error"}}`, "stream_options", model.LessonNoStreamOptions, ""),
		row("refuses members of messages that it does not know", "Strict pydantic models: only role and content may be there.", 422,
			`{"detail":[{"type":"extra_forbidden","loc":["body","messages",2,"tool_calls"],"msg":"Extra inputs are not permitted","input":[]}]}`, "", model.LessonStrictKeys, ""),
		row("wants max_completion_tokens", "OpenAI's reasoning models.", 400,
			`{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}`, "max_completion_tokens", model.LessonMaxTokensField, "max_completion_tokens"),
		{
			Name: "has a model that cannot be given tools", Prose: "Ollama, for models whose template has no place for them.", Protocols: []string{Completions, Ollama},
			Serve: func(x *Exchange) {
				if bytes.Contains(x.Body, []byte(`"tools":`)) {
					x.Status(400, x.errorBody("registry.ollama.ai/library/test-model:latest does not support tools", "api_error"))
					return
				}
				Say(Reply{Text: answer})(x)
			},
			Want: Want{Reason: hearth.ReasonToolsRefused, Lesson: model.LessonNoTools, Words: "does not support tools"},
		},
		{
			Name: "was started without a tool parser", Prose: "vLLM without --enable-auto-tool-choice.", Protocols: openAI,
			Serve: refuse(400, `{"error":{"message":"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set","type":"BadRequestError","param":null,"code":400}}`),
			Want:  Want{Reason: hearth.ReasonToolsRefused, Lesson: model.LessonNoTools, Words: "--enable-auto-tool-choice"},
		},
		{
			Name: "does not like the conversation's shape", Prose: "LM Studio passes on what the model's template raised. Nothing to learn from: it would fail again.", Protocols: openAI,
			Serve: func(x *Exchange) {
				x.Status(400, `{"error":"Error rendering prompt with jinja template: \"No user query found in messages.\".\n\nThis is usually an issue with the model's prompt template."}`)
			},
			Want: Want{Reason: hearth.ReasonBadRequest, Words: "No user query found in messages."},
		},
	}
}

// errorBody is an error in the shape of the protocol's own servers.
func (x *Exchange) errorBody(message, kind string) string {
	switch x.Protocol {
	case Messages:
		return fmt.Sprintf(`{"type":"error","error":{"type":%s,"message":%s},"request_id":"req_1"}`, js(kind), js(message))
	case Ollama:
		return fmt.Sprintf(`{"error":%s}`, js(message))
	}
	return fmt.Sprintf(`{"error":{"message":%s,"type":%s,"param":null,"code":null}}`, js(message), js(kind))
}

// failures are servers that cannot answer now, or not this person.
func failures() []Pathology {
	row := func(name, prose string, protocols []string, want Want, status int, body string, header ...string) Pathology {
		return Pathology{Name: name, Prose: prose, Protocols: protocols, Want: want, Serve: func(x *Exchange) { x.Status(status, body, header...) }}
	}
	return []Pathology{
		row("asks to come back in seven seconds", "429 with Retry-After.", everyProtocol, Want{Reason: hearth.ReasonRateLimit, RetryAfter: 7 * time.Second},
			429, `{"error":{"message":"Too many requests","type":"rate_limit_error"}}`, "Retry-After", "7"),
		row("says in prose when to come back", "OpenAI and Groq; the header may be missing.", openAI, Want{Reason: hearth.ReasonRateLimit, RetryAfter: 41724 * time.Millisecond, Words: "Rate limit reached"},
			429, `{"error":{"message":"Rate limit reached for m in organization org-x on tokens per min (TPM): Limit 30000, Used 29000, Requested 20000. Please try again in 41.724s.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`),
		row("throttles in words that read like overflow", "Bedrock: too many tokens a minute, not in the prompt. To shorten the conversation would be wrong.", openAI, Want{Reason: hearth.ReasonRateLimit},
			429, `{"message":"Too many tokens, please wait before trying again.","__type":"ThrottlingException"}`),
		row("throttles and tells to shorten the prompt", "Anthropic, in full: not an overflow either.", []string{Messages}, Want{Reason: hearth.ReasonRateLimit},
			429, `{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit of 30,000 input tokens per minute. Please reduce the prompt length or the maximum tokens requested, or try again later."}}`),
		row("throttles with status 413", "Groq.", chat, Want{Reason: hearth.ReasonRateLimit},
			413, "{\"error\":{\"message\":\"Request too large for model `m` in organization `org_x` service tier `on_demand` on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce your message size and try again.\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}"),
		{
			Name: "loads its model first", Prose: "llama-server says 503 on every path until the model is in memory; the next try is answered.", Protocols: everyProtocol,
			Serve: onceThen(func(x *Exchange) {
				x.Status(503, `{"error":{"message":"Loading model","type":"unavailable_error","code":503}}`)
			}),
			Want: Want{Reason: hearth.ReasonOverloaded, Words: "Loading model"},
		},
		row("is busy", "Ollama, when its queue is full. Two spaces are really there.", []string{Completions, Ollama}, Want{Reason: hearth.ReasonOverloaded, Words: "server busy"},
			503, `{"error":"server busy, please try again.  maximum pending requests exceeded"}`),
		row("is overloaded", "Anthropic's own status.", []string{Messages}, Want{Reason: hearth.ReasonOverloaded},
			529, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`),
		row("has no memory for the model", "LM Studio's guardrails.", openAI, Want{Reason: hearth.ReasonServer, Words: "insufficient system resources"},
			500, `{"error":"Model loading was stopped due to insufficient system resources. Under the current settings, this model requires approximately 40.00 GB of memory, and continuing to load it would likely overload your system and cause it to freeze."}`),
		row("wants a key", "vLLM: the error is a string.", openAI, Want{Reason: hearth.ReasonAuth}, 401, `{"error":"Unauthorized"}`),
		row("wants another key", "Anthropic.", []string{Messages}, Want{Reason: hearth.ReasonAuth, Words: "invalid x-api-key"},
			401, `{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`),
		{
			Name: "repeats the key it was sent", Prose: "LiteLLM and other proxies, in the words with which they refuse it. What people see has the key cut out.", Protocols: everyProtocol,
			Serve: func(x *Exchange) {
				key := x.Header.Get("X-Api-Key")
				if key == "" {
					key = x.Header.Get("Authorization")
				}
				x.Status(401, x.errorBody("Invalid token passed. Received: "+key, "auth_error"))
			},
			Want: Want{Reason: hearth.ReasonAuth, Words: "Invalid token passed"},
		},
		row("forbids without a word", "Ollama refuses unknown Host headers with 403 and no body.", everyProtocol, Want{Reason: hearth.ReasonAuth}, 403, ""),
		row("does not know our host name", "Jan.", chat, Want{Reason: hearth.ReasonAuth, Words: "Invalid host header"}, 403, "Invalid host header"),
		row("cannot be paid", "Anthropic says it with status 400.", []string{Messages}, Want{Reason: hearth.ReasonBilling, Words: "credit balance is too low"},
			400, `{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}}`),
		row("is out of quota", "OpenAI says it with status 429.", openAI, Want{Reason: hearth.ReasonBilling, Words: "exceeded your current quota"},
			429, `{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`),
		{
			Name: "breaks on a call that its own model wrote", Prose: "Ollama: 500 because the model's tool call is not JSON. The model's fault, so the next try may do better.", Protocols: []string{Completions, Ollama},
			Serve: onceThen(func(x *Exchange) {
				x.Status(500, x.errorBody(`error parsing tool call: raw='{"path":"no', err=unexpected end of JSON input`, "api_error"))
			}),
			Want: Want{Reason: hearth.ReasonServer, Words: "error parsing tool call"},
		},
		row("breaks without a word", "An empty 500.", everyProtocol, Want{Reason: hearth.ReasonServer}, 500, ""),
		row("breaks with a list of details", "FastAPI's shape.", openAI, Want{Reason: hearth.ReasonBadRequest, Words: "field required"},
			422, `{"detail":[{"loc":["body","x"],"msg":"field required","type":"value_error.missing"}]}`),
		row("lost its engine", "vLLM, before it exits.", openAI, Want{Reason: hearth.ReasonServer, Words: "EngineCore"},
			500, `{"error":{"message":"EngineCore encountered an issue. See stack trace (above) for the root cause.","type":"InternalServerError","param":null,"code":500}}`),
		row("lost its runner", "Ollama, out of memory.", lines, Want{Reason: hearth.ReasonServer, Words: "unexpectedly stopped"},
			500, `{"error":"model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details"}`),
	}
}

// onceThen misbehaves once and is healthy afterwards.
func onceThen(b Behaviour) Behaviour {
	var once sync.Once
	return func(x *Exchange) {
		first := false
		once.Do(func() { first = true })
		if first {
			b(x)
			return
		}
		Say(Reply{Text: answer})(x)
	}
}

// missing are the ways to say that a model is not there.
func missing() []Pathology {
	row := func(server string, protocols []string, status int, body string) Pathology {
		return Pathology{
			Name: "does not have the model, in " + server + "'s words", Prose: "A name that changed, a model that was deleted, or a typing mistake.", Protocols: protocols,
			Serve: func(x *Exchange) { x.Status(status, body) }, Want: Want{Reason: hearth.ReasonModelNotFound},
		}
	}
	return []Pathology{
		row("Ollama", lines, 404, `{"error":"model 'test-model' not found"}`),
		row("Ollama's /v1", openAI, 404, `{"error":{"message":"model \"test-model\" not found, try pulling it first","type":"api_error","param":null,"code":null}}`),
		row("vLLM", openAI, 404, "{\"error\":{\"message\":\"The model `test-model` does not exist.\",\"type\":\"NotFoundError\",\"param\":\"model\",\"code\":404}}"),
		row("LiteLLM", openAI, 400, "{\"error\":{\"message\":\"{'error': '/chat/completions: Invalid model name passed in model=test-model. Call `/v1/models` to view available models for your key.'}\",\"type\":\"None\",\"param\":\"None\",\"code\":\"400\"}}"),
		row("LM Studio", openAI, 404, "{\"error\":{\"message\":\"No models loaded. Please load a model in the developer page or use the `lms load` command.\",\"type\":\"invalid_request_error\",\"param\":\"model\",\"code\":\"model_not_found\"}}"),
		row("llama-swap", openAI, 404, `{"src":"llama-swap","error":{"message":"no router for requested model","type":"invalid_request_error","param":null,"code":"not_found"}}`),
		row("Anthropic", []string{Messages}, 404, `{"type":"error","error":{"type":"not_found_error","message":"model: test-model"}}`),
	}
}

// An Overflow is how a server says that a prompt of n tokens does not fit a window.
type Overflow struct {
	Name      string
	Protocols []string
	Say       func(x *Exchange, n, window int)
}

// Overflows are the dialects, for Config.Refusal and for the rows.
func Overflows() []Overflow {
	status := func(code int, format string) func(x *Exchange, n, window int) {
		return func(x *Exchange, n, window int) { x.Status(code, fmt.Sprintf(format, n, window)) }
	}
	return []Overflow{
		{"llama.cpp", openAI, status(400, `{"error":{"code":400,"message":"request (%[1]d tokens) exceeds the available context size (%[2]d tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":%[1]d,"n_ctx":%[2]d}}`)},
		{"lmstudio", openAI, status(400, `{"error":"The number of tokens to keep from the initial prompt is greater than the context length (n_keep: %d>= n_ctx: %d). Try to load the model with a larger context length, or provide a shorter input."}`)},
		{"lmstudio stream", eventStreams, func(x *Exchange, n, window int) {
			words := js(fmt.Sprintf("The number of tokens to keep from the initial prompt is greater than the context length (n_keep: %d>= n_ctx: %d). Try to load the model with a larger context length, or provide a shorter input.", n, window))
			x.Frames(Frame{Event: "error", Data: `{"error":{"message":` + words + `},"message":` + words + `}`})
			x.Finished()
		}},
		{"lmstudio stream without a number", eventStreams, func(x *Exchange, _, _ int) {
			words := js("The number of tokens to keep from the initial prompt is greater than the context length. Try to load the model with a larger context length, or provide a shorter input.")
			x.Frames(Frame{Event: "error", Data: `{"error":{"message":` + words + `},"message":` + words + `}`})
			x.Finished()
		}},
		{"lmstudio messages", []string{Messages}, status(500, `{"type":"error","error":{"type":"api_error","message":"The number of tokens to keep from the initial prompt is greater than the context length (n_keep: %d>= n_ctx: %d). Try to load the model with a larger context length, or provide a shorter input."}}`)},
		{"vllm", openAI, status(400, `{"error":{"message":"This model's maximum context length is %[2]d tokens. However, you requested 1024 output tokens and your prompt contains at least %[1]d input tokens, for a total of at least 999999 tokens. Please reduce the length of the input prompt or the number of requested output tokens. (parameter=input_tokens, value=%[1]d)","type":"BadRequestError","param":"input_tokens","code":400}}`)},
		{"vllm 2025", openAI, status(400, `{"object":"error","message":"This model's maximum context length is %[2]d tokens. However, you requested 999999 tokens (%[1]d in the messages, 1024 in the completion). Please reduce the length of the messages or completion.","type":"BadRequestError","param":null,"code":400}`)},
		{"sglang stream", chat, func(x *Exchange, n, window int) {
			x.Frames(Frame{Data: fmt.Sprintf(`{"error":{"object":"error","message":"The input (%d tokens) is longer than the model's context length (%d tokens).","type":"BadRequestError","param":null,"code":400}}`, n, window)}, done)
			x.Finished()
		}},
		{"litellm", openAI, status(400, `{"error":{"message":"litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: Hosted_vllmException - This model's maximum context length is %[2]d tokens. However, you requested 999999 tokens (%[1]d in the messages, 1024 in the completion).. Received Model Group=x\nAvailable Model Group Fallbacks=None","type":null,"param":null,"code":"400"}}`)},
		{"litellm 503", openAI, status(503, `{"error":{"message":"litellm.APIConnectionError: OpenAIException - Requested token count exceeds the model's maximum context length of %[2]d tokens. You requested a total of 999999 tokens: %[1]d tokens from the input messages and 1024 tokens for the completion.","type":null,"param":null,"code":"503"}}`)},
		{"tabby", openAI, status(400, `{"error":{"message":"Prompt length %d exceeds the available context size of %d tokens","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}`)},
		{"ollama", lines, func(x *Exchange, _, _ int) {
			x.Status(400, `{"error":"the input length exceeds the context length"}`)
		}},
		{"ollama 0.33", lines, func(x *Exchange, _, _ int) {
			x.Status(400, `{"error":"the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the context length in settings, or use a model with a longer context length"}`)
		}},
		{"anthropic", []string{Messages}, status(400, `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: %d tokens > %d maximum"},"request_id":"req_1"}`)},
		{"openai", openAI, status(400, `{"error":{"message":"This model's maximum context length is %[2]d tokens. However, your messages resulted in %[1]d tokens. Please reduce the length of the messages.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`)},
		{"openai responses", []string{Responses}, func(x *Exchange, _, _ int) {
			x.Frames(Frame{Event: "error", Data: `{"type":"error","sequence_number":2,"code":"context_length_exceeded","message":"Your input exceeds the context window of this model. Please adjust your input and try again.","param":"input"}`})
			x.Finished()
		}},
		{"cerebras", chat, status(413, `{"message":"Please reduce the length of the messages or completion. Current length is %d while limit is %d","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}`)},
		{"nobody, ending the answer for its length before it began", everyProtocol, func(x *Exchange, n, _ int) {
			Say(Reply{Stop: hearth.StopLength, Usage: &hearth.Usage{Input: n, Total: n}})(x)
		}},
		{"z.ai", []string{Completions}, func(x *Exchange, n, _ int) {
			x.Frames(chunk(x.Model(), `{"role":"assistant","content":""}`, "model_context_window_exceeded"), done)
			x.Finished()
		}},
		{"messages of z.ai", []string{Messages}, func(x *Exchange, _, _ int) {
			x.Frames(
				Frame{Event: "message_start", Data: `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"m","usage":{"input_tokens":0,"output_tokens":1}}}`},
				Frame{Event: "message_delta", Data: `{"type":"message_delta","delta":{"stop_reason":"model_context_window_exceeded"},"usage":{"input_tokens":9000,"output_tokens":1}}`},
				Frame{Event: "message_stop", Data: `{"type":"message_stop"}`})
			x.Finished()
		}},
		{"a proxy", everyProtocol, func(x *Exchange, _, _ int) {
			x.Status(413, "<html><head><title>413 Request Entity Too Large</title></head><body><center><h1>413 Request Entity Too Large</h1></center></body></html>")
		}},
		{"google", chat, status(400, `[{"error":{"code":400,"message":"The input token count (%d) exceeds the maximum number of tokens allowed (%d).","status":"INVALID_ARGUMENT"}}]`)},
	}
}

// overflowNamed refuses in a dialect, with the server's own counts.
func overflowNamed(name string) Behaviour {
	all := Overflows()
	i := slices.IndexFunc(all, func(o Overflow) bool { return o.Name == name })
	if i < 0 {
		panic("modeltest: no overflow is called " + name)
	}
	return func(x *Exchange) {
		window := x.server.cfg.Window
		if window == 0 {
			window = 4096
		}
		all[i].Say(x, max(x.Usage.Input, window+1), window)
	}
}

func overflows() (rows []Pathology) {
	for _, o := range Overflows() {
		rows = append(rows, Pathology{
			Name: "does not fit the prompt into its window, in the words of " + o.Name, Prose: "The same fact in every server's own words and status.",
			Protocols: o.Protocols, Serve: overflowNamed(o.Name), Want: Want{Reason: hearth.ReasonContextOverflow},
		})
	}
	return rows
}
