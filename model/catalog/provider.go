package catalog

import (
	"net/url"
	"strings"

	"hearth"
	"hearth/model"
)

// A Provider is a vendor that is reached over the internet.
type Provider struct {
	ID      string // as a config names it
	Name    string
	BaseURL string
	API     string   // the protocol, as a config writes it
	KeyEnv  []string // environment variables that may hold the key; the first one set counts
}

// providers are in the order in which they are listed. Z.AI's address is the one its
// subscriptions use. Google is reached through its OpenAI-compatible endpoint.
var providers = []Provider{
	{"anthropic", "Anthropic", "https://api.anthropic.com", "anthropic-messages", []string{"ANTHROPIC_API_KEY"}},
	{"openai", "OpenAI", "https://api.openai.com/v1", "openai-responses", []string{"OPENAI_API_KEY"}},
	{"openrouter", "OpenRouter", "https://openrouter.ai/api/v1", "openai-completions", []string{"OPENROUTER_API_KEY"}},
	{"google", "Google", "https://generativelanguage.googleapis.com/v1beta/openai", "openai-completions", []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"}},
	{"minimax", "MiniMax", "https://api.minimax.io/anthropic", "anthropic-messages", []string{"MINIMAX_API_KEY"}},
	{"moonshot", "Moonshot AI", "https://api.moonshot.ai/v1", "openai-completions", []string{"MOONSHOT_API_KEY"}},
	{"zai", "Z.AI", "https://api.z.ai/api/coding/paas/v4", "openai-completions", []string{"ZAI_API_KEY", "Z_AI_API_KEY"}},
	{"deepseek", "DeepSeek", "https://api.deepseek.com/v1", "openai-completions", []string{"DEEPSEEK_API_KEY"}},
	{"mistral", "Mistral AI", "https://api.mistral.ai/v1", "openai-completions", []string{"MISTRAL_API_KEY"}},
	{"groq", "Groq", "https://api.groq.com/openai/v1", "openai-completions", []string{"GROQ_API_KEY"}},
}

// Providers gives all vendors. The caller may change the slice, not what KeyEnv holds.
func Providers() []Provider { return append([]Provider(nil), providers...) }

// Find gives the vendor with a provider id, in any letter case.
func Find(id string) (Provider, bool) {
	for _, p := range providers {
		if strings.EqualFold(p.ID, id) {
			return p, true
		}
	}
	return Provider{}, false
}

// Owns reports whether baseURL leads to the vendor's own host. A provider of the same id
// that points to a proxy gets none of what Layer says.
func (p Provider) Owns(baseURL string) bool {
	own, err := url.Parse(p.BaseURL)
	if err != nil {
		return false
	}
	other, err := url.Parse(baseURL)
	return err == nil && strings.EqualFold(own.Hostname(), other.Hostname())
}

// Layer gives what holds for every model at the vendor's own host.
func (p Provider) Layer() model.Layer {
	hosted := hearth.LocalityHosted
	l := model.Layer{Locality: &hosted, Evidence: map[string]string{"locality": p.Name + "'s own host"}}
	word := func(s string) *string { return &s }
	switch p.ID {
	case "openai":
		l.ProxyLike, l.DeveloperRole, l.ReasoningShaped = new(false), new(true), new(true)
		l.MaxTokensField, l.PromptCacheKey, l.CachedCounted = word("max_completion_tokens"), new(true), new(true)
		l.ThinkingFormat = word("openai")
	case "anthropic":
		l.ProxyLike = new(false)
	case "openrouter":
		l.ThinkingFormat, l.ReasoningShaped = word("openrouter"), new(true)
	case "deepseek":
		l.ThinkingFormat, l.ReasoningShaped = word("deepseek"), new(true)
	case "zai":
		l.ThinkingFormat, l.ReasoningShaped = word("zai"), new(true)
	case "mistral":
		l.ToolIDs9 = new(true)
	case "google", "groq":
		l.ReasoningShaped = new(true)
	}
	return l
}

// Compatible gives the address at which a vendor's host speaks a protocol of ours, where
// the configured one is of the vendor's own: Google's chat completions are below
// "openai". All other addresses stay as they are.
func Compatible(baseURL string) string {
	google, _ := Find("google")
	if !google.Owns(baseURL) || strings.Contains(baseURL, "/openai") {
		return baseURL
	}
	return google.BaseURL
}
