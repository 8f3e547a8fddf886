package netguard

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// quietReads gives a reader of a connection that one goroutine reads. It costs a third of
// what conn.Read does where bytes come a few at a time: Go's runtime has a thread that
// watches system calls, and wakes it at each that comes after a rest, so at each token.
// A read that cannot block needs no watching. Close ends it as it ends conn.Read.
func quietReads(conn net.Conn) io.Reader {
	c, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return conn
	}
	r := &quietReader{conn: c, raw: raw}
	r.once = r.read
	return r
}

type quietReader struct {
	conn *net.TCPConn
	raw  syscall.RawConn
	once func(fd uintptr) bool // read, as a value that is made once

	into []byte
	n    int
	err  syscall.Errno
}

// Read reads what is there, or waits in the runtime's poller until something is.
func (r *quietReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	r.into, r.n, r.err = p, 0, 0
	err := r.raw.Read(r.once)
	r.into = nil
	switch {
	case err != nil:
		return 0, err
	case r.err != 0:
		return 0, &net.OpError{Op: "read", Net: "tcp", Source: r.conn.LocalAddr(), Addr: r.conn.RemoteAddr(), Err: os.NewSyscallError("read", r.err)}
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}

// read is called by the poller; false waits for more. The descriptor never blocks: a
// net.Conn's is made so.
func (r *quietReader) read(fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(r.into))), uintptr(len(r.into))) //nolint:gosec // as package syscall does it
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			return false
		case errno != 0:
			r.err = errno
		default:
			r.n = int(n)
			tellRace(fd)
		}
		return true
	}
}
