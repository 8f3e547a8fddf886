package terminal

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// ReaderLeft reports whether a write went wrong because nobody reads the other end of the
// pipe any more.
func ReaderLeft(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}
