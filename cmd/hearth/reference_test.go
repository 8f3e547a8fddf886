package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write docs/reference.md anew")

const aboutReference = `# Reference

Every command with its flags, made from the program itself by ` + "`make gen`" + `. What the
commands print, and how they end, is in [commands.md](commands.md).
`

func TestTheReferenceIsCurrent(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "reference.md")
	var b bytes.Buffer
	b.WriteString(aboutReference)
	for _, c := range commandTree(newRoot(streams{getenv: os.Getenv, terminal: -1})) {
		fmt.Fprintf(&b, "\n## %s\n\n", c.CommandPath())
		text := c.Long
		if text == "" {
			text = c.Short + "."
		}
		fmt.Fprintf(&b, "%s\n", strings.TrimSpace(text))
		fmt.Fprintf(&b, "\n```text\nusage: %s\n%s```\n", c.UseLine(), usages(c))
		if c.Example != "" {
			fmt.Fprintf(&b, "\nFor example:\n\n%s\n", indented.ReplaceAllString(c.Example, "    "))
		}
	}
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ReplaceAll(string(have), "\r\n", "\n") != b.String() {
		t.Errorf("%s is not what the commands say now; run make gen", page)
	}
}

// commandTree lists a command and those below it that people are shown.
func commandTree(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" && sub.Name() != "completion" {
			all = append(all, commandTree(sub)...)
		}
	}
	return all
}

// usages is the flags of a command as --help shows them, without the two that all have.
func usages(c *cobra.Command) string {
	var kept strings.Builder
	for line := range strings.Lines(c.LocalFlags().FlagUsages()) {
		if !strings.Contains(line, "--help ") && (!strings.Contains(line, "--config ") || !c.HasParent()) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

var (
	indented = regexp.MustCompile(`(?m)^ +`)
	// valueless finds a flag whose value is a Go type, or that does not say what it means.
	valueless = regexp.MustCompile(`--[a-z-]+ (string|strings|stringArray|duration|int)\b|--[a-z-]+( \S+)?\s*\n`)
)

// Whoever asks for help is told what each thing is for.
func TestEveryFlagSaysWhatItMeans(t *testing.T) {
	for _, c := range commandTree(newRoot(streams{getenv: os.Getenv, terminal: -1})) {
		if c.Short == "" {
			t.Errorf("%s has no description", c.CommandPath())
		}
		if line := valueless.FindString(usages(c)); line != "" {
			t.Errorf("%s: this does not say what it is: %s", c.CommandPath(), line)
		}
		for line := range strings.Lines(c.Example) {
			if !strings.HasPrefix(line, "  ") || len(line) > 110 {
				t.Errorf("%s: the example %q is not one line to copy", c.CommandPath(), line)
			}
		}
	}
	for path := range helpTexts {
		if found, _, err := newRoot(streams{getenv: os.Getenv, terminal: -1}).Find(strings.Fields(path)); err != nil || found.CommandPath() != "hearth "+path {
			t.Errorf("there is help for %q, which is no command", path)
		}
	}
}
