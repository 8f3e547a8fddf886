//go:build unix

package file

import "syscall"

// openFlags keep an open from waiting for the other end of a pipe, and from giving the
// gateway a controlling terminal.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY
