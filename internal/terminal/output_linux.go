package terminal

import (
	"io"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Output gives a writer to f for words that come a few at a time, used by one goroutine at
// a time. Where f is a terminal or a pipe, a write costs some microseconds: Go's runtime
// has a thread that watches system calls, and wakes it at each that comes after a rest,
// which would cost more than all else of a token. A write that cannot block needs no
// watching. What is not taken at once is written to f itself, so that its errors are f's.
func Output(f *os.File) io.Writer {
	info, err := f.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeCharDevice) == 0 {
		return f // opened again, a file would be written from its beginning
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return f
	}
	o := &output{f: f, fd: -1}
	err = raw.Control(func(fd uintptr) { // opened again, it does not block us, and everybody else as before
		o.fd, _ = unix.Open("/proc/self/fd/"+strconv.Itoa(int(fd)), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	})
	if err != nil || o.fd < 0 {
		return f
	}
	return o
}

type output struct {
	f  *os.File
	fd int // stays open as long as the process, as standard output does
}

func (o *output) Write(p []byte) (int, error) {
	n := o.atOnce(p)
	if n == len(p) {
		return n, nil
	}
	rest, err := o.f.Write(p[n:])
	return n + rest, err
}

// atOnce writes what is taken without waiting.
func (o *output) atOnce(p []byte) int {
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(o.fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))) //nolint:gosec // as package syscall does it
	if errno != 0 {
		return 0
	}
	return int(n)
}
