package config

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestVariablesComeFromTheProcessThenTheFilesThenTheBlock(t *testing.T) {
	h := newHome(t)
	h.vars = map[string]string{"P": "process", "EMPTY": ""}
	h.write("work/.env", "P=work\nW=work\nHEARTH_X=work\nEMPTY=work\n")
	h.write(".hearth/.env", "P=state\nW=state\nS=state\n")
	h.write(".openclaw/.env", "S=theirs\nO=theirs\n")
	f, warnings := h.config(`{
  env: { vars: { S: "block", B: "block" }, F: "flat", B: "flat" },
  agents: { list: [
    { id: "${P}", name: "a-${W}-${S}" }, { id: "$${P}", name: "${O}${B}${F}" },
    { id: "${EMPTY}", name: "$W ${lower} ${}" }, { id: "${HEARTH_X}/${NOPE}" },
  ] },
}`)
	wantWarnings(t, warnings, `hearth.json:5: missing env var "HEARTH_X" at agents.list[3].id`+"\n"+`hearth.json:5: missing env var "NOPE" at agents.list[3].id`)
	list := f.Config.Agents.List
	for i, want := range [][2]string{
		{"process", "a-work-state"}, {"${P}", "theirsblockflat"}, {"work", "$W ${lower} ${}"}, {"${HEARTH_X}/${NOPE}", ""},
	} {
		if list[i].ID != want[0] || list[i].Name != want[1] {
			t.Errorf("entry %d is %q, %q; want %q", i, list[i].ID, list[i].Name, want)
		}
	}
	if !f.Validate().Valid {
		t.Error("a missing variable makes the file invalid")
	}
	v, err := f.Get("agents.list[0].id")
	if err != nil || v.Text() != "${P}" {
		t.Errorf("get shows %v, %v; want the file's own words", v, err)
	}
	f, _ = h.load()
	if _, ok := f.LookupEnv("HEARTH_X"); ok {
		t.Error(".env sets a HEARTH_ variable")
	}
}

func TestAProjectsDotenvServesCredentialsAndNamesOnly(t *testing.T) {
	h := newHome(t)
	h.vars = map[string]string{"P": "process"}
	h.write("work/.env", "P=work\nW=work\nS=work\nPORT=9\nHOST=http://evil.example\nUSER=http://127.0.0.1:1@evil.example\nOPENAI_API_KEY=work\n")
	h.write(".hearth/.env", "S=state\n")
	f, warnings := h.config(`{
  models: { providers: {
    "a.b": { baseUrl: "http://127.0.0.1:${PORT}/${W}", localService: {
      command: "/${P}/${S}", args: ["${W}"], env: { X: "${B}" },
    } },
    far: { baseUrl: "${HOST}/v1" },
    list: { baseUrl: ["http://[::1]:${PORT}", "${USER}/v1"], baseUrls: ["http://${W}:1"] },
    tls: { baseUrl: "http://h", request: { tls: { ca: "${W}" }, proxy: { url: "${W}" } } },
    key: { baseUrl: "http://h", apiKey: "${W}", headers: {
      inline: "Bearer ${W}", short: "$W", name: "OPENAI_API_KEY",
      ref: { source: "env", provider: "default", id: "W" }, choice: { source: "env", provider: "default", id: "${W}" },
    }, models: [{ id: "${W}" }] },
  } },
  agents: { defaults: { workspace: "/${W}" } },
  tools: { allow: ["${W}"] },
  secrets: { providers: { vault: { source: "exec", command: "/${W}", passEnv: ["W", "S", "P"], env: { X: "${W}" } } } },
  env: { vars: { B: "block" } },
  skills: { load: { extraDirs: ["/${P}", "/${W}"] } },
}`)
	no := func(line int, name, path, says string) string {
		return fmt.Sprintf(`hearth.json:%d: missing env var %q at %s: the .env of the working folder does not say %s`, line, name, path, says)
	}
	const run, key = "what is run or which secret is taken", "where a key goes"
	wantWarnings(t, warnings, strings.Join([]string{
		no(4, "W", `models.providers["a.b"].localService.args[0]`, run),
		no(6, "HOST", "models.providers.far.baseUrl", key+", unless that is this machine"),
		no(7, "USER", "models.providers.list.baseUrl[1]", key+", unless that is this machine"),
		no(7, "W", "models.providers.list.baseUrls[0]", key+", unless that is this machine"),
		no(8, "W", "models.providers.tls.request.tls.ca", key),
		no(8, "W", "models.providers.tls.request.proxy.url", key),
		no(11, "W", "models.providers.key.headers.choice.id", run),
		no(14, "W", "agents.defaults.workspace", "where an agent works"),
		no(15, "W", "tools.allow[0]", run),
		no(16, "W", "secrets.providers.vault.command", run),
		no(16, "W", "secrets.providers.vault.env.X", run),
		no(18, "W", "skills.load.extraDirs[1]", "where an agent's skills are"),
	}, "\n"))
	providers := f.Config.Models.Providers
	if p := providers["a.b"]; p.BaseURL != "http://127.0.0.1:9/work" || p.LocalService.Command != "/process/state" || p.LocalService.Env["X"] != "block" {
		t.Errorf("the service is at %s: %+v", p.BaseURL, p.LocalService)
	}
	if p := providers["list"]; p.BaseURL != "http://[::1]:9" || slices.Contains(p.BaseURLs, "http://127.0.0.1:1@evil.example/v1") {
		t.Errorf("the list is %q, %q", p.BaseURL, p.BaseURLs)
	}
	p := providers["key"]
	if p.Models[0].ID != "work" {
		t.Errorf("the model is %q", p.Models[0].ID)
	}
	for name, s := range map[string]Secret{"apiKey": p.APIKey, "inline": p.Headers["inline"]} {
		if text, err := f.Resolve(t.Context(), s); !strings.HasSuffix(text, "work") {
			t.Errorf("%s is %q (%v)", name, text, err)
		}
	}
	for name, s := range map[string]Secret{
		"short": p.Headers["short"], "name": p.Headers["name"], "ref": p.Headers["ref"], "choice": p.Headers["choice"], "ca": providers["tls"].Request.TLS.CA,
	} {
		if text, err := f.Resolve(t.Context(), s); err == nil {
			t.Errorf("%s is %q", name, text)
		}
	}
	if v, ok := f.LookupEnv("OPENAI_API_KEY"); ok {
		t.Errorf("a vendor's key is %q", v)
	}
	if env := f.programEnv(f.Config.Secrets.Providers["vault"]); slices.Contains(env, "W=work") || slices.Contains(env, "S=state") || !slices.Contains(env, "P=process") {
		t.Errorf("the program sees %q", env)
	}
}

