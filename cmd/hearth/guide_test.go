package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// commandInText finds what the documents tell a person to type: a line of a code block,
// or words in backquotes.
var commandInText = regexp.MustCompile("(?m)^ +(?:bin/)?hearth (.+)$|^(?:bin/)?hearth (.+)$|`hearth ([^`]+)`")

func TestCommandsInTheDocumentsExist(t *testing.T) {
	for _, page := range []string{"README.md", "CONTRIBUTING.md", "docs/local-models.md", "docs/commands.md", "docs/reference.md"} {
		for _, line := range commandsIn(t, page) {
			t.Run(page+": "+line, func(t *testing.T) {
				cmd, rest, err := newRoot(streams{getenv: os.Getenv, terminal: -1}).Find(splitLine(line))
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.ParseFlags(rest); err != nil {
					t.Fatal(err)
				}
				if args := cmd.Flags().Args(); !cmd.Runnable() || len(args) > 0 && cmd.ValidateArgs(args) != nil {
					t.Errorf("hearth %s: not a command that can be run", line)
				}
			})
		}
	}
}

// The guide's `config set` is what OpenClaw's own guide says, word for word.
func TestConfigSetOfTheGuideDoesWhatItSays(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HEARTH_HOME", home)
	before := "{\n  // mine\n  agents: { defaults: { models: { \"local/other\": { alias: 'Other' } } } },\n}\n"
	if err := os.WriteFile(filepath.Join(home, "hearth.json"), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	var set string
	for _, line := range commandsIn(t, "docs/local-models.md") {
		if strings.HasPrefix(line, "config set agents.defaults.models ") {
			set = line
		}
	}
	for _, args := range [][]string{splitLine(set), {"config", "get", "agents.defaults.models", "--json"}} {
		var out, stderr bytes.Buffer
		io := streams{in: strings.NewReader(""), out: &out, err: &stderr, getenv: os.Getenv, terminal: -1}
		if code := execute(t.Context(), io, args); code != 0 {
			t.Fatalf("%q: exit %d: %s", args, code, stderr.String())
		}
		if args[1] == "get" {
			for _, want := range []string{`"tool_choice":"required"`, `"alias":"Other"`} {
				if got := strings.Join(strings.Fields(out.String()), ""); !strings.Contains(got, want) {
					t.Errorf("agents.defaults.models is %s, want %s in it", got, want)
				}
			}
		}
	}
	after, err := os.ReadFile(filepath.Join(home, "hearth.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(after), "// mine") || !strings.Contains(string(after), "alias: 'Other'") {
		t.Errorf("the rest of the file changed:\n%s", after)
	}
}

func commandsIn(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", page))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range commandInText.FindAllStringSubmatch(string(text), -1) {
		lines = append(lines, strings.TrimSpace(m[1]+m[2]+m[3]))
	}
	return lines
}

// splitLine splits a command line at blanks; quotes keep words together.
func splitLine(line string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`'([^']*)'|"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		all = append(all, m[1]+m[2]+m[3])
	}
	return all
}
