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
	ImagesRefused    bool     `json:",omitempty"` // the server refused a picture, so that Vision is false whoever says otherwise
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
	ImagesRefused    *bool        `json:"imagesRefused,omitempty"`
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

// Merge flattens the layers. The window is special: the configured one caps what the
// server says and never raises it, because a server cuts or refuses what is longer.
func (l Layers) Merge() Capabilities {
	var c Capabilities
	for _, from := range [...]*Layer{&l.Default, &l.Catalog, &l.Server, &l.Probe, &l.Config} {
		c.take(from)
	}
	c.Vision = c.Vision && !c.ImagesRefused
	c.ReplayThinking = c.ReplayThinking || c.NeedsReasoning // whatever was measured of its use
	c.Efforts, c.VisibleDetails, c.EffortMap = slices.Clone(c.Efforts), slices.Clone(c.VisibleDetails), slices.Clone(c.EffortMap)
	c.RefusedFields, c.RefusedKeywords = once(c.RefusedFields), once(c.RefusedKeywords)
	window, planned, from := l.window()
	c.Window, c.WindowKnown = window, planned
	if served, known, _ := l.served(); known {
		c.Served = served
	}
	c.WindowRefused = from == "server" && l.Server.WindowRefused != nil && *l.Server.WindowRefused
	return c
}

// take puts what l says over what less trusted layers said; what a server refused is
// gathered from all of them. It is called several times a turn: nothing in it allocates
// where nothing was refused.
func (c *Capabilities) take(l *Layer) {
	put(&c.TrainedMax, l.TrainedMax)
	put(&c.MaxTokens, l.MaxTokens)
	put(&c.Tools, l.Tools)
	put(&c.TextDialect, l.TextDialect)
	put(&c.ForcedToolChoice, l.ForcedToolChoice)
	put(&c.Vision, l.Vision)
	put(&c.ImagesRefused, l.ImagesRefused)
	put(&c.Reasoning, l.Reasoning)
	put(&c.ThinkingFormat, l.ThinkingFormat)
	put(&c.ReplayThinking, l.ReplayThinking)
	put(&c.NeedsReasoning, l.NeedsReasoning)
	put(&c.ThinkingAsText, l.ThinkingAsText)
	put(&c.ReasoningShaped, l.ReasoningShaped)
	put(&c.StringContent, l.StringContent)
	put(&c.StrictKeys, l.StrictKeys)
	put(&c.DeveloperRole, l.DeveloperRole)
	put(&c.OneSystem, l.OneSystem)
	put(&c.AlternateRoles, l.AlternateRoles)
	put(&c.StreamUsage, l.StreamUsage)
	put(&c.MaxTokensField, l.MaxTokensField)
	put(&c.ToolResultName, l.ToolResultName)
	put(&c.ToolIDs9, l.ToolIDs9)
	put(&c.ArgumentObjects, l.ArgumentObjects)
	put(&c.AnswerToResults, l.AnswerToResults)
	put(&c.SignedCalls, l.SignedCalls)
	put(&c.PromptCacheKey, l.PromptCacheKey)
	put(&c.ProxyLike, l.ProxyLike)
	put(&c.CachedCounted, l.CachedCounted)
	put(&c.NamesInTags, l.NamesInTags)
	put(&c.WindowAsked, l.WindowAsked)
	put(&c.ReturnProgress, l.ReturnProgress)
	put(&c.SlotChoice, l.SlotChoice)
	put(&c.Slots, l.Slots)
	put(&c.Locality, l.Locality)
	put(&c.Server, l.Server)
	put(&c.Build, l.Build)
	put(&c.Resident, l.Resident)
	put(&c.ParamsB, l.ParamsB)
	put(&c.Embedding, l.Embedding)
	putList(&c.Efforts, l.Efforts)
	putList(&c.VisibleDetails, l.VisibleDetails)
	putList(&c.EffortMap, l.EffortMap)
	c.RefusedFields = append(c.RefusedFields, l.RefusedFields...)
	c.RefusedKeywords = append(c.RefusedKeywords, l.RefusedKeywords...)
}

// put gives a field the value of a layer that says one.
func put[T any](field, said *T) {
	if said != nil {
		*field = *said
	}
}

// putList is put for fields where nil means unsaid.
func putList[T any](field *[]T, said []T) {
	if said != nil {
		*field = said
	}
}

// Lacks reports whether a layer names refused fields or schema keywords that c does not
// have.
func (c *Capabilities) Lacks(l *Layer) bool {
	without := func(all []string) func(string) bool {
		return func(s string) bool { return !slices.Contains(all, s) }
	}
	return slices.ContainsFunc(l.RefusedFields, without(c.RefusedFields)) || slices.ContainsFunc(l.RefusedKeywords, without(c.RefusedKeywords))
}

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
	served, by := 0, ""
	switch {
	case l.Probe.Window != nil:
		served, by = *l.Probe.Window, "probe"
	case l.Server.Window != nil:
		served, by = *l.Server.Window, "server"
	}
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

// once gives each value of a list once, in sorted order so that bytes built from it do
// not depend on when something was learned.
func once(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}
