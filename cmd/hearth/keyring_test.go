package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/config"
	"hearth/internal/terminal"
	"hearth/model"
)

// storing is an app with a config and a file of credentials.
func storing(t *testing.T, cfg, stored string) *app {
	t.Helper()
	a := scene(t, cfg)
	path := a.state("agents", "main", "agent", config.ProfileFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(stored), 0o600); err != nil {
		t.Fatal(err)
	}
	next, _, _, err := a.file.Reload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.file = next
	return a
}

const stored = `{"profiles": {
	"box:a": {"type": "api_key", "provider": "box", "key": "stored-key-a-77"},
	"box:me@example.org": {"type": "api_key", "provider": "box", "key": "stored-key-b-77"},
	"plain": {"type": "api_key", "provider": "box", "key": "stored-key-c-77"},
	"far:a": {"type": "api_key", "provider": "far", "key": "stored-key-d-77"},
	"anthropic:a": {"type": "api_key", "provider": "anthropic", "key": "stored-key-e-77"}
}}`

func TestModelsAndTheirProfilesAsPeopleWriteThem(t *testing.T) {
	a := storing(t, `{models: {providers: {box: {baseUrl: "http://127.0.0.1:1/v1", models: [{id: "m"}, {id: "listed@plain"}]}}},
		agents: {defaults: {models: {"box/m": {alias: "Quick"}, "box/m@box:a": {alias: "Mine"}}}}}`, stored)
	for _, c := range []struct{ name, word, ref, profile string }{
		{"a ref", "box/m", "box/m", ""},
		{"a ref with a profile", "Box/m@box:a", "box/m", "box:a"},
		{"an alias with a profile", "quick@box:a", "box/m", "box:a"},
		{"an alias that stands for a ref with one", "mine", "box/m", "box:a"},
		{"a bare id with a profile", "m@plain", "box/m", "plain"},
		{"a profile with an at sign", "box/m@box:me@example.org", "box/m", "box:me@example.org"},
		{"a profile without a colon", "box/x@plain", "box/x", "plain"},
		{"of another provider, without a colon, it is a part of the id", "far/x@plain", "far/x@plain", ""},
		{"of another provider, with a colon, it is told later", "far/x@box:a", "far/x", "box:a"},
		{"one that nobody knows, but after the provider's name", "box/m@box:typo", "box/m", "box:typo"},
		{"a listed id stays whole", "box/listed@plain", "box/listed@plain", ""},
		{"and may have a profile", "box/listed@plain@box:a", "box/listed@plain", "box:a"},
		{"a quantisation", "box/m@q4_k_m", "box/m@q4_k_m", ""},
		{"a hosted id", "workers-ai/@cf/meta/llama", "workers-ai/@cf/meta/llama", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ref, profile, err := a.roster.named("", c.word)
			if err != nil || ref.String() != c.ref || profile != c.profile {
				t.Errorf("%s, %q, %v; want %s, %q", ref, profile, err, c.ref, c.profile)
			}
		})
	}
	if _, _, err := a.roster.named("", "nonsense@plain"); err == nil {
		t.Error("a word that names no model became one")
	}
}

func TestWhichCredentialIsSent(t *testing.T) {
	const at = `baseUrl: "http://127.0.0.1:1/v1"`
	t.Setenv("ANTHROPIC_API_KEY", "from-the-environment")
	for _, c := range []struct{ name, provider, id, named, profile, key string }{
		{"the first profile, where the config gives none", at, "box", "", "box:a", "stored-key-a-77"},
		{"what the config gives", at + `, apiKey: "own"`, "box", "", "", "own"},
		{"a word for no key at all counts as given", at + `, apiKey: "not-needed"`, "box", "", "", "not-needed"},
		{"a variable that nobody has set is not given", at + `, apiKey: "${NOT_SET_ANYWHERE}"`, "box", "", "box:a", "stored-key-a-77"},
		{"request.auth is given", at + `, request: {auth: {mode: "authorization-bearer", token: "t"}}`, "box", "", "", ""},
		{"so is a header", at + `, headers: {Authorization: "Bearer t"}`, "box", "", "", ""},
		{"one that is named goes before all", at + `, apiKey: "own", headers: {Authorization: "Bearer t", "X-Auth-Token": "t", "X-Title": "x"}`, "box", "plain", "plain", "stored-key-c-77"},
		{"a profile goes before the environment", at, "anthropic", "", "anthropic:a", "stored-key-e-77"},
		{"without a profile there is none", at, "none", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := storing(t, `{models: {providers: {box: {`+c.provider+`}, none: {`+at+`}}}}`, stored)
			p, _ := a.roster.provider(c.id)
			p, profile, err := a.keys.credentialed(t.Context(), "", c.id, p, c.named)
			if err != nil {
				t.Fatal(err)
			}
			key, err := a.keys.key(t.Context(), c.id, p)
			if err != nil || key != c.key || profile != c.profile {
				t.Errorf("profile %q, key %q, %v; want %q, %q", profile, key, err, c.profile, c.key)
			}
			for _, name := range []string{"Authorization", "X-Auth-Token"} {
				if _, there := p.Headers[name]; there && c.named != "" {
					t.Errorf("%s, the header of another credential, is still there", name)
				}
			}
			if _, title := p.Headers["X-Title"]; c.named != "" && !title {
				t.Error("a header that is no credential is gone")
			}
		})
	}
}

func TestStoredCredentialsAreSecrets(t *testing.T) {
	got := storing(t, `{}`, stored).keys.secrets(t.Context())
	for _, want := range []string{"stored-key-a-77", "stored-key-d-77"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not masked", want)
		}
	}
}

func TestACredentialThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	a := scene(t, `{}`)
	never, end := io.Pipe()
	defer func() { _ = end.Close() }()
	a.io.in = never
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(terminal.ErrInterrupted)
	if _, err := (handover{a}).typedSecret(ctx, "box"); hearth.ReasonOf(err) != hearth.ReasonCancelled {
		t.Errorf("got %v", err)
	}
}

func TestACredentialIsKeptWholeOrNotAtAll(t *testing.T) {
	for _, row := range []struct {
		name, in string
		reason   hearth.Reason
	}{
		{"as long as one may be", strings.Repeat("a", longestKey-1) + "\n", ""},
		{"longer", strings.Repeat("a", longestKey) + "b\n", hearth.ReasonUsage},
		{"without an end", strings.Repeat("a", 3*longestKey), hearth.ReasonUsage},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := scene(t, `{}`)
			a.io.in = strings.NewReader(row.in)
			key, err := (handover{a}).typedSecret(t.Context(), "box")
			if row.reason == "" && (err != nil || key != strings.TrimSpace(row.in)) || row.reason != "" && hearth.ReasonOf(err) != row.reason {
				t.Errorf("%d bytes, %v", len(key), err)
			}
		})
	}
}

func TestAKeyThatAProgramGaveIsInTheMark(t *testing.T) {
	a := scene(t, secretive)
	key := "first-key-0815"
	mark := func() string {
		ref := hearth.ModelRef{Provider: "run", Model: "m"}
		c := candidate{Target: model.Target{Ref: ref}, client: model.NewClient(model.ClientConfig{APIKey: key})}
		a.targets.kept[targetKey(choice{}, ref, "")] = c
		return a.targets.mark(t.Context(), c.Target)
	}
	first, again := mark(), mark()
	key = "second-key-0815"
	if renewed := mark(); first != again || renewed == first {
		t.Errorf("marks %s, %s and, with another key, %s", first, again, renewed)
	}
}
