package config

import (
	"cmp"
	"maps"
	"strings"
)

// Agents is the agents block. Agents are written as a list or as a map of entries;
// All gives both.
type Agents struct {
	Defaults AgentDefaults    `json:"defaults"`
	List     []Agent          `json:"list"`
	Entries  map[string]Agent `json:"entries"`
	// EntryOrder lists the keys of Entries as they stand in the file.
	EntryOrder []string `json:"-"`
}

// AgentDefaults is agents.defaults.
type AgentDefaults struct {
	Workspace string `json:"workspace"`
	// Model is the primary model with its fallbacks.
	Model      ModelChoice `json:"model"`
	ImageModel ModelChoice `json:"imageModel"`
	// Models is keyed by model ref. OpenClaw 2026.5 reads a map that is not empty
	// also as the list of models that may be chosen.
	Models map[string]ModelEntry `json:"models"`
	// ModelOrder lists the keys of Models as they stand in the file.
	ModelOrder  []string    `json:"-"`
	ModelPolicy ModelPolicy `json:"modelPolicy"`
	Params      Params      `json:"params"`

	ThinkingDefault  string `json:"thinkingDefault" enum:"off|minimal|low|medium|high|xhigh|adaptive|max|ultra"`
	ReasoningDefault string `json:"reasoningDefault" enum:"off|on|stream" unused:"yet"`
	VerboseDefault   string `json:"verboseDefault" enum:"off|on|full" unused:"yet"`

	// TimeoutSeconds bounds a whole turn; nil means not written, 0 no limit.
	TimeoutSeconds *int `json:"timeoutSeconds"`
	// ContextTokens caps the window of every model; 0 means no cap.
	ContextTokens int `json:"contextTokens" least:"1"`
	MaxConcurrent int `json:"maxConcurrent" unused:"yet"`

	// BootstrapMaxChars and BootstrapTotalMaxChars limit the workspace files in the
	// system text, one and together.
	BootstrapMaxChars      int    `json:"bootstrapMaxChars"`
	BootstrapTotalMaxChars int    `json:"bootstrapTotalMaxChars"`
	ContextInjection       string `json:"contextInjection" enum:"always|continuation-skip|never"`
	// Skills are the names of those that are told; nil means all, empty none.
	Skills               []string      `json:"skills"`
	ContextLimits        ContextLimits `json:"contextLimits" unused:"yet"`
	SkipBootstrap        bool          `json:"skipBootstrap" unused:"yet"`
	SkipOptionalFiles    []string      `json:"skipOptionalBootstrapFiles" enum:"SOUL.md|USER.md|HEARTBEAT.md|IDENTITY.md" unused:"yet"`
	SystemPromptOverride string        `json:"systemPromptOverride" unused:"yet"`
	UserTimezone         string        `json:"userTimezone" unused:"yet"`
	ImageMaxDimensionPx  int           `json:"imageMaxDimensionPx" unused:"yet"`
	MediaMaxMB           float64       `json:"mediaMaxMb" unused:"yet"`

	Compaction   Compaction   `json:"compaction"`
	Experimental Experimental `json:"experimental"`
	// Warmup reads the likely next prompt ahead on a resident model; Hearth's own
	// key, nil means yes.
	Warmup *bool `json:"warmup"`
}

// An Agent is one entry of agents.list or agents.entries.
type Agent struct {
	ID      string `json:"id"`
	Default bool   `json:"default"`
	Name    string `json:"name"`

	Workspace string `json:"workspace"`
	// Model replaces the default choice; see ModelChoice for its fallbacks.
	Model  ModelChoice           `json:"model"`
	Models map[string]ModelEntry `json:"models"`
	Params Params                `json:"params"`
	Tools  Tools                 `json:"tools"`

	Identity               Identity      `json:"identity" unused:"yet"`
	ThinkingDefault        string        `json:"thinkingDefault" enum:"off|minimal|low|medium|high|xhigh|adaptive|max|ultra"`
	ReasoningDefault       string        `json:"reasoningDefault" enum:"off|on|stream" unused:"yet"`
	VerboseDefault         string        `json:"verboseDefault" enum:"off|on|full" unused:"yet"`
	ContextTokens          int           `json:"contextTokens" least:"1"`
	BootstrapMaxChars      int           `json:"bootstrapMaxChars"`
	BootstrapTotalMaxChars int           `json:"bootstrapTotalMaxChars"`
	ContextInjection       string        `json:"contextInjection" enum:"always|continuation-skip|never"`
	Skills                 []string      `json:"skills"` // replaces the defaults' where written
	SkillsLimits           SkillLimits   `json:"skillsLimits"`
	ContextLimits          ContextLimits `json:"contextLimits" unused:"yet"`
	SystemPromptOverride   string        `json:"systemPromptOverride" unused:"yet"`
	ModelPolicy            ModelPolicy   `json:"modelPolicy"`
	Experimental           Experimental  `json:"experimental"`
}

