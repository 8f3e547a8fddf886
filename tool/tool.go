// Package tool says what a tool is: what a model is told of it, what running it would
// touch, and how it runs. Each tool or family of tools lives in a folder below.
package tool

import (
	"context"

	"hearth"
)

// A Tool is one thing a model may ask for. All methods may be called from any
// goroutine; Run of one session's calls is never called concurrently unless Effect said
// EffectRead for all of them.
type Tool interface {
	// Spec is constant for the life of the process: it is part of the prompt's prefix.
	Spec() hearth.ToolSpec
	// Effect says what this call would touch. It does no I/O beyond looking at paths,
	// and answers the farthest effect when the arguments cannot be read.
	Effect(call hearth.ToolCall) hearth.Effect
	// Run does it. A Failed result is for the model: a missing file, a bad argument, a
	// command that exited 1. An error means that the house is broken. Cancelling ctx
	// stops the work, leaves nothing running, and still returns what was produced.
	Run(ctx context.Context, call hearth.ToolCall) (hearth.ToolResult, error)
}

// A Describer can show a person the exact action of a call, one line, control
// characters escaped: the text of an approval question. Found by type assertion.
type Describer interface {
	Describe(call hearth.ToolCall) string
}

// A Parallel tool says which of its calls may run beside others. Found by type assertion.
type Parallel interface {
	Parallel(call hearth.ToolCall) bool
}

// A Foreseer can say, without doing it, what a call would execute and write: the argv of
// a command, and the workspace-relative paths that would change. The guard decides on
// them. Found by type assertion.
type Foreseer interface {
	Foresee(call hearth.ToolCall) (argv, targets []string)
}

// A Checker says what is wrong with a call's arguments, in words for the model, or nil.
// Running such a call would give a Failed result and do nothing, so nobody needs to be
// asked about it first. It does no I/O. Found by type assertion.
type Checker interface {
	Check(call hearth.ToolCall) error
}
