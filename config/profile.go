package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"hearth/internal/json5"
	"hearth/model"
)

// ProfileFile is the name of a file that holds credentials by profile. Its form is
// OpenClaw's: {"version": 1, "profiles": {ID: {"type", "provider", …}}, "order": {…}}.
const ProfileFile = "auth-profiles.json"

// A Profile is one credential of a provider, of which a person may have several.
type Profile struct {
	ID       string    // as a ref names it behind "@"; usually provider:name
	Provider string    // as refs hold it
	Kind     string    // api_key, token, oauth or another program's; "" where nobody says
	Account  string    // whose it is, for people: a name or an address; may be empty
	Secret   Secret    // zero where none is stored
	Expires  time.Time // of a token; zero where it does not end
	wrong    string    // why it cannot be used, whenever that is
}

// Unusable says why a profile's credential cannot be sent, as the end of a sentence about
// it; "" when it can. Hearth has no logins, so those of OAuth are of no use here.
func (p Profile) Unusable(now time.Time) string {
	switch {
	case p.wrong != "":
		return p.wrong
	case p.Kind == "oauth":
		return "is an OAuth login, and Hearth has none"
	case p.Kind != "" && p.Kind != "api_key" && p.Kind != "token":
		return fmt.Sprintf("is of type %q, which Hearth does not know", p.Kind)
	case p.Secret.IsZero():
		return "has no credential stored"
	case strings.HasPrefix(p.Secret.text, "sk-ant-oat"):
		return "is a login of Claude's own programs and no key"
	case !p.Expires.IsZero() && !p.Expires.After(now):
		return "has expired"
	}
	return ""
}

// Label names the profile for a list, its credential masked.
func (p Profile) Label() string {
	switch {
	case p.Kind == "oauth" && p.Account != "":
		return p.ID + "=OAuth (" + p.Account + ")"
	case p.Kind == "oauth":
		return p.ID + "=OAuth"
	case p.Secret.IsZero():
		return p.ID + "=missing"
	}
	return p.ID + "=" + p.Secret.String()
}

// A profileStore is one file of credentials as it was read.
type profileStore struct {
	text     []byte
	profiles []Profile // as they stand there
	order    map[string][]string
	warnings []Warning
}

// profilePaths lists where the credentials of some agents may be: Hearth's own folder
// before OpenClaw's for each.
func (f *File) profilePaths(agents []string) []string {
	dirs := []string{f.Places.State}
	switch theirs := f.Places.variable("OPENCLAW_STATE_DIR"); {
	case f.Places.Target != f.Places.Config: // the config is one of OpenClaw's
		dirs = append(dirs, filepath.Dir(f.Places.Config))
	case f.Places.OpenClaw != "" && theirs != "":
		dirs = append(dirs, f.Places.expand(theirs))
	case f.Places.OpenClaw != "":
		dirs = append(dirs, f.Places.OpenClaw)
	}
	var out []string
	for _, id := range agents {
		id = strings.ToLower(id)
		for _, dir := range dirs {
			if path := storePath(dir, id); agentFolder.MatchString(id) && !slices.Contains(out, path) {
				out = append(out, path)
			}
		}
	}
	return out
}

// agentFolder matches the ids of agents that are a folder's name and no way out of it.
var agentFolder = regexp.MustCompile(`^[a-z0-9_][a-z0-9_.-]*$`)

func storePath(dir, agentID string) string {
	return filepath.Join(dir, "agents", agentID, "agent", ProfileFile)
}

