//go:build unix && !linux

package shell

import "syscall"

// dieWithParent does nothing: only Linux ends a child with its parent.
func dieWithParent(*syscall.SysProcAttr) {}

type program struct{}

func (g *group) remember() {}

// alive reports whether anything of the group still runs.
func (g *group) alive() bool { return syscall.Kill(-g.id, 0) == nil }

// killMarked does nothing: other systems do not show a process's environment, so a
// program that left its group and session cannot be told from the person's own.
func (g *group) killMarked(string) {}
