//go:build !linux && !darwin

package tool

import (
	"io/fs"
	"time"
)

// changed is when a file last changed, as far as this system tells: programs that mean
// to hide a change can.
func changed(info fs.FileInfo) time.Time { return info.ModTime() }

// fileKey names a file by what stays when its name changes, "" where nothing does.
func fileKey(fs.FileInfo) string { return "" }
