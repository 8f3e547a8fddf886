package config

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"hearth/internal/json5"
	"hearth/internal/redact"
	"hearth/model"
)

// Mask stands where a secret was left out. It is OpenClaw's word, so that programs that
// know the one know the other.
const Mask = "__OPENCLAW_REDACTED__"

var (
	// secretKey matches keys whose values are credentials wherever they stand.
	secretKey = regexp.MustCompile(`(?i)(api[-_]?keys?|token|secret|password|passwd|passphrase|private_?key|access_?key|credentials?|authorization|cookie)$`)
	// secretKeys is the same in the plural; numbers of tokens are no secret.
	secretKeys = regexp.MustCompile(`(?i)(token|secret|password|cookie)s$`)
	// openHeader matches the names of headers that are known to carry no credential. Any
	// other may: what a proxy wants to see is its owner's affair.
	openHeader = regexp.MustCompile(`(?i)^(accept(-.+)?|content-.+|user-agent|(http-)?referer|origin|(x-)?title|.+-(title|version|beta|organization|project))$`)
	// secretWord matches the names of headers and variables that carry credentials.
	secretWord = regexp.MustCompile(`(?i)auth|key|token|secret|cookie|pass|credential`)
	// userInfo is a password inside an address.
	userInfo = regexp.MustCompile(`(://[^/@:\s]*:)[^/@\s]+@`)
	// parameter is one name and value in the query of an address.
	parameter = regexp.MustCompile(`[?&][^=&#\s]+=[^&#\s]+`)
	// secretMember is a credential behind its name in a line that need not be JSON5.
	secretMember = regexp.MustCompile(`(?i)((?:api[-_]?keys?|tokens?|secrets?|passwords?|passwd|passphrase|private_?key|access_?key|credentials?|authorization|cookies?)\b["'“”‘’]?\s*[:=,]?\s*(?:/\*.*?\*/\s*)?)` +
		`("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[“”‘’][^“”‘’]*[“”‘’]?|[^\s,{}\[\]"'“”‘’:=][^\s,{}\[\]"'“”‘’]*)`)
	// word is anything in such a line that may be a credential.
	word = regexp.MustCompile(`[^\s,{}\[\]"'“”‘’]+`)
	// piece is a part of such a word, in what is said of the line too.
	piece = regexp.MustCompile(`[^\s,{}\[\]"'“”‘’:=]+`)
	// argument is one word of a command that holds a name and a value: --api-key=x, KEY=x,
	// a header as curl takes it.
	argument = regexp.MustCompile(`(?s)^([-\w]+)(=|:\s*)(.+)$`)
)

// Masked gives the value with the credentials in it left out: keys, tokens, passwords,
// headers but those that are known to be harmless, variables and arguments whose names say
// so, passwords and keys in addresses. References and ${NAME} stay, for they only say where
// a credential is.
func (v Value) Masked() Value {
	v.tree = masked(nil, v.tree) // what stands around a value says what it is
	v.v = v.tree.At(v.path...)
	return v
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
		return maskedList(below, v)
	case json5.String, json5.Number:
		if isSecret(below, v.Kind) && v.Text != "" && !isReference(v.Text) {
			return &json5.Value{Kind: json5.String, Text: Mask}
		}
		if open := maskedAddress(v.Text); open != v.Text {
			return &json5.Value{Kind: json5.String, Text: open}
		}
	default:
	}
	return v
}

// maskedList is masked for a list, which may be a command's arguments: one that names a
// credential holds it behind its name, or is followed by it.
func maskedList(below []string, v *json5.Value) *json5.Value {
	out := &json5.Value{Kind: json5.Array}
	follows := false
	for _, e := range v.Elements {
		next := masked(below, e)
		if e.Kind == json5.String || e.Kind == json5.Number {
			named := argument.FindStringSubmatch(e.Text)
			switch {
			case follows && e.Text != "" && !isReference(e.Text):
				next = &json5.Value{Kind: json5.String, Text: Mask}
			case named != nil && secretKey.MatchString(named[1]) && !isReference(named[3]):
				next = &json5.Value{Kind: json5.String, Text: named[1] + named[2] + Mask}
			}
		}
		follows = e.Kind == json5.String && strings.HasPrefix(e.Text, "-") && secretKey.MatchString(e.Text)
		out.Elements = append(out.Elements, next)
	}
	return out
}

// maskedAddress leaves out the credentials that stand inside an address.
func maskedAddress(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	text = userInfo.ReplaceAllString(text, "${1}"+Mask+"@")
	return parameter.ReplaceAllStringFunc(text, func(pair string) string {
		name, value, _ := strings.Cut(pair, "=")
		if !model.NamesSecret(name[1:]) || isReference(value) {
			return pair
		}
		return name + "=" + Mask
	})
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
			strings.HasSuffix(above, "headers") && (!openHeader.MatchString(key) || secretWord.MatchString(key)),
			(above == "env" || above == "vars") && secretWord.MatchString(key),
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

// hideSecrets puts a star for each character of what is, or looks like, a credential in a
// line of a config that does not parse. People show such lines to others.
func hideSecrets(line string) string {
	stars := func(s string) string { return strings.Repeat("*", utf8.RuneCountInString(s)) }
	at := 0
	var out strings.Builder
	for _, m := range secretMember.FindAllStringSubmatchIndex(line, -1) {
		value := line[m[4]:m[5]]
		if bare := strings.Trim(value, `"'“”‘’`); bare == "" || isReference(bare) || strings.Trim(bare, "0123456789_.") == "" {
			continue
		}
		out.WriteString(line[at:m[4]] + stars(value))
		at = m[5]
	}
	return word.ReplaceAllStringFunc(out.String()+line[at:], func(s string) string {
		if open := maskedAddress(s); open != s || redact.Shapes(s) != s {
			return stars(s)
		}
		return s
	})
}

// hideInMessage takes out of a sentence about a line what hideSecrets takes out of the line.
func hideInMessage(message, line string) string {
	shown := piece.FindAllString(hideSecrets(line), -1)
	hidden := slices.DeleteFunc(piece.FindAllString(line, -1), func(s string) bool { return slices.Contains(shown, s) })
	return piece.ReplaceAllStringFunc(message, func(s string) string {
		// A sentence may show the beginning of a long word.
		if slices.ContainsFunc(hidden, func(h string) bool { return s == h || len(s) >= 8 && strings.HasPrefix(h, s) }) {
			return strings.Repeat("*", utf8.RuneCountInString(s))
		}
		return s
	})
}
