package model

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"hearth"
)

// A row of the corpus says what words mean, whatever the status. Rows are tried in
// order, so a row stands before those whose words it shares: throttling that talks of
// tokens before overflow, for instance. The captured bodies behind them, with their
// servers and versions, are in testdata/errors.
type row struct {
	words  *regexp.Regexp
	only   []int // statuses it holds for; none = any
	reason hearth.Reason
	lesson Lesson
	detail string // of the lesson; "" = the group "field"
	again  bool   // the same request may well succeed
	loads  bool   // the server says that it is loading the model
	large  bool   // the request alone is beyond the limit
	why    string
	try    string
}

func words(alternatives ...string) *regexp.Regexp {
	return regexp.MustCompile(`(?is)(?:` + strings.Join(alternatives, `|`) + `)`)
}

// maxMatched is how much of an error is looked at: no server needs more to say why.
const maxMatched = 8 << 10

// findRow gives the first row that fits, or what the status says alone.
func findRow(status int, b errorBody) found {
	all := b.all()
	if len(all) > maxMatched {
		all = all[:maxMatched]
	}
	if b.Param != "" {
		all += "\n[param " + b.Param + "]"
	}
	for i := range corpus {
		r := &corpus[i]
		if !r.holdsFor(status) {
			continue
		}
		m := r.words.FindStringSubmatch(all)
		if m == nil {
			continue
		}
		f := found{reason: r.reason, lesson: r.lesson, detail: r.detail, again: r.again, loads: r.loads, large: r.large, why: r.why, try: r.try, nums: map[string]int{}}
		for i, name := range r.words.SubexpNames() {
			switch {
			case m[i] == "":
			case name == "field" && f.detail == "":
				f.detail = m[i]
			case name == "window", name == "prompt":
				f.nums[name] = int(countOf(strings.ReplaceAll(m[i], ",", "")))
			}
		}
		if f.lesson == "" || teachable(f) {
			return f
		}
	}
	return statusAlone(status)
}

// statusAlone is what a status means when its words are unknown. 413 is the one that has
// a sentence of its own: it also comes from proxies, which count bytes and know no window.
func statusAlone(status int) found {
	f := found{reason: byStatus(status)}
	if status == http.StatusRequestEntityTooLarge {
		f.bytes = true
		f.why = "The request is larger than the model server, or a proxy in front of it, takes at once."
		f.try = "Begin anew (/new) with smaller pictures or texts, or raise the proxy's limit (nginx: client_max_body_size)."
	}
	return f
}

func (r *row) holdsFor(status int) bool {
	if len(r.only) == 0 {
		return true
	}
	return slices.Contains(r.only, status)
}

// teachable refuses lessons that would leave out what a request cannot be without.
func teachable(f found) bool {
	if f.lesson != LessonDropField {
		return true
	}
	switch f.detail {
	case "", "model", "messages", "input", "stream", "role", "content", "tools":
		return false
	}
	return true
}

const (
	num    = `[\d,]+`
	quoted = "[`'\"]"
)

// window and prompt are the groups that hold the two sizes.
const (
	window = `(?P<window>` + num + `)`
	prompt = `(?P<prompt>` + num + `)`
)

var corpus = concat(throttling, billing, overflow, refusals, missing, broken, busy, credentials)

func concat(tables ...[]row) (all []row) {
	for _, t := range tables {
		all = append(all, t...)
	}
	return all
}

// throttling comes first: its words talk of tokens, credits and lengths too.
var throttling = []row{
	{words: words(`resource_exhausted`, `throttlingexception`, `too many tokens(?: per \w+)?, please wait`), reason: hearth.ReasonRateLimit},
	{
		words: words(`request too large for`), reason: hearth.ReasonRateLimit, large: true,
		why: "The request alone is larger than the tokens this account may use in a minute.",
		try: "Make the conversation shorter (/compact, /new), lower maxTokens, or use another model.",
	},
	{words: words(`usage credits are required`), reason: hearth.ReasonBilling},
	{words: words(`rate limit reached`, `exceed your organization's rate limit`, `rate.?limit(?:s)? (?:is |was )?exceeded`, `rate_limit_error`, `exceeded token rate limit`,
		`service tier capacity exceeded`, `no deployments available`, `too many requests`, `experiencing high demand`, `tokens per (?:minute|min|day)`, `\bslow_down\b`), reason: hearth.ReasonRateLimit},
}

