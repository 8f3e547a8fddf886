package atomicfile

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// rename replaces a file. Virus scanners and indexers open a new file for a moment,
// and Windows refuses to replace an open one, so a refusal is tried again for up to
// half a second.
func rename(from, to string) error {
	const accessDenied, sharingViolation = syscall.Errno(5), syscall.Errno(32)
	err := os.Rename(from, to)
	for wait := time.Millisecond; wait < 256*time.Millisecond; wait *= 2 {
		if !errors.Is(err, accessDenied) && !errors.Is(err, sharingViolation) {
			break
		}
		<-time.After(wait) // nothing tells when the other program lets go
		err = os.Rename(from, to)
	}
	return err
}

// syncDir does nothing: Windows cannot flush a folder, and NTFS journals renames.
func syncDir(string) error { return nil }
