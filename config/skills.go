package config

// Skills is the skills block: which folders with a SKILL.md an agent is told of.
type Skills struct {
	// Entries is keyed by the name of a skill, or the skillKey it gives.
	Entries map[string]SkillEntry `json:"entries"`
	Load    SkillLoad             `json:"load"`
	Limits  SkillLimits           `json:"limits"`
}

// A SkillEntry is what the owner says of one skill.
type SkillEntry struct {
	Enabled *bool `json:"enabled"` // nil means yes
}

// SkillLoad says where skills are looked for besides the usual places.
type SkillLoad struct {
	ExtraDirs []string `json:"extraDirs"`
}

// SkillLimits bounds what a model is told of skills; 0 means not written.
type SkillLimits struct {
	MaxSkillsPromptChars int `json:"maxSkillsPromptChars"`
}
