package atomicfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestWriteReplacesTheContentAndThePermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.json")
	put(t, path, "old, and longer than the new one", 0o644)
	if err := Write(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "new" {
		t.Errorf("content is %q", got)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %o", info.Mode().Perm())
	}
	onlyFiles(t, filepath.Dir(path), 1)
}

func TestWriteLeavesTheOldFileAndNoTemporaryOneWhenItFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sub")
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new"), 0o600); err == nil {
		t.Error("a folder was replaced by a file")
	}
	onlyFiles(t, dir, 1)
	if err := Write(filepath.Join(dir, "no folder", "f"), nil, 0o600); err == nil {
		t.Error("a missing folder is no error")
	}
}

func TestWriteKeepsASymbolicLinkALink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege on Windows")
	}
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	for _, to := range []string{"target", target} {
		_ = os.Remove(link) // absent in the first round
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
		if err := Write(link, []byte(to), 0o600); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("the link was replaced (%v)", err)
		}
		if got := read(t, target); got != to {
			t.Errorf("the target holds %q", got)
		}
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	if err := Write(loop, nil, 0o600); err == nil {
		t.Error("a link to itself is no error")
	}
}

func TestRotateKeepsTheNewestBackups(t *testing.T) {
	dir := t.TempDir()
	name := func(n int) string { return filepath.Join(dir, fmt.Sprintf("f.bak.%d", n)) }
	for i := range 8 {
		if err := Rotate(name, 5); err != nil {
			t.Fatal(err)
		}
		put(t, name(1), fmt.Sprint(i), 0o600)
	}
	for n := 1; n <= 5; n++ {
		if got, want := read(t, name(n)), fmt.Sprint(8-n); got != want {
			t.Errorf("backup %d holds %s, want %s", n, got, want)
		}
	}
	onlyFiles(t, dir, 5)
}

func put(t *testing.T, path, content string, perm fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), perm); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func onlyFiles(t *testing.T, dir string, n int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != n {
		t.Errorf("%d entries in the folder, want %d: %v", len(entries), n, entries)
	}
}
