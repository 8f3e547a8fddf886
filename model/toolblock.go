package model

import (
	"bytes"
	"encoding/json"
)

// maxPayload bounds a tool block (runtime facts 4.10); what is longer is text.
const maxPayload = 256_000

// maxToolName bounds the name in a tool block.
const maxToolName = 120

const (
	requestOpen  = "[TOOL_REQUEST]"
	requestClose = "[END_TOOL_REQUEST]"
)

// A block is a tool call written as text.
type block struct {
	name    string
	payload []byte // the JSON object, as received
	raw     []byte
	request bool // in LM Studio's own form
}

// A candidate is text that may become a block. It reads on where it stopped, so that a
// long payload arriving in small pieces costs no more than one in a piece.
type candidate struct {
	bracketed bool // it may be [name]⏎{…}⏎[/name]
	request   bool // it may be [TOOL_REQUEST]…[END_TOOL_REQUEST]
	endless   bool // it began as a request and has no end

	pos   int
	stage func(c *candidate, buf []byte) verdict
	name  int // where the name ends
	from  int // the payload is buf[from:to]
	to    int

	depth  int
	quoted bool
	escape bool
	last   byte // the last significant byte outside strings
}

// read judges buf, which holds the same bytes as before and perhaps more.
func (c *candidate) read(buf []byte, final bool) verdict {
	if c.stage == nil {
		if c.request {
			if _, v := match(buf, []string{requestOpen}, final); v == undecided {
				return v
			} else if v == yes && bytes.HasPrefix(buf, []byte(requestOpen)) {
				c.stage, c.pos, c.from = (*candidate).readRequest, len(requestOpen), len(requestOpen)
			} else {
				c.request = false
			}
		}
		if c.stage == nil && !c.bracketed {
			return no
		}
		if c.stage == nil {
			c.stage, c.pos = (*candidate).readName, 1
		}
	}
	for {
		before := c.pos
		v := c.stage(c, buf)
		switch {
		case v == undecided && c.pos > before:
			continue // on to the next stage
		case v == undecided && (final || len(buf) > maxPayload), v == yes && c.pos > maxPayload:
			c.endless = c.request
			return no
		}
		return v
	}
}

// block gives what was read.
func (c *candidate) block(buf []byte) block {
	b := block{payload: bytes.Clone(buf[c.from:c.to]), raw: bytes.Clone(buf[:c.pos]), request: c.request}
	if !c.request {
		b.name = string(buf[1:c.name])
		return b
	}
	var named struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(b.payload, &named) == nil && len(named.Name) <= maxToolName {
		b.name = named.Name
	}
	return b
}

func (c *candidate) readRequest(buf []byte) verdict {
	i := bytes.Index(buf[c.pos:], []byte(requestClose))
	if i < 0 {
		c.pos = max(c.pos, len(buf)-len(requestClose)+1)
		return undecided
	}
	c.to = c.pos + i
	c.pos = c.to + len(requestClose)
	return yes
}

func (c *candidate) readName(buf []byte) verdict {
	for ; c.pos < len(buf); c.pos++ {
		b := buf[c.pos]
		switch {
		case b == ']' && c.pos > 1:
			c.name = c.pos
			c.pos++
			c.stage = (*candidate).readGap
			return undecided
		case c.pos > maxToolName || !nameByte(b):
			return no
		}
	}
	return undecided
}

func nameByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_' || b == '-'
}

// readGap wants white space with a line end in it, before the payload or the end mark.
func (c *candidate) readGap(buf []byte) verdict {
	for ; c.pos < len(buf); c.pos++ {
		switch b := buf[c.pos]; b {
		case '\n':
			c.last = b
		case ' ', '\t', '\r':
		case '{':
			if c.last != '\n' || c.to > 0 {
				return no
			}
			c.from, c.last, c.stage = c.pos, 0, (*candidate).readObject
			return c.readObject(buf)
		case '[':
			if c.last != '\n' || c.to == 0 {
				return no
			}
			c.stage = (*candidate).readEnd
			return c.readEnd(buf)
		default:
			return no
		}
	}
	return undecided
}

// readObject goes to the end of the JSON object. It refuses at once what no object can
// hold where a block inside this one would begin (a line end in a string, an opening
// brace behind a closing bracket), so that at most one candidate is read at a time.
func (c *candidate) readObject(buf []byte) verdict {
	for ; c.pos < len(buf); c.pos++ {
		b := buf[c.pos]
		switch {
		case c.quoted && b < ' ':
			return no
		case c.escape:
			c.escape = false
			continue
		case c.quoted:
			c.escape, c.quoted = b == '\\', b != '"'
			continue
		case b == '"':
			c.quoted = true
		case b == '{' || b == '[':
			if c.last != 0 && c.last != ':' && c.last != ',' && c.last != '[' {
				return no
			}
			c.depth++
		case b == '}' || b == ']':
			c.depth--
		}
		if b > ' ' {
			c.last = b
		}
		if c.depth == 0 {
			c.pos++
			c.to = c.pos
			if !json.Valid(buf[c.from:c.to]) {
				return no
			}
			c.last, c.stage = 0, (*candidate).readGap
			return undecided
		}
	}
	return undecided
}

func (c *candidate) readEnd(buf []byte) verdict {
	words := []string{requestClose, "[/" + string(buf[1:c.name]) + "]"}
	for _, word := range words {
		n := min(len(word), len(buf)-c.pos)
		if string(buf[c.pos:c.pos+n]) != word[:n] {
			continue
		}
		if n < len(word) {
			return undecided
		}
		c.pos += n
		return yes
	}
	return no
}
