package terminal

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// A cell is one character as it is drawn: East Asian ones and emoji take two columns.
type cell struct {
	shown   string
	columns int
	ends    bool // the row: a line break of the message
}

// A drawing is what an editor has drawn: a prompt and a message, in as many rows of the
// terminal as they take. It knows where the terminal's cursor is, and draws no more than
// what changed.
type drawing struct {
	columns int  // of the terminal
	dumb    bool // it knows no control sequences
	cells   []cell
	at      int // the cell at which the cursor stands
}

// continued begins the further lines of a message.
const continued = "… "

// cellsOf gives the cells of a text. What would move the cursor is shown in other signs.
func cellsOf(text string) (cells []cell) {
	g := displaywidth.StringGraphemes(text)
	for g.Next() {
		switch one := g.Value(); {
		case strings.HasSuffix(one, "\n"):
			cells = append(cells, cell{ends: true})
			cells = append(cells, cellsOf(continued)...)
		case one == "\t":
			cells = append(cells, cell{shown: "    ", columns: 4})
		default:
			one = strings.Map(harmless, one)
			cells = append(cells, cell{shown: one, columns: displaywidth.String(one)})
		}
	}
	return cells
}

// harmless gives the sign for a control character.
func harmless(r rune) rune {
	switch {
	case r < ' ':
		return '␀' + r
	case unicode.IsControl(r), r == utf8.RuneError, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return '�'
	}
	return r
}

// A place is a row, counted from that of the prompt, and a column.
type place struct{ row, column int }

// after is the place behind a cell that is drawn at p, or in the next row where there is no
// room for it. A cursor never stays behind the last column: terminals differ in what they
// do there.
func (d *drawing) after(p place, c cell) place {
	if c.ends {
		return place{p.row + 1, 0}
	}
	if d.turns(p, c) {
		p = place{p.row + 1, 0}
	}
	if p.column += c.columns; p.column >= d.columns {
		p = place{p.row + 1, 0}
	}
	return p
}

// turns reports whether a cell does not fit into the row that was begun.
func (d *drawing) turns(p place, c cell) bool {
	return p.column > 0 && p.column+c.columns > d.columns
}

// place is where the cell of an index is drawn.
func (d *drawing) place(cells []cell, index int) (p place) {
	for _, c := range cells[:index] {
		p = d.after(p, c)
	}
	return p
}

// to gives what makes of the drawing one of other cells, the cursor at one of them.
func (d *drawing) to(cells []cell, at int) string {
	same := 0
	for same < min(len(cells), len(d.cells)) && cells[same] == d.cells[same] {
		same++
	}
	stale := same < len(d.cells) // something there has to go
	if d.dumb && (stale || at < len(cells)) {
		return d.plainly(cells, same)
	}
	var out strings.Builder
	p := d.place(cells, same)
	if same < len(cells) || stale {
		out.WriteString(move(d.place(d.cells, d.at), p))
		for _, c := range cells[same:] {
			p = d.put(&out, p, c, stale)
		}
		if stale {
			out.WriteString("\x1b[J")
		}
	} else {
		p = d.place(d.cells, d.at)
	}
	out.WriteString(move(p, d.place(cells, at)))
	d.cells, d.at = slices.Clone(cells), at
	return out.String()
}

// put draws a cell at p and gives the place behind it.
func (d *drawing) put(out *strings.Builder, p place, c cell, stale bool) place {
	if c.ends || d.turns(p, c) {
		if stale {
			out.WriteString("\x1b[K")
		}
		out.WriteString("\r\n")
		p = place{p.row + 1, 0}
	}
	if c.ends {
		return p
	}
	out.WriteString(c.shown)
	if p.column += c.columns; p.column >= d.columns {
		out.WriteString("\r\n")
		p = place{p.row + 1, 0}
	}
	return p
}

// plainly draws without control sequences: it takes back what stands at the end of the
// row, or draws everything once more below.
func (d *drawing) plainly(cells []cell, same int) string {
	var out strings.Builder
	end := d.place(d.cells, len(d.cells))
	if p := d.place(cells, same); same == len(cells) && p.row == end.row {
		n := end.column - p.column
		out.WriteString(strings.Repeat("\b", n) + strings.Repeat(" ", n) + strings.Repeat("\b", n))
	} else {
		out.WriteString("\r\n")
		p := place{}
		for _, c := range cells {
			p = d.put(&out, p, c, false)
		}
	}
	d.cells, d.at = slices.Clone(cells), len(cells)
	return out.String()
}

// move gives what moves the cursor.
func move(from, to place) string {
	if from == to {
		return ""
	}
	out := ""
	if n := from.row - to.row; n > 0 {
		out = fmt.Sprintf("\x1b[%dA", n)
	} else if n < 0 {
		out = fmt.Sprintf("\x1b[%dB", -n)
	}
	out += "\r"
	if to.column > 0 {
		out += fmt.Sprintf("\x1b[%dC", to.column)
	}
	return out
}
