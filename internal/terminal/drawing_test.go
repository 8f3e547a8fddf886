package terminal

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"
)

// glass is a terminal as xterm is one, as far as a drawing uses it: the cursor stays at the
// last column until the next character comes, which goes into the next row.
type glass struct {
	columns     int
	rows        [][]string // a cell each; what a wide character covers is ""
	row, column int
	full        bool // the last column was written, and the cursor is still there
}

func (g *glass) at() []string {
	for len(g.rows) <= g.row {
		g.rows = append(g.rows, slicesOf(" ", g.columns))
	}
	return g.rows[g.row]
}

func slicesOf(s string, n int) []string { return strings.Split(strings.Repeat(s, n), "") }

func (g *glass) write(t *testing.T, out string) {
	t.Helper()
	for out != "" {
		switch {
		case strings.HasPrefix(out, "\r\n"):
			g.row, g.column, g.full, out = g.row+1, 0, false, out[2:]
			g.at()
		case out[0] == '\r':
			g.column, g.full, out = 0, false, out[1:]
		case out[0] == '\b':
			g.column, g.full, out = max(0, g.column-1), false, out[1:]
		case strings.HasPrefix(out, "\x1b["):
			n, end := 1, 2
			for out[end] >= '0' && out[end] <= '9' {
				end++
			}
			if end > 2 {
				_, _ = fmt.Sscanf(out[2:end], "%d", &n) // digits
			}
			g.control(t, out[end], n)
			out = out[end+1:]
		default:
			one := displaywidth.StringGraphemes(out)
			one.Next()
			g.put(one.Value(), one.Width())
			out = out[len(one.Value()):]
		}
	}
}

func (g *glass) control(t *testing.T, what byte, n int) {
	t.Helper()
	g.full = false
	switch what {
	case 'A':
		g.row -= n
	case 'B':
		g.row += n
	case 'C':
		g.column += n
	case 'K', 'J':
		copy(g.at()[g.column:], slicesOf(" ", g.columns))
		for i := g.row + 1; what == 'J' && i < len(g.rows); i++ {
			g.rows[i] = slicesOf(" ", g.columns)
		}
	default:
		t.Fatalf("an unknown sequence: %c", what)
	}
	if g.row < 0 || g.row >= len(g.rows) && g.row > 0 || g.column >= g.columns {
		t.Fatalf("the cursor is moved to %d, %d of %d rows", g.row, g.column, len(g.rows))
	}
}

func (g *glass) put(one string, columns int) {
	if columns == 0 {
		return
	}
	if g.full || g.column+columns > g.columns {
		g.row, g.column, g.full = g.row+1, 0, false
	}
	row := g.at()
	row[g.column] = one
	for i := 1; i < columns; i++ {
		row[g.column+i] = ""
	}
	if g.column += columns; g.column >= g.columns {
		g.column, g.full = g.columns-1, true
	}
}

// shows is what is to be read, without what is blank at the ends.
func (g *glass) shows() string {
	var rows []string
	for _, row := range g.rows {
		rows = append(rows, strings.TrimRight(strings.Join(row, ""), " "))
	}
	return strings.TrimRight(strings.Join(rows, "\n"), "\n")
}

// Whatever was edited, the screen shows what it would show if it had been drawn at once,
// and the cursor stands where it would.
func TestTheScreenShowsTheLine(t *testing.T) {
	texts := []string{"a", "word ", "日", "本語", "한국어", "é", "e\u0301", "👩\u200d👩\u200d👧", "🏳️\u200d🌈", " ", "\t", "\x1b", "\u202e", "long, and of many words "}
	edits := []keyName{keyBackspace, keyDelete, keyLeft, keyLeft, keyRight, keyWordLeft, keyWordRight, keyHome, keyLast, keyClearBefore, keyClearAfter, keyClearWord}
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1)) // the same every time
		columns := 4 + r.IntN(40)
		d, g, l := &drawing{columns: columns}, &glass{columns: columns}, line{}
		g.at()
		for step := range 60 {
			switch n := r.IntN(10); {
			case n < 6:
				l.edit(key{keyText, texts[r.IntN(len(texts))]})
			case n < 7:
				l.insert("\n")
			default:
				l.edit(key{name: edits[r.IntN(len(edits))]})
			}
			cells := append(cellsOf("› "), cellsOf(l.before)...)
			at := len(cells)
			cells = append(cells, cellsOf(l.after)...)
			g.write(t, d.to(cells, at))

			whole, want := &drawing{columns: columns}, &glass{columns: columns}
			want.at()
			want.write(t, whole.to(cells, at))
			if g.shows() != want.shows() || g.row != want.row || g.column != want.column {
				t.Fatalf("seed %d, step %d, %d columns, %q|%q: the cursor at %d, %d on\n%s\nwant %d, %d on\n%s", seed, step, columns, l.before, l.after,
					g.row, g.column, g.shows(), want.row, want.column, want.shows())
			}
		}
	}
}

func TestHowAMessageIsDrawn(t *testing.T) {
	for _, row := range []struct {
		name, before, after string
		columns             int
		want                string
		at                  place
	}{
		{"a line", "hello", "", 20, "› hello", place{0, 7}},
		{"the cursor within", "he", "llo", 20, "› hello", place{0, 4}},
		{"wide characters", "日本", "語", 20, "› 日本語", place{0, 6}},
		{"a row that is just full", "abcdef", "", 8, "› abcdef", place{1, 0}},
		{"a wide character goes into the next row", "abcde日", "", 8, "› abcde\n日", place{1, 2}},
		{"lines", "one\ntwo", "", 20, "› one\n… two", place{1, 5}},
		{"an accent of its own", "e\u0301a", "", 20, "› e\u0301a", place{0, 4}},
		{"what would move the cursor", "\x1b[A\u202e", "", 20, "› ␛[A\ufffd", place{0, 6}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, g := &drawing{columns: row.columns}, &glass{columns: row.columns}
			g.at()
			cells := append(cellsOf("› "), cellsOf(row.before)...)
			at := len(cells)
			g.write(t, d.to(append(cells, cellsOf(row.after)...), at))
			if got := (place{g.row, g.column}); g.shows() != row.want || got != row.at {
				t.Errorf("%v\n%s\nwant %v\n%s", got, g.shows(), row.at, row.want)
			}
		})
	}
}

// A dumb terminal would show control sequences as text.
func TestADumbTerminalIsDrawnPlainly(t *testing.T) {
	d, g, l := &drawing{columns: 20, dumb: true}, &glass{columns: 20}, line{}
	g.at()
	var all strings.Builder
	for _, k := range []key{{keyText, "ab日"}, {name: keyBackspace}, {keyText, "c"}, {name: keyClearWord}, {keyText, "again"}} {
		l.edit(k)
		cells := append(cellsOf("› "), cellsOf(l.before)...)
		out := d.to(cells, len(cells))
		all.WriteString(out)
		g.write(t, out)
	}
	if strings.Contains(all.String(), "\x1b") || g.shows() != "› again" {
		t.Errorf("%q shows %q", &all, g.shows())
	}
}
