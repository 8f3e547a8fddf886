package skill

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"hearth/internal/escape"
	"hearth/internal/json5"
)

// A Manifest is what the front matter of a SKILL.md says. Name and Description are one
// line each, without control characters.
type Manifest struct {
	Name        string
	Description string
	// PeopleOnly says that a model is not to be told of it (disable-model-invocation).
	PeopleOnly bool
	Needs      Needs
}

// Needs is where a skill is of use (metadata.openclaw, or its older names).
type Needs struct {
	Key     string   // of its settings in the config; "" means its name
	Always  bool     // also where a program, a variable or a setting is missing
	OS      []string // darwin, linux or win32; none means any
	Bins    []string // programs, all of them
	AnyBins []string // programs, one of them at least
	Env     []string // variables, all of them
	Config  []string // paths in the config that must hold something, all of them
}

const (
	nameMaxBytes        = 64    // as the standard for skills has it
	descriptionMaxBytes = 1_024 // the same
)

// Parse reads a SKILL.md. It fails where the file has no front matter, or that has no
// name or no description; anything else in it that cannot be understood counts as not
// written.
func Parse(text []byte) (Manifest, error) {
	lines, err := frontMatter(string(text))
	if err != nil {
		return Manifest{}, err
	}
	front := (&block{lines: lines}).mapping(0, 0)
	m := Manifest{
		Name:        oneLine(scalar(front.Get("name"))),
		Description: clip(oneLine(scalar(front.Get("description"))), descriptionMaxBytes),
		PeopleOnly:  isTrue(front.Get("disable-model-invocation")),
	}
	switch {
	case m.Name == "":
		return Manifest{}, errors.New("its front matter has no name")
	case len(m.Name) > nameMaxBytes:
		return Manifest{}, fmt.Errorf("its name is longer than %d bytes", nameMaxBytes)
	case m.Description == "":
		return Manifest{}, errors.New("its front matter has no description")
	}
	m.Needs = needs(front.Get("metadata"))
	return m, nil
}

// namesOfOurs are the keys under which metadata stands, newest first.
var namesOfOurs = []string{"openclaw", "clawdbot", "clawdis"}

func needs(metadata *json5.Value) Needs {
	if metadata != nil && metadata.Kind == json5.String { // JSON in quotes
		metadata = (&flow{text: metadata.Text}).value(0)
	}
	var ours *json5.Value
	for _, name := range namesOfOurs {
		if ours == nil {
			ours = metadata.Get(name)
		}
	}
	requires := ours.Get("requires")
	return Needs{
		Key: oneLine(scalar(ours.Get("skillKey"))), Always: isTrue(ours.Get("always")), OS: list(ours.Get("os")),
		Bins: list(requires.Get("bins")), AnyBins: list(requires.Get("anyBins")),
		Env: list(requires.Get("env")), Config: list(requires.Get("config")),
	}
}

// scalar is the text of a value that is one.
func scalar(v *json5.Value) string {
	if v == nil || v.Kind != json5.String {
		return ""
	}
	return v.Text
}

func isTrue(v *json5.Value) bool { return strings.EqualFold(scalar(v), "true") }

// list is a list of texts; a text that stands alone is one of one.
func list(v *json5.Value) []string {
	if v == nil {
		return nil
	}
	var out []string
	for _, e := range append([]*json5.Value{v}, v.Elements...) {
		if s := oneLine(scalar(e)); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// oneLine makes a text one line of printable characters.
func oneLine(s string) string { return escape.Plain(s) }

// clip shortens a text to at most so many bytes.
func clip(s string, maxBytes int) string {
	if len(s) <= maxBytes {
		return s
	}
	const more = "…"
	cut := maxBytes - len(more)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.TrimSpace(s[:cut]) + more
}
