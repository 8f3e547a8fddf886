//go:build unix && !linux

package process

import "syscall"

// dieWithParent does nothing: only Linux ends a child with its parent.
func dieWithParent(*syscall.SysProcAttr) {}

type program struct{}

// Remember does nothing: only Linux shows who descends from whom without asking.
func (g *Group) Remember() {}

// Alive reports whether anything of the group still runs.
func (g *Group) Alive() bool { return syscall.Kill(-g.id, 0) == nil }

// KillFamily ends the group at once. Any goroutine may call it.
func (g *Group) KillFamily(string) { g.Kill() }

// KillMarked does nothing: other systems do not show a process's environment, so a
// program that left its group and session cannot be told from the person's own.
func (g *Group) KillMarked(string) {}

// KillMarked does nothing, as a Group's.
func KillMarked(string) int { return 0 }
