package terminal

import (
	"context"
	"io"
)

// Input is a stream whose readers can give up. A read that is under way then goes on, and
// what it brings is for the next reader. It is read by one goroutine at a time.
type Input struct {
	in     io.Reader
	coming chan arrival // of the read that is under way; nil: none is
	came   arrival
}

// NewInput makes one of a reader.
func NewInput(in io.Reader) *Input { return &Input{in: in} }

// arrival is what one read brought.
type arrival struct {
	bytes []byte
	err   error
}

// Under gives the stream to a reader that gives up with the cause of ctx, when that ends.
func (i *Input) Under(ctx context.Context) io.Reader {
	return readerFunc(func(b []byte) (int, error) { return i.read(ctx, b) })
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// minRead is the least room that a read is given.
const minRead = 4096

func (i *Input) read(ctx context.Context, b []byte) (int, error) {
	if len(i.came.bytes) == 0 && i.came.err == nil {
		if i.coming == nil {
			coming := make(chan arrival, 1)
			go func() { // ends with the read, or with the process
				room := make([]byte, max(len(b), minRead))
				n, err := i.in.Read(room)
				coming <- arrival{room[:n], err}
			}()
			i.coming = coming
		}
		select {
		case i.came = <-i.coming:
			i.coming = nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	n := copy(b, i.came.bytes)
	if i.came.bytes = i.came.bytes[n:]; len(i.came.bytes) > 0 {
		return n, nil
	}
	err := i.came.err
	i.came.err = nil
	return n, err
}

// Drop forgets what came and was not taken by any reader.
func (i *Input) Drop() {
	i.came.bytes = nil
	if i.coming == nil {
		return
	}
	select {
	case <-i.coming:
		i.coming = nil
	default:
	}
}
