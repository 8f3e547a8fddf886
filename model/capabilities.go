package model

import (
	"cmp"
	"slices"

	"hearth"
)

// ToolSupport says how a model can be given tools.
type ToolSupport string

// The kinds of tool support.
const (
	ToolsNative ToolSupport = "native" // in the request's tool list
	ToolsText   ToolSupport = "text"   // only as text, in the dialect of Capabilities.TextDialect
	ToolsNone   ToolSupport = "none"
)

// Capabilities is what a server and model can do, merged and plain. It is all that
// protocol code reads: no protocol looks at a provider's name or a server's header.
// The zero value is what an unknown OpenAI-compatible server is assumed to accept,
// except Tools, Input and Window, which Merge fills from DefaultLayer.
type Capabilities struct {
	Window        int // tokens that are planned for
	Served        int `json:",omitempty"` // tokens in force, which an agent's cap may be below; 0 = nobody said
	WindowKnown   bool
	WindowRefused bool // nobody said the window: a server named it once when it refused a longer request
	WindowAsked   bool // each request names the window it is to be read in (Ollama's num_ctx)
	TrainedMax    int  // what the model was trained for; never what is sent
	MaxTokens     int  // the most one answer may hold; 0 = unknown

	Tools            ToolSupport
	TextDialect      string
	ForcedToolChoice bool // tool_choice "required" is honoured
	Vision           bool
	Reasoning        bool     // the model thinks
	Efforts          []string // levels that may be asked for, beyond "off"; nil = the protocol's usual ones
	EffortMap        []EffortWord
	ThinkingFormat   string   // how thinking is switched: "", openai, openrouter, deepseek, zai, qwen, qwen-chat-template, together
	ReplayThinking   bool     // reasoning is sent back with the assistant message it led to
	NeedsReasoning   bool     // an assistant message without reasoning is refused, so that one whose reasoning nobody has says so; with it goes ReplayThinking
	ThinkingAsText   bool     // what is sent back of the reasoning stands in the text, for servers without a field for it
	ReasoningShaped  bool     // reasoning_effort may be sent at all
	VisibleDetails   []string // types of reasoning_details that are part of the answer and not of the reasoning

	StringContent   bool // content must be a plain string
	StrictKeys      bool // message objects hold only role and content
	DeveloperRole   bool
	OneSystem       bool
	AlternateRoles  bool
	StreamUsage     bool // stream_options.include_usage is accepted
	MaxTokensField  string
	ToolResultName  bool
	ToolIDs9        bool     // ids of calls are nine letters and digits (Mistral's own template)
	ArgumentObjects bool     // arguments go back as a JSON object and not as a string that holds one
	AnswerToResults bool     // an assistant message stands between tool results and what the person says next
	SignedCalls     bool     // a call without a signature is refused, so that one of another model says that it has none (Google)
	RefusedFields   []string // body fields to leave out
	RefusedKeywords []string // JSON Schema keywords to leave out, beyond our own reduction
	PromptCacheKey  bool     // prompt_cache_key may name the conversation
	ProxyLike       bool     // every host but the vendor's own
	CachedCounted   bool     // usage says how many tokens were cached, so a small count means truncation
	NamesInTags     bool     // the server looks for the names of tools in the text of a call, its tag included
	ReturnProgress  bool     // llama.cpp's return_progress is understood
	SlotChoice      bool     // id_slot is understood

	Slots     int
	Locality  hearth.Locality
	Server    string // "ollama", "llama.cpp", …; for people, never for decisions in a protocol
	Build     string
	Resident  bool
	ParamsB   float64 // billions of parameters, where known
	Embedding bool    // not a chat model
}

// EffortWord maps one of our thinking levels to the server's word. "" means that the
// model does not have the level.
type EffortWord struct{ Level, Word string }

