package probe

import (
	"context"
	"net/http"
	"strings"
)

// recognise is one way to know a kind: build is what the server says of its version.
type recognise struct {
	kind Kind
	is   func(ctx context.Context, a *asker, c clues) (build string, ok bool)
}

// clues are what the first two questions, which nearly every server answers, gave.
type clues struct {
	models  reply // GET /v1/models
	version reply // GET /api/version
	ownedBy string
	listed  bool // /v1/models is a list of models
	built   swapVersion
}

// recognisers are asked in order. Proxies come before what they hide, and real servers
// before those that imitate them: LocalAI and KoboldCpp speak Ollama's language,
// llama-swap passes the headers of llama.cpp on, and LM Studio answers 200 to anything.
var recognisers = []recognise{
	{KindLiteLLM, isLiteLLM},
	{KindLlamaSwap, func(_ context.Context, _ *asker, c clues) (string, bool) {
		return c.built.Version, c.built.Commit != "" || c.built.BuildDate != "" || c.ownedBy == "llama-swap"
	}},
	{KindLMStudio, isLMStudio},
	{KindLocalAI, func(ctx context.Context, a *asker, _ clues) (string, bool) {
		var about struct{ Version string }
		var v swapVersion
		ok := a.get(ctx, "/.well-known/localai.json").decode(&about)
		if about.Version == "" && ok && a.get(ctx, "/version").decode(&v) {
			about.Version = v.Version
		}
		return about.Version, ok
	}},
	{KindTabby, func(ctx context.Context, a *asker, c clues) (string, bool) {
		return "", c.ownedBy == "tabbyAPI" || serviceName(ctx, a) == "TabbyAPI"
	}},
	{KindKobold, isKobold},
	{KindOllama, func(ctx context.Context, a *asker, c clues) (string, bool) {
		if c.built.Version == "" {
			return "", false
		}
		return c.built.Version, strings.Contains(string(a.get(ctx, "/").body), "Ollama is running")
	}},
	{KindLlamaCpp, isLlamaCpp},
	{KindSGLang, func(ctx context.Context, a *asker, c clues) (string, bool) {
		var info sglangInfo
		a.get(ctx, "/get_server_info").decode(&info)
		var about struct {
			ModelPath string `json:"model_path"`
		}
		return info.Version, c.ownedBy == "sglang" || c.ownedBy == "" && a.get(ctx, "/get_model_info").decode(&about) && about.ModelPath != ""
	}},
	{KindExo, func(_ context.Context, _ *asker, c clues) (string, bool) { return "", c.ownedBy == "exo" }},
	{KindVLLMMLX, func(ctx context.Context, a *asker, c clues) (string, bool) {
		var health struct {
			Engine string `json:"engine_type"`
		}
		return "", c.ownedBy == "vllm-mlx" || a.get(ctx, "/health").decode(&health) && health.Engine != ""
	}},
	{KindVLLM, func(ctx context.Context, a *asker, c clues) (string, bool) {
		var v swapVersion
		a.get(ctx, "/version").decode(&v)
		locked := c.models.status == http.StatusUnauthorized && strings.Contains(string(c.models.body), `"Unauthorized"`)
		return v.Version, c.ownedBy == "vllm" || locked && v.Version != ""
	}},
	{KindWebUI, func(ctx context.Context, a *asker, c clues) (string, bool) {
		var about struct {
			Name *string `json:"model_name"`
		}
		return "", c.listed && a.get(ctx, "/v1/internal/model/info").decode(&about) && about.Name != nil
	}},
	{KindMLX, func(ctx context.Context, a *asker, c clues) (string, bool) {
		var health struct{ Status string }
		return "", c.listed && c.ownedBy == "" && a.get(ctx, "/health").decode(&health) && health.Status == "ok"
	}},
}

func isLiteLLM(ctx context.Context, a *asker, c clues) (string, bool) {
	for _, r := range []reply{c.models, c.version} {
		for name := range r.header {
			if strings.HasPrefix(name, "X-Litellm-") {
				return r.header.Get("X-Litellm-Version"), true
			}
		}
	}
	alive := a.get(ctx, "/health/liveliness")
	return "", alive.ok() && strings.Contains(string(alive.body), "I'm alive!")
}

// isLMStudio looks at the shape of its own lists, because status 200 says nothing there.
func isLMStudio(ctx context.Context, a *asker, c clues) (string, bool) {
	odd := func(r reply) bool {
		return strings.Contains(string(r.body), "Unexpected endpoint or method") || strings.Contains(string(r.body), "LM Studio API token")
	}
	if !odd(c.version) && !odd(c.models) && c.version.header.Get("X-Powered-By") != "Express" {
		return "", false
	}
	var v1 lmStudioModels
	var v0 lmStudioOldModels
	return "", a.get(ctx, "/api/v1/models").decode(&v1) && v1.Models != nil ||
		a.get(ctx, "/api/v0/models").decode(&v0) && v0.Data != nil ||
		odd(c.version) || odd(c.models)
}

func isKobold(ctx context.Context, a *asker, c clues) (string, bool) {
	named := c.ownedBy == "koboldcpp" || strings.HasPrefix(c.models.header.Get("Server"), "ConcedoLlama") || serviceName(ctx, a) == "KoboldCpp"
	var v struct{ Result, Version string }
	if !named {
		return "", false
	}
	a.get(ctx, "/api/extra/version").decode(&v)
	return v.Version, true
}

func isLlamaCpp(ctx context.Context, a *asker, c clues) (string, bool) {
	named := c.models.header.Get("Server") == "llama.cpp" || c.ownedBy == "llamacpp"
	var p llamaProps
	a.get(ctx, "/props").decode(&p)
	return p.BuildInfo, named || p.BuildInfo != ""
}

func serviceName(ctx context.Context, a *asker) string {
	var about struct{ Software struct{ Name string } }
	a.get(ctx, "/.well-known/serviceinfo").decode(&about)
	return about.Software.Name
}

// identify recognises the server. It fails, as model.Client does, when nothing answers.
func (a *asker) identify(ctx context.Context) (Host, error) {
	a.getAll(ctx, "/v1/models", "/api/version")
	c := clues{models: a.get(ctx, "/v1/models"), version: a.get(ctx, "/api/version")}
	if c.models.err != nil && c.version.err != nil {
		return Host{}, c.models.err
	}
	var list openAIList
	c.listed = c.models.decode(&list) && list.Data != nil
	if len(list.Data) > 0 {
		c.ownedBy = list.Data[0].OwnedBy
	}
	c.version.decode(&c.built)
	h := Host{
		Kind: KindUnknown, Root: a.root(),
		NeedsKey: c.models.status == http.StatusUnauthorized || c.models.status == http.StatusForbidden,
		Loading:  c.models.status == http.StatusServiceUnavailable,
	}
	// What the first recognisers will want to know, all at once: each is a proxy or an
	// imitator that has to be ruled out.
	a.getAll(ctx, "/health/liveliness", "/.well-known/localai.json", "/.well-known/serviceinfo")
	for _, r := range recognisers {
		if build, ok := r.is(ctx, a, c); ok {
			h.Kind, h.Build = r.kind, words("", build)
			return h, nil
		}
	}
	h.NoModels = !c.listed && !h.NeedsKey && !h.Loading
	return h, nil
}
