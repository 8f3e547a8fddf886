package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"hearth"
	"hearth/config"
)

// notRead says why the config's own file could not be read, and what helps; nothing where
// it was read, whatever is wrong in it.
func notRead(file *config.File) (cause, try string) {
	if file.Broken == nil {
		return "", ""
	}
	return notReadWords(file.Broken)
}

// notReadWords does so for the error of reading it, or of a file that it includes.
func notReadWords(err error) (cause, try string) {
	at, ok := errors.AsType[*fs.PathError](err)
	if !ok {
		return "", ""
	}
	folder := filepath.Dir(at.Path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return denied(at.Path, folder)
	case errors.Is(err, syscall.ENOTDIR):
		return folder + " is no folder, or something on the way to it is none.", "Name another folder with HEARTH_HOME, or move that file away."
	case errors.Is(err, syscall.EISDIR):
		return at.Path + " is a folder, and the config is a file.", "Name the file in it: " + filepath.Join(at.Path, config.FileName)
	case errors.Is(err, fs.ErrNotExist): // what does not exist and is no included file is no error
		return "A file that the config includes is not there.", "Make it, or take its $include out."
	}
	return "The disk or the system did not give the file.", "Look at it: ls -l " + inShell(at.Path)
}

// homeless is the error of a machine that has no place for a config.
func homeless(op string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &hearth.Error{Op: op, Reason: hearth.ReasonCancelled, Err: err}
	}
	return &hearth.Error{Op: op, Reason: hearth.ReasonConfig, Err: err,
		Cause: "Hearth keeps its things in your home folder, and nothing says where that is.", Try: "Set HEARTH_HOME to a folder of your choice."}
}

// denied says of a file that may not be read whose right is missing: to it, or to its folder.
func denied(path, folder string) (cause, try string) {
	cause = "This user may not read that file; somebody else made it, perhaps an editor that was started with sudo."
	if _, err := os.Stat(path); err != nil { // not even looking at it is allowed
		cause, path = "This user may not enter the folder of that file: it belongs to somebody else.", folder
		if runtime.GOOS != "windows" {
			return cause, "If it is yours, run: sudo chown -R \"$USER\" " + inShell(folder) + "; else name a folder of your own with HEARTH_HOME."
		}
	}
	if runtime.GOOS == "windows" {
		return cause, "Give yourself the right to read " + path + ": its properties, Security."
	}
	return cause, "Make it yours again: sudo chown \"$USER\" " + inShell(path) + " && chmod 600 " + inShell(path)
}

// inShell is a path as one word of a command.
func inShell(path string) string {
	if strings.Trim(path, "/._-+@abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
