package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hearth/internal/json5"
	"hearth/model"
)

// Models is the models block.
type Models struct {
	// Mode is "merge" or "replace"; "" means merge.
	Mode      string              `json:"mode" enum:"merge|replace"`
	Providers map[string]Provider `json:"providers"`
	// ProviderOrder lists the provider ids as they stand in the file: "the first
	// configured provider" is a choice that a map cannot answer.
	ProviderOrder []string `json:"-"`
}

// A Provider is one model server: models.providers.<id>.
type Provider struct {
	// BaseURL is where it is reached; written as a list, the first of that.
	BaseURL string `json:"baseUrl" alias:"baseURL" more:"BaseURLs"`
	// BaseURLs are further places where the same models are served, Hearth's own key:
	// replicas. BaseURL is not among them, and none stands there twice.
	BaseURLs []string `json:"baseUrls"`
	APIKey   Secret   `json:"apiKey"`
	// API names the protocol, as written; see Provider.Protocol.
	API        string  `json:"api" known:"openai-completions|openai-responses|anthropic-messages|ollama|google-generative-ai|openai|openai-codex-responses|openai-chatgpt-responses|azure-openai-responses|google-vertex|github-copilot|bedrock-converse-stream|pi-messages"`
	Headers    Headers `json:"headers"`
	AuthHeader *bool   `json:"authHeader"`
	// TimeoutSeconds bounds each model request; 0 means not written.
	TimeoutSeconds int     `json:"timeoutSeconds"`
	Params         Params  `json:"params"`
	Models         []Model `json:"models"`
	// Request overrides headers, credentials, proxy, TLS and network trust.
	Request      Request       `json:"request"`
	LocalService *LocalService `json:"localService"`
	// ContextWindow, ContextTokens and MaxTokens are defaults for the models below.
	ContextWindow int `json:"contextWindow" least:"1"`
	ContextTokens int `json:"contextTokens" least:"1"`
	MaxTokens     int `json:"maxTokens" least:"1"`
	// Slots is how many requests the server works on at once; Hearth's own key.
	Slots int `json:"slots" least:"1"`
	// Locality says where its models run, in place of what its address tells: "machine",
	// "private" or "hosted"; Hearth's own key.
	Locality string `json:"locality" enum:"machine|private|hosted"`
}

// decode sorts the addresses: whichever key they were written in, BaseURL is the first.
func (p *Provider) decode(d *decoder, path string, v *json5.Value) bool {
	type object Provider // without this method
	if !d.structure(path, v, (*object)(p)) {
		return false
	}
	for _, m := range v.Members {
		if m.Key == "baseUrl" || m.Key == "baseURL" || m.Key == "baseUrls" {
			d.addresses(joinKey(path, m.Key), m.Value)
		}
	}
	if p.BaseURL == "" && len(p.BaseURLs) > 0 {
		p.BaseURL = p.BaseURLs[0]
	}
	seen := map[string]bool{p.BaseURL: true}
	p.BaseURLs = slices.DeleteFunc(p.BaseURLs, func(address string) bool {
		known := seen[address]
		seen[address] = true
		return known
	})
	return true
}

// addresses tells of those that no request can go to.
func (d *decoder) addresses(path string, v *json5.Value) {
	for i, e := range v.Elements {
		d.addresses(fmt.Sprintf("%s[%d]", path, i), e)
	}
	if v.Kind != json5.String || strings.TrimSpace(v.Text) == "" || d.variable(v).name != "" {
		return
	}
	_, err := model.ParseEndpoint(v.Text)
	if err == nil {
		return
	}
	why := err.Error()
	if meant := model.Mended(v.Text); meant != "" {
		why += "; write " + meant
	}
	d.report(finding{kind: WrongType, path: path, full: path, at: v, strict: "Invalid address: " + why, soft: path + " cannot be used: " + why})
}

// Protocols that a provider's or a model's api may name. Anything else is another
// program's, and the provider cannot be used.
const (
	OpenAICompletions = "openai-completions"
	OpenAIResponses   = "openai-responses"
	AnthropicMessages = "anthropic-messages"
	Ollama            = "ollama"

	googleGenerative = "google-generative-ai"
)

// Protocol is the protocol of the provider: its api, with the legacy name "openai" and
// an omitted one read as openai-completions. So is Google's own: its models are reached
// through the endpoint that speaks chat completions.
func (p Provider) Protocol() string { return protocol(p.API) }

// Model returns the entry with that id. Ids are compared as written.
func (p Provider) Model(id string) (Model, bool) {
	for _, m := range p.Models {
		if m.ID == id {
			return m, true
		}
	}
	return Model{}, false
}

// Protocol is the protocol of a provider's model: its own api, else the provider's.
func (m Model) Protocol(p Provider) string { return protocol(cmp.Or(m.API, p.API)) }

func protocol(api string) string {
	switch api {
	case "", "openai", googleGenerative:
		return OpenAICompletions
	}
	return api
}

