package config

import (
	"cmp"
	"regexp"
	"strings"

	"hearth/internal/json5"
)

// A Secret is a credential as the file gives it: a text, or a reference that is
// resolved when it is needed (File.Resolve). It prints as a mask.
type Secret struct {
	text string
	ref  *SecretRef
	// env is set when the text is ${NAME}, or the name of a provider's variable, such
	// as apiKey: "OLLAMA_API_KEY". The .env of the working folder serves the first only.
	env variable
}

// A SecretRef points at a credential that lives elsewhere.
type SecretRef struct {
	Source   string `json:"source" enum:"env|file|exec|store"`
	Provider string `json:"provider"`
	ID       string `json:"id"`
}

// SecretText makes a Secret of a plain text.
func SecretText(s string) Secret { return Secret{text: s} }

// IsZero reports whether the file has nothing here.
func (s Secret) IsZero() bool { return s.text == "" && s.ref == nil && s.env.name == "" }

// Ref returns the reference, or nil for a plain text.
func (s Secret) Ref() *SecretRef { return s.ref }

// Env returns the name of the variable that holds the secret, or "".
func (s Secret) Env() string {
	if s.ref != nil && s.ref.Source == "env" {
		return s.ref.ID
	}
	return s.env.name
}

// String masks the secret; references print as what they point at.
func (s Secret) String() string {
	switch {
	case s.ref != nil:
		return s.ref.Source + ":" + s.ref.Provider + ":" + s.ref.ID
	case s.env.name != "":
		return "env:" + s.env.name
	case len(s.text) > 8:
		return s.text[:2] + "..." + s.text[len(s.text)-2:]
	case s.text != "":
		return "..."
	}
	return ""
}

// GoString masks the secret in %#v too.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps a secret out of JSON and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Secrets is the secrets block.
type Secrets struct {
	Providers map[string]SecretProvider `json:"providers"`
	Defaults  SecretDefaults            `json:"defaults"`
}

// SecretDefaults names the provider that a reference without one means.
type SecretDefaults struct {
	Env  string `json:"env"`
	File string `json:"file"`
	Exec string `json:"exec"`
}

// A SecretProvider says how references of one alias are resolved.
type SecretProvider struct {
	Source string `json:"source" enum:"env|exec|file|store"`
	// env
	Allowlist []string `json:"allowlist"`
	// file: a JSON file whose values are named by pointer, or one value alone.
	Path     string `json:"path"`
	Mode     string `json:"mode" enum:"singleValue|json"`
	MaxBytes int    `json:"maxBytes"`
	// exec: a program, run without a shell.
	Command             string            `json:"command"`
	Args                []string          `json:"args"`
	Env                 map[string]string `json:"env"`
	PassEnv             []string          `json:"passEnv"`
	JSONOnly            *bool             `json:"jsonOnly"`
	TrustedDirs         []string          `json:"trustedDirs"`
	AllowSymlinkCommand bool              `json:"allowSymlinkCommand"`
	AllowInsecurePath   bool              `json:"allowInsecurePath"`
	TimeoutMS           int               `json:"timeoutMs"`
	MaxOutputBytes      int               `json:"maxOutputBytes"`
}

// noStore says why references of OpenClaw's later versions cannot be followed.
const noStore = `source "store" is OpenClaw's own store of secrets, which only OpenClaw can open: use "env", "file" or "exec"`

// keyName matches the variables that hold providers' keys: OPENAI_API_KEY,
// ANTHROPIC_AUTH_TOKEN. A real key never looks like that.
var keyName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*_(API_KEYS?|API_TOKEN|AUTH_TOKEN|OAUTH_TOKEN|ACCESS_TOKEN)$`)

// shorthand matches "$NAME" as the whole text.
var shorthand = regexp.MustCompile(`^\$[A-Z][A-Z0-9_]{0,127}$`)

// decode implements decodable: a text or a reference.
func (s *Secret) decode(d *decoder, path string, v *json5.Value) bool {
	switch v.Kind {
	case json5.String:
		named := d.variable(v)
		switch {
		case named.name != "":
			*s = Secret{env: named}
		case keyName.MatchString(v.Text):
			*s = Secret{env: variable{v.Text, true}}
		case shorthand.MatchString(v.Text):
			*s = Secret{env: variable{strings.TrimPrefix(v.Text, "$"), true}}
		default:
			*s = Secret{text: v.Text}
		}
		return true
	case json5.Object:
		ref := new(SecretRef)
		if !d.structure(path, v, ref) {
			return false
		}
		*s = Secret{ref: ref}
		if ref.Source == "store" {
			d.report(finding{kind: WrongType, path: path, full: path, at: v, soft: path + ": " + noStore})
		}
		return true
	default:
		d.wrongType(path, v, "string or object")
		return false
	}
}

// variable gives the variable in a text that is one ${NAME}, or that names a variable
// which is not set: such a text must not travel as a credential.
func (d *decoder) variable(v *json5.Value) variable {
	if d.sub == nil {
		return variable{}
	}
	return cmp.Or(d.sub.whole[v], d.sub.broken[v])
}
