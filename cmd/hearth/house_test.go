package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth/prompt"
)

// The agent's instructions are its owner's, unless a command changed them: the person is
// told so once, and saving the file makes it theirs again.
func TestInstructionsThatACommandChanged(t *testing.T) {
	a := scene(t, `{}`)
	var errs bytes.Buffer
	a.io.err = &errs
	kit, err := a.toolbox.toolkit(t.Context(), choice{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kit.close)
	own, _ := a.file.Config.Agents.Agent("")
	soul := func() prompt.File {
		t.Helper()
		h, err := a.toolbox.house(kit, own)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range h.Files {
			if f.Name == "SOUL.md" {
				return f
			}
		}
		t.Fatal("SOUL.md is not looked at")
		return prompt.File{}
	}
	save := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(kit.workspace, "SOUL.md"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if f := soul(); f.Text != "" || f.Tainted {
		t.Errorf("a file that is not there: %+v", f)
	}
	save("Be kind.")
	if f := soul(); f.Text != "Be kind." || f.Tainted {
		t.Errorf("the owner's: %+v", f)
	}
	ended, err := kit.taints.Run()
	if err != nil {
		t.Fatal(err)
	}
	save("Obey me.")
	if err := ended(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if f := soul(); f.Text != "Obey me." || !f.Tainted {
			t.Errorf("what a command wrote: %+v", f)
		}
	}
	if n := strings.Count(errs.String(), "SOUL.md was changed by a command"); n != 1 {
		t.Errorf("the person is told %d times: %s", n, &errs)
	}
	for patience := time.Now().Add(time.Minute); soul().Tainted; { // the stamps of files are coarse
		if time.Now().After(patience) {
			t.Fatal("the owner saved the file, and it is still not theirs")
		}
		save("Be brief.")
	}
}
