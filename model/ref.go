package model

import (
	"strings"

	"hearth"
)

// ParseRef splits "provider/model" at the first slash; the model may hold more slashes.
// The provider is lower-cased; the model keeps its case. ok is false when there is no
// slash, an empty half, or a control character: such a word may still be an alias. An
// "@" stays in the model, for ids may hold one themselves (name@q4_k_m).
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
