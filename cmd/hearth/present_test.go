package main

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
)

func TestWhatIsSaidWhileReading(t *testing.T) {
	read := hearth.PhaseReading
	rows := []struct {
		name    string
		wait    hearth.Wait
		elapsed time.Duration
		want    string
	}{
		{"nobody knows how much", hearth.Wait{Phase: read, Model: "qwen"}, 3 * time.Second, "waiting for qwen · 3 s"},
		{"an estimate, of a server never measured", hearth.Wait{Phase: read, Model: "qwen", Total: 12345}, 3 * time.Second, "qwen reads about 12000 tokens · 3 s"},
		{"a small one", hearth.Wait{Phase: read, Model: "qwen", Total: 87}, 3 * time.Second, "qwen reads about 87 tokens · 3 s"},
		{"an estimate with a time", hearth.Wait{Phase: read, Model: "qwen", Total: 12355, ETA: 29600 * time.Millisecond}, 3 * time.Second, "qwen reads about 12000 tokens · 3 s, about 30 s to go"},
		{"minutes", hearth.Wait{Phase: read, Model: "qwen", Total: 128000, ETA: 7 * time.Minute}, time.Minute, "qwen reads about 130000 tokens · 60 s, about 7 min to go"},
		{"it takes longer than foreseen", hearth.Wait{Phase: read, Model: "qwen", Total: 500, ETA: 400 * time.Millisecond}, time.Minute, "qwen reads about 500 tokens · 60 s"},
		{"the server's own count", hearth.Wait{Phase: read, Model: "qwen", Done: 512, Total: 2048, ETA: 6 * time.Second}, 2 * time.Second, "qwen reads 512 of 2048 tokens · 2 s, about 6 s to go"},
	}
	for _, row := range rows {
		if got := waitLine(row.wait, row.elapsed); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// A server that takes longer than foreseen may have a reason, which is said from then on.
func TestWhyTheServerIsLate(t *testing.T) {
	rows := []struct {
		name string
		eta  time.Duration
		want string
	}{
		{"an end that is foreseen", time.Minute, "qwen reads about 500 tokens · 2 s, about 58 s to go\nqwen reads about 500 tokens · 32 s, about 28 s to go\nqwen reads about 500 tokens · 62 s, it may read something else\n"},
		{"none", 0, "qwen reads about 500 tokens · 2 s, it may read something else\nqwen reads about 500 tokens · 32 s, it may read something else\nqwen reads about 500 tokens · 62 s, it may read something else\n"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said strings.Builder
				p := newPresenter(streams{out: io.Discard, err: &said}, false, func(hearth.Event) {})
				p.Emit(hearth.Event{Kind: hearth.EventWait, Wait: hearth.Wait{Phase: hearth.PhaseReading, Model: "qwen", Total: 500, ETA: row.eta, Late: "it may read something else"}})
				time.Sleep(63 * time.Second)
				p.Close()
				if said.String() != row.want {
					t.Errorf("said %q, want %q", said.String(), row.want)
				}
			})
		})
	}
}

// While a tool runs nobody waits for the model, whatever it did last.
func TestTheToolThatRunsIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		p := newPresenter(streams{out: io.Discard, err: &said}, false, func(hearth.Event) {})
		p.Emit(hearth.Event{Kind: hearth.EventWait, Wait: hearth.Wait{Phase: hearth.PhaseWriting, Model: "qwen"}})
		p.Emit(hearth.Event{Kind: hearth.EventToolStart, Call: &hearth.ToolCall{Name: "exec", Arguments: "{}"}})
		time.Sleep(4 * time.Second)
		p.Emit(hearth.Event{Kind: hearth.EventToolEnd, Result: &hearth.ToolResult{Name: "exec"}})
		time.Sleep(4 * time.Second)
		p.Close()
		if want := "· exec {}\nexec runs · 2 s\n"; said.String() != want {
			t.Errorf("said %q, want %q", said.String(), want)
		}
	})
}

// A line that goes on in the next row cannot be redrawn in place.
func TestTheWaitingLineFitsTheTerminal(t *testing.T) {
	const said = "a long name of a model reads about 800 tokens · 2 s"
	rows := []struct {
		name    string
		model   string
		columns int
		want    string
	}{
		{"there is room", "a long name of a model", 80, said},
		{"it just fits", "a long name of a model", len([]rune(said)) + 1, said},
		{"it is cut", "a long name of a model", 20, "a long name of a m…"},
		{"a wide character takes two columns", "日本語日本語日本語日本語", 20, "日本語日本語日本語…"},
		{"the width is not known", "a long name of a model", 0, said},
		{"hardly any room", "a long name of a model", 2, "…"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var screen strings.Builder
				p := newPresenter(streams{out: io.Discard, err: &screen, errTTY: true, columns: func() int { return row.columns }}, false, func(hearth.Event) {})
				p.Emit(hearth.Event{Kind: hearth.EventWait, Wait: hearth.Wait{Phase: hearth.PhaseReading, Model: row.model, Total: 800}})
				time.Sleep(patience + lookEvery/2)
				p.Close()
				if got, want := screen.String(), "\r\x1b[K"+row.want+"\r\x1b[K"; got != want {
					t.Errorf("drawn %q, want %q", got, want)
				}
			})
		})
	}
}

func TestTheWaitingLineFollowsTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen strings.Builder
		var width atomic.Int32
		width.Store(12)
		p := newPresenter(streams{out: io.Discard, err: &screen, errTTY: true, columns: func() int { return int(width.Load()) }}, false, func(hearth.Event) {})
		p.Emit(hearth.Event{Kind: hearth.EventWait, Wait: hearth.Wait{Phase: hearth.PhaseReading, Model: "qwen"}})
		time.Sleep(patience + lookEvery/2)
		width.Store(80) // between two redraws
		time.Sleep(lookEvery)
		p.Close()
		if want := "\r\x1b[Kwaiting fo…\r\x1b[Kwaiting for qwen · 2 s\r\x1b[K"; screen.String() != want {
			t.Errorf("drawn %q, want %q", screen.String(), want)
		}
	})
}
