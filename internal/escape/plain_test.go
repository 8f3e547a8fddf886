package escape_test

import (
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"hearth/internal/escape"
)

func TestPlain(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"ordinary text stays", `model "a\b" not found`, `model "a\b" not found`},
		{"letters of any script stay, and what joins them", "Grüße \u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f467", "Grüße \u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f467"},
		{"lines become one", "one\r\n two\tthree\u2028four\u2029", "one two three four"},
		{"a terminal escape loses its beginning", "a\x1b[2Jb", "a [2Jb"},
		{"so does one of a single character", "a\u009b2Jb\u0090x\u009d0;t\u009cc\u0085d", "a 2Jb x 0;t c d"},
		{"nothing is erased", "no\b\byes\x7f", "no yes"},
		{"nothing changes its place", "\u202egnp.exe\u2066x\u2069", "gnp.exe x"},
		{"an invalid byte is seen", "a\x9bb", "a\ufffdb"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := escape.Plain(row.in); got != row.want {
				t.Errorf("Plain(%q) = %q, want %q", row.in, got, row.want)
			}
		})
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("a\u009b2Jb\n\x1b[2K\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		line := escape.Plain(s)
		if !utf8.ValidString(line) || escape.Plain(line) != line {
			t.Fatalf("%q, and again %q", line, escape.Plain(line))
		}
		for _, r := range line {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) && r > 0x200f || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
				t.Fatalf("%q holds %U", line, r)
			}
		}
		var shown strings.Builder
		if _, err := io.WriteString(escape.Terminal(&shown), s); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(s) && shown.String() != escape.Text(s) {
			t.Fatalf("Text gives %q, a terminal %q", escape.Text(s), shown.String())
		}
	})
}
