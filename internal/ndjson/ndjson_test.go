package ndjson_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"hearth/internal/ndjson"
)

func got(r io.Reader, c ndjson.Config) (lines []string, err error) {
	d := ndjson.NewReader(r, c)
	for {
		line, err := d.Next()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		lines = append(lines, string(line))
	}
}

func TestReader(t *testing.T) {
	rows := []struct{ name, stream, want string }{
		{"one value a line", "{\"a\":1}\n{\"b\":2}\n", `{"a":1} {"b":2}`},
		{"lines may end with CRLF", "{}\r\n[]\r\n", "{} []"},
		{"the last newline may be missing", "{}\n[]", "{} []"},
		{"blank lines mean nothing", "\n \n{}\n\n", "{}"},
		{"bytes that are no UTF-8 pass", "\"\xff\"\n", "\"\xff\""},
		{"a byte-order mark stands before the first", "\ufeff{}\n[]\n", "{} []"},
		{"an empty stream has no lines", "", ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(row.stream), iotest.OneByteReader(strings.NewReader(row.stream))} {
				lines, err := got(r, ndjson.Config{})
				if err != nil || strings.Join(lines, " ") != row.want {
					t.Errorf("got %q and %v, want %q", lines, err, row.want)
				}
			}
		})
	}
}

func TestReaderTakesTenMegabytesAndHasALimit(t *testing.T) {
	long := strings.Repeat("x", 10<<20)
	if lines, err := got(strings.NewReader(long+"\n{}"), ndjson.Config{}); err != nil || len(lines) != 2 || lines[0] != long {
		t.Errorf("ten megabytes: %d lines, %v", len(lines), err)
	}
	if lines, err := got(strings.NewReader("{}\n"+long), ndjson.Config{MaxBytes: 1 << 20}); !errors.Is(err, ndjson.ErrTooLong) || len(lines) != 1 {
		t.Errorf("over the limit: %d lines, %v", len(lines), err)
	}
}

func TestReaderKeepsTheReadersError(t *testing.T) {
	broken := errors.New("connection reset")
	lines, err := got(io.MultiReader(strings.NewReader("{}\n{\"cut"), iotest.ErrReader(broken)), ndjson.Config{})
	if !errors.Is(err, broken) || len(lines) != 1 {
		t.Fatalf("got %q and %v", lines, err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add("{\"a\":1}\r\n\n[2]\n3")
	f.Fuzz(func(t *testing.T, s string) {
		whole, err := got(strings.NewReader(s), ndjson.Config{})
		if err != nil {
			t.Fatal(err)
		}
		bits, err := got(iotest.OneByteReader(strings.NewReader(s)), ndjson.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(whole, "\n") != strings.Join(bits, "\n") {
			t.Fatalf("cut at every byte: %q, at once: %q", bits, whole)
		}
	})
}
