//go:build !windows

package filelock

import (
	"errors"
	"os"
	"syscall"
)

var errHeld = errors.New("held")

// unlock frees what lock took.
func unlock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
}

// lock uses flock(2): it belongs to the open file and not to the process, so a second
// open in the same process conflicts too, and closing another file frees nothing.
func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errHeld
		default:
			return err
		}
	}
}
