package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"hearth"
	"hearth/model"
)

// addServer adds what holds for every model of a kind of server. The sources are the
// servers' own code and documents, as of 2026.
func (h *Host) addServer(l *model.Layer) {
	kind := string(h.Kind)
	l.Server = &kind
	if h.Build != "" {
		l.Build = &h.Build
	}
	if h.Slots > 0 {
		l.Slots = &h.Slots
		l.Evidence["slots"] = h.SlotsBecause
	}
	switch h.Kind {
	case KindLlamaCpp:
		// id_slot and return_progress are llama-server's own fields; its prompt_tokens
		// count what came from the cache too.
		l.ReturnProgress, l.SlotChoice, l.CachedCounted, l.ForcedToolChoice = new(true), new(true), new(true), new(true)
	case KindVLLM, KindSGLang:
		l.CachedCounted, l.ForcedToolChoice = new(true), new(true)
	case KindOllama, KindMLX:
		l.ForcedToolChoice = new(false) // tool_choice is not read
		if h.Kind == KindOllama {       // its parser takes the first name behind the beginning of the template's tag (tools/tools.go)
			l.NamesInTags = new(true)
		}
		if h.Kind == KindOllama && ollamaCountsAll(h.Build) {
			l.CachedCounted = new(true)
			l.Evidence["cachedCounted"] = "Ollama " + h.Build + " counts what it had cached too"
		}
	case KindLiteLLM:
		// A proxy: what is behind it may be anywhere, until its owner says so.
		l.Locality = hosted()
		l.Evidence["locality"] = becauseOfProxy
	default:
	}
}

// becauseOfProxy is the evidence for what is behind LiteLLM.
const becauseOfProxy = "LiteLLM is a proxy"

// ollamaCountsAll reports whether prompt_eval_count is of the whole prompt, by version: the
// first ones left out what was cached. 0.17.4 was seen to give 333 for a prompt twice, 343
// for one that extends it, and 1024 for 3,000 words in a window of that size.
func ollamaCountsAll(version string) bool {
	var major, minor int
	_, err := fmt.Sscanf(version, "%d.%d", &major, &minor)
	return err == nil && (major > 0 || minor >= 17)
}

func hosted() *hearth.Locality {
	where := hearth.LocalityHosted
	return &where
}

func (a *asker) listLMStudio(ctx context.Context, h *Host) {
	var v1 lmStudioModels
	if !a.get(ctx, "/api/v1/models").decode(&v1) || v1.Models == nil {
		a.listOldLMStudio(ctx, h)
		return
	}
	const where = "GET /api/v1/models "
	for i := range v1.Models {
		e := &v1.Models[i]
		m := Model{ID: e.Key, TrainedMax: int(e.MaxContext), SizeBytes: e.SizeBytes, ParamsB: params(e.ParamsString), Embedding: e.Type == "embedding"}
		m.Resident = new(len(e.Loaded) > 0)
		m.note("resident", where+"loaded_instances")
		for j, instance := range e.Loaded {
			if instance.ID != e.Key {
				m.Aliases = append(m.Aliases, instance.ID)
			}
			if j > 0 {
				continue
			}
			if instance.Config.ContextLength > 0 {
				m.set(where+"loaded_instances[0].config.context_length", instance.Config.ContextLength)
			}
			if n := instance.Config.Parallel; n > 0 && e.Type != "embedding" {
				h.works(int(n), where+"loaded_instances[0].config.parallel")
			}
		}
		if c := e.Capabilities; c != nil {
			m.Tools, m.Vision = &c.Tools, &c.Vision
			m.note("tools", where+"capabilities.trained_for_tool_use")
			m.note("vision", where+"capabilities.vision")
			if c.Reasoning != nil {
				m.Reasoning = new(true)
				m.Efforts = without(c.Reasoning.Allowed, "off")
				m.note("reasoning", where+"capabilities.reasoning")
			}
		}
		h.Models = append(h.Models, m)
	}
}

// listOldLMStudio reads the list of LM Studio 0.3.
func (a *asker) listOldLMStudio(ctx context.Context, h *Host) {
	var v0 lmStudioOldModels
	if !a.get(ctx, "/api/v0/models").decode(&v0) || v0.Data == nil {
		a.listOpenAI(ctx, h)
		return
	}
	const where = "GET /api/v0/models "
	for _, e := range v0.Data {
		m := Model{ID: e.ID, TrainedMax: int(e.MaxContext), Embedding: e.Type == "embeddings"}
		m.Resident = new(e.State == "loaded")
		m.note("resident", where+"state="+e.State)
		m.Vision = new(e.Type == "vlm")
		m.note("vision", where+"type="+e.Type)
		if e.LoadedContext > 0 {
			m.set(where+"loaded_context_length", e.LoadedContext)
		}
		if e.Capabilities != nil {
			m.Tools = new(slices.Contains(e.Capabilities, "tool_use"))
			m.note("tools", where+"capabilities")
		}
		h.Models = append(h.Models, m)
	}
}

