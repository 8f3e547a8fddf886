package sse_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"hearth/internal/sse"
)

// got writes every event of s as name|data, with a colon before a comment.
func got(r io.Reader, c sse.Config) (events []string, err error) {
	d := sse.NewDecoder(r, c)
	for {
		e, err := d.Next()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		text := e.Name + "|" + string(e.Data)
		if e.Comment {
			text = ":" + string(e.Data)
		}
		events = append(events, text)
	}
}

func TestDecoder(t *testing.T) {
	rows := []struct{ name, stream, want string }{
		{"events end with a blank line", "data: a\n\ndata: b\n\n", "|a |b"},
		{"lines may end with CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", "|a |b"},
		{"lines may end with CR alone", "data: a\r\rdata: b\r\r", "|a |b"},
		{"the last newline may be missing", "data: a\n\ndata: b", "|a |b"},
		{"the last blank line may be missing", "data: a\n\ndata: b\n", "|a |b"},
		{"the space after the colon may be missing", "data:a\n\n", "|a"},
		{"only one space is taken off", "data:  a\n\n", "| a"},
		{"several data lines are one text", "data: a\ndata: b\n\n", "|a\nb"},
		{"an event may have a name", "event: error\ndata: a\n\ndata: b\n\n", "error|a |b"},
		{"a name without data is an event", "event: ping\n\n", "ping|"},
		{"empty data is an event", "data:\n\n", "|"},
		{"a comment is surfaced at once", ": keepalive 2048/53237\n\ndata: a\n\n", ":keepalive 2048/53237 |a"},
		{"a comment may stand inside an event", "data: a\n: ping\ndata: b\n\n", ":ping |a\nb"},
		{"blank lines mean nothing", "\n\n\ndata: a\n\n\n\n", "|a"},
		{"id and retry mean nothing", "id: 1\nretry: 5\ndata: a\n\n", "|a"},
		{"a byte order mark is dropped", "\xef\xbb\xbfdata: a\n\n", "|a"},
		{"bytes that are no UTF-8 pass", "data: \xff\xfe\n\n", "|\xff\xfe"},
		{"an error field is an event named error", "error: {\"code\":500}\n\n", `error|{"code":500}`},
		{"a bare object is data", "{\"error\":\"x\"}\n", `|{"error":"x"}`},
		{"an empty stream has no events", "", ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"at once":      strings.NewReader(row.stream),
				"byte by byte": iotest.OneByteReader(strings.NewReader(row.stream)),
				"with EOF":     iotest.DataErrReader(strings.NewReader(row.stream)),
			} {
				events, err := got(r, sse.Config{})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if strings.Join(events, " ") != row.want {
					t.Errorf("%s: got %q, want %q", name, strings.Join(events, " "), row.want)
				}
			}
		})
	}
}

func TestDecoderTakesTenMegabytes(t *testing.T) {
	long := strings.Repeat("x", 10<<20)
	events, err := got(strings.NewReader("data: "+long+"\n\ndata: b\n\n"), sse.Config{})
	if err != nil || len(events) != 2 || events[0] != "|"+long || events[1] != "|b" {
		t.Fatalf("got %d events, error %v", len(events), err)
	}
}

func TestDecoderRefusesWhatIsTooLong(t *testing.T) {
	for name, stream := range map[string]string{
		"one line":   "data: a\n\ndata: " + strings.Repeat("x", 200<<10),
		"many lines": "data: a\n\n" + strings.Repeat("data: 0123456789\n", 20<<10),
	} {
		events, err := got(strings.NewReader(stream), sse.Config{MaxBytes: 64 << 10})
		if !errors.Is(err, sse.ErrTooLong) || len(events) < 1 || events[0] != "|a" {
			t.Errorf("%s: got %d events and %v, want the first event, then ErrTooLong", name, len(events), err)
		}
	}
}

func TestDecoderKeepsTheReadersError(t *testing.T) {
	broken := errors.New("connection reset")
	r := io.MultiReader(strings.NewReader("data: a\n\ndata: b\ndata: {\"cut"), iotest.ErrReader(broken))
	events, err := got(r, sse.Config{})
	if !errors.Is(err, broken) || strings.Join(events, " ") != "|a |b" {
		t.Fatalf("got %q and %v, want the whole lines and then the error", events, err)
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add("data: a\r\n\r\n: ping\nevent: x\ndata: b\ndata: c\n\n{\"error\":1}")
	f.Add("\xef\xbb\xbfdata:\rdata")
	f.Fuzz(func(t *testing.T, s string) {
		whole, err := got(strings.NewReader(s), sse.Config{})
		if err != nil {
			t.Fatal(err)
		}
		bits, err := got(iotest.OneByteReader(strings.NewReader(s)), sse.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(whole, "\x00") != strings.Join(bits, "\x00") {
			t.Fatalf("cut at every byte: %q, at once: %q", bits, whole)
		}
	})
}

func BenchmarkDecoder(b *testing.B) {
	const chunk = `data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1700000000,"model":"qwen3","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}` + "\n\n"
	stream := strings.Repeat(chunk, 1000)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	d := sse.NewDecoder(strings.NewReader(stream), sse.Config{})
	for b.Loop() {
		if _, err := d.Next(); err != nil {
			d = sse.NewDecoder(strings.NewReader(stream), sse.Config{})
		}
	}
}
