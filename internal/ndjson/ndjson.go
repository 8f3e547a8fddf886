// Package ndjson reads a stream of JSON values, one a line, as Ollama sends them.
package ndjson

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// DefaultMaxBytes bounds one line when Config leaves it at 0.
const DefaultMaxBytes = 32 << 20

// ErrTooLong is in the chain of the error that ends a stream with a longer line.
var ErrTooLong = errors.New("line longer than the limit")

// Config of a Reader; the zero value is the default.
type Config struct {
	MaxBytes int // of one line; 0 = DefaultMaxBytes
}

// A Reader gives lines. It is used by one goroutine.
type Reader struct {
	s   *bufio.Scanner
	max int
	cut bool // the line at hand has no end

	begun bool // a byte-order mark can come no more
}

// NewReader reads lines from r.
func NewReader(r io.Reader, c Config) *Reader {
	if c.MaxBytes <= 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 8<<10), c.MaxBytes)
	lines := &Reader{s: s, max: c.MaxBytes}
	s.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		lines.cut = atEOF && bytes.IndexByte(data, '\n') < 0
		return bufio.ScanLines(data, atEOF)
	})
	return lines
}

// Next gives the next line that is not blank, without its end and without a byte-order mark
// before the first; the bytes are valid
// until the next call. At the end it gives io.EOF; the last newline may be missing there.
// Another error of the reader is given as it is, and a line that it cut is dropped.
// Whether a line is JSON is the caller's question.
func (r *Reader) Next() ([]byte, error) {
	for r.s.Scan() {
		if r.cut && r.s.Err() != nil {
			break
		}
		line := r.s.Bytes()
		if !r.begun {
			line, r.begun = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")), true
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
	switch err := r.s.Err(); {
	case err == nil:
		return nil, io.EOF
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("read line: %w of %d bytes", ErrTooLong, r.max)
	default:
		return nil, err
	}
}
