package probe

// A Kind of model server, as it is written in Capabilities.Server.
type Kind string

// The kinds that are told apart.
const (
	KindLMStudio  Kind = "lmstudio"
	KindOllama    Kind = "ollama"
	KindLlamaCpp  Kind = "llama.cpp"
	KindVLLM      Kind = "vllm"
	KindSGLang    Kind = "sglang"
	KindMLX       Kind = "mlx_lm"
	KindLiteLLM   Kind = "litellm"
	KindLocalAI   Kind = "localai"
	KindTabby     Kind = "tabbyapi"
	KindWebUI     Kind = "text-generation-webui"
	KindLlamaSwap Kind = "llama-swap"
	KindKobold    Kind = "koboldcpp"
	KindExo       Kind = "exo"
	KindVLLMMLX   Kind = "vllm-mlx"
	KindUnknown   Kind = "unknown"
)

// kindFacts is what a person and a config file call a kind.
type kindFacts struct {
	name     string // for people
	provider string // id in a config file
	api      string
}

var facts = map[Kind]kindFacts{
	KindLMStudio:  {"LM Studio", "lmstudio", "openai-responses"},
	KindOllama:    {"Ollama", "ollama", "ollama"},
	KindLlamaCpp:  {"llama.cpp", "llamacpp", ""},
	KindVLLM:      {"vLLM", "vllm", ""},
	KindSGLang:    {"SGLang", "sglang", ""},
	KindMLX:       {"MLX", "mlx", ""},
	KindLiteLLM:   {"LiteLLM", "litellm", ""},
	KindLocalAI:   {"LocalAI", "localai", ""},
	KindTabby:     {"TabbyAPI", "tabby", ""},
	KindWebUI:     {"text-generation-webui", "webui", ""},
	KindLlamaSwap: {"llama-swap", "llamaswap", ""},
	KindKobold:    {"KoboldCpp", "koboldcpp", ""},
	KindExo:       {"exo", "exo", ""},
	KindVLLMMLX:   {"vllm-mlx", "vllmmlx", ""},
}

// Name is what a person calls the kind.
func (k Kind) Name() string {
	if f, ok := facts[k]; ok {
		return f.name
	}
	return "a model server"
}

// ProviderID is the provider id that a config written for the kind uses.
func (k Kind) ProviderID() string {
	if f, ok := facts[k]; ok {
		return f.provider
	}
	return "local"
}

// API is the protocol to speak to the kind, as a config writes it.
func (k Kind) API() string {
	if api := facts[k].api; api != "" {
		return api
	}
	return "openai-completions"
}

// BaseURL is the address to write into a config, from the server's root.
func (k Kind) BaseURL(root string) string {
	if k == KindOllama {
		return root
	}
	return root + "/v1"
}

// dropsPrompts reports whether a server stops to read when its client has gone, after a
// batch at the latest: seen with llama-server, said of the others by their own source.
func (k Kind) dropsPrompts() bool {
	return k == KindLlamaCpp || k == KindVLLM || k == KindSGLang || k == KindTabby || k == KindWebUI
}
