package shell

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAllOfAnOutputCanBePaged(t *testing.T) {
	for name, out := range map[string]string{
		"short lines":                strings.Repeat("a line\n", 1000),
		"one line of words":          strings.Repeat("word ", 7000),
		"one line without any break": strings.Repeat("x", 35_490),
		"long lines and short ones":  strings.Repeat(strings.Repeat(`{"key":"value"},`, 200)+"\n\nshort\n", 5),
		"wide characters":            strings.Repeat("日本語", 3000) + "\n",
		"no UTF-8":                   strings.Repeat("\xff\xfe\x80", 3000),
		"no line end":                "one\ntwo",
		"exactly one piece":          strings.Repeat("y", pieceBytes) + "\nz",
	} {
		for _, maxBytes := range []int{300, 4_432, 10_000} {
			var got []byte
			pages, offset := 0, 1
			for {
				p, err := readLog(strings.NewReader(out), offset, 200, maxBytes)
				if err != nil {
					t.Fatal(err)
				}
				if p.lines == 0 {
					t.Fatalf("%s: nothing at %d of %d", name, offset, p.total)
				}
				if len(p.text) > max(maxBytes, pieceBytes) {
					t.Errorf("%s: a page of %d bytes, want at most %d", name, len(p.text), maxBytes)
				}
				if utf8.ValidString(out) && !utf8.Valid(p.text) {
					t.Errorf("%s: a character was cut", name)
				}
				got, offset, pages = append(got, p.text...), offset+p.lines, pages+1
				if offset > p.total {
					break
				}
			}
			if string(got) != out {
				t.Errorf("%s: %d pages of %d bytes give %d bytes, want %d", name, pages, maxBytes, len(got), len(out))
			}
		}
	}
}

func TestThePartsOfALongLineAreTold(t *testing.T) {
	long := strings.Repeat("word ", 1000)
	for _, row := range []struct {
		what          string
		offset, limit int
		out           string
		pieces        bool
	}{
		{"its beginning", 1, 2, long, true},
		{"its end, by the newest lines", 0, 2, long, true},
		{"short lines before it", 1, 2, "one\ntwo\n" + long, false},
		{"short lines after it", 0, 2, long + "\none\ntwo\n", false},
		{"a last line without an end", 1, 9, "one\ntwo", false},
	} {
		p, err := readLog(strings.NewReader(row.out), row.offset, row.limit, 10_000)
		if err != nil || p.pieces != row.pieces {
			t.Errorf("%s: got %v, %v", row.what, p.pieces, err)
		}
	}
}

// A key in two halves would be shown: what masks it looks for the whole.
func TestAKeyIsNotCutInTwo(t *testing.T) {
	key := "sk-proj-" + strings.Repeat("aB3_", 12)
	for lead := pieceBytes - len(key); lead <= pieceBytes; lead++ {
		in := bufio.NewReaderSize(strings.NewReader(strings.Repeat("a ", pieceBytes)[:lead]+`"`+key+`" and more `+strings.Repeat("b ", pieceBytes)), 64<<10)
		line, part, err := piece(in)
		if err != nil || !part {
			t.Fatal(part, err)
		}
		if bytes.Contains(line, []byte("sk-")) && !bytes.Contains(line, []byte(key)) {
			t.Fatalf("%d characters before it: cut into %q", lead, line[len(line)-20:])
		}
	}
}
