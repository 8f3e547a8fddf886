package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// What a script cannot make for an administrator: a config that may not be read.
func TestAConfigThatMayNotBeRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("rights are told otherwise there")
	}
	there := filepath.Join(t.TempDir(), "it's mine")
	hidden := filepath.Join(t.TempDir(), "closed", "hearth.json")
	rows := []struct{ name, path, cause, try string }{
		{"the file", filepath.Dir(there), "This user may not read that file", "sudo chown \"$USER\" " + filepath.Dir(there) + " && chmod 600 " + filepath.Dir(there)},
		{"its folder", hidden, "This user may not enter the folder of that file", "sudo chown -R \"$USER\" " + filepath.Dir(hidden) + "; else name a folder of your own with HEARTH_HOME."},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			err := fmt.Errorf("read config: %w", &fs.PathError{Op: "open", Path: row.path, Err: syscall.EACCES})
			cause, try := notReadWords(err)
			if !strings.HasPrefix(cause, row.cause) || !strings.HasSuffix(try, row.try) {
				t.Errorf("cause %s\ntry %s", cause, try)
			}
		})
	}
	if got := inShell(there); got != "'"+strings.ReplaceAll(there, "'", `'\''`)+"'" {
		t.Errorf("for a shell: %s", got)
	}
}
