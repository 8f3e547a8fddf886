package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"hearth"
)

// The test binary is also the program that exec references run.
func TestMain(m *testing.M) {
	if mode := os.Getenv("SECRET_PROGRAM"); mode != "" {
		secretProgram(mode)
		return
	}
	os.Exit(m.Run())
}

func secretProgram(mode string) {
	ask, err := io.ReadAll(os.Stdin)
	if err != nil {
		os.Exit(3)
	}
	switch mode {
	case "answer":
		var q secretQuestion
		if err := json.Unmarshal(ask, &q); err != nil {
			os.Exit(4)
		}
		fmt.Printf(`{"protocolVersion":1,"values":{%q:"%s of %s, %d vars, PASSED=%s"}}`, q.IDs[0], q.IDs[0], q.Provider, len(os.Environ()), os.Getenv("PASSED"))
	case "refuse":
		fmt.Print(`{"protocolVersion":1,"values":{},"errors":{"id":{"message":"locked"}}}`)
	case "bare":
		fmt.Println("  bare value  ")
	case "flood":
		fmt.Print(strings.Repeat("x", 5000))
	case "fail":
		os.Exit(7)
	case "hang":
		c := make(chan os.Signal, 1)
		signal.Notify(c, os.Interrupt)
		<-c
	}
}

func TestSecretsAreResolvedWhenTheyAreNeeded(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if exe, err = filepath.EvalSymlinks(exe); err != nil {
		t.Fatal(err)
	}
	h := newHome(t)
	h.vars = map[string]string{"TOKEN": "from env", "OPENAI_API_KEY": "sk-env", "PASSED": "on", "PRIVATE": "no"}
	h.write("single", "one line\r\n")
	h.write("store.json", `{"a": {"b/c": "by pointer", "n": 5}}`)
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	program := func(mode, more string) string {
		return fmt.Sprintf(`{source: "exec", command: %s, env: {SECRET_PROGRAM: %q}, passEnv: ["PASSED", "NOPE"], timeoutMs: 20000%s}`, quoted(exe), mode, more)
	}
	f, warnings := h.config(`{
  secrets: { defaults: { file: "single" }, providers: {
    listed: { source: "env", allowlist: ["OTHER"] },
    single: { source: "file", path: "~/single", mode: "singleValue" },
    store: { source: "file", path: ` + quoted(h.path("store.json")) + ` },
    vault: ` + program("answer", "") + `, refuse: ` + program("refuse", "") + `, fail: ` + program("fail", "") + `,
    bare: ` + program("bare", ", jsonOnly: false") + `, strict: ` + program("bare", "") + `,
    flood: ` + program("flood", ", maxOutputBytes: 4000") + `,
    relative: { source: "exec", command: "vault" },
    elsewhere: ` + program("answer", `, trustedDirs: ["~/bin"]`) + `,
  } },
  models: { providers: { p: { baseUrl: "http://u", headers: {
    text: "plain", variable: "${TOKEN}", inline: "Bearer ${TOKEN}", unset: "${GONE}", half: "Bearer ${GONE}",
    name: "OPENAI_API_KEY", unsetName: "GROQ_API_KEY", short: "$TOKEN", literal: "$${TOKEN}",
    env: { source: "env", provider: "default", id: "TOKEN" }, envOff: { source: "env", provider: "listed", id: "TOKEN" },
    envBad: { source: "env", provider: "default", id: "token" },
    file: { source: "file", id: "value" }, pointer: { source: "file", provider: "store", id: "/a/b~1c" },
    noText: { source: "file", provider: "store", id: "/a/n" }, noPointer: { source: "file", provider: "store", id: "a" },
    exec: { source: "exec", provider: "vault", id: "some/key" }, refuse: { source: "exec", provider: "refuse", id: "id" },
    fail: { source: "exec", provider: "fail", id: "id" }, bare: { source: "exec", provider: "bare", id: "id" },
    strict: { source: "exec", provider: "strict", id: "id" }, flood: { source: "exec", provider: "flood", id: "id" },
    dots: { source: "exec", provider: "vault", id: "a/../b" }, relative: { source: "exec", provider: "relative", id: "id" },
    elsewhere: { source: "exec", provider: "elsewhere", id: "id" },
    nowhere: { source: "exec", provider: "nowhere", id: "id" }, store: { source: "store", provider: "default", id: "id" },
    mismatch: { source: "exec", provider: "single", id: "id" },
  } } } },
}`)
	wantWarnings(t, warnings, "hearth.json:13: missing env var \"GONE\" at models.providers.p.headers.unset\nhearth.json:13: missing env var \"GONE\" at models.providers.p.headers.half\n"+
		"hearth.json:24: models.providers.p.headers.store: "+noStore)
	headers := f.Config.Models.Providers["p"].Headers
	for name, want := range map[string]string{
		"text": "plain", "variable": "from env", "inline": "Bearer from env", "name": "sk-env", "short": "from env", "literal": "${TOKEN}",
		"env": "from env", "file": "one line", "pointer": "by pointer",
		"exec": "some/key of vault, 2 vars, PASSED=on", "bare": "bare value",
	} {
		got, err := f.Resolve(t.Context(), headers[name])
		if runtime.GOOS == "windows" {
			want = strings.Replace(want, "2 vars", "3 vars", 1)
		}
		if err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]string{
		"unset": "environment variable GONE is not set", "half": "environment variable GONE is not set",
		"unsetName": "environment variable GROQ_API_KEY is not set", "envOff": "the provider's allowlist does not name it",
		"envBad": `"token" is not an id of that source`, "noText": "the file has no text at /a/n", "noPointer": "the file has no text at a",
		"refuse": "the program says: locked", "fail": exe + ": exit status 7", "strict": `the program's answer is not {"protocolVersion":1,"values":{…}}`,
		"flood": exe + " wrote more than 4000 bytes", "dots": `"a/../b" is not an id of that source`,
		"relative": `command "vault" is not an absolute path`, "elsewhere": exe + " lies outside trustedDirs",
		"nowhere": "there is no secrets.providers.nowhere", "store": noStore,
		"mismatch": `secrets.providers.single has source "file"`,
	} {
		got, err := f.Resolve(t.Context(), headers[name])
		e, ok := errors.AsType[*hearth.Error](err)
		if !ok || e.Reason != hearth.ReasonNoCredential || e.Err.Error() != want || got != "" {
			t.Errorf("%s: %q, %v, want %s", name, got, err, want)
		}
	}
	if got, err := f.Resolve(t.Context(), Secret{}); got != "" || err != nil {
		t.Errorf("no secret: %q, %v", got, err)
	}
}

