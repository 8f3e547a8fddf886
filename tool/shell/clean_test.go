package shell

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzClean(f *testing.F) {
	f.Add([]byte("a\x1b[31mb\r\nc\rd\x1b]0;t\x07\x1bPq\x1b\\\xff\xfe"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := clean(raw)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\x1b\r\x07") || len(got) > 3*len(raw) {
			t.Fatalf("%q became %q", raw, got)
		}
	})
}

func FuzzOutput(f *testing.F) {
	f.Add([]byte("one\ntwo\nthree\nfour\n"), 3, 4)
	f.Fuzz(func(t *testing.T, raw []byte, step, keep int) {
		step, keep = 1+abs(step)%50, 1+abs(keep)%50
		o := newOutput(keep, 100, t.TempDir())
		var seen int64
		for rest := raw; len(rest) > 0; {
			n := min(step, len(rest))
			if _, err := o.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			fresh, skipped := o.since(seen)
			if at := seen + skipped; string(raw[at:at+int64(len(fresh))]) != string(fresh) {
				t.Fatalf("since(%d) of %q gave %q, %d skipped", seen, raw, fresh, skipped)
			}
			seen += skipped + int64(len(fresh))
		}
		if seen != int64(len(raw)) {
			t.Fatalf("polled up to %d of %d", seen, len(raw))
		}
		o.finish()
		head, tail, between := o.ends()
		if int64(len(head)+len(tail))+between != int64(len(raw)) || !strings.HasPrefix(string(raw), string(head)) || !strings.HasSuffix(string(raw), string(tail)) {
			t.Fatalf("%q keeps %q and %q with %d between", raw, head, tail, between)
		}
		in, err := o.reader()
		if err != nil {
			t.Fatal(err)
		}
		p, err := readLog(in, 1, 1<<30, 1<<20)
		if err != nil || in.Close() != nil {
			t.Fatal(err)
		}
		if o.handle() != "" && !strings.HasPrefix(string(raw), string(p.text)) || o.handle() == "" && between == 0 && string(p.text) != string(raw) {
			t.Fatalf("%q is kept as %q", raw, p.text)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}
