package config

import (
	"regexp"
	"slices"
	"strings"

	"hearth/internal/json5"
)

// Mask stands where a secret was left out. It is OpenClaw's word, so that programs that
// know the one know the other.
const Mask = "__OPENCLAW_REDACTED__"

var (
	// secretKey matches keys whose values are credentials wherever they stand.
	secretKey = regexp.MustCompile(`(?i)(api[-_]?keys?|token|secret|password|passwd|passphrase|private_?key|access_?key|credentials?|authorization|cookie)$`)
	// secretKeys is the same in the plural; numbers of tokens are no secret.
	secretKeys = regexp.MustCompile(`(?i)(token|secret|password|cookie)s$`)
	// secretWord matches the names of headers and variables that carry credentials.
	secretWord = regexp.MustCompile(`(?i)auth|key|token|secret|cookie|pass|credential`)
	// userInfo is a password inside an address.
	userInfo = regexp.MustCompile(`(://[^/@:\s]*:)[^/@\s]+@`)
)

// Masked gives the value with the credentials in it left out: keys, tokens, passwords,
// headers and variables whose names say so, passwords in addresses. References and
// ${NAME} stay, for they only say where a credential is.
func (v Value) Masked() Value {
	var below []string
	for _, s := range v.path {
		if key, ok := s.Key(); ok {
			below = append(below, key)
		}
	}
	return Value{v: masked(below, v.v), path: v.path}
}

// masked copies a value without its credentials; below are the keys above it, with its own.
func masked(below []string, v *json5.Value) *json5.Value {
	switch v.Kind {
	case json5.Object:
		if v.Get("source") != nil && v.Get("id") != nil {
			return v // a reference
		}
		out := &json5.Value{Kind: json5.Object}
		for _, m := range v.Unique() {
			out.Members = append(out.Members, json5.Member{Key: m.Key, Value: masked(append(slices.Clip(below), m.Key), m.Value)})
		}
		return out
	case json5.Array:
		out := &json5.Value{Kind: json5.Array}
		for _, e := range v.Elements {
			out.Elements = append(out.Elements, masked(below, e))
		}
		return out
	case json5.String, json5.Number:
		if isSecret(below, v.Kind) && v.Text != "" && !isReference(v.Text) {
			return &json5.Value{Kind: json5.String, Text: Mask}
		}
		if open := userInfo.ReplaceAllString(v.Text, "${1}"+Mask+"@"); open != v.Text {
			return &json5.Value{Kind: json5.String, Text: open}
		}
	default:
	}
	return v
}

// isSecret reports whether a text or number below these keys is a credential.
func isSecret(below []string, kind json5.Kind) bool {
	if n := len(below); n > 1 && slices.Contains([]string{"source", "provider", "id"}, below[n-1]) {
		return false // a part of a reference
	}
	for i, key := range below {
		above := ""
		if i > 0 {
			above = strings.ToLower(below[i-1])
		}
		switch {
		case secretKey.MatchString(key), kind == json5.String && secretKeys.MatchString(key),
			(strings.HasSuffix(above, "headers") || above == "env" || above == "vars") && secretWord.MatchString(key),
			above == "tls" && key == "key",
			above == "auth" && key == "value":
			return true
		}
	}
	return false
}

// isReference reports whether a text only names a variable.
func isReference(text string) bool {
	return keyName.MatchString(text) || shorthand.MatchString(text) || reference.FindString(text) == text
}
