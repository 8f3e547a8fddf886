package terminal

import "golang.org/x/sys/unix"

// dropTyped forgets what was typed at a terminal and not read yet.
func dropTyped(terminal int) {
	_ = unix.IoctlSetInt(terminal, unix.TCFLSH, unix.TCIFLUSH) // without it the question is only easier to answer by mistake
}

// TypedEnd reports whether Ctrl-D was typed at a terminal on a line of its own, and takes
// it away. What else was typed stays.
func TypedEnd(terminal int) bool {
	if terminal < 0 {
		return false
	}
	ready := []unix.PollFd{{Fd: int32(terminal), Events: unix.POLLIN}}
	if n, err := unix.Poll(ready, 0); err != nil || n == 0 || ready[0].Revents&unix.POLLIN == 0 {
		return false
	}
	// There is something to read, and it has no bytes: that is the end of the input.
	if n, err := unix.IoctlGetInt(terminal, unix.TIOCINQ); err != nil || n > 0 {
		return false
	}
	n, err := unix.Read(terminal, make([]byte, 1))
	return n == 0 && err == nil
}
