package main

import (
	"encoding/json"

	"hearth"
	"hearth/model"
	"hearth/prompt"
	"hearth/session"
)

// The shape of `sessions epochs --json`. What is stored has the names that a plan's hash
// was made of, and keeps them; these names are for people and programs.

// shownEpoch is an epoch with its plan in words of the outside.
type shownEpoch struct {
	session.Epoch
	Plan *shownPlan `json:"plan"` // null where it was written in a form that nobody knows any more
}

type shownPlan struct {
	*prompt.Plan
	Capabilities shownCapabilities `json:"capabilities"`
	Params       shownParams       `json:"params"`
}

func showEpoch(e session.Epoch) shownEpoch {
	plan, err := prompt.DecodePlan(e.Plan)
	if err != nil {
		return shownEpoch{Epoch: e}
	}
	return shownEpoch{e, &shownPlan{plan, shownCapabilities{capabilityNames(plan.Capabilities), effortWords(plan.Capabilities.EffortMap)}, shownParams(plan.Params)}}
}

type shownCapabilities struct {
	capabilityNames
	EffortMap map[string]string `json:"effortMap,omitempty"` // level → the server's word
}

func effortWords(words []model.EffortWord) map[string]string {
	out := map[string]string{}
	for _, w := range words {
		out[w.Level] = w.Word
	}
	return out
}

// shownParams are model.Params with names.
type shownParams struct {
	MaxTokens          int             `json:"maxTokens,omitempty"`
	Thinking           string          `json:"thinking,omitempty"`
	ChatTemplateKwargs json.RawMessage `json:"chatTemplateKwargs,omitempty"`
	Options            json.RawMessage `json:"options,omitempty"`
	ExtraBody          json.RawMessage `json:"extraBody,omitempty"`
}

// capabilityNames are model.Capabilities with the names that models probe uses. The
// compiler sees to it that no field is missing.
type capabilityNames struct {
	Window        int  `json:"window"`
	Served        int  `json:"served,omitempty"`
	WindowKnown   bool `json:"windowKnown"`
	WindowRefused bool `json:"windowRefused"`
	WindowAsked   bool `json:"windowAsked"`
	TrainedMax    int  `json:"trainedMax,omitempty"`
	MaxTokens     int  `json:"maxTokens,omitempty"`

	Tools            model.ToolSupport  `json:"tools"`
	TextDialect      string             `json:"textDialect,omitempty"`
	ForcedToolChoice bool               `json:"forcedToolChoice"`
	Vision           bool               `json:"vision"`
	ImagesRefused    bool               `json:"imagesRefused,omitempty"`
	Reasoning        bool               `json:"reasoning"`
	Efforts          []string           `json:"efforts,omitempty"`
	EffortMap        []model.EffortWord `json:"-"` // shownCapabilities has it
	ThinkingFormat   string             `json:"thinkingFormat,omitempty"`
	ReplayThinking   bool               `json:"replayThinking"`
	NeedsReasoning   bool               `json:"needsReasoning,omitempty"`
	ThinkingAsText   bool               `json:"thinkingAsText"`
	ReasoningShaped  bool               `json:"reasoningShaped"`
	VisibleDetails   []string           `json:"visibleDetails,omitempty"`

	StringContent   bool     `json:"stringContent"`
	StrictKeys      bool     `json:"strictKeys"`
	DeveloperRole   bool     `json:"developerRole"`
	OneSystem       bool     `json:"oneSystem"`
	AlternateRoles  bool     `json:"alternateRoles"`
	StreamUsage     bool     `json:"streamUsage"`
	MaxTokensField  string   `json:"maxTokensField,omitempty"`
	ToolResultName  bool     `json:"toolResultName"`
	ToolIDs9        bool     `json:"toolIds9"`
	ArgumentObjects bool     `json:"argumentObjects"`
	AnswerToResults bool     `json:"answerToResults"`
	SignedCalls     bool     `json:"signedCalls,omitempty"`
	RefusedFields   []string `json:"refusedFields,omitempty"`
	RefusedKeywords []string `json:"refusedKeywords,omitempty"`
	PromptCacheKey  bool     `json:"promptCacheKey"`
	ProxyLike       bool     `json:"proxyLike"`
	CachedCounted   bool     `json:"cachedCounted"`
	NamesInTags     bool     `json:"namesInTags"`
	ReturnProgress  bool     `json:"returnProgress"`
	SlotChoice      bool     `json:"slotChoice"`

	Slots     int             `json:"slots"`
	Locality  hearth.Locality `json:"locality,omitempty"`
	Server    string          `json:"server,omitempty"`
	Build     string          `json:"build,omitempty"`
	Resident  bool            `json:"resident"`
	ParamsB   float64         `json:"paramsB,omitempty"`
	Embedding bool            `json:"embedding"`
}
