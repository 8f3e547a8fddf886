// Package redact takes secrets out of text before it is logged or shown to a model:
// values that the gateway knows, and text in the shape of a well-known kind of key.
package redact

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Mask stands where a secret was.
const Mask = "[secret]"

// MinLength is the length below which a known value is not looked for: "none" or
// "test" as a key would blank out ordinary words.
const MinLength = 6

// A Redactor masks known values, however they are written: as they are, in JSON, in a
// URL, in base64. The zero Redactor knows none. It is safe for many goroutines.
type Redactor struct {
	replacer *strings.Replacer
	longest  int // bytes of the longest text looked for
}

// New gives a Redactor of values. Values too short to be told from words are ignored.
func New(values ...string) *Redactor {
	var forms []string
	for _, v := range values {
		if v = strings.TrimSpace(v); len(v) < MinLength {
			continue
		}
		forms = append(forms, v, inJSON(v, true), inJSON(v, false), url.QueryEscape(v), url.PathEscape(v))
		forms = append(forms, base64Forms(v)...)
	}
	// The replacer takes the first that fits, so what holds another goes before it.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	forms = slices.Compact(forms)
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, Mask)
	}
	r := &Redactor{replacer: strings.NewReplacer(pairs...)}
	if len(forms) > 0 {
		r.longest = len(forms[0])
	}
	return r
}

// inJSON is a value as it stands inside a JSON string, with & < > escaped or not.
func inJSON(v string, escapeHTML bool) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(escapeHTML)
	if enc.Encode(v) != nil {
		return v
	}
	return strings.TrimSuffix(b.String(), "\"\n")[1:]
}

// base64Forms are the parts of a value's base64 that do not depend on what stands
// before and after it, for each of the three places it can begin at.
func base64Forms(v string) []string {
	if len(v) < 2*MinLength {
		return nil // too little would be left to be sure of
	}
	var out []string
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			coded := enc.EncodeToString([]byte(strings.Repeat("x", shift) + v))
			from := []int{0, 2, 3}[shift]
			to := len(coded)
			if (len(v)+shift)%3 != 0 {
				to-- // the last character holds bits of what follows
			}
			out = append(out, coded[from:to])
		}
	}
	return out
}

// Values masks the known values in s.
func (r *Redactor) Values(s string) string {
	if r == nil || r.replacer == nil || r.longest == 0 {
		return s
	}
	return r.replacer.Replace(s)
}

// All masks the known values and everything that looks like a key.
func (r *Redactor) All(s string) string { return Shapes(r.Values(s)) }

// A shape is the look of a kind of key, and a quick look at whether a text may hold one:
// most of what is logged is short and holds none, and an expression costs microseconds.
type shape struct {
	*regexp.Regexp
	may func(s string) bool
}

// shapes are keys by their look, each with what stays visible in group 1. The vendors
// chose these prefixes so that leaks can be found; see their documents on secret
// scanning.
var shapes = []shape{
	// OpenAI, Anthropic, OpenRouter, DeepSeek, Moonshot: sk-…, sk-ant-…, sk-or-…, sk-proj-…
	{regexp.MustCompile(`\b(sk-(?:[a-z]{2,8}-)*)[A-Za-z0-9_-]{16,}`), has("sk-")},
	{regexp.MustCompile(`\b(gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|xapp-|hf_|gsk_|npm_|pypi-|dop_v1_|shpat_|r8_|nvapi-|pplx-|xai-|tvly-|fw_|csk-|AIza|ya29\.|AKIA|ASIA|SG\.)[A-Za-z0-9_.-]{14,}`), long(17)},
	// a Telegram bot
	{regexp.MustCompile(`\b([0-9]{8,10}:)AA[A-Za-z0-9_-]{30,}`), has(":AA")},
	// JSON Web Token
	{regexp.MustCompile(`\b(eyJ)[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?`), has("eyJ")},
	{regexp.MustCompile(`(?i)\b((?:authorization|proxy-authorization)["']?\s*[:=]\s*["']?(?:bearer|basic|token)?\s*)[A-Za-z0-9_.~+/=-]{8,}`), all(long(22), some(":="))},
	{regexp.MustCompile(`(?i)\b(bearer\s+)[A-Za-z0-9_.~+/=-]{16,}`), all(long(23), some(" \t\r\n\f"))},
	{regexp.MustCompile(`(?i)\b((?:x-)?(?:api[_-]?key|auth[_-]?token|access[_-]?token|refresh[_-]?token|client[_-]?secret|secret[_-]?key|password|passwd)["']?\s*[:=]\s*["']?)[^\s"',;&}]{8,}`), all(long(15), some(":="))},
	// a password in a URL
	{regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]{3,}(?:@)`), all(has("://"), has("@"))},
	{regexp.MustCompile(`(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`), has("-----BEGIN")},
}

// What a text has at least to hold.
func has(part string) func(string) bool {
	return func(s string) bool { return strings.Contains(s, part) }
}

func some(chars string) func(string) bool {
	return func(s string) bool { return strings.ContainsAny(s, chars) }
}

func long(bytes int) func(string) bool {
	return func(s string) bool { return len(s) >= bytes }
}

func all(looks ...func(string) bool) func(string) bool {
	return func(s string) bool {
		for _, may := range looks {
			if !may(s) {
				return false
			}
		}
		return true
	}
}

// Shapes masks everything in s that looks like a key and leaves what names its kind.
// Text that was masked already stays as it is.
func Shapes(s string) string {
	for _, shape := range shapes {
		if !shape.may(s) {
			continue
		}
		s = shape.ReplaceAllStringFunc(s, func(found string) string {
			m := shape.FindStringSubmatch(found)
			if strings.HasPrefix(found[len(m[1]):], Mask) {
				return found
			}
			end := ""
			if strings.HasSuffix(found, "@") {
				end = "@"
			}
			return m[1] + Mask + end
		})
	}
	return s
}
