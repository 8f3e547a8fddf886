package main

import "golang.org/x/sys/unix"

// dropTyped forgets what was typed at a terminal and not read yet.
func dropTyped(terminal int) {
	_ = unix.IoctlSetInt(terminal, unix.TCFLSH, unix.TCIFLUSH) // without it the question is only easier to answer by mistake
}
