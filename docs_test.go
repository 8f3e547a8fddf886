// The documents, as far as a program can check them: a document that contradicts the
// code is worse than none.
package hearth_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryDirectDependencyHasItsLine(t *testing.T) {
	const page = "docs/decisions/0002-dependencies.md"
	var wanted, written []string
	require := regexp.MustCompile(`(?m)^(?:require )?\s*(\S+\.\S+/\S+) (v\S+)( // indirect)?$`)
	for _, m := range require.FindAllStringSubmatch(read(t, "go.mod"), -1) {
		if m[3] == "" {
			wanted = append(wanted, m[1]+" "+m[2])
		}
	}
	row := regexp.MustCompile(`(?m)^\| (\S+\.\S+/\S+) \| (v\S+) \| .+ \| .+ \|$`)
	for _, m := range row.FindAllStringSubmatch(read(t, page), -1) {
		written = append(written, m[1]+" "+m[2])
	}
	for _, module := range wanted {
		if !slices.Contains(written, module) {
			t.Errorf("%s: no row for %s, which go.mod requires", page, module)
		}
	}
	for _, module := range written {
		if !slices.Contains(wanted, module) {
			t.Errorf("%s: a row for %s, which go.mod does not require directly", page, module)
		}
	}
}

func TestLinksBetweenDocumentsLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: link to %s, which does not exist", page, m[1])
			}
		}
	}
}

func TestTheMapIsShortAndNamesEveryRoom(t *testing.T) {
	architecture := read(t, "ARCHITECTURE.md")
	if n := strings.Count(architecture, "\n"); n > 150 {
		t.Errorf("ARCHITECTURE.md has %d lines; a map of more than 150 is not read", n)
	}
	folders, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		code, err := filepath.Glob(filepath.Join(f.Name(), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		if f.IsDir() && !strings.HasPrefix(f.Name(), ".") && len(code) > 0 && !strings.Contains(architecture, "`"+f.Name()) {
			t.Errorf("ARCHITECTURE.md does not name the room %s", f.Name())
		}
	}
}

// pages lists the Markdown files of the repository.
func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) < 5 {
		t.Fatalf("found only %q", all)
	}
	return all
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}