func without(list []string, word string) []string {
	var out []string
	for _, w := range list {
		if w != word {
			out = append(out, w)
		}
	}
	return out
}

// mostShown bounds how many models of a server are asked about one by one.
const mostShown = 40

func (a *asker) listOllama(ctx context.Context, h *Host) {
	a.getAll(ctx, "/api/tags", "/api/ps")
	var tags ollamaTags
	var running ollamaRunning
	a.get(ctx, "/api/tags").decode(&tags)
	known := a.get(ctx, "/api/ps").decode(&running)
	for _, e := range tags.Models {
		m := Model{
			ID: e.Name, SizeBytes: e.Size, Modified: e.Modified, ParamsB: params(e.Details.ParameterSize),
		}
		m.passedOn(e.RemoteHost, "GET /api/tags remote_host")
		m.can(e.Capabilities, "GET /api/tags capabilities")
		if known {
			m.Resident = new(false)
			m.note("resident", "GET /api/ps")
		}
		for _, r := range running.Models {
			if r.Name == e.Name {
				m.Resident = new(true)
				if r.ContextLength > 0 {
					m.set(numCtxLoaded, r.ContextLength)
				}
			}
		}
		h.Models = append(h.Models, m)
	}
	h.showAll(ctx, a.show)
}

// passedOn notes a model that Ollama hands to a vendor: to a host that it names, or, as
// the tag says, to its own.
func (m *Model) passedOn(host, where string) {
	switch {
	case m.Cloud:
	case host != "":
		m.Cloud = true
		m.note("locality", where+"="+host)
	case cloudTag(m.ID):
		m.Cloud = true
		m.note("locality", becauseOfTag)
	}
}

// becauseOfTag is the evidence for a model that is known to be hosted by its name alone.
const becauseOfTag = "Ollama's tag for models that it passes on to a vendor"

// cloudTag reports whether a model's tag is one of those that Ollama passes on to a vendor:
// glm-4.6:cloud, gpt-oss:120b-cloud.
func cloudTag(id string) bool {
	_, tag, _ := strings.Cut(id, ":")
	return tag == "cloud" || strings.HasSuffix(tag, "-cloud")
}

// can reads Ollama's list of capabilities.
func (m *Model) can(words []string, where string) {
	if words == nil {
		return
	}
	m.Tools, m.Vision, m.Reasoning = new(slices.Contains(words, "tools")), new(slices.Contains(words, "vision")), new(slices.Contains(words, "thinking"))
	m.Embedding = m.Embedding || slices.Contains(words, "embedding") && !slices.Contains(words, "completion")
	for _, field := range []string{"tools", "vision", "reasoning"} {
		m.note(field, where)
	}
}

// showAll asks for the details of each model, four at a time: Ollama before 0.33 tells
// them nowhere else, and the trained window never.
func (h *Host) showAll(ctx context.Context, show func(context.Context, *Model)) {
	var all sync.WaitGroup
	turn := make(chan struct{}, 4)
	for i := range h.Models[:min(len(h.Models), mostShown)] {
		all.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			show(ctx, &h.Models[i])
		})
	}
	all.Wait()
}

// numCtxLoaded is the evidence for a window with which somebody loaded a model.
const numCtxLoaded = "GET /api/ps context_length"

// numCtxOfModel is the evidence for a window that a model's own file sets.
const numCtxOfModel = "POST /api/show parameters num_ctx"

// shown asks about one model in Ollama's language.
func (a *asker) shown(ctx context.Context, id string) (s ollamaShow, ok bool) {
	body, err := json.Marshal(struct {
		Model string `json:"model"`
	}{id})
	if err != nil {
		return s, false
	}
	return s, a.post(ctx, "/api/show", body).decode(&s)
}

// show asks Ollama about one model. A window that the model file sets is its owner's
// word; the trained maximum is not in force.
func (a *asker) show(ctx context.Context, m *Model) {
	s, ok := a.shown(ctx, m.ID)
	if !ok {
		return
	}
	m.can(s.Capabilities, "POST /api/show capabilities")
	m.passedOn(s.RemoteHost, "POST /api/show remote_host")
	for name, value := range s.Info {
		if n := countIn(value); n > 0 && strings.HasSuffix(name, ".context_length") {
			m.TrainedMax = int(n)
			m.note("trainedMax", "POST /api/show "+name)
		}
		var params float64
		if name == "general.parameter_count" && json.Unmarshal(value, &params) == nil && params > 0 {
			m.ParamsB = params / 1e9
		}
	}
	if m.Window > 0 {
		return
	}
	for line := range strings.Lines(s.Parameters) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "num_ctx" {
			if n := countIn([]byte(f[1])); n > 0 {
				m.set(numCtxOfModel, n)
			}
		}
	}
}

// countIn gives a count that stands alone; 0 where it is none.
func countIn(value []byte) (n model.Count) {
	_ = n.UnmarshalJSON(value) // it never fails
	return n
}

