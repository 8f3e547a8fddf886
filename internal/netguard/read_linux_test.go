package netguard

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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
	if r == io.ReadCloser(here) {
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

// paced gives a reader whose clock goes on by step with each read, and the other end.
func paced(t *testing.T, step func() time.Duration) (r *quietReader, there *net.TCPConn) {
	t.Helper()
	here, there := pair(t)
	r, ok := quietReads(here).(*quietReader)
	if !ok {
		t.Fatal("a TCP connection is read the costly way")
	}
	t.Cleanup(func() { _ = r.Close() })
	at := time.Unix(1e9, 0)
	r.now = func() time.Time {
		at = at.Add(step())
		return at
	}
	return r, there
}

func steadily(step time.Duration) func() time.Duration { return func() time.Duration { return step } }

// say writes something, and reads it once it is there.
func say(t *testing.T, r *quietReader, there io.Writer, what string) {
	t.Helper()
	if _, err := io.WriteString(there, what); err != nil {
		t.Fatal(err)
	}
	for arrived := 0; arrived < len(what); runtime.Gosched() {
		err := r.raw.Control(func(fd uintptr) { arrived, _ = unix.IoctlGetInt(int(fd), unix.SIOCINQ) })
		if err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, 8)
	if n, err := r.Read(got); string(got[:n]) != what || err != nil {
		t.Fatalf("got %q, %v", got[:n], err)
	}
}

// quick gives a reader that gathers.
func quick(t *testing.T) (r *quietReader, there *net.TCPConn) {
	t.Helper()
	r, there = paced(t, steadily(quickGap))
	for range quickFor/quickGap + 1 {
		say(t, r, there, "x")
		if wakes(t, r) != 1 {
			t.Fatal("it gathers before the stream was quick for long")
		}
	}
	say(t, r, there, "xyz")
	if !r.gathering || wakes(t, r) != gatherBytes {
		t.Fatal("a quick stream is not gathered")
	}
	return r, there
}

// wakes is how many bytes must be there for a waiting reader to be woken.
func wakes(t *testing.T, r *quietReader) int {
	t.Helper()
	var bytes int
	var failed error
	err := r.raw.Control(func(fd uintptr) {
		bytes, failed = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT)
	})
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	return bytes
}

func TestASlowStreamIsNeverGathered(t *testing.T) {
	t.Run("a token every few milliseconds", func(t *testing.T) {
		r, there := paced(t, steadily(quickGap+1))
		r.gather = time.Hour
		for range 100 {
			say(t, r, there, "x")
		}
	})
	t.Run("several tokens at a time, and a pause", func(t *testing.T) {
		reads := 0
		r, there := paced(t, func() time.Duration {
			if reads++; reads%16 == 0 { // more than are guessed together
				return quickGap + 1
			}
			return quickFor / 16
		})
		r.gather = time.Hour
		for range 200 {
			say(t, r, there, "x")
		}
	})
	t.Run("one that is behind, so that each read finds more than it has room for", func(t *testing.T) {
		r, there := paced(t, steadily(quickGap))
		r.gather = time.Hour
		if _, err := there.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if n, err := r.Read(make([]byte, 1)); n != 1 || err != nil {
				t.Fatalf("got %d, %v", n, err)
			}
		}
	})
}

func TestAStreamThatSlowsDownIsNoLongerGathered(t *testing.T) {
	// again is what follows: it must be quick for long once more.
	again := func(t *testing.T, r *quietReader, there io.Writer) {
		t.Helper()
		if wakes(t, r) != 1 {
			t.Fatal("it is still gathered")
		}
		r.gather = time.Hour
		for range quickFor/quickGap - 1 {
			say(t, r, there, "x")
		}
	}
	t.Run("when a moment brings one read's worth", func(t *testing.T) {
		r, there := quick(t)
		say(t, r, there, "x")
		again(t, r, there)
	})
	t.Run("when a moment brings nothing", func(t *testing.T) {
		r, there := quick(t)
		read := make(chan error, 1)
		go func() {
			n, err := r.Read(make([]byte, 8))
			if n != 1 {
				err = errors.Join(err, io.ErrUnexpectedEOF)
			}
			read <- err
		}()
		for wakes(t, r) != 1 { // it rests once, and finds nothing
			runtime.Gosched()
		}
		if _, err := there.Write([]byte{'x'}); err != nil {
			t.Fatal(err)
		}
		if err := <-read; err != nil {
			t.Fatal(err)
		}
		again(t, r, there)
	})
	t.Run("but not when it brings two", func(t *testing.T) {
		r, there := quick(t)
		for range 3 {
			say(t, r, there, "xy")
		}
		if wakes(t, r) != gatherBytes {
			t.Error("it is no longer gathered")
		}
	})
}

func TestAGatheredStreamIsWhole(t *testing.T) {
	r, there := quick(t)
	var want bytes.Buffer
	for i := range 3000 {
		want.Write(bytes.Repeat([]byte{byte(i)}, 1+i%300))
	}
	written := make(chan error, 1)
	go func() {
		var failed error
		for rest := bytes.NewBuffer(bytes.Clone(want.Bytes())); rest.Len() > 0; {
			_, err := there.Write(rest.Next(181))
			failed = errors.Join(failed, err)
		}
		written <- errors.Join(failed, there.CloseWrite())
	}()
	got, err := io.ReadAll(r)
	if err := errors.Join(err, <-written); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("got %d of %d bytes, %v", len(got), want.Len(), err)
	}
}

func TestAGatheredStreamEndsAsAnyOther(t *testing.T) {
	t.Run("at its end", func(t *testing.T) {
		r, there := quick(t)
		_, err := there.Write([]byte("the end"))
		if err := errors.Join(err, there.Close()); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); string(got) != "the end" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("with a reset", func(t *testing.T) {
		r, there := quick(t)
		if err := errors.Join(there.SetLinger(0), there.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("when it is closed, however long it would gather", func(t *testing.T) {
		r, there := quick(t)
		r.gather = time.Hour
		if _, err := there.Write([]byte{'x'}); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := r.Read(make([]byte, 1))
			ended <- err
		}()
		_ = r.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

func TestANapEnds(t *testing.T) {
	n, err := newNap()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []time.Duration{time.Millisecond, 1, time.Microsecond} {
		if err := n.rest(d); err != nil {
			t.Errorf("%s: %v", d, err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- n.rest(time.Hour) }()
	_ = n.Close() // also when the rest has not begun
	if err := <-ended; err == nil {
		t.Error("a closed nap went on for an hour")
	}
}