func TestAProgramThatHangsIsStopped(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(exe)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := newHome(t).config(`{secrets: {providers: {v: {source: "exec", command: ` + string(b) + `, env: {SECRET_PROGRAM: "hang"}, timeoutMs: 50}}}}`)
	ref := Secret{ref: &SecretRef{Source: "exec", Provider: "v", ID: "id"}}
	if _, err := f.Resolve(t.Context(), ref); err == nil || !strings.Contains(err.Error(), "gave no answer within 50ms") {
		t.Errorf("a hanging program: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Resolve(ctx, ref); err == nil {
		t.Error("a cancelled context is no matter")
	}
}

func TestFilesOthersCanChangeAreNotBelieved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such mode bits")
	}
	h := newHome(t)
	path := h.write("open", "x")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	f, _ := h.config(`{secrets: {providers: {
  a: {source: "file", path: "~/open", mode: "singleValue"}, b: {source: "file", path: "~/open", mode: "singleValue", allowInsecurePath: true},
  c: {source: "exec", command: "` + path + `"}, d: {source: "exec", command: "` + h.path("link") + `"},
}}}`)
	if err := os.Symlink(path, h.path("link")); err != nil {
		t.Fatal(err)
	}
	for alias, want := range map[string]string{"a": "can be changed by other users", "b": "", "c": "can be changed by other users", "d": "is a symbolic link"} {
		_, err := f.Resolve(t.Context(), Secret{ref: &SecretRef{Source: f.Config.Secrets.Providers[alias].Source, Provider: alias, ID: "value"}})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", alias, err, want)
		}
	}
}

func TestSecretsPrintAsMasks(t *testing.T) {
	for want, s := range map[string]Secret{
		"sk...al": SecretText("sk-very-local"), "...": SecretText("short"), "": {}, "env:X_API_KEY": {env: variable{"X_API_KEY", true}},
		"exec:v:id": {ref: &SecretRef{Source: "exec", Provider: "v", ID: "id"}},
	} {
		b, err := json.Marshal(map[string]Secret{"s": s})
		if got := fmt.Sprintf("%v", s); got != want || err != nil || string(b) != `{"s":"`+want+`"}` {
			t.Errorf("prints as %s and %s (%v), want %s", got, b, err, want)
		}
		if plain := fmt.Sprintf("%+v %#v %q", s, s, []Secret{s}); strings.Contains(plain, "very") || strings.Contains(plain, "short") {
			t.Errorf("the text shows: %s", plain)
		}
	}
}
