package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"hearth/config"
)

// The config blocks of the user guide are fixtures: a person will paste them.
func TestBlocksOfTheGuideLoadWithoutAWord(t *testing.T) {
	for i, block := range fenced(t, "json5") {
		t.Run(fmt.Sprintf("block %d, line %d", i+1, block.line), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "hearth.json")
			if err := os.WriteFile(file, []byte(block.text), 0o600); err != nil {
				t.Fatal(err)
			}
			f, warnings, err := config.Load(t.Context(), config.Options{
				Path: file, HomeDir: t.TempDir(), WorkDir: t.TempDir(),
				LookupEnv: func(string) (string, bool) { return "", false },
			})
			if err != nil {
				t.Fatal(err)
			}
			if f.Broken != nil {
				t.Errorf("not read: %v", f.Broken)
			}
			for _, w := range warnings {
				t.Errorf("warning: %v", w)
			}
			for _, issue := range f.Issues() {
				t.Errorf("config validate would say: %+v", issue)
			}
		})
	}
}

type block struct {
	line int
	text string
}

// fenced gives the code blocks of one language in docs/local-models.md, also those that
// are indented because they belong to a list.
func fenced(t *testing.T, language string) []block {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "docs", "local-models.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	re := regexp.MustCompile("(?ms)^[ ]*```" + language + "\n(.*?)^[ ]*```$")
	for _, at := range re.FindAllSubmatchIndex(page, -1) {
		blocks = append(blocks, block{1 + strings.Count(string(page[:at[2]]), "\n"), string(page[at[2]:at[3]])})
	}
	if len(blocks) == 0 {
		t.Fatalf("no %s blocks found", language)
	}
	return blocks
}