// readStore reads a file of credentials; nil when it is not there. No message about it
// quotes it.
func readStore(path string) *profileStore {
	s := &profileStore{order: map[string][]string{}}
	warn := func(kind Kind, format string, args ...any) {
		s.warnings = append(s.warnings, Warning{Kind: kind, File: path, Message: fmt.Sprintf(format, args...)})
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err == nil {
		s.text, err = readLimited(path, secretMaxBytes)
	}
	if err != nil {
		warn(Unreadable, "the credentials in %s cannot be read: %v", path, err)
		return s
	}
	const others = fs.FileMode(0o077)
	if runtime.GOOS != "windows" && info.Mode().Perm()&others != 0 {
		warn(Exposed, "other users of this machine may read the credentials in it: chmod 600 %s", path)
	}
	doc, err := json5.Parse(path, s.text)
	if err != nil {
		line := ""
		if syntax, ok := errors.AsType[*json5.SyntaxError](err); ok {
			line = fmt.Sprintf(" (line %d)", syntax.Line)
		}
		warn(Syntax, "it does not parse as JSON%s: the credentials in it are not used", line)
		return s
	}
	if all := doc.Root.Get("profiles"); all != nil {
		for _, m := range all.Unique() {
			s.profiles = append(s.profiles, storedProfile(m.Key, m.Value))
		}
	}
	if all := doc.Root.Get("order"); all != nil {
		for _, m := range all.Unique() {
			if m.Value.Kind == json5.Array {
				s.order[model.ProviderID(m.Key)] = textsOf(m.Value)
			}
		}
	}
	return s
}

// storedProfile reads one entry. What it does not say is left empty; a reference wins
// over a text beside it.
func storedProfile(id string, v *json5.Value) Profile {
	p := Profile{ID: id, Provider: providerOf(id, textAt(v, "provider")), Kind: cmp.Or(textAt(v, "type"), textAt(v, "mode")), Account: textAt(v, "email")}
	names := []string{"keyRef", "key", "apiKey"}
	if p.Kind == "token" {
		names = []string{"tokenRef", "token"}
	}
	for _, name := range names {
		if s := storedSecret(v.Get(name)); p.Secret.IsZero() {
			p.Secret = s
		}
	}
	if until := v.Get("expires"); until != nil && p.Kind == "token" {
		if ms, ok := until.Int(); ok && ms > 0 {
			p.Expires = time.UnixMilli(ms)
		} else {
			p.wrong = "has an end (expires) that is no time"
		}
	}
	return p
}

// providerOf is the provider of a profile: as written, else what its id begins with.
func providerOf(id, written string) string {
	if written == "" {
		written, _, _ = strings.Cut(id, ":")
	}
	return model.ProviderID(written)
}

// storedSecret reads a credential: a reference, a text, or a text that names a variable of
// the owner's.
func storedSecret(v *json5.Value) Secret {
	if v == nil {
		return Secret{}
	}
	if v.Kind == json5.Object {
		if source, id := textAt(v, "source"), textAt(v, "id"); source != "" && id != "" {
			return Secret{ref: &SecretRef{Source: source, Provider: textAt(v, "provider"), ID: id}}
		}
		return Secret{}
	}
	if v.Kind != json5.String {
		return Secret{}
	}
	s := strings.TrimSpace(v.Text)
	switch {
	case keyName.MatchString(s):
		return Secret{env: variable{s, true}}
	case shorthand.MatchString(s):
		return Secret{env: variable{s[1:], true}}
	case strings.HasPrefix(s, "${") && reference.FindString(s) == s:
		return Secret{env: variable{s[2 : len(s)-1], true}}
	}
	return Secret{text: s}
}

func textAt(v *json5.Value, key string) string {
	if at := v.Get(key); at != nil && at.Kind == json5.String {
		return strings.TrimSpace(at.Text)
	}
	return ""
}

func textsOf(v *json5.Value) []string {
	out := []string{}
	for _, e := range v.Elements {
		if e.Kind == json5.String {
			out = append(out, e.Text)
		}
	}
	return out
}

// sameStores reports whether two readings found the same credentials.
func sameStores(a, b map[string]*profileStore) bool {
	return maps.EqualFunc(a, b, func(a, b *profileStore) bool {
		return (a == nil) == (b == nil) && (a == nil || string(a.text) == string(b.text))
	})
}
