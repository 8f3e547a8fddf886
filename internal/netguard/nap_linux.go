package netguard

import (
	"errors"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A nap waits for a moment, with one wake of the process. A sleep of Go's takes four: its
// runtime waits in whole milliseconds, and then for the rest, and the thread that watches
// system calls gets up with each timer.
type nap struct {
	file  *os.File
	raw   syscall.RawConn
	begin func(fd uintptr) bool // of rest, as a value that is made once

	time  time.Duration
	begun bool
	err   error
}

func newNap() (*nap, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	n := &nap{file: os.NewFile(uintptr(fd), "timerfd")}
	if n.raw, err = n.file.SyscallConn(); err != nil {
		_ = n.file.Close() // the first error is the one that says something
		return nil, err
	}
	n.begin = n.first
	return n, nil
}

// rest returns when d is over, or with an error when the nap is closed. It is called by
// one goroutine at a time.
func (n *nap) rest(d time.Duration) error {
	n.time, n.begun, n.err = d, false, nil
	return errors.Join(n.raw.Read(n.begin), n.err)
}

// first is called by the poller when it is ready to be told of an end, which is when the
// timer may begin, and again when it was told: true is to wait no longer.
func (n *nap) first(fd uintptr) bool {
	if n.begun {
		return true
	}
	n.begun = true
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(n.time.Nanoseconds())}
	_, _, errno := syscall.RawSyscall6(unix.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0) //nolint:gosec // as package unix does it; it cannot block
	if errno != 0 {
		n.err = os.NewSyscallError("timerfd_settime", errno)
		return true
	}
	return false
}

// Close ends a rest. It may be called by another goroutine.
func (n *nap) Close() error { return n.file.Close() }
