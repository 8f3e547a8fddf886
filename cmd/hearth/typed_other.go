//go:build !linux && !darwin && !windows

package main

// dropTyped does nothing where we do not know how to forget what was typed.
func dropTyped(int) {}

// typedEnd does not know here whether Ctrl-D was typed: Ctrl-C ends a wait.
func typedEnd(int) bool { return false }
