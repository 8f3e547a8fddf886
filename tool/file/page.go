package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

type limits struct{ lines, bytes int }

// countBytes bounds how far beyond the page lines are counted, so that reading the
// head of a huge log does not read all of it.
const countBytes = 64 << 20

// page is a part of a text file in whole lines, or the beginning of one line too long.
type page struct {
	body    strings.Builder
	shown   int  // lines
	total   int  // lines counted
	more    bool // the file goes on after what was counted
	longest int  // bytes of a line that was cut; 0 = none was
	invalid int  // bytes that were not UTF-8
	cr      bool // lines end in CR LF
}

// readPage reads lines from in.offset on until a limit is reached, and counts the rest.
func readPage(ctx context.Context, body *bufio.Reader, in readCall, lim limits) (*page, error) {
	p := &page{}
	if in.limit > 0 {
		lim.lines = min(lim.lines, in.limit)
	}
	if bom, err := body.Peek(3); err == nil && string(bom) == "\ufeff" {
		if _, err := body.Discard(3); err != nil {
			return nil, err
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, errors.New("reading was stopped")
		}
		// Only as much of a line is kept as could be shown.
		keep := 0
		if p.total+1 >= in.offset {
			keep = lim.bytes + 1
		}
		line, length, err := readLine(ctx, body, keep)
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return nil, plain(err)
		}
		if length == 0 && last {
			return p, nil
		}
		p.total++
		if p.total >= in.offset && !p.add(line, length, lim) {
			return p, p.count(ctx, body)
		}
		if last {
			return p, nil
		}
	}
}

// count counts the lines after the page, as far as that is quick.
func (p *page) count(ctx context.Context, body *bufio.Reader) error {
	chunk := make([]byte, 64<<10)
	ended, seen := true, 0
	for ctx.Err() == nil {
		n, err := body.Read(chunk)
		if n > 0 {
			p.total += bytes.Count(chunk[:n], []byte("\n"))
			ended = bytes.HasSuffix(chunk[:n], []byte("\n"))
		}
		if seen += n; seen > countBytes {
			p.more = true
			return nil
		}
		if errors.Is(err, io.EOF) {
			if !ended {
				p.total++ // the last line has no end
			}
			return nil
		}
		if err != nil {
			return plain(err)
		}
	}
	return errors.New("reading was stopped")
}

// readLine gives the first keep bytes of the next line with its end, and its length.
func readLine(ctx context.Context, body *bufio.Reader, keep int) (line []byte, length int, err error) {
	for {
		part, err := body.ReadSlice('\n')
		length += len(part)
		if room := keep - len(line); room > 0 {
			line = append(line, part[:min(room, len(part))]...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, length, err
		}
		if ctx.Err() != nil {
			return line, length, ctx.Err()
		}
	}
}

// add puts one line on the page and reports whether another may follow.
func (p *page) add(line []byte, length int, lim limits) bool {
	if p.body.Len()+length > lim.bytes {
		if p.shown > 0 {
			return false
		}
		line = bytes.TrimSuffix(line[:min(len(line), lim.bytes)], []byte("\n"))
		for i := 0; i < utf8.UTFMax-1 && len(line) > 0 && !utf8.FullRune(lastRune(line)); i++ {
			line = line[:len(line)-1]
		}
		p.longest = length
	}
	if end, ok := bytes.CutSuffix(line, []byte("\r\n")); ok {
		line = append(end, '\n')
		p.cr = true
	}
	p.write(line)
	p.shown++
	return p.longest == 0 && p.shown < lim.lines
}

// lastRune gives the bytes from the last start of a character on.
func lastRune(b []byte) []byte {
	i := len(b) - 1
	for i > 0 && i > len(b)-utf8.UTFMax && !utf8.RuneStart(b[i]) {
		i--
	}
	return b[i:]
}

// write replaces what is not UTF-8; a NUL, which no model can be sent, counts as such.
func (p *page) write(line []byte) {
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		if r == utf8.RuneError && size == 1 || r == 0 {
			p.invalid++
			p.body.WriteRune(utf8.RuneError)
		} else {
			p.body.Write(line[:size])
		}
		line = line[size:]
	}
}

// text gives the page with the notes that a reader needs, in square brackets after it.
func (p *page) text(offset int) string {
	body := p.body.String()
	last := offset + p.shown - 1
	var notes []string
	switch {
	case p.total == 0:
		return "[the file is empty]"
	case p.shown == 0 && p.more:
		return fmt.Sprintf("[line %d is too far into the file; use a command to see it]", offset)
	case p.shown == 0:
		return fmt.Sprintf("[there is no line %d; the file has %d lines]", offset, p.total)
	case p.longest > 0:
		notes = append(notes, fmt.Sprintf("line %d is %d bytes long and only its beginning is shown; a command can show the rest", offset, p.longest))
	}
	switch {
	case p.more:
		notes = append(notes, fmt.Sprintf("lines %d-%d of more than %d; continue with offset %d", offset, last, p.total, last+1))
	case last < p.total:
		notes = append(notes, fmt.Sprintf("lines %d-%d of %d; continue with offset %d", offset, last, p.total, last+1))
	}
	if p.invalid > 0 {
		notes = append(notes, fmt.Sprintf("%d bytes are not UTF-8 text and are shown as \ufffd", p.invalid))
	}
	if p.cr {
		notes = append(notes, "lines end in CR LF; edit keeps that")
	}
	if len(notes) == 0 {
		return body
	}
	if !strings.HasSuffix(body, "\n") {
		body += "\n"
	}
	return body + "[" + strings.Join(notes, ". ") + "]"
}
