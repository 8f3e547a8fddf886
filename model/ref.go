package model

import (
	"strings"
	"unicode"

	"hearth"
)

// ParseRef splits "provider/model" at the first slash; the model may hold more slashes.
// The provider is lower-cased; the model keeps its case. ok is false when there is no
// slash, an empty half, or a control character: such a word may still be an alias. An
// "@" stays in the model, for ids may hold one themselves (name@q4_k_m): SplitProfile
// comes first.
func ParseRef(s string) (ref hearth.ModelRef, ok bool) {
	provider, id, found := strings.Cut(strings.TrimSpace(s), "/")
	provider, id = ProviderID(provider), strings.TrimSpace(id)
	if !found || provider == "" || id == "" || strings.ContainsFunc(s, unicode.IsControl) {
		return hearth.ModelRef{}, false
	}
	return hearth.ModelRef{Provider: provider, Model: id}, true
}

// SplitProfile cuts "@profile" off what a person wrote for a model: a ref, an alias or a
// bare id. Nothing in the writing tells a profile from the rest of an id
// (workers-ai/@cf/llama, name@q4_k_m, claude@20240620), and profiles may hold an "@"
// themselves (google:me@example.org). So every "@" is tried from the left, and named
// decides whether what stands before it is a model that may have the profile after it;
// named gets no empty half. Without one profile is "" and model is s as it was.
func SplitProfile(s string, named func(model, profile string) bool) (model, profile string) {
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '@' && named(s[:i], s[i+1:]) {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// ProviderID gives a provider's id as refs hold it: in lower case, and the usual one
// where a provider is spelt in several ways.
func ProviderID(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if long, known := providerAliases[s]; known {
		return long
	}
	return s
}

// providerAliases are spellings that mean another provider id (runtime facts 3.1).
var providerAliases = map[string]string{"z.ai": "zai", "z-ai": "zai", "lm-studio": "lmstudio"}
