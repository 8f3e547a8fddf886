package escape_test

import (
	"io"
	"strings"
	"testing"

	"hearth/internal/escape"
)

func TestATerminalIsGivenTextAndNothingElse(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"text passes", "tea\tfor\ntwo – ½ é ☕", "tea\tfor\ntwo – ½ é ☕"},
		{"a title", "a\x1b]0;pwned\x07b", "a]0;pwnedb"},
		{"a cleared screen", "\x1b[2J\x1b[Hgone", "[2J[Hgone"},
		{"a line written over", "run it? no\rrun it? yes", "run it? norun it? yes"},
		{"controls of one character", "\u009b2Jx\u0085y", "2Jxy"},
		{"a backspace", "no\b\byes\x7f", "noyes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var whole, single strings.Builder
			_, _ = io.WriteString(escape.Terminal(&whole), row.in)
			w := escape.Terminal(&single)
			for i := range len(row.in) {
				if n, err := io.WriteString(w, row.in[i:i+1]); n != 1 || err != nil {
					t.Fatal(n, err)
				}
			}
			if whole.String() != row.want || single.String() != row.want {
				t.Errorf("got %q, byte by byte %q, want %q", whole.String(), single.String(), row.want)
			}
		})
	}
}