// A ModelChoice is a model and the ones to try after it. In the file it is a ref, or
// an object.
type ModelChoice struct {
	Primary string `json:"primary"` // a ref or an alias; "" means not written
	// Fallbacks is nil when not written and empty for [], which for an agent means
	// that no other model may answer.
	Fallbacks []string `json:"fallbacks"`
	TimeoutMS int      `json:"timeoutMs" unused:"yet"`
}

// A ModelEntry is what agents.defaults.models says about a ref.
type ModelEntry struct {
	Alias     string `json:"alias"`
	Params    Params `json:"params"`
	Streaming *bool  `json:"streaming" unused:"yet"`
}

// ModelPolicy lists the refs that may be chosen; "provider/*" is allowed.
type ModelPolicy struct {
	Allow []string `json:"allow"`
}

// Identity is how an agent presents itself.
type Identity struct {
	Name   string `json:"name"`
	Theme  string `json:"theme"`
	Emoji  string `json:"emoji"`
	Avatar string `json:"avatar"`
}

// ContextLimits cuts what enters the context.
type ContextLimits struct {
	MemoryGetMaxChars      int `json:"memoryGetMaxChars"`
	MemoryGetDefaultLines  int `json:"memoryGetDefaultLines"`
	ToolResultMaxChars     int `json:"toolResultMaxChars"`
	PostCompactionMaxChars int `json:"postCompactionMaxChars"`
}

// Experimental holds switches that may change.
type Experimental struct {
	// LocalModelLean leaves the heaviest tools out.
	LocalModelLean *bool `json:"localModelLean"`
}

// Compaction is agents.defaults.compaction.
type Compaction struct {
	Enabled *bool `json:"enabled"`
	// Background shortens a conversation ahead of need while its person is away; Hearth's
	// own key, nil means yes.
	Background             *bool        `json:"background"`
	Mode                   string       `json:"mode" enum:"default|safeguard" unused:"yet"`
	Model                  string       `json:"model" unused:"yet"`
	ThinkingLevel          string       `json:"thinkingLevel" enum:"off|minimal|low|medium|high|xhigh|adaptive|max|ultra|inherit" unused:"yet"`
	TimeoutSeconds         int          `json:"timeoutSeconds" unused:"yet"`
	ReserveTokens          *int         `json:"reserveTokens"`
	ReserveTokensFloor     *int         `json:"reserveTokensFloor" unused:"yet"`
	KeepRecentTokens       int          `json:"keepRecentTokens"`
	MaxHistoryShare        float64      `json:"maxHistoryShare" unused:"yet"`
	RecentTurnsPreserve    *int         `json:"recentTurnsPreserve" unused:"yet"`
	CustomInstructions     string       `json:"customInstructions"`
	IdentifierPolicy       string       `json:"identifierPolicy" enum:"strict|off|custom" unused:"yet"`
	IdentifierInstructions string       `json:"identifierInstructions" unused:"yet"`
	NotifyUser             bool         `json:"notifyUser" unused:"yet"`
	QualityGuard           QualityGuard `json:"qualityGuard" unused:"yet"`
	MidTurnPrecheck        Switch       `json:"midTurnPrecheck" unused:"yet"`
	MemoryFlush            MemoryFlush  `json:"memoryFlush" unused:"yet"`
	PostCompactionSections []string     `json:"postCompactionSections" unused:"yet"`
}

// QualityGuard checks a summary and asks again.
type QualityGuard struct {
	Enabled    *bool `json:"enabled"`
	MaxRetries *int  `json:"maxRetries"`
}

// A Switch is an object that only turns something on or off.
type Switch struct {
	Enabled *bool `json:"enabled"`
}

// MemoryFlush writes down what matters before a compaction.
type MemoryFlush struct {
	Enabled             *bool  `json:"enabled"`
	Model               string `json:"model"`
	SoftThresholdTokens int    `json:"softThresholdTokens"`
	Prompt              string `json:"prompt"`
	SystemPrompt        string `json:"systemPrompt"`
}

// All gives the agents of both spellings, the list first, each with its id. An id in
// both is given once, from Entries, which is the newer spelling.
func (a Agents) All() []Agent {
	var out []Agent
	for _, g := range a.List {
		if _, newer := a.Entries[g.ID]; !newer {
			out = append(out, g)
		}
	}
	for _, id := range a.EntryOrder {
		g := a.Entries[id]
		g.ID = id
		out = append(out, g)
	}
	return out
}

// DefaultID is the agent that answers when nobody names one: the one marked default,
// else the first, else "main".
func (a Agents) DefaultID() string {
	all := a.All()
	for _, g := range all {
		if g.Default {
			return g.ID
		}
	}
	if len(all) > 0 {
		return all[0].ID
	}
	return "main"
}

