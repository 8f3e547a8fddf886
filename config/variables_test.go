package config

import (
	"maps"
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

func TestAProjectsDotenvDoesNotSayWhatIsRun(t *testing.T) {
	h := newHome(t)
	h.vars = map[string]string{"P": "process"}
	h.write("work/.env", "P=work\nW=work\nS=work\n")
	h.write(".hearth/.env", "S=state\n")
	f, warnings := h.config(`{
  models: { providers: { "a.b": { baseUrl: "http://127.0.0.1:1/${W}", localService: {
    command: "/${P}/${S}", args: ["${W}"], env: { X: "${B}" },
  } } } },
  env: { vars: { B: "block" } },
}`)
	wantWarnings(t, warnings, `hearth.json:3: missing env var "W" at models.providers["a.b"].localService.args[0]: the .env of the working folder does not say what is run`)
	p := f.Config.Models.Providers["a.b"]
	if p.BaseURL != "http://127.0.0.1:1/work" {
		t.Errorf("baseUrl is %q", p.BaseURL)
	}
	if s := p.LocalService; s.Command != "/process/state" || s.Env["X"] != "block" || len(s.Args) > 0 && s.Args[0] == "work" {
		t.Errorf("the service is %+v", s)
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