var billing = []row{
	{words: words(`insufficient_quota`, `exceeded your current quota`, `credit balance is too low`, `insufficient (?:balance|credits?|funds)`,
		`budget has been exceeded`, `budget_exceeded`, `credit_balance_exhausted`, `(?:usage|spend)_limit_exceeded`, `billing_error`,
		`openrouter\.ai/settings/credits`, `openrouter_(?:credits|key_limit)`, `requires more credits`, `payment required`), reason: hearth.ReasonBilling},
}

// overflow holds every dialect of "too long" (one line each, so that a capture can be
// found from its words).
var overflow = []row{
	{words: words(`request \(`+prompt+` tokens\) exceeds the available context size \(`+window+` tokens\)`, `request exceeds the available context size`, `exceed_context_size_error`), reason: hearth.ReasonContextOverflow},
	{words: words(`input \(` + prompt + ` tokens\) is larger than the max context size \(` + window + ` tokens\)`), reason: hearth.ReasonContextOverflow},
	{words: words(`\(n_keep: ` + prompt + `\s*>=\s*n_ctx: ` + window + `\)`), reason: hearth.ReasonContextOverflow},
	{words: words(`tokens to keep from the initial prompt is greater than the context length`), reason: hearth.ReasonContextOverflow},
	{words: words(`trying to keep the first ` + prompt + ` tokens when context the overflows.*?context length of only ` + window), reason: hearth.ReasonContextOverflow},
	{words: words(`context size has been exceeded`, `context shift is disabled`), reason: hearth.ReasonContextOverflow},
	{words: words(`maximum context length is ` + window + ` tokens.*?prompt contains (?:at least )?` + prompt + ` input tokens`), reason: hearth.ReasonContextOverflow},
	{words: words(`you passed ` + prompt + ` input (?:tokens|characters).*?context length is only ` + window + ` tokens`), reason: hearth.ReasonContextOverflow},
	{words: words(`context length (?:is|of) ` + window + ` tokens.*?(?:\(|total of ` + num + ` tokens: )` + prompt + ` (?:tokens from the input messages|in the messages|of text input)`), reason: hearth.ReasonContextOverflow},
	{words: words(`maximum context length is ` + window + ` tokens.*?resulted in ` + prompt + ` tokens`), reason: hearth.ReasonContextOverflow},
	{words: words(`configured limit of ` + window + ` tokens.*?resulted in ` + prompt + ` tokens`), reason: hearth.ReasonContextOverflow},
	{words: words(`the input \(` + prompt + ` tokens\) is longer than the model's context length \(` + window + ` tokens\)`), reason: hearth.ReasonContextOverflow},
	{words: words(`prompt is too long: ` + prompt + ` tokens > ` + window + ` maximum`), reason: hearth.ReasonContextOverflow},
	{words: words(`exceed context limit: ` + prompt + ` \+ ` + num + ` > ` + window), reason: hearth.ReasonContextOverflow},
	{words: words(`input token count \(`+prompt+`\) exceeds the maximum number of tokens allowed \(`+window+`\)`, `input token count exceeds the maximum number of tokens allowed `+window), reason: hearth.ReasonContextOverflow},
	{words: words(`prompt contains ` + prompt + ` tokens and \d+ draft tokens, too large for model with ` + window + ` maximum`), reason: hearth.ReasonContextOverflow},
	{words: words(`prompt length `+prompt+` exceeds the available context size of `+window, `requires `+prompt+` cache tokens, which exceeds the available context size of `+window), reason: hearth.ReasonContextOverflow},
	{words: words(`prompt too long: ` + prompt + ` tokens exceeds max context window of ` + window), reason: hearth.ReasonContextOverflow},
	{words: words(`maximum prompt length is ` + window + ` but the request contains ` + prompt), reason: hearth.ReasonContextOverflow},
	{words: words(`prompt token count of ` + prompt + ` exceeds the limit of ` + window), reason: hearth.ReasonContextOverflow},
	{words: words(`exceeded model token limit: ` + window + ` \(requested: ` + prompt + `\)`), reason: hearth.ReasonContextOverflow},
	{words: words(`input length ` + prompt + ` exceeds the maximum allowed input length of ` + window), reason: hearth.ReasonContextOverflow},
	{words: words(`current length is ` + prompt + ` while limit is ` + window), reason: hearth.ReasonContextOverflow},
	{words: words(`max input tokens: ` + window + `, request input token count: ` + prompt), reason: hearth.ReasonContextOverflow},
	{words: words(`expected maxlength: ` + num + `, actual: ` + num), reason: hearth.ReasonContextOverflow}, // letters, not tokens
	{words: words(`range of input length should be \[\d+, ?` + window + `\]`), reason: hearth.ReasonContextOverflow},
	{words: words(`cannot be greater than max_model_len=` + window), reason: hearth.ReasonContextOverflow},
	{words: words(`maximum context length (?:is|of) ` + window), reason: hearth.ReasonContextOverflow},
	{words: words(`prompt is longer than the context length currently available`, `input length exceeds the context length`, `prompt too long; exceeded max context length`,
		`prompt is too long`, `exceeds the context window`, `context window exceeds limit`, `context_?length_?exceeded`, `contextwindowexceedederror`, `model_context_window_exceeded`,
		`input is too long for requested model`, `reduce the length of the messages`, `context length exceeded`), reason: hearth.ReasonContextOverflow},
}

