package terminal

import (
	"io"
	"strings"
	"testing"
)

func TestTheSecondCtrlCLeaves(t *testing.T) {
	const clears = "\x05\x15" // to the end of the line, and all before it away
	for _, row := range []struct {
		name  string
		keys  keys
		typed string
		want  string
		left  bool
	}{
		{"other keys pass", keys{}, "ab", "ab", false},
		{"one clears the line", keys{}, "ab\x03", "ab" + clears, false},
		{"a second one leaves", keys{}, "\x03\x03", clears + "\x03", true},
		{"a key between them begins anew", keys{}, "\x03a\x03", clears + "a" + clears, false},
		{"one that stopped a turn is the first", keys{again: true}, "\x03", "\x03", true},
		{"at a question the first one leaves", keys{again: true, always: true}, "n\x03", "n\x03", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			k := row.keys
			k.in = strings.NewReader(row.typed)
			got, err := io.ReadAll(&k)
			if string(got) != row.want || err != nil || k.left != row.left {
				t.Errorf("got %q, left %v, %v; want %q, %v", got, k.left, err, row.want, row.left)
			}
		})
	}
}

func TestAMessageOfManyLinesComesBackWhole(t *testing.T) {
	h := &history{}
	h.Add("a line of a paste")
	h.remember("one\ntwo")
	h.remember("one\ntwo")
	h.remember("")
	if h.Len() != 1 || h.At(0) != "one"+lineBreak+"two" {
		t.Errorf("kept %q", h.all)
	}
}
