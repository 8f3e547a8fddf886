// Package file gives an agent the workspace: read, write and edit.
//
// Every path goes through os.Root, so neither "..", an absolute path nor a symlink
// leads out of the workspace, not even one that is swapped while it is looked at. Only
// ordinary files are opened: a pipe or a device is refused without waiting for it.
package file
