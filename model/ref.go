package model

import (
	"strings"

	"hearth"
)

// ParseRef splits "provider/model@profile" at the first slash; the model may hold more
// slashes. The provider is lower-cased; the model keeps its case. ok is false when there
// is no slash, an empty half, or a control character: such a word may still be an alias.
// A profile is split off only after the last slash, and only where the rest is a
// plausible profile name, because model ids may hold "@" themselves (name@q4_k_m).
func ParseRef(s string) (ref hearth.ModelRef, ok bool) {
	provider, id, found := strings.Cut(strings.TrimSpace(s), "/")
	provider, id = strings.ToLower(strings.TrimSpace(provider)), strings.TrimSpace(id)
	if !found || provider == "" || id == "" || strings.ContainsFunc(s, isControl) {
		return hearth.ModelRef{}, false
	}
	if long, known := providerAliases[provider]; known {
		provider = long
	}
	return hearth.ModelRef{Provider: provider, Model: id}, true
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// providerAliases are spellings that mean another provider id (runtime facts 3.1).
var providerAliases = map[string]string{"z.ai": "zai", "z-ai": "zai", "lm-studio": "lmstudio"}

// SplitProfile cuts an "@profile" suffix off a ref's model id, when known reports that
// the provider has a profile of that name; otherwise the id is returned whole.
func SplitProfile(id string, known func(profile string) bool) (model, profile string) {
	at := strings.LastIndexByte(id, '@')
	if at <= 0 || at == len(id)-1 || known == nil || !known(id[at+1:]) {
		return id, ""
	}
	return id[:at], id[at+1:]
}
