package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// scene is an app with a config of its own.
func scene(t *testing.T, cfg string) *app {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HEARTH_HOME", home)
	if err := os.WriteFile(filepath.Join(home, "hearth.json"), []byte(cfg), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := newApp(t.Context(), streams{in: strings.NewReader(""), out: t.Output(), err: t.Output(), getenv: os.Getenv}, &options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	return a
}

const secretive = `{models: {providers: {
	box: {baseUrl: "http://127.0.0.1:1/v1", apiKey: "zebra-9917-quilt", headers: {"X-Api-Key": "header-secret-5", "X-Title": "My Gateway 7"}},
	word: {baseUrl: "http://127.0.0.1:2/v1", apiKey: "ollama-local"},
	env: {baseUrl: "http://127.0.0.1:3/v1", apiKey: "${HEARTHTEST_BOX_KEY}"},
	run: {baseUrl: "http://127.0.0.1:4/v1", apiKey: {source: "exec", provider: "vault", id: "x"}},
}}, secrets: {providers: {vault: {source: "exec", command: "/bin/false"}}}}`

func TestSecretsAreTheCredentialsOfProvidersAndNoWords(t *testing.T) {
	t.Setenv("HEARTHTEST_BOX_KEY", "from-env-4711")
	t.Setenv("ANTHROPIC_API_KEY", "vendor-key-8")
	got := scene(t, secretive).keys.secrets(t.Context())
	for _, want := range []string{"zebra-9917-quilt", "header-secret-5", "from-env-4711", "vendor-key-8"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
	for _, word := range []string{"ollama-local", "My Gateway 7", ""} {
		if slices.Contains(got, word) {
			t.Errorf("%q is no secret", word)
		}
	}
}

func TestToolResultsAreMaskedByValueOnly(t *testing.T) {
	_, mask := scene(t, secretive).journal.masked(t.Context())
	const code = `password = getPassword(); key = "zebra-9917-quilt"`
	if got, want := mask(code), `password = getPassword(); key = "[secret]"`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestTheLogHoldsNoSecrets(t *testing.T) {
	a := scene(t, secretive)
	a.journal.logger().Warn("said zebra-9917-quilt", slog.String("header", "Authorization: Bearer abcdefghijklmnopqrst"), slog.Any("error", os.ErrNotExist),
		slog.Group("deep", slog.String("key", "zebra-9917-quilt")))
	files, err := filepath.Glob(a.state("logs", "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	line, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"zebra", "abcdefghij"} {
		if strings.Contains(string(line), bad) {
			t.Errorf("the log has %s: %s", bad, line)
		}
	}
	for _, want := range []string{`"level":"WARN"`, `"error":"file does not exist"`, "[secret]"} {
		if !strings.Contains(string(line), want) {
			t.Errorf("the log lacks %s: %s", want, line)
		}
	}
}

func TestPathPrependGoesBeforeWhatIsThere(t *testing.T) {
	for _, row := range []struct {
		name          string
		environ, dirs []string
		want          string
	}{
		{"nothing to add leaves the process's own", []string{"PATH=/bin"}, nil, ""},
		{"in front, in order", []string{"A=1", "PATH=/bin"}, []string{"/x", "/y"}, "A=1 PATH=/x:/y:/bin"},
		{"no PATH yet", []string{"A=1"}, []string{"/x"}, "A=1 PATH=/x"},
		{"an empty PATH", []string{"PATH="}, []string{"/x"}, "PATH=/x"},
	} {
		if got := strings.Join(withPath(row.environ, row.dirs, ":"), " "); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}
