package terminal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// quiet is Output of a file that is one for it; the descriptor ends with the test.
func quiet(t *testing.T, f *os.File) *output {
	t.Helper()
	o, ok := Output(f).(*output)
	if !ok {
		t.Fatal("it is written the costly way")
	}
	t.Cleanup(func() { _ = unix.Close(o.fd) })
	return o
}

// blocking is a pipe as a shell makes it.
func blocking(t *testing.T) (r, w *os.File) {
	t.Helper()
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	r, w = os.NewFile(uintptr(ends[0]), "r"), os.NewFile(uintptr(ends[1]), "w")
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

func TestOutputIsWhole(t *testing.T) {
	words := bytes.Repeat([]byte("a word, and another\n"), 20_000) // more than a pipe holds
	for _, row := range []struct {
		name   string
		pieces int
	}{{"in one piece", len(words)}, {"in pieces", 97}} {
		t.Run(row.name, func(t *testing.T) {
			r, w := blocking(t)
			o := quiet(t, w)
			written := make(chan error, 1)
			go func() {
				var failed error
				for rest := words; len(rest) > 0; {
					n, err := o.Write(rest[:min(row.pieces, len(rest))])
					if failed = err; err != nil {
						break
					}
					rest = rest[n:]
				}
				written <- failed
			}()
			got := make([]byte, len(words))
			_, err := io.ReadFull(r, got)
			if err := errors.Join(err, <-written); err != nil || !bytes.Equal(got, words) {
				t.Errorf("%v, the same: %v", err, bytes.Equal(got, words))
			}
		})
	}
}

func TestOutputLeavesItsFileAsItWas(t *testing.T) {
	_, w := blocking(t)
	_ = quiet(t, w)
	raw, err := w.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		if flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
			t.Errorf("others no longer block: %#x, %v", flags, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOutputToATerminal(t *testing.T) {
	screen, tty, err := pty.Open()
	if err != nil {
		t.Skip("no terminal can be opened: ", err)
	}
	defer func() { _, _ = screen.Close(), tty.Close() }()
	if _, err := io.WriteString(quiet(t, tty), "hello\n"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("hello\r\n"))
	if _, err := io.ReadFull(screen, got); string(got) != "hello\r\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOutputThatNobodyReads(t *testing.T) {
	r, w := blocking(t)
	o := quiet(t, w)
	_ = r.Close()
	if n, err := io.WriteString(o, "hello"); n != 0 || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %d, %v", n, err)
	}
}

func TestAFileIsItsOwnOutput(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "answers"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if o := Output(f); o != io.Writer(f) {
		t.Errorf("got %T", o)
	}
}
