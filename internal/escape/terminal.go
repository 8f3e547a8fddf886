package escape

import "io"

// Terminal gives a writer for text that is shown on a terminal as it comes: line breaks
// and tabs pass, every other control character is left out, so that nothing in a model's
// answer or a stored conversation can move the cursor, clear the screen, set the title or
// imitate a question. What is left of a sequence stands there as text. One goroutine uses
// it at a time.
func Terminal(w io.Writer) io.Writer { return &terminal{w: w} }

type terminal struct {
	w    io.Writer
	held bool // a byte that begins a C1 control in UTF-8 was kept back
}

// c1 is the first byte, in UTF-8, of U+0080 to U+00BF; the first half are controls.
const c1 = 0xc2

// Write never keeps more back than one byte of an unfinished character.
func (t *terminal) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p)+1)
	for _, b := range p {
		if t.held {
			t.held = false
			if b >= 0x80 && b <= 0x9f {
				continue
			}
			out = append(out, c1)
		}
		switch {
		case b == c1:
			t.held = true
		case b == '\n', b == '\t', b >= ' ' && b != 0x7f:
			out = append(out, b)
		}
	}
	if len(out) > 0 {
		if _, err := t.w.Write(out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
