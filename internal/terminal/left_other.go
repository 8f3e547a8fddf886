//go:build !windows

package terminal

import (
	"errors"
	"syscall"
)

// ReaderLeft reports whether a write went wrong because nobody reads the other end of the
// pipe any more.
func ReaderLeft(err error) bool { return errors.Is(err, syscall.EPIPE) }