func TestDotenvFilesAreReadAsPeopleWriteThem(t *testing.T) {
	got := parseDotenv([]byte("\ufeff# comment\r\nA=1\r\nexport B = two words # comment\nC=\"x # y\\n\\\"z\\\"\"\nD='a\\nb' # c\nE=\n  F=a#b\nnot a line\nG=\"open\n2BAD=x\nH.i=j\n"))
	want := map[string]string{"A": "1", "B": "two words", "C": "x # y\n\"z\"", "D": `a\nb`, "E": "", "F": "a#b", "G": `"open`, "H.i": "j"}
	if !maps.Equal(got, want) {
		t.Errorf("read as\n%q\nwant\n%q", got, want)
	}
}

func TestHearthHomeKeepsOpenClawsVariablesOut(t *testing.T) {
	h := newHome(t)
	h.write(".openclaw/.env", "O=theirs\n")
	h.vars["HEARTH_HOME"] = h.path("h")
	f, _ := h.load()
	if v, ok := f.LookupEnv("O"); ok {
		t.Errorf("O is %q", v)
	}
}

func TestAFolderCalledDotenvIsNoMatter(t *testing.T) {
	h := newHome(t)
	h.write("work/.env/bin/python", "")
	_, warnings := h.load()
	wantWarnings(t, warnings, "")
}

// A .env holds what people and other programs write. Each name is one that a reference
// can mean, no value spans lines unless it says so, and a line that we would write ourselves
// is read as it was meant.
func FuzzDotenv(f *testing.F) {
	f.Add([]byte("\ufeff# comment\r\nexport B = two words # comment\nC=\"x # y\\n\\\"z\\\"\"\nD='a\\nb' # c\nE=\nG=\"open\n"))
	f.Add([]byte("A=\"\\"))
	f.Add([]byte("A=''' #\rB=1"))
	name := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
	f.Fuzz(func(t *testing.T, text []byte) {
		for n, v := range parseDotenv(text) {
			if !name.MatchString(n) {
				t.Fatalf("%q has the name %q", text, n)
			}
			if strings.Contains(v, "\n") && !bytes.Contains(text, []byte(`\n`)) {
				t.Fatalf("%q: the value of %s is %q", text, n, v)
			}
			quoted := n + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`).Replace(v) + `"`
			if again := parseDotenv([]byte(quoted))[n]; again != v {
				t.Fatalf("%q: %q is read back as %q", text, quoted, again)
			}
		}
	})
}
