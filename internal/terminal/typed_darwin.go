package terminal

import "golang.org/x/sys/unix"

// fread is FREAD of sys/fcntl.h: the queue of what was typed.
const fread = 1

// dropTyped forgets what was typed at a terminal and not read yet.
func dropTyped(terminal int) {
	_ = unix.IoctlSetPointerInt(terminal, unix.TIOCFLUSH, fread) // without it the question is only easier to answer by mistake
}

// TypedEnd does not know here whether Ctrl-D was typed: Ctrl-C ends a wait.
func TypedEnd(int) bool { return false }
