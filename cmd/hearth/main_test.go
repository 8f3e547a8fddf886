package main

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/script drive the real command line in a process of its own,
// with an empty home: they are what a person would type, and what they would see.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"hearth": func() { os.Exit(run()) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir+"/home")
			env.Setenv("HEARTH_HOME", env.WorkDir+"/state")
			// Discovery must not find what runs on the machine of whoever runs the tests.
			env.Setenv("HEARTH_DISCOVER", "off")
			return os.MkdirAll(env.WorkDir+"/home", 0o700)
		},
	})
}

func TestEveryCommandExplainsItself(t *testing.T) {
	root := newRoot(streams{getenv: os.Getenv, terminal: -1})
	root.SetContext(context.Background())
	for _, c := range root.Commands() {
		if c.Short == "" {
			t.Errorf("%s has no description", c.CommandPath())
		}
	}
}