// refusals are the only rows that teach.
var refusals = []row{
	{words: words(`does not support tools`, `no endpoints found that support tool use`, `tool use is not supported`, `function calling is not (?:enabled|supported)`,
		`tools? (?:is|are) not supported`), reason: hearth.ReasonToolsRefused, lesson: LessonNoTools, detail: "tools"},
	{words: words(`"auto" tool choice requires`), reason: hearth.ReasonToolsRefused, lesson: LessonNoTools, detail: "tools", try: "Start vLLM with --enable-auto-tool-choice and the --tool-call-parser of the model."},
	{words: words(`tools param requires --jinja`), reason: hearth.ReasonToolsRefused, lesson: LessonNoTools, detail: "tools", try: "Start llama-server with --jinja."},
	// llama.cpp without a projector, Ollama, LM Studio, vLLM (also with more pictures than it was
	// started for), OpenRouter, and DeepSeek's parser.
	{words: words(`image input is not supported`, `missing data required for image input`, `does not support (?:image input|vision|multimodal)`, `model does not support images\b`, `is not a multimodal model`,
		`at most \d+ image(?:\(s\)|s)? may be provided`, `no endpoints found that support image input`, "unknown variant `?image_url`?, expected"),
		reason: hearth.ReasonBadRequest, lesson: LessonNoImages, detail: "images", why: "The model cannot be sent pictures as its server runs it.",
		try: "Use a model that sees, or start the server with its vision part (llama-server: --mmproj)."},
	{words: words(`max_tokens.{0,40}not supported.{0,60}use 'max_completion_tokens'`), reason: hearth.ReasonBadRequest, lesson: LessonMaxTokensField, detail: "max_completion_tokens"},
	{
		words: words(`maximum tokens you requested exceeds the model limit of`), reason: hearth.ReasonBadRequest,
		why: "The model writes fewer tokens in one answer than it was asked to.", try: "Set maxTokens of this model, in {key}models, below the limit that it names.",
	},
	{words: words(`max_completion_tokens.{0,40}not supported.{0,60}use 'max_tokens'`), reason: hearth.ReasonBadRequest, lesson: LessonMaxTokensField, detail: "max_tokens"},
	{words: words(`content: invalid type: sequence, expected a string`, `invalid type: sequence, expected a string`, `messages\.\d+(?:\.\w+)*\.content(?:\.\w+)*: input should be a valid string`,
		`content'?`+quoted+`? must be (?:a|of type) string`, `only 'text' content type is supported`, `can only concatenate str \(not "list"\) to str`), reason: hearth.ReasonBadRequest, lesson: LessonStringContent, detail: "content"},
	{words: words(`(?:unknown|unexpected|invalid|unsupported).{0,20}role.{0,40}developer`, quoted+`developer`+quoted+` (?:role )?is not (?:one of|a valid|supported)`, `role.{0,60}input should be.{0,80}(?:input_value|got).{0,4}developer`),
		reason: hearth.ReasonBadRequest, lesson: LessonNoDeveloperRole, detail: "developer"},
	{words: words(`conversation roles must alternate`, `roles must alternate`), reason: hearth.ReasonBadRequest, lesson: LessonAlternate, detail: "roles"},
	{words: words(`only one system (?:message|prompt)`, `(?:multiple|second) system (?:message|prompt)s?`, `system message must be (?:at the beginning|the first)`), reason: hearth.ReasonBadRequest, lesson: LessonOneSystem, detail: "system"},
	{words: words(unknownField(`stream_options(?:\.include_usage)?`)...), reason: hearth.ReasonBadRequest, lesson: LessonNoStreamOptions, detail: "stream_options"},
	{words: words(`messages\.\d+(?:\.\w+)*\.\w+: extra (?:inputs are not permitted|fields not permitted)`, `messages\[\d+\]: unknown field`), reason: hearth.ReasonBadRequest, lesson: LessonStrictKeys, detail: "messages"},
	{words: words(`tools?[.\[]\d+[^:]*\.(?P<field>\$?\w+): extra (?:inputs are not permitted|fields not permitted)`, `unknown name "(?P<field>\$?\w+)" at 'tools`,
		`un(?:supported|known|recognized) (?:json )?schema (?:keyword|property|field)[: ]*`+quoted+`?(?P<field>\$?\w+)`, `schema keyword `+quoted+`(?P<field>\$?\w+)`+quoted+` is not supported`),
		reason: hearth.ReasonBadRequest, lesson: LessonDropKeyword},
	// DeepSeek's thinking mode, in both of its protocols (https://api-docs.deepseek.com/guides/thinking_mode),
	// and Kimi's (https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model); proxies pass the words on.
	{words: words("missing `reasoning_content` field in the assistant message", "`?(?:reasoning_content|content\\[\\]\\.thinking)`? in the thinking mode must be passed back",
		`thinking is enabled but reasoning_content is missing in assistant`), reason: hearth.ReasonBadRequest, lesson: LessonReasoningBack, detail: "reasoning_content",
		try: "Set compat.requiresReasoningContentOnAssistantMessages: true for this model in {key}models."},
	{words: words(`function call is missing a thought_signature`), reason: hearth.ReasonBadRequest, lesson: LessonSignedCalls, detail: "extra_content"},
	{words: words(unknownField(`(?P<field>\w+)`)...), only: []int{400, 422, 500}, reason: hearth.ReasonBadRequest, lesson: LessonDropField},
	{words: words(`failed to call a function`, `tool_use_failed`, `json_validate_failed`, `output_parse_failed`, `error parsing tool call`, `failed to parse json: unexpected end`, `returned invalid tool call arguments`, `unexpected empty grammar stack`),
		reason: hearth.ReasonServer, again: true, why: "The model wrote a tool call that its server could not read.", try: "Ask again; a larger model breaks fewer calls."},
}