// A Layer is what one source knows: nil means it does not say.
type Layer struct {
	Window           *int         `json:"window,omitempty"`
	TrainedMax       *int         `json:"trainedMax,omitempty"`
	MaxTokens        *int         `json:"maxTokens,omitempty"`
	Tools            *ToolSupport `json:"tools,omitempty"`
	TextDialect      *string      `json:"textDialect,omitempty"`
	ForcedToolChoice *bool        `json:"forcedToolChoice,omitempty"`
	Vision           *bool        `json:"vision,omitempty"`
	Reasoning        *bool        `json:"reasoning,omitempty"`
	Efforts          []string     `json:"efforts,omitempty"`
	EffortMap        []EffortWord `json:"effortMap,omitempty"`
	ThinkingFormat   *string      `json:"thinkingFormat,omitempty"`
	ReplayThinking   *bool        `json:"replayThinking,omitempty"`
	NeedsReasoning   *bool        `json:"needsReasoning,omitempty"`
	ThinkingAsText   *bool        `json:"thinkingAsText,omitempty"`
	ReasoningShaped  *bool        `json:"reasoningShaped,omitempty"`
	VisibleDetails   []string     `json:"visibleDetails,omitempty"`
	StringContent    *bool        `json:"stringContent,omitempty"`
	StrictKeys       *bool        `json:"strictKeys,omitempty"`
	DeveloperRole    *bool        `json:"developerRole,omitempty"`
	OneSystem        *bool        `json:"oneSystem,omitempty"`
	AlternateRoles   *bool        `json:"alternateRoles,omitempty"`
	StreamUsage      *bool        `json:"streamUsage,omitempty"`
	MaxTokensField   *string      `json:"maxTokensField,omitempty"`
	ToolResultName   *bool        `json:"toolResultName,omitempty"`
	ToolIDs9         *bool        `json:"toolIds9,omitempty"`
	ArgumentObjects  *bool        `json:"argumentObjects,omitempty"`
	AnswerToResults  *bool        `json:"answerToResults,omitempty"`
	SignedCalls      *bool        `json:"signedCalls,omitempty"`
	RefusedFields    []string     `json:"refusedFields,omitempty"`
	RefusedKeywords  []string     `json:"refusedKeywords,omitempty"`
	PromptCacheKey   *bool        `json:"promptCacheKey,omitempty"`
	ProxyLike        *bool        `json:"proxyLike,omitempty"`
	CachedCounted    *bool        `json:"cachedCounted,omitempty"`
	NamesInTags      *bool        `json:"namesInTags,omitempty"`
	WindowAsked      *bool        `json:"windowAsked,omitempty"`
	WindowRefused    *bool        `json:"windowRefused,omitempty"` // Window is from a refusal
	ReturnProgress   *bool        `json:"returnProgress,omitempty"`
	SlotChoice       *bool        `json:"slotChoice,omitempty"`

	Slots     *int             `json:"slots,omitempty"`
	Locality  *hearth.Locality `json:"locality,omitempty"`
	Server    *string          `json:"server,omitempty"`
	Build     *string          `json:"build,omitempty"`
	Resident  *bool            `json:"resident,omitempty"`
	ParamsB   *float64         `json:"paramsB,omitempty"`
	Embedding *bool            `json:"embedding,omitempty"`

	// Evidence says where a value came from, by field name: "GET /props n_ctx=8192".
	Evidence map[string]string `json:"evidence,omitempty"`
}

// Layers are the five sources, most trusted first. Config wins over Probe over Server
// (what it says of itself, and lessons learned) over Catalog over Default.
type Layers struct {
	// Cap is the most of a window that one agent plans for, whatever is served; 0 = all of it.
	// What is asked of a server does not hang on it: another agent's request may be next.
	Cap     int
	Config  Layer
	Probe   Layer
	Server  Layer
	Catalog Layer
	Default Layer
}

// DefaultWindow is assumed when nobody knows better (contract: defaults).
const DefaultWindow = 16384

// DefaultLayer is what is assumed of a server nobody knows anything about.
func DefaultLayer() Layer {
	window, native, yes, field, slots := DefaultWindow, ToolsNative, true, "max_tokens", 1
	return Layer{Window: &window, Tools: &native, StreamUsage: &yes, ProxyLike: &yes, MaxTokensField: &field, Slots: &slots}
}

