package terminal_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"hearth/internal/terminal"
)

// What a reader did not wait for is for the next one.
func TestAReaderMayGiveUp(t *testing.T) {
	r, w := io.Pipe()
	in := terminal.NewInput(r)
	left, leave := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	leave(gone)
	if _, err := in.Under(left).Read(make([]byte, 10)); !errors.Is(err, gone) {
		t.Fatalf("a reader that left got %v", err)
	}
	go func() {
		_, _ = io.WriteString(w, "for the next") // the reader sees what is wrong
		_ = w.Close()
	}()
	b, err := io.ReadAll(in.Under(t.Context()))
	if string(b) != "for the next" || err != nil {
		t.Errorf("the next one got %q, %v", b, err)
	}
}

func TestNothingIsLostBetweenReaders(t *testing.T) {
	in := terminal.NewInput(strings.NewReader("one two"))
	b := make([]byte, 3)
	for _, want := range []string{"one", " tw", "o"} {
		n, err := in.Under(t.Context()).Read(b)
		if got := string(b[:n]); got != want || err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	if _, err := in.Under(t.Context()).Read(b); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

func TestWhatCameBeforeAQuestionCanBeDropped(t *testing.T) {
	in := terminal.NewInput(io.MultiReader(strings.NewReader("yes"), strings.NewReader("no")))
	if _, err := in.Under(t.Context()).Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	in.Drop()
	b, err := io.ReadAll(in.Under(t.Context()))
	if string(b) != "no" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
}
