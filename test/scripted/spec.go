package scripted

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

var (
	//go:embed scripts.json
	defaultSpec []byte
	//go:embed reasoner.json
	reasonerSpec []byte
)

// A Spec is the repertoire of one model.
type Spec struct {
	Default string   `json:"default"` // trigger of the script that answers a prompt without any trigger
	Scripts []Script `json:"scripts"`
}

// A Script is one fixed answer.
type Script struct {
	Name    string `json:"name"`
	Trigger string `json:"trigger"`         // the text in a prompt that selects it
	Text    string `json:"text"`            // may be empty: the answer ends before it begins
	Chunk   int    `json:"chunk,omitempty"` // bytes a token should hold; 0 means 4
	Loop    bool   `json:"loop,omitempty"`  // never ends: after the last chunk comes the second again
	Split   bool   `json:"split,omitempty"` // chunks may end inside a UTF-8 character
}

// Default gives the repertoire that Hearth's end-to-end tests use.
func Default() (Spec, error) { return Parse(defaultSpec) }

// Reasoner gives a model that thinks about everything and remembers: "@@look" makes it
// read notes.txt, "@@plain" answer at once, all else answer after a thought. A thought
// has more than 64 tokens, so that none can be read twice unseen.
func Reasoner() (Config, error) {
	spec, err := Parse(reasonerSpec)
	return Config{Spec: spec, Remembers: true}, err
}

// Parse reads a spec and checks what can be checked without building the model.
func Parse(b []byte) (Spec, error) {
	var s Spec
	if err := json.Unmarshal(b, &s); err != nil {
		return Spec{}, fmt.Errorf("read script spec: %w", err)
	}
	return s, s.check()
}

// Find gives the script of that name.
func (s Spec) Find(name string) (Script, error) {
	for _, script := range s.Scripts {
		if script.Name == name {
			return script, nil
		}
	}
	return Script{}, fmt.Errorf("find script: no script is named %q", name)
}

func (s Spec) check() error {
	if len(s.Scripts) > triggerSlots {
		return fmt.Errorf("check script spec: %d scripts, the network has slots for %d", len(s.Scripts), triggerSlots)
	}
	seen := map[string]bool{}
	for _, script := range s.Scripts {
		switch {
		case script.Trigger == "":
			return fmt.Errorf("check script spec: script %q has no trigger", script.Name)
		case script.Loop && script.Text == "":
			return fmt.Errorf("check script spec: script %q loops over nothing", script.Name)
		}
		// Servers look for special tokens in their own order, not the longest first.
		for other := range seen {
			if strings.Contains(other, script.Trigger) || strings.Contains(script.Trigger, other) {
				return fmt.Errorf("check script spec: triggers %q and %q cannot be told apart", other, script.Trigger)
			}
		}
		seen[script.Trigger] = true
	}
	if !seen[s.Default] {
		return fmt.Errorf("check script spec: the default %q is no script's trigger", s.Default)
	}
	return nil
}
