package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/script drive the real command line in a process of its own,
// with an empty home: they are what a person would type, and what they would see.
func TestMain(m *testing.M) {
	program := func() { os.Exit(run()) }
	commands := map[string]func(){"hearth": program, "openclaw": program, "modelprogram": modelProgram}
	for name := range benchPrograms {
		commands[name] = benchProgram(name)
	}
	testscript.Main(m, commands)
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               emptyHome,
		Cmds:                scriptCommands,
		RequireUniqueNames:  true,
		RequireExplicitExec: false,
	})
}