// A Model is one row of a provider's models: what its server offers and can do.
type Model struct {
	ID   string `json:"id"` // without the provider prefix; may contain slashes
	Name string `json:"name"`
	// API, BaseURL, Headers and Params override the provider's.
	API       string  `json:"api" known:"openai-completions|openai-responses|anthropic-messages|ollama|google-generative-ai|openai|openai-codex-responses|openai-chatgpt-responses|azure-openai-responses|google-vertex|github-copilot|bedrock-converse-stream|pi-messages"`
	BaseURL   string  `json:"baseUrl" alias:"baseURL"`
	Headers   Headers `json:"headers"`
	Params    Params  `json:"params"`
	Reasoning *bool   `json:"reasoning"`
	// Input lists what the model reads: text, image, video, audio.
	Input []string `json:"input" enum:"text|image|video|audio"`
	Cost  *Cost    `json:"cost"`
	// ContextWindow is the model's own window in tokens, ContextTokens a cap below it.
	ContextWindow int    `json:"contextWindow" least:"1"`
	ContextTokens int    `json:"contextTokens" least:"1"`
	MaxTokens     int    `json:"maxTokens" least:"1"` // output cap
	Compat        Compat `json:"compat"`
	// Locality is in place of the provider's; Hearth's own key.
	Locality string `json:"locality" enum:"machine|private|hosted"`
	// ThinkingLevelMap gives the wire value of a thinking level; nil means that the
	// level does not exist on this model.
	ThinkingLevelMap map[string]*string `json:"thinkingLevelMap"`
}

// Cost is in dollars per million tokens.
type Cost struct {
	Input      float64 `json:"input"`
	Output     float64 `json:"output"`
	CacheRead  float64 `json:"cacheRead"`
	CacheWrite float64 `json:"cacheWrite"`
}

// Compat describes where a server differs from the protocol it speaks. A nil flag is
// not written, and what was learned or is usual applies. OpenClaw has more flags; see
// docs/model-keys.md for why they have nothing to do here.
type Compat struct {
	SupportsPromptCacheKey        *bool             `json:"supportsPromptCacheKey"`
	SupportsDeveloperRole         *bool             `json:"supportsDeveloperRole"`
	SupportsReasoningEffort       *bool             `json:"supportsReasoningEffort"`
	SupportedReasoningEfforts     []string          `json:"supportedReasoningEfforts"`
	ReasoningEffortMap            map[string]string `json:"reasoningEffortMap"`
	SupportsUsageInStreaming      *bool             `json:"supportsUsageInStreaming"`
	SupportsTools                 *bool             `json:"supportsTools"`
	SupportsTemperature           *bool             `json:"supportsTemperature"`
	RequiresStringContent         *bool             `json:"requiresStringContent"`
	StrictMessageKeys             *bool             `json:"strictMessageKeys"`
	VisibleReasoningDetailTypes   []string          `json:"visibleReasoningDetailTypes"`
	MaxTokensField                string            `json:"maxTokensField" enum:"max_completion_tokens|max_tokens"`
	ThinkingFormat                string            `json:"thinkingFormat" enum:"openai|openrouter|deepseek|together|qwen|qwen-chat-template|zai"`
	RequiresToolResultName        *bool             `json:"requiresToolResultName"`
	RequiresAssistantAfterTool    *bool             `json:"requiresAssistantAfterToolResult"`
	RequiresThinkingAsText        *bool             `json:"requiresThinkingAsText"`
	RequiresReasoningContent      *bool             `json:"requiresReasoningContentOnAssistantMessages"`
	RequiresMistralToolIDs        *bool             `json:"requiresMistralToolIds"`
	UnsupportedToolSchemaKeywords []string          `json:"unsupportedToolSchemaKeywords"`
	ToolCallArgumentsEncoding     string            `json:"toolCallArgumentsEncoding" enum:"string|object"`
}

// Request is models.providers.<id>.request.
type Request struct {
	Headers Headers       `json:"headers"`
	Auth    RequestAuth   `json:"auth"`
	Proxy   *RequestProxy `json:"proxy"`
	TLS     *RequestTLS   `json:"tls"`
	// AllowPrivateNetwork trusts the provider's exact origin on a private network.
	AllowPrivateNetwork *bool `json:"allowPrivateNetwork"`
}

// RequestAuth replaces the way a credential travels.
type RequestAuth struct {
	Mode       string `json:"mode" enum:"authorization-bearer|header|provider-default"`
	Token      Secret `json:"token"`
	HeaderName string `json:"headerName"`
	Value      Secret `json:"value"`
	Prefix     string `json:"prefix"`
}

// RequestProxy sends a provider's requests through a proxy.
type RequestProxy struct {
	Mode string `json:"mode" enum:"env-proxy|explicit-proxy"`
	URL  string `json:"url"`
}

// RequestTLS sets how the server's certificate is checked and which one is shown.
type RequestTLS struct {
	CA                 Secret `json:"ca"`
	Cert               Secret `json:"cert"`
	Key                Secret `json:"key"`
	ServerName         string `json:"serverName"`
	InsecureSkipVerify bool   `json:"insecureSkipVerify"`
}

// LocalService is a model server that is started when it is needed. Variables in it come
// from the owner's places only, never from the .env of the working folder.
type LocalService struct {
	Command        string            `json:"command"` // absolute
	Args           []string          `json:"args"`
	Cwd            string            `json:"cwd"`
	Env            map[string]string `json:"env"`
	HealthURL      string            `json:"healthUrl"`
	ReadyTimeoutMS int               `json:"readyTimeoutMs"`
	IdleStopMS     int               `json:"idleStopMs"`
}
