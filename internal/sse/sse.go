package sse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// DefaultMaxBytes bounds one line and the data of one event when Config leaves it at 0.
// A tool call of ten megabytes has been seen in a single line.
const DefaultMaxBytes = 32 << 20

// keepBytes is how large a buffer may stay between events.
const keepBytes = 1 << 20

// ErrTooLong is in the chain of the error that ends a stream whose line or event is
// longer than Config.MaxBytes.
var ErrTooLong = errors.New("event longer than the limit")

// An Event is one thing in the stream. Data is valid until the next call of Next.
type Event struct {
	Name    string // of the event field; "" where the server named none
	Data    []byte // the data lines joined with \n; for a comment its text
	Comment bool   // a keep-alive: it proves that the server is at work, and means nothing else
}

// Config of a Decoder; the zero value is the default.
type Config struct {
	MaxBytes int // of one line and of one event's data; 0 = DefaultMaxBytes
}

// A Decoder reads events from a reader. It is used by one goroutine.
type Decoder struct {
	r    io.Reader
	max  int
	buf  []byte
	from int // start of the unread bytes in buf
	seen int // up to here buf holds no line end
	err  error
	// skipLF drops a \n that follows a line already ended by \r, without waiting for it.
	skipLF  bool
	started bool

	name    string
	data    []byte
	pending bool
}

// NewDecoder reads events from r. It reads ahead as far as r gives, and blocks only
// when no whole event is there.
func NewDecoder(r io.Reader, c Config) *Decoder {
	if c.MaxBytes <= 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	return &Decoder{r: r, max: c.MaxBytes, buf: make([]byte, 0, 8<<10)}
}

// Next gives the next event or comment. At the end of the stream it gives io.EOF, also
// when the last line or the blank line after it is missing: what was sent is delivered
// first. Another error of the reader is given as it is, after the events that were
// complete; a line that it cut is dropped.
func (d *Decoder) Next() (Event, error) {
	if cap(d.data) > keepBytes {
		d.data = nil
	}
	for {
		line, err := d.line()
		if err != nil {
			if d.pending {
				return d.take(), nil
			}
			return Event{}, err
		}
		if len(line) == 0 {
			if d.pending {
				return d.take(), nil
			}
			continue
		}
		if line[0] == ':' {
			return Event{Data: bytes.TrimSpace(line[1:]), Comment: true}, nil
		}
		if err := d.field(line); err != nil {
			d.err = err
			return Event{}, err
		}
	}
}

// field keeps what one line says of the event being read.
func (d *Decoder) field(line []byte) error {
	// A server that breaks in the middle of a stream writes its error as a bare object.
	if line[0] == '{' {
		return d.add(line)
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	value = bytes.TrimPrefix(value, []byte{' '})
	switch string(name) {
	case "data":
		return d.add(value)
	case "event":
		d.name, d.pending = string(value), true
	case "error": // llama.cpp before 2025 wrote "error: {…}" as a field of its own
		d.name = "error"
		return d.add(value)
	}
	return nil // id, retry and whatever else is no part of what a model says
}

func (d *Decoder) add(value []byte) error {
	if len(d.data)+len(value) > d.max {
		return fmt.Errorf("read event: %w of %d bytes", ErrTooLong, d.max)
	}
	if d.pending && len(d.data) > 0 {
		d.data = append(d.data, '\n')
	}
	d.data = append(d.data, value...)
	d.pending = true
	return nil
}

func (d *Decoder) take() Event {
	e := Event{Name: d.name, Data: d.data}
	d.name, d.data, d.pending = "", d.data[:0], false
	return e
}

// line gives the next line without its end. The bytes are valid until the next call.
func (d *Decoder) line() ([]byte, error) {
	for {
		rest := d.buf[d.from:]
		if d.skipLF && len(rest) > 0 {
			d.skipLF = false
			if rest[0] == '\n' {
				d.from++
				d.seen = max(d.seen, d.from)
				continue
			}
		}
		if end := d.lineEnd(); end >= 0 {
			line := d.buf[d.from:end]
			d.skipLF = d.buf[end] == '\r'
			d.from, d.seen = end+1, end+1
			return d.first(line), nil
		}
		if d.err != nil {
			return d.last()
		}
		if len(rest) > d.max {
			d.err = fmt.Errorf("read line: %w of %d bytes", ErrTooLong, d.max)
			d.from = len(d.buf)
			return nil, d.err
		}
		d.fill()
	}
}

// lineEnd is the index in buf of the next \n or \r, or -1.
func (d *Decoder) lineEnd() int {
	unseen := d.buf[d.seen:]
	lf := bytes.IndexByte(unseen, '\n')
	if lf >= 0 {
		unseen = unseen[:lf]
	}
	cr := bytes.IndexByte(unseen, '\r')
	switch {
	case cr >= 0:
		return d.seen + cr
	case lf >= 0:
		return d.seen + lf
	}
	d.seen = len(d.buf)
	return -1
}

// last gives the unfinished last line at a clean end, once; after that the error.
func (d *Decoder) last() ([]byte, error) {
	rest := d.buf[d.from:]
	d.from, d.seen = len(d.buf), len(d.buf)
	if len(rest) > 0 && errors.Is(d.err, io.EOF) && !errors.Is(d.err, io.ErrUnexpectedEOF) {
		return d.first(rest), nil
	}
	return nil, d.err
}

// first drops a byte order mark in front of the very first line.
func (d *Decoder) first(line []byte) []byte {
	if !d.started {
		d.started = true
		return bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	return line
}

// fill reads once. The reader's error is kept until all bytes before it are used.
func (d *Decoder) fill() {
	if d.from > 0 {
		n := copy(d.buf, d.buf[d.from:])
		d.buf = d.buf[:n]
		d.seen -= d.from
		d.from = 0
	}
	if len(d.buf) == 0 && cap(d.buf) > keepBytes {
		d.buf = make([]byte, 0, 8<<10)
	}
	if len(d.buf) == cap(d.buf) {
		d.buf = append(d.buf, make([]byte, cap(d.buf))...)[:len(d.buf)]
	}
	n, err := d.r.Read(d.buf[len(d.buf):cap(d.buf)])
	d.buf = d.buf[:len(d.buf)+n]
	d.err = err
}
