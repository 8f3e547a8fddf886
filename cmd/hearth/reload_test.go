package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"hearth/model/modeltest"
)

// What an edit of the config means for a running conversation is held against the plan
// that it runs on, and said once.
func TestAChatSaysOnceWhichEditsWait(t *testing.T) {
	t.Setenv("HEARTH_DISCOVER", "off")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := modeltest.NewServer(t, modeltest.Config{Identity: modeltest.LlamaCpp, Window: 32768})
	start := fmt.Sprintf(`{models: {providers: {box: {baseUrl: "%s/v1", models: [{id: "test-model"}]}}},
		agents: {defaults: {workspace: %q%%s}}%%s}`, server.URL, t.TempDir())
	a := scene(t, fmt.Sprintf(start, "", ""))
	var out, errs bytes.Buffer
	a.io.out, a.io.err = &out, &errs
	k, err := a.open(ctx, choice{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()

	var person visitor
	heard := func(name string, want ...string) {
		person = append(person, func() string {
			said := errs.String()
			errs.Reset()
			for _, w := range want {
				if strings.Count(said, w) != 1 {
					t.Errorf("%s: %q is not said once:\n%s", name, w, said)
				}
			}
			if len(want) == 0 && (strings.Contains(said, "begins anew") || strings.Contains(said, "applies")) {
				t.Errorf("%s: something is said:\n%s", name, said)
			}
			return ""
		})
	}
	edited := func(inDefaults, atEnd string) {
		person = append(person, func() string {
			if err := os.WriteFile(k.file.Path(), fmt.Appendf(nil, start, inDefaults, atEnd), 0o600); err != nil {
				t.Error(err)
			}
			return "go on"
		})
	}
	const tools = `, tools: {deny: ["exec", "process"]}`
	person.says("hello")
	heard("at the beginning")
	edited("", tools)
	heard("the tools", "begins anew (/new) or is summed up (/compact): the tools (edit, read, write)")
	edited("", "")
	heard("the tools are back")
	edited(`, bootstrapMaxChars: 999`, "")
	heard("the system text", "applies when this conversation begins anew (/new): agents.defaults.bootstrapMaxChars")
	edited("", "")
	heard("the system text is back")
	edited("", tools)
	person.says("/new")
	person.says("hello")
	heard("a new conversation has it")
	if err := (chat{k}).converse(ctx, &person); err != nil {
		t.Fatal(err)
	}
}
