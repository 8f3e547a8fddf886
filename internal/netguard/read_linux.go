package netguard

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// quietReads gives a reader of a connection that one goroutine reads, and that is closed
// with it. It costs a third of what conn.Read does where bytes come a few at a time: Go's
// runtime has a thread that watches system calls, and wakes it at each that comes after a
// rest, so at each token. A read that cannot block needs no watching.
//
// Of a stream that has come quickly for a while the reader lets the kernel gather for a
// moment before it reads on, because being woken is most of what is left of a token's cost.
// It stops that as soon as a moment brought less than two reads did before.
func quietReads(conn net.Conn) io.ReadCloser {
	c, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return conn
	}
	r := &quietReader{conn: c, raw: raw, now: time.Now, gather: gatherTime}
	r.once = r.read
	return r
}

const (
	// gatherTime is what a quick stream may come late. Nobody sees it: a screen shows a
	// new picture every 16 ms. With half of it a token would cost a third more.
	gatherTime = 8 * time.Millisecond
	// quickGap and quickFor say what is quick: for so long no read came later than that
	// after the one before. The burst in which a server writes the tokens that it guessed
	// together is shorter, and a model that writes less than 500 tokens a second pauses.
	quickGap = 2 * time.Millisecond
	quickFor = 20 * time.Millisecond
	// gatherBytes wake the process before the moment is over. The kernel makes room for
	// twice of it, which is what a connection has anyway.
	gatherBytes = 64 << 10
)

type quietReader struct {
	conn *net.TCPConn
	raw  syscall.RawConn
	once func(fd uintptr) bool // read, as a value that is made once

	into []byte
	n    int
	err  syscall.Errno

	now       func() time.Time
	gather    time.Duration
	gathering bool      // the kernel tells of bytes when there are many
	more      bool      // the last read filled its buffer
	piece     int       // what the last read brought that was not gathered
	began     time.Time // when the reads became quick
	last      time.Time // when the last read ended

	mu     sync.Mutex // guards the fields below, for Close
	nap    *nap       // of a stream that was quick once
	closed bool
}

// Read reads what is there, or waits in the runtime's poller until something is.
func (r *quietReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.isQuick() {
		r.rest()
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
	r.note(r.n, r.n == len(p))
	return r.n, nil
}

// note keeps when a read ended, how much it brought, and whether it had room for no more.
func (r *quietReader) note(n int, full bool) {
	r.more = full
	if r.gathering {
		return
	}
	r.piece = n
	now := r.now()
	if now.Sub(r.last) > quickGap {
		r.began = now
	}
	r.last = now
}

func (r *quietReader) isQuick() bool {
	return !r.more && (r.gathering || r.last.Sub(r.began) >= quickFor)
}

// rest lets the kernel gather. Where it cannot, the stream is read on as it comes.
func (r *quietReader) rest() {
	nap := r.napping()
	if nap == nil {
		r.began = r.last
		return
	}
	if !r.gathering {
		r.gathering = true
		_ = r.raw.Control(func(fd uintptr) { wakeAt(fd, gatherBytes) }) // of a closed connection reading will tell
	}
	_ = nap.rest(r.gather) // one that ends early gathers less
}

// napping gives what to wait with; nil where there is none.
func (r *quietReader) napping() *nap {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nap == nil && !r.closed {
		r.nap, _ = newNap() // a process without descriptors goes on without
	}
	return r.nap
}

// wakeAt has a waiting process woken when so many bytes are there; the end of the stream
// wakes it anyway. What is there already counts.
func wakeAt(fd uintptr, bytes int) {
	_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes) // it cannot fail for a number above 0
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
			r.goOn(fd)
			return false
		case errno != 0:
			r.err = errno
		default:
			r.n = int(n)
			if r.n < min(2*r.piece, len(r.into)) {
				r.goOn(fd)
			}
			tellRace(fd)
		}
		return true
	}
}

// goOn ends the gathering: the next bytes are read as they come.
func (r *quietReader) goOn(fd uintptr) {
	if r.gathering {
		r.gathering, r.began = false, r.last
		wakeAt(fd, 1)
	}
}

// Close closes the connection; a Read that waits or gathers ends with an error.
func (r *quietReader) Close() error {
	err := r.conn.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nap != nil && !r.closed {
		_ = r.nap.Close() // it was only waited with
	}
	r.closed = true
	return err
}
