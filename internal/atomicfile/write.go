package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces the file at path with data: a temporary file in the same folder,
// flushed, renamed over the old one, and the folder flushed. The file gets exactly
// the permissions perm, whatever the old file or the umask say. A path that is a
// symbolic link stays one: its target is replaced. The folder must exist.
//
// When Write returns an error the old file is untouched, with one exception: if only
// the last flush of the folder failed, the new content is in place but may not
// survive a loss of power.
func Write(path string, data []byte, perm fs.FileMode) error {
	target, err := follow(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	dir := filepath.Dir(target)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(target)+".*.tmp")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = fill(tmp, data, perm); err == nil {
		err = rename(tmp.Name(), target)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // the first error is the one that says something
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("write %s: flush its folder: %w", path, err)
	}
	return nil
}

// fill writes, sets the permissions, flushes and closes.
func fill(f *os.File, data []byte, perm fs.FileMode) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// follow resolves path when it is a symbolic link, also one whose target does not
// exist yet.
func follow(path string) (string, error) {
	for range 40 {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return "", errors.New("too many symbolic links")
}

// Rotate makes room for a new newest backup: name(1) becomes name(2), and so on;
// what was name(keep) is lost. Missing backups are no error.
func Rotate(name func(n int) string, keep int) error {
	for n := keep - 1; n >= 1; n-- {
		err := rename(name(n), name(n+1))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rotate backups: %w", err)
		}
	}
	return nil
}