// named pairs a layer with its name, for Merge and Winner.
type named struct {
	name  string
	layer *Layer
}

func (l *Layers) ordered() []named {
	return []named{{"config", &l.Config}, {"probe", &l.Probe}, {"server", &l.Server}, {"catalog", &l.Catalog}, {"default", &l.Default}}
}

// pick gives the first value set, in order of trust, and whose it was.
func pick[T any](ls []named, field func(*Layer) *T) (v T, from string) {
	for _, l := range ls {
		if p := field(l.layer); p != nil {
			return *p, l.name
		}
	}
	return v, ""
}

// pickSlice is pick for fields where nil means unsaid.
func pickSlice[T any](ls []named, field func(*Layer) []T) []T {
	for _, l := range ls {
		if s := field(l.layer); s != nil {
			return slices.Clone(s)
		}
	}
	return nil
}

// Merge flattens the layers. The window is special: the configured one caps what the
// server says and never raises it, because a server cuts or refuses what is longer.
func (l Layers) Merge() Capabilities {
	ls := l.ordered()
	var c Capabilities
	set(ls, &c.TrainedMax, func(l *Layer) *int { return l.TrainedMax })
	set(ls, &c.MaxTokens, func(l *Layer) *int { return l.MaxTokens })
	set(ls, &c.Tools, func(l *Layer) *ToolSupport { return l.Tools })
	set(ls, &c.TextDialect, func(l *Layer) *string { return l.TextDialect })
	set(ls, &c.ForcedToolChoice, func(l *Layer) *bool { return l.ForcedToolChoice })
	set(ls, &c.Vision, func(l *Layer) *bool { return l.Vision })
	set(ls, &c.Reasoning, func(l *Layer) *bool { return l.Reasoning })
	set(ls, &c.ThinkingFormat, func(l *Layer) *string { return l.ThinkingFormat })
	set(ls, &c.ReplayThinking, func(l *Layer) *bool { return l.ReplayThinking })
	set(ls, &c.NeedsReasoning, func(l *Layer) *bool { return l.NeedsReasoning })
	c.ReplayThinking = c.ReplayThinking || c.NeedsReasoning // whatever was measured of its use
	set(ls, &c.ThinkingAsText, func(l *Layer) *bool { return l.ThinkingAsText })
	set(ls, &c.ReasoningShaped, func(l *Layer) *bool { return l.ReasoningShaped })
	set(ls, &c.StringContent, func(l *Layer) *bool { return l.StringContent })
	set(ls, &c.StrictKeys, func(l *Layer) *bool { return l.StrictKeys })
	set(ls, &c.DeveloperRole, func(l *Layer) *bool { return l.DeveloperRole })
	set(ls, &c.OneSystem, func(l *Layer) *bool { return l.OneSystem })
	set(ls, &c.AlternateRoles, func(l *Layer) *bool { return l.AlternateRoles })
	set(ls, &c.StreamUsage, func(l *Layer) *bool { return l.StreamUsage })
	set(ls, &c.MaxTokensField, func(l *Layer) *string { return l.MaxTokensField })
	set(ls, &c.ToolResultName, func(l *Layer) *bool { return l.ToolResultName })
	set(ls, &c.ToolIDs9, func(l *Layer) *bool { return l.ToolIDs9 })
	set(ls, &c.ArgumentObjects, func(l *Layer) *bool { return l.ArgumentObjects })
	set(ls, &c.AnswerToResults, func(l *Layer) *bool { return l.AnswerToResults })
	set(ls, &c.SignedCalls, func(l *Layer) *bool { return l.SignedCalls })
	set(ls, &c.PromptCacheKey, func(l *Layer) *bool { return l.PromptCacheKey })
	set(ls, &c.ProxyLike, func(l *Layer) *bool { return l.ProxyLike })
	set(ls, &c.CachedCounted, func(l *Layer) *bool { return l.CachedCounted })
	set(ls, &c.NamesInTags, func(l *Layer) *bool { return l.NamesInTags })
	set(ls, &c.WindowAsked, func(l *Layer) *bool { return l.WindowAsked })
	set(ls, &c.ReturnProgress, func(l *Layer) *bool { return l.ReturnProgress })
	set(ls, &c.SlotChoice, func(l *Layer) *bool { return l.SlotChoice })
	set(ls, &c.Slots, func(l *Layer) *int { return l.Slots })
	set(ls, &c.Locality, func(l *Layer) *hearth.Locality { return l.Locality })
	set(ls, &c.Server, func(l *Layer) *string { return l.Server })
	set(ls, &c.Build, func(l *Layer) *string { return l.Build })
	set(ls, &c.Resident, func(l *Layer) *bool { return l.Resident })
	set(ls, &c.ParamsB, func(l *Layer) *float64 { return l.ParamsB })
	set(ls, &c.Embedding, func(l *Layer) *bool { return l.Embedding })
	c.Efforts = pickSlice(ls, func(l *Layer) []string { return l.Efforts })
	c.VisibleDetails = pickSlice(ls, func(l *Layer) []string { return l.VisibleDetails })
	c.EffortMap = pickSlice(ls, func(l *Layer) []EffortWord { return l.EffortMap })
	c.RefusedFields = union(ls, func(l *Layer) []string { return l.RefusedFields })
	c.RefusedKeywords = union(ls, func(l *Layer) []string { return l.RefusedKeywords })
	window, planned, from := l.window()
	c.Window, c.WindowKnown = window, planned
	if served, known, _ := l.served(); known {
		c.Served = served
	}
	c.WindowRefused = from == "server" && l.Server.WindowRefused != nil && *l.Server.WindowRefused
	return c
}