// addProps adds what llama-server tells of itself.
func (a *asker) addProps(ctx context.Context, h *Host) {
	var p llamaProps
	if !a.get(ctx, "/props").decode(&p) {
		return
	}
	if p.TotalSlots > 0 {
		h.works(int(p.TotalSlots), "GET /props total_slots")
	}
	if len(h.Models) != 1 {
		return // a router: its props are of no model
	}
	m := &h.Models[0]
	if p.Default.NCtx > 0 {
		m.set("GET /props default_generation_settings.n_ctx", p.Default.NCtx) // of one slot
	}
	if m.Resident == nil {
		m.Resident = new(true)
		m.note("resident", "llama-server serves one model")
	}
	if p.Modalities != nil {
		m.Vision = &p.Modalities.Vision
		m.note("vision", "GET /props modalities.vision")
	}
	if p.TemplateCaps != nil && p.TemplateCaps.Tools != nil {
		m.Tools = p.TemplateCaps.Tools
		m.note("tools", "GET /props chat_template_caps.supports_tools")
	}
	if p.TemplateCaps != nil && p.TemplateCaps.Preserve != nil {
		// The tokens of its reasoning are in the cache; a history without them begins to
		// differ at the first answer.
		m.Replay = p.TemplateCaps.Preserve
		m.note("replayThinking", "GET /props chat_template_caps.supports_preserve_reasoning")
	}
	if p.ModelAlias != "" && p.ModelAlias != m.ID {
		m.Aliases = append(m.Aliases, p.ModelAlias)
	}
}

// mostBatched bounds the slots that are derived from the memory of a batching server:
// beyond it, answers to a person get slower than anybody wants.
const mostBatched = 8

// addVLLM derives the slots from the KV cache: as many requests as fit with a full window.
func (a *asker) addVLLM(ctx context.Context, h *Host) {
	for i := range h.Models {
		h.Models[i].Resident = new(true)
		h.Models[i].note("resident", "vLLM serves what it loaded")
	}
	metrics := a.get(ctx, "/metrics")
	if !metrics.ok() || len(h.Models) == 0 || h.Models[0].Window == 0 {
		return
	}
	blocks, size := 0, 0
	for line := range strings.Lines(string(metrics.body)) {
		if strings.HasPrefix(line, "vllm:cache_config_info{") {
			blocks, size = label(line, "num_gpu_blocks"), label(line, "block_size")
		}
	}
	if n := blocks * size / h.Models[0].Window; n > 0 {
		h.works(min(n, mostBatched), "GET /metrics vllm:cache_config_info num_gpu_blocks × block_size / window")
	}
}

// label reads a number out of the labels of a metric line.
func label(line, name string) int {
	_, rest, ok := strings.Cut(line, name+`="`)
	if !ok {
		return 0
	}
	value, _, _ := strings.Cut(rest, `"`)
	return int(countIn([]byte(value)))
}

func (a *asker) addSGLang(ctx context.Context, h *Host) {
	var info sglangInfo
	a.get(ctx, "/get_server_info").decode(&info)
	for i := range h.Models {
		m := &h.Models[i]
		m.Resident = new(true)
		m.note("resident", "SGLang serves what it loaded")
		if m.Window == 0 && info.ContextLength > 0 {
			m.set("GET /get_server_info context_length", info.ContextLength)
		}
		// The pool of tokens may be smaller than the window it promises.
		pool := int(info.MaxTotalTokens)
		if pool > 0 && pool < m.Window {
			m.set("GET /get_server_info max_total_num_tokens", info.MaxTotalTokens)
		}
		if m.Window > 0 && pool >= m.Window {
			n := pool / m.Window
			if info.MaxRunning > 0 {
				n = min(n, int(info.MaxRunning))
			}
			h.works(min(n, mostBatched), "GET /get_server_info max_total_num_tokens / window, max_running_requests")
		}
	}
}

// addLiteLLM reads LiteLLM's table of models; it quotes catalogs, so its windows are
// what is advertised, not what is served.
func (a *asker) addLiteLLM(ctx context.Context, h *Host) {
	var info liteLLMInfo
	if !a.get(ctx, "/model/info").decode(&info) {
		return
	}
	for _, e := range info.Data {
		m := h.find(e.Name)
		if m == nil {
			continue
		}
		if e.Info.MaxInput > 0 {
			m.set("GET /model/info max_input_tokens", e.Info.MaxInput)
		}
		m.MaxOutput, m.Tools, m.Vision = int(e.Info.MaxOutput), e.Info.Tools, e.Info.Vision
		m.Embedding = m.Embedding || e.Info.Mode == "embedding" || e.Info.Mode == "rerank"
	}
}

func (a *asker) addKobold(ctx context.Context, h *Host) {
	var limit struct {
		Value model.Count `json:"value"`
	}
	if !a.get(ctx, "/api/extra/true_max_context_length").decode(&limit) || limit.Value == 0 {
		return
	}
	for i := range h.Models {
		h.Models[i].set("GET /api/extra/true_max_context_length", limit.Value)
		h.Models[i].Resident = new(true)
	}
}
