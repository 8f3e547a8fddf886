//go:build unix

package file

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// flush makes a rename in dir survive a loss of power. Some file systems (FUSE,
// network shares) cannot flush a folder and say EINVAL or ENOTSUP; nothing more can be
// done there.
func flush(root *os.Root, dir string) error {
	d, err := root.Open(filepath.FromSlash(dir))
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(plainly(err), d.Close())
}
