package escape_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"hearth/internal/escape"
)

func TestLine(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"ordinary text stays", `grep -r "a\b" src/ | wc -l`, `grep -r "a\b" src/ | wc -l`},
		{"letters of any script stay", "echo Grüße 日本 🎉", "echo Grüße 日本 🎉"},
		{"a line break cannot hide a second command", "ls\nrm -rf ~", `ls\nrm -rf ~`},
		{"a carriage return cannot overwrite", "rm x\rls  ", `rm x\rls  `},
		{"a terminal escape cannot erase", "rm x\x1b[2K", `rm x\x1b[2K`},
		{"bidi cannot reorder", "echo \u202egnp.exe", `echo \u202egnp.exe`},
		{"zero width cannot split a word", "r\u200bm", `r\u200bm`},
		{"an invalid byte is seen", "a\xffb", `a\xffb`},
		{"a real backslash is told from an escape", "a\\n\n", `a\\n\n`},
		{"an unusual space is seen", "ls\u00a0-l", `ls\u00a0-l`},
		{"a letter that shows nothing is seen", "a\u3164b", `a\u3164b`},
		{"NUL is seen", "a\x00b", `a\x00b`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := escape.Line(row.in); got != row.want {
				t.Errorf("Line(%q) = %q, want %q", row.in, got, row.want)
			}
		})
	}
}

func TestShortKeepsBothEnds(t *testing.T) {
	got := escape.Short("first "+strings.Repeat("é", 500)+" last", 60)
	if !strings.HasPrefix(got, "first ") || !strings.HasSuffix(got, " last") || !strings.Contains(got, "characters not shown") || !utf8.ValidString(got) {
		t.Errorf("Short = %q", got)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("ls\n\x1b[2K\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := escape.Line(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q: invalid UTF-8", got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
				t.Fatalf("%q holds %U", got, r)
			}
		}
		if again := escape.Line(got); again != got {
			t.Fatalf("%q escaped twice is %q", got, again)
		}
	})
}
