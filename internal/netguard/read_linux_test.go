package netguard

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

// pair gives both ends of a connection.
func pair(t *testing.T) (here, there *net.TCPConn) {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var dialer net.Dialer
	a, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	here, ok := a.(*net.TCPConn)
	there, also := b.(*net.TCPConn)
	if !ok || !also {
		t.Fatalf("got %T and %T", a, b)
	}
	return here, there
}

func TestAQuietReadGivesWhatAReadGives(t *testing.T) {
	here, there := pair(t)
	r := quietReads(here)
	if r == io.Reader(here) {
		t.Fatal("a TCP connection is read the costly way")
	}
	if n, err := r.Read(nil); n != 0 || err != nil {
		t.Errorf("no room: got %d, %v", n, err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(there, "hello")
		written <- errors.Join(err, there.CloseWrite())
	}()
	small := make([]byte, 2)
	n, err := r.Read(small)
	if n < 1 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	rest, err := io.ReadAll(r)
	if got := string(small[:n]) + string(rest); got != "hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestAQuietReadThatWaitsEndsWithItsConnection(t *testing.T) {
	here, _ := pair(t)
	r := quietReads(here)
	ended := make(chan error, 1)
	go func() {
		_, err := r.Read(make([]byte, 1))
		ended <- err
	}()
	_ = here.Close() // also when the read has not begun
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestAQuietReadTellsOfAReset(t *testing.T) {
	here, there := pair(t)
	if err := there.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	_ = there.Close()
	_, err := quietReads(here).Read(make([]byte, 1))
	var op *net.OpError
	if !errors.Is(err, syscall.ECONNRESET) || !errors.As(err, &op) || op.Op != "read" {
		t.Errorf("got %v", err)
	}
}
