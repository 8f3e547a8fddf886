package config

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// desk is a machine with a config and files of credentials, by path below the home folder.
func desk(t *testing.T, files map[string]string) (home string, f *File) {
	t.Helper()
	home = t.TempDir()
	for name, text := range files {
		put(t, filepath.Join(home, name), text)
	}
	f, _, err := Load(t.Context(), Options{HomeDir: home, WorkDir: home, LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	return home, f
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func ids(profiles []Profile) string {
	var out []string
	for _, p := range profiles {
		out = append(out, p.ID)
	}
	return strings.Join(out, " ")
}

const (
	theirConfig = ".openclaw/openclaw.json"
	theirMain   = ".openclaw/agents/main/agent/auth-profiles.json"
	ourMain     = ".hearth/agents/main/agent/auth-profiles.json"
)

func TestProfilesAreReadFromWhereOpenClawKeepsThem(t *testing.T) {
	_, f := desk(t, map[string]string{
		theirConfig: `{auth: {profiles: {"z.ai:x": {provider: "Z.AI", mode: "api_key"}}}}`,
		theirMain: `{"version": 1, "profiles": {
			"anthropic:default": {"type": "api_key", "provider": "Anthropic", "key": " sk-one \n"},
			"anthropic:named":   {"type": "api_key", "provider": "anthropic", "key": "${ANTHROPIC_KEY_TWO}"},
			"anthropic:ref":     {"type": "api_key", "provider": "anthropic", "key": "old", "keyRef": {"source": "env", "provider": "default", "id": "REF_KEY"}},
			"github:t":          {"type": "token", "provider": "github", "token": "ghp-1", "expires": 4102444800000},
			"openai:login":      {"type": "oauth", "provider": "openai", "access": "a", "refresh": "r", "email": "me@example.org"},
			"older:default":     {"mode": "api_key", "apiKey": "sk-old"}
		}}`,
	})
	got, warnings := f.Profiles("")
	if len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	now := time.Now()
	for _, c := range []struct{ id, provider, secret, unusable string }{
		{"anthropic:default", "anthropic", "...", ""},
		{"anthropic:named", "anthropic", "env:ANTHROPIC_KEY_TWO", ""},
		{"anthropic:ref", "anthropic", "env:default:REF_KEY", ""},
		{"github:t", "github", "...", ""},
		{"openai:login", "openai", "", "is an OAuth login, and Hearth has none"},
		{"older:default", "older", "...", ""},
		{"z.ai:x", "zai", "", "has no credential stored"},
	} {
		p, ok := got.Find(c.id)
		if !ok || p.Provider != c.provider || p.Secret.String() != c.secret || p.Unusable(now) != c.unusable {
			t.Errorf("%s: %v, provider %s, secret %s, %q", c.id, ok, p.Provider, p.Secret, p.Unusable(now))
		}
	}
	if p, _ := got.Find("anthropic:default"); p.Secret != SecretText("sk-one") {
		t.Error("the blanks around a pasted key are not taken off")
	}
	if _, ok := got.Find("anthropic:other"); ok {
		t.Error("a profile that nobody has was found")
	}
}

func TestWhyAProfileCannotBeUsed(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	for entry, want := range map[string]string{
		`{"type": "api_key"}`:                                       "has no credential stored",
		`{"type": "token", "key": "k"}`:                             "has no credential stored",
		`{"type": "token", "token": "t", "expires": 1}`:             "has expired",
		`{"type": "token", "token": "t", "expires": "soon"}`:        "has an end (expires) that is no time",
		`{"type": "token", "token": "t", "expires": 0}`:             "has an end (expires) that is no time",
		`{"type": "token", "token": "t", "expires": 9999999999999}`: "",
		`{"type": "api_key", "key": "k", "expires": 1}`:             "",
		`{"type": "aws-sdk"}`:                                       `is of type "aws-sdk", which Hearth does not know`,
		`{"type": "token", "token": "sk-ant-oat01-x"}`:              "is a login of Claude's own programs and no key",
		`{"type": "api_key", "key": {"source": "file"}}`:            "has no credential stored",
		`{"type": "api_key", "key": 7}`:                             "has no credential stored",
		`"text"`:                                                    "has no credential stored",
		`null`:                                                      "has no credential stored",
	} {
		_, f := desk(t, map[string]string{ourMain: `{"profiles": {"p:x": ` + entry + `}}`})
		all, _ := f.Profiles("")
		if p, ok := all.Find("p:x"); !ok || p.Unusable(now) != want {
			t.Errorf("%s: %v, %q, want %q", entry, ok, p.Unusable(now), want)
		}
	}
}

func TestTheOrderInWhichProfilesAreUsed(t *testing.T) {
	const stored = `"profiles": {
		"p:key": {"type": "api_key", "provider": "p", "key": "1"}, "p:token": {"type": "token", "provider": "p", "token": "2"},
		"p:login": {"type": "oauth", "provider": "p"}, "p:last": {"type": "api_key", "provider": "p", "key": "3"}, "q:x": {"type": "api_key", "provider": "q", "key": "4"}}`
	for _, c := range []struct{ name, config, order, want string }{
		{"by kind, and as they stand there", `{}`, ``, "p:login p:token p:key p:last"},
		{"those of the config alone", `{auth: {profiles: {"p:last": {provider: "p", mode: "api_key"}, "p:key": {provider: "p", mode: "api_key"}}}}`, ``, "p:last p:key"},
		{"all, where those of the config hold nothing", `{auth: {profiles: {"p:gone": {provider: "p", mode: "api_key"}}}}`, ``, "p:login p:token p:key p:last p:gone"},
		{"auth.order is kept to", `{auth: {order: {P: ["p:last", "q:x", "p:none", "p:key", "p:last"]}}}`, ``, "p:last p:key"},
		{"an empty order uses none unasked", `{auth: {order: {p: []}}}`, ``, ""},
		{"the order beside the credentials goes first", `{auth: {order: {p: ["p:last"]}}}`, `, "order": {"p": ["p:key"]}`, "p:key"},
		{"another provider's order is no matter", `{auth: {order: {q: ["q:x"]}}}`, ``, "p:login p:token p:key p:last"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, f := desk(t, map[string]string{".hearth/hearth.json": c.config, ourMain: `{` + stored + c.order + `}`})
			all, _ := f.Profiles("")
			if got := ids(all.InOrder("P")); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAnAgentHasProfilesOfItsOwnAndThoseOfMain(t *testing.T) {
	entry := func(id, key string) string {
		return `"` + id + `": {"type": "api_key", "provider": "p", "key": "` + key + `"}`
	}
	_, f := desk(t, map[string]string{
		theirConfig: `{agents: {list: [{id: "main"}, {id: "Work"}, {id: "../../etc"}]}}`,
		theirMain:   `{"profiles": {` + entry("p:both", "theirs") + `,` + entry("p:theirs", "x") + `}}`,
		ourMain:     `{"profiles": {` + entry("p:both", "ours") + `}}`,
		".openclaw/agents/work/agent/auth-profiles.json": `{"profiles": {` + entry("p:both", "work") + `,` + entry("p:work", "x") + `}}`,
	})
	for agent, want := range map[string]string{"": "p:both p:theirs", "work": "p:both p:work p:theirs", "../../etc": "p:both p:theirs"} {
		all, _ := f.Profiles(agent)
		if got := ids(all.Of("p")); got != want {
			t.Errorf("agent %q has %q, want %q", agent, got, want)
		}
	}
	all, _ := f.Profiles("")
	if p, _ := all.Find("p:both"); p.Secret != SecretText("ours") {
		t.Error("Hearth's own file does not come first")
	}
	if all, _ = f.Profiles("work"); true {
		if p, _ := all.Find("p:both"); p.Secret != SecretText("work") {
			t.Error("the agent's own file does not come first")
		}
	}
}

func TestAFileOfCredentialsThatIsWrongIsAWarningThatQuotesNothing(t *testing.T) {
	home, f := desk(t, map[string]string{theirMain: "{\"profiles\": {\n\"p:x\": {\"key\": \"very-secret\" oops\n"})
	all, warnings := f.Profiles("")
	if len(warnings) != 1 || warnings[0].Kind != Syntax || !strings.Contains(warnings[0].Message, "(line 2)") || strings.Contains(warnings[0].String(), "secret") {
		t.Errorf("warnings: %v", warnings)
	}
	if len(all.all) > 0 {
		t.Error("profiles were read from it")
	}
	if runtime.GOOS == "windows" {
		return
	}
	put(t, filepath.Join(home, theirMain), `{"profiles": {"p:x": {"key": "k"}}}`)
	if err := os.Chmod(filepath.Join(home, theirMain), 0o640); err != nil {
		t.Fatal(err)
	}
	next, _, changed, err := f.Reload(t.Context())
	if err != nil || !changed {
		t.Fatalf("a new file of credentials was not noticed: %v", err)
	}
	all, warnings = next.Profiles("")
	if len(warnings) != 1 || warnings[0].Kind != Exposed || ids(all.Of("p")) != "p:x" {
		t.Errorf("%v, %v", ids(all.Of("p")), warnings)
	}
}

func TestOpenClawsCredentialsAreLeftAloneWhereItsPlacesAre(t *testing.T) {
	home := t.TempDir()
	put(t, filepath.Join(home, theirMain), `{"profiles": {"p:x": {"key": "k"}}}`)
	other := filepath.Join(home, "elsewhere")
	put(t, filepath.Join(other, "agents/main/agent/auth-profiles.json"), `{"profiles": {"p:moved": {"key": "k"}}}`)
	for _, c := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"the usual place", nil, "p:x"},
		{"HEARTH_HOME keeps away from it", map[string]string{"HEARTH_HOME": home + "/own"}, ""},
		{"OPENCLAW_STATE_DIR moves it", map[string]string{"OPENCLAW_STATE_DIR": other}, "p:moved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _, err := Load(t.Context(), Options{HomeDir: home, WorkDir: home, LookupEnv: func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }})
			if err != nil {
				t.Fatal(err)
			}
			all, _ := f.Profiles("")
			if got := ids(all.Of("p")); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzProfiles(f *testing.F) {
	f.Add([]byte(`{"profiles": {"p:x": {"type": "token", "token": "t", "expires": 1e300}}, "order": {"p": ["p:x", 7]}}`))
	f.Add([]byte(`{"profiles": [1], "order": "x"}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(dir, "auth-profiles.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s := readStore(path)
		for _, p := range s.profiles {
			_, _ = p.Unusable(time.Now()), p.Label()
			if p.Secret.text != "" && len(p.Secret.text) > 8 && slices.Contains([]string{p.Label(), p.Secret.String()}, p.Secret.text) {
				t.Errorf("the credential is shown: %s", p.Label())
			}
		}
	})
}
