package tool

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// changed is when a file's bytes, name or mode last changed. Programs can set the
// modification time to anything; this one they cannot.
func changed(info fs.FileInfo) time.Time {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(st.Ctimespec.Sec, st.Ctimespec.Nsec)
	}
	return info.ModTime()
}

// fileKey names a file by what stays when its name changes, "" where nothing does.
func fileKey(info fs.FileInfo) string {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf("/:%d:%d", st.Dev, st.Ino)
	}
	return ""
}
