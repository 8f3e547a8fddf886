//go:build race

package netguard

import "syscall"

// tellRace tells the race detector that what was written before these bytes were sent is
// to be seen now, which package syscall does with each of its reads. One of no bytes
// gives nothing and does not wait.
func tellRace(fd uintptr) { _, _ = syscall.Read(int(fd), nil) }
