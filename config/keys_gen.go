//go:build ignore

// This program turns a flat list of OpenClaw's config paths (tab separated: path,
// type) into keys.txt, the indented tree that the package embeds:
//
//	go run keys_gen.go paths.tsv > keys.txt
package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

type node struct {
	typ      string
	children map[string]*node
}

// earlier are keys that OpenClaw itself wrote in the first months of 2026 and knows no more.
var earlier = []string{
	"agents.defaults.sandbox.perSession", "channels.telegram.streamMode", "messages.tts.edge", "messages.tts.elevenlabs", "messages.tts.openai", "plugins.installs",
	"secrets.providers.*.pluginIntegration", "skills.workshop.allowSymlinkTargetWrites", "talk.apiKey", "talk.modelId", "talk.outputFormat", "talk.voiceId",
}

func main() {
	in, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	root := &node{}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		cols := strings.Split(lines.Text(), "\t")
		if len(cols) < 2 || cols[0] == "path" {
			continue
		}
		n := root
		for _, name := range strings.Split(strings.ReplaceAll(cols[0], "[]", ".[]"), ".") {
			if n.children == nil {
				n.children = map[string]*node{}
			}
			if n.children[name] == nil {
				n.children[name] = &node{typ: "any"}
			}
			n = n.children[name]
		}
		n.typ = tidy(cols[1])
	}
	for _, path := range earlier {
		n := root
		for _, name := range strings.Split(path, ".") {
			if n.children == nil {
				n.children = map[string]*node{}
			}
			if n.children[name] == nil {
				n.children[name] = &node{typ: "any"}
			}
			n = n.children[name]
		}
	}
	// OpenClaw passes on the channels of plugins, which its schema does not list.
	root.children["channels"].children["*"] = &node{typ: "any"}
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, "# OpenClaw's config keys, versions 2026.5.5 and 2026.9.6 together. Made by keys_gen.go.")
	root.print(out, 0)
	if err := out.Flush(); err != nil {
		os.Exit(1)
	}
}

func (n *node) print(out *bufio.Writer, depth int) {
	var names []string
	for name := range n.children {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c := n.children[name]
		fmt.Fprintf(out, "%s%s %s\n", strings.Repeat("\t", depth), name, c.typ)
		c.print(out, depth+1)
	}
}

var (
	words = regexp.MustCompile(`"[^"]*"`)
	lists = regexp.MustCompile(`\[[^\]]*\]`)
)

// tidy keeps what a check needs: each alternative once. What the source cut off in the
// middle of a word is a list where it began as one, else any string.
func tidy(typ string) string {
	if strings.HasPrefix(typ, "[") && !strings.Contains(typ, "]") {
		return "array"
	}
	if strings.Count(typ, `"`)%2 != 0 || strings.Count(typ, "[") != strings.Count(typ, "]") {
		return "string"
	}
	typ = lists.ReplaceAllString(typ, "array")
	var parts []string
	for _, p := range strings.Split(typ, "|") {
		if p == "true" || p == "false" {
			p = "boolean"
		}
		if p != "" && p != "type" && !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	if strings.ContainsAny(words.ReplaceAllString(typ, ""), " \t") || len(parts) == 0 {
		return "any"
	}
	return strings.Join(parts, "|")
}