// Agent returns the agent of an id with the defaults filled in: what it writes itself
// counts, the rest comes from agents.defaults; params are merged key by key. "" means
// the default agent. ok is false when the file names no such agent; the result is the
// defaults then. Tools are the agent's own: they narrow the global ones and replace
// nothing.
func (a Agents) Agent(id string) (agent Agent, ok bool) {
	if id == "" {
		id = a.DefaultID()
	}
	agent = Agent{ID: id}
	for _, g := range a.All() {
		if strings.EqualFold(g.ID, id) {
			agent, ok = g, true
		}
	}
	d := a.Defaults
	if agent.Model.Primary == "" {
		agent.Model = ModelChoice{Primary: d.Model.Primary, Fallbacks: firstSet(agent.Model.Fallbacks, d.Model.Fallbacks)}
	}
	agent.Params = mergeParams(d.Params, agent.Params)
	agent.Models = mergeModels(d.Models, agent.Models)
	agent.ThinkingDefault = cmp.Or(agent.ThinkingDefault, d.ThinkingDefault)
	agent.ReasoningDefault = cmp.Or(agent.ReasoningDefault, d.ReasoningDefault)
	agent.VerboseDefault = cmp.Or(agent.VerboseDefault, d.VerboseDefault)
	agent.ContextTokens = cmp.Or(agent.ContextTokens, d.ContextTokens)
	agent.BootstrapMaxChars = cmp.Or(agent.BootstrapMaxChars, d.BootstrapMaxChars)
	agent.BootstrapTotalMaxChars = cmp.Or(agent.BootstrapTotalMaxChars, d.BootstrapTotalMaxChars)
	agent.ContextInjection = cmp.Or(agent.ContextInjection, d.ContextInjection)
	agent.Skills = firstSet(agent.Skills, d.Skills)
	agent.ContextLimits = ContextLimits{
		MemoryGetMaxChars:      cmp.Or(agent.ContextLimits.MemoryGetMaxChars, d.ContextLimits.MemoryGetMaxChars),
		MemoryGetDefaultLines:  cmp.Or(agent.ContextLimits.MemoryGetDefaultLines, d.ContextLimits.MemoryGetDefaultLines),
		ToolResultMaxChars:     cmp.Or(agent.ContextLimits.ToolResultMaxChars, d.ContextLimits.ToolResultMaxChars),
		PostCompactionMaxChars: cmp.Or(agent.ContextLimits.PostCompactionMaxChars, d.ContextLimits.PostCompactionMaxChars),
	}
	agent.SystemPromptOverride = cmp.Or(agent.SystemPromptOverride, d.SystemPromptOverride)
	agent.Experimental.LocalModelLean = cmp.Or(agent.Experimental.LocalModelLean, d.Experimental.LocalModelLean)
	agent.ModelPolicy.Allow = firstSet(agent.ModelPolicy.Allow, d.ModelPolicy.Allow)
	return agent, ok
}

// WidestContext is the largest ContextTokens of all agents; 0 where one of them has no cap.
func (a Agents) WidestContext() int {
	widest := a.Defaults.ContextTokens
	all := a.All()
	if len(all) > 0 {
		widest = cmp.Or(all[0].ContextTokens, widest)
	}
	for _, g := range all {
		of := cmp.Or(g.ContextTokens, a.Defaults.ContextTokens)
		if of == 0 {
			return 0
		}
		widest = max(widest, of)
	}
	return widest
}

// ParamsFor gives the params of a model under an agent, later ones winning: the
// defaults', the default ones of the ref, the agent's for the ref, the agent's own.
func (a Agents) ParamsFor(agentID, ref string) Params {
	own := a.own(agentID)
	p := mergeParams(a.Defaults.Params, a.Defaults.Models[ref].Params)
	p = mergeParams(p, own.Models[ref].Params)
	return mergeParams(p, own.Params)
}

// own is the agent as written, without the defaults.
func (a Agents) own(id string) Agent {
	if id == "" {
		id = a.DefaultID()
	}
	for _, g := range a.All() {
		if strings.EqualFold(g.ID, id) {
			return g
		}
	}
	return Agent{}
}

// mergeParams merges key by key; over wins. It shares nothing with its arguments.
func mergeParams(under, over Params) Params {
	if len(under)+len(over) == 0 {
		return nil
	}
	out := make(Params, len(under)+len(over))
	maps.Copy(out, under)
	maps.Copy(out, over)
	return out
}

func mergeModels(under, over map[string]ModelEntry) map[string]ModelEntry {
	switch {
	case len(under)+len(over) == 0:
		return nil
	case len(over) == 0:
		return under // a config is never changed
	}
	out := make(map[string]ModelEntry, len(under)+len(over))
	maps.Copy(out, under)
	for ref, e := range over {
		base := out[ref]
		e.Alias = cmp.Or(e.Alias, base.Alias)
		e.Params = mergeParams(base.Params, e.Params)
		out[ref] = e
	}
	return out
}

func firstSet(own, otherwise []string) []string {
	if own != nil {
		return own
	}
	return otherwise
}