// unknownField is how servers say that they do not know a body field.
func unknownField(name string) []string {
	return []string{
		`unknown field:? ` + quoted + `?` + name + `\b`,
		`unrecognized request arguments? supplied: ` + name,
		`(?:^|\n|; )` + name + `: extra (?:inputs are not permitted|fields not permitted)`,
		`additional properties are not allowed \(` + quoted + name + quoted,
		`un(?:known|supported|recognized) (?:parameter|argument|field|key):? ` + quoted + name + quoted,
		`property ` + quoted + name + quoted + ` is (?:unsupported|not supported)`,
		`unexpected keyword argument ` + quoted + name + quoted,
		`unknown name ` + quoted + name + quoted + `: cannot find field`,
	}
}

var missing = []row{
	{words: words(`no models? (?:is |are )?(?:currently )?loaded`, `model is not loaded`, `model not loaded`), reason: hearth.ReasonModelNotFound,
		why: "The server runs and has no model loaded.", try: "Load a model in the server, or let it load models on demand."},
	{words: words(`unexpected endpoint or method`), reason: hearth.ReasonModelNotFound,
		why: "The server has no such path.", try: "LM Studio's address ends in /v1: correct {key}baseUrl."},
	{words: words(`sent an http request to an https server`, `plain http request was sent to https port`), only: []int{400}, reason: hearth.ReasonUnreachable,
		why: "The server at that port speaks HTTPS.", try: "Write https:// instead of http:// in {key}baseUrl."},
	{words: words(`^404 page not found`, `^file not found`, `^not found(?:\n|$)`), only: []int{404}, reason: hearth.ReasonModelNotFound,
		why: "The server has no such path.", try: "Check {key}baseUrl (most end in /v1) and {key}api."},
	{words: words(`model_not_found`, `model `+quoted+`?[^\n]{1,200}`+quoted+`? (?:was )?not found`, `the model `+quoted+`?[^\n]{1,200}`+quoted+`? does not exist`, `no model id could be identified`, `no router for requested model`,
		`no local server found for requested model`, `invalid model name passed`, `no instance found for model`, `is not a valid model id`, `no endpoints found for`, `unknown model`, `model not exist`), reason: hearth.ReasonModelNotFound},
}

