//go:build !linux && !darwin && !windows

package terminal

// dropTyped does nothing where we do not know how to forget what was typed.
func dropTyped(int) {}

// TypedEnd does not know here whether Ctrl-D was typed: Ctrl-C ends a wait.
func TypedEnd(int) bool { return false }