// Lacks reports whether a layer names refused fields or schema keywords that c does not
// have.
func (c *Capabilities) Lacks(l *Layer) bool {
	without := func(all []string) func(string) bool {
		return func(s string) bool { return !slices.Contains(all, s) }
	}
	return slices.ContainsFunc(l.RefusedFields, without(c.RefusedFields)) || slices.ContainsFunc(l.RefusedKeywords, without(c.RefusedKeywords))
}

// set is pick into a field.
func set[T any](ls []named, into *T, field func(*Layer) *T) { *into, _ = pick(ls, field) }

// InForce is the window that a request is read in.
func (c *Capabilities) InForce() int { return cmp.Or(c.Served, c.Window) }

// WindowSource names the layer that decided the window.
func (l Layers) WindowSource() string {
	_, _, from := l.window()
	return from
}

// window gives the tokens that are planned for, whether more than a guess stands behind it,
// and the layer that decided.
func (l Layers) window() (tokens int, known bool, from string) {
	tokens, known, from = l.served()
	if l.Cap > 0 && (l.Cap < tokens || !known) {
		return l.Cap, true, "config"
	}
	return tokens, known, from
}

// ServedSource names the layer that decided the window in force.
func (l Layers) ServedSource() string {
	_, _, from := l.served()
	return from
}

// served gives the tokens in force.
func (l Layers) served() (tokens int, known bool, from string) {
	served, by := pick([]named{{"probe", &l.Probe}, {"server", &l.Server}}, func(l *Layer) *int { return l.Window })
	if l.Config.Window != nil && (served == 0 || *l.Config.Window <= served) {
		return *l.Config.Window, true, "config"
	}
	if served > 0 {
		return served, true, by
	}
	if l.Catalog.Window != nil {
		return *l.Catalog.Window, true, "catalog"
	}
	if l.Default.Window != nil {
		return *l.Default.Window, false, "default"
	}
	return DefaultWindow, false, "default"
}

// union collects a list from all layers, each value once, in sorted order so that
// bytes built from it do not depend on when something was learned.
func union(ls []named, field func(*Layer) []string) []string {
	var all []string
	for _, l := range ls {
		all = append(all, field(l.layer)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
