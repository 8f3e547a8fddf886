package modeltest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"hearth"
	"hearth/model"
)

// Captured runs the files of testdata that hold an answer as a server sent it, and what
// is told of it. Each begins with prose that says whose answer it is and why it is kept;
// its parts are "status" (code and content type), "answer", "told" and, where the words
// of the answer name one, "model". newProvider makes a provider for a server at a root
// URL. With update the told parts are written again.
func Captured(t *testing.T, newProvider func(baseURL string) model.Provider, update bool) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files in testdata (%v)", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s := httptest.NewServer(replay(t, archive))
			defer s.Close()
			asked := cmp.Or(strings.TrimSpace(Part(archive, "model")), "tiny")
			got := told(newProvider(s.URL).Stream(t.Context(), &model.Request{Model: asked, Tools: NewRequest("").Tools}))
			if update {
				archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "told" })
				archive.Files = append(archive.Files, txtar.File{Name: "told", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := Part(archive, "told"); got != want {
				t.Errorf("told\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// replay answers every request with the captured bytes, without a last newline.
func replay(t *testing.T, archive *txtar.Archive) http.Handler {
	t.Helper()
	var status int
	var kind string
	if _, err := fmt.Sscan(Part(archive, "status"), &status, &kind); err != nil {
		t.Fatalf("status: %v", err)
	}
	answer := strings.TrimSuffix(Part(archive, "answer"), "\n")
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer) // a client may have heard enough
	})
}

// Part gives the text of a file in an archive; "" where there is none.
func Part(a *txtar.Archive, name string) string {
	for i := range a.Files {
		if a.Files[i].Name == name {
			return string(a.Files[i].Data)
		}
	}
	return ""
}

// told writes a stream down, a line for each thing; pieces of text that follow one
// another are parted by |.
func told(stream iter.Seq2[model.Delta, error]) string {
	var lines []string
	last := ""
	for d, err := range stream {
		kind, text := tell(d, err)
		text = strings.ReplaceAll(text, "\n", `\n`)
		switch {
		case kind == "":
			continue
		case kind == last && (kind == "text" || kind == "thinking"):
			lines[len(lines)-1] += "|" + text
		default:
			lines = append(lines, strings.TrimSpace(kind+" "+text))
		}
		last = kind
	}
	return strings.Join(lines, "\n") + "\n"
}

// tell gives one delta; the kind is empty for what is the same in every stream.
func tell(d model.Delta, err error) (kind, text string) {
	switch {
	case err != nil:
		return "error", describe(err)
	case d.Text != "":
		return "text", d.Text
	case d.Thinking != "":
		return "thinking", d.Thinking
	case d.Wait != nil && d.Wait.Phase == hearth.PhaseWriting:
		return "writing", ""
	case d.Call != nil:
		return "call", d.Call.Name + " " + d.Call.Arguments
	case d.Usage != nil:
		return "usage", fmt.Sprintf("%+v", *d.Usage)
	case d.Timing != nil:
		return "timing", fmt.Sprintf("%+v", *d.Timing)
	case d.Notice != nil:
		return "notice", d.Notice.Kind + ": " + d.Notice.Text
	case d.Opaque != nil:
		return "opaque", string(d.Opaque)
	case d.Answered != "":
		return "answered", d.Answered
	case d.WindowFull:
		return "stop", string(d.Stop) + ", the window is full"
	case d.Stop != "":
		return "stop", string(d.Stop)
	}
	return "", ""
}

func describe(err error) string {
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok {
		return "that is no *hearth.Error: " + err.Error()
	}
	s := fmt.Sprintf("%s: %v / %s / %s", e.Reason, e, e.Cause, e.Try)
	if r, ok := errors.AsType[*model.Refusal](err); ok {
		s += fmt.Sprintf(" / lesson %s %s", r.Lesson, r.Detail)
	}
	return s
}