var broken = []row{
	{words: words(`insufficient system resources`, `requires more system memory`, `out-of-memory`, `out of memory`, `insufficient memory`), reason: hearth.ReasonServer,
		why: "The machine has too little free memory for this model.", try: "Use a smaller model or context window, or free memory."},
	{words: words(`has crashed`, `runner has unexpectedly stopped`, `process has terminated`, `enginecore encountered an issue`, `model is unloaded`), reason: hearth.ReasonServer,
		why: "The server's model process died; a lack of memory is the usual reason.", try: "Look at the server's log; a smaller model or context window needs less memory."},
	{words: words(`rendering prompt with jinja template`, `jinja.{0,40}(?:error|exception)`, `no user query found in messages`), reason: hearth.ReasonBadRequest,
		why: "The model's chat template does not accept this conversation.", try: "Update the model or its template; /new starts a conversation that fits."},
}

var busy = []row{
	{words: words(`loading model`, `model is (?:still )?(?:currently )?loading`, `process is not ready`), reason: hearth.ReasonOverloaded, loads: true},
	{words: words(`server busy`, `is at capacity`, `admission_rejected`, `request queue is full`, `no slot available`, `is overloaded`, `overloaded_error`,
		`server_is_overloaded`, `server is busy`, `model limit reached`, `text_generation_busy`, `higher priority request`), reason: hearth.ReasonOverloaded},
}

var credentials = []row{
	{words: words(`invalid host header`), reason: hearth.ReasonAuth, why: "The server only answers to names on its own list of trusted hosts.", try: "Add this machine's name for it to the server's trusted hosts, or use 127.0.0.1."},
	{words: words(`invalid.{0,10}api.?key`, `incorrect api key`, `api (?:key|token) (?:is )?required`, `authentication (?:error|failed)`, `authentication_error`, `api token is required`, `^unauthorized`), reason: hearth.ReasonAuth},
}
