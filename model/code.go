package model

// code follows Markdown closely enough to know whether a byte stands in code: in a
// block fenced by ``` or ~~~, or between backticks on one line. It looks at each byte
// once and holds nothing back. An unclosed backtick covers the rest of its line.
type code struct {
	indent  int  // white space since the line began; -1 after anything else
	begun   bool // more than white space and list marks stands on the line
	run     int  // length of the run of backticks or tildes that ends here
	mark    byte // what the run is made of
	first   bool // nothing but list marks stands before the run
	span    int  // length of the backtick run that opened an inline span; 0 outside
	fence   int  // length of the run that opened the fence; 0 outside
	fenceBy byte
	opening bool // on the line that opened the fence
	closing bool // this line closes the fence if nothing else stands on it
}

// inside reports whether b, the byte after those seen, stands in code.
func (c *code) inside(b byte) bool {
	if c.run > 0 && b != c.mark {
		c.endRun()
	}
	return c.fence > 0 || c.span > 0
}

// lineStart reports whether nothing stands on the line yet.
func (c *code) lineStart() bool { return c.indent >= 0 && c.indent <= 3 }

// word notes that something stands on the line.
func (c *code) word() { c.indent, c.begun, c.closing = -1, true, false }

// next takes the next byte of text.
func (c *code) next(b byte) {
	if c.run > 0 && b != c.mark {
		c.endRun()
	}
	switch b {
	case '`', '~':
		if c.run == 0 {
			c.mark, c.first = b, !c.begun
		}
		c.run++
		c.word()
	case '\n':
		if c.closing {
			c.fence = 0
		}
		c.span, c.indent, c.begun, c.opening, c.closing = 0, 0, false, false, false
	case ' ', '\t', '\r':
		if c.indent >= 0 {
			c.indent++
		}
	case '-', '*', '+', '>', '.', ')', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		c.indent, c.closing = -1, false
	default:
		c.word()
	}
}

func (c *code) endRun() {
	n := c.run
	c.run = 0
	switch {
	case c.fence > 0 && c.opening:
		if c.mark == '`' && c.fenceBy == '`' { // ```like this``` it was a span
			c.fence = 0
		}
	case c.fence > 0:
		c.closing = c.first && c.mark == c.fenceBy && n >= c.fence
	case c.span > 0:
		if c.mark == '`' && n == c.span {
			c.span = 0
		}
	case c.first && n >= 3:
		c.fence, c.fenceBy, c.opening = n, c.mark, true
	case c.mark == '`':
		c.span = n
	}
}
