package ollama

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
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

var update = flag.Bool("update", false, "write the golden parts of testdata again")

// Each file of testdata is an answer as a server sent it, and what is told of it.
func TestWhatAServerSaysIsTold(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files (%v)", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var status int
			var kind string
			if _, err := fmt.Sscanf(string(part(archive, "status").Data), "%d %s", &status, &kind); err != nil {
				t.Fatal(err)
			}
			answer := strings.TrimSuffix(string(part(archive, "answer").Data), "\n")
			p := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", kind)
				w.WriteHeader(status)
				_, _ = io.WriteString(w, answer)
			})
			got := tell(p.Stream(t.Context(), &model.Request{Model: cmp.Or(strings.TrimSpace(string(part(archive, "model").Data)), "tiny")}))
			want := part(archive, "told")
			if *update {
				archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "told" })
				want = &txtar.File{Name: "told", Data: []byte(got)}
				archive.Files = append(archive.Files, *want)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got != string(want.Data) {
				t.Errorf("told\n%s\nwant\n%s", got, want.Data)
			}
		})
	}
}

// part gives a file of an archive; an empty one where there is none.
func part(a *txtar.Archive, name string) *txtar.File {
	for i := range a.Files {
		if a.Files[i].Name == name {
			return &a.Files[i]
		}
	}
	return &txtar.File{Name: name}
}

// serve gives a provider of a server that answers so.
func serve(t *testing.T, handle http.HandlerFunc) *Provider {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	endpoint, err := model.ParseEndpoint(s.URL + "/v1")
	if err != nil {
		t.Fatal(err)
	}
	client := model.NewClient(model.ClientConfig{Provider: "ollama", Endpoint: endpoint})
	t.Cleanup(client.CloseIdle)
	n := 0
	return New(Config{Client: client, NewID: func() hearth.CallID { n++; return hearth.CallID(fmt.Sprintf("id-%d", n)) }})
}

// tell writes a stream down, a line for each thing; pieces of text that follow one
// another are parted by |.
func tell(stream func(func(model.Delta, error) bool)) string {
	var b strings.Builder
	last := ""
	piece := func(kind, text string) {
		if last == kind {
			b.WriteString("|")
		} else {
			fmt.Fprintf(&b, "%s ", kind)
		}
		b.WriteString(strings.ReplaceAll(text, "\n", `\n`))
		last = kind
	}
	line := func(format string, args ...any) {
		if last != "" {
			b.WriteString("\n")
		}
		last = ""
		fmt.Fprintf(&b, format+"\n", args...)
	}
	for d, err := range stream {
		switch {
		case err != nil:
			line("error %s", describe(err))
		case d.Sent != nil:
		case d.Text != "":
			if last == "thinking" {
				line("")
			}
			piece("text", d.Text)
		case d.Thinking != "":
			piece("thinking", d.Thinking)
		case d.Wait != nil:
			if d.Wait.Phase != hearth.PhaseConnecting {
				line("wait %s %s", d.Wait.Phase, d.Wait.Note)
			}
		case d.Call != nil:
			line("call %s %s %s", d.Call.ID, d.Call.Name, d.Call.Arguments)
		case d.Usage != nil:
			line("usage %+v", *d.Usage)
		case d.Timing != nil:
			line("timing %+v", *d.Timing)
		case d.Notice != nil:
			line("notice %s: %s", d.Notice.Kind, d.Notice.Text)
		case d.Answered != "":
			line("answered %s", d.Answered)
		case d.Opaque != nil:
			line("opaque %s", d.Opaque)
		case d.Stop != "":
			line("stop %s", d.Stop)
		}
	}
	return b.String()
}

func describe(err error) string {
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok {
		return "that is no *hearth.Error: " + err.Error()
	}
	s := fmt.Sprintf("%s: %v\n  %s\n  %s", e.Reason, e, e.Cause, e.Try)
	if r, ok := errors.AsType[*model.Refusal](err); ok {
		s += fmt.Sprintf("\n  lesson %s %s", r.Lesson, r.Detail)
	}
	return s
}

func TestTheRequestGoesToTheNativeDoorAndFirstSaysWhatItHolds(t *testing.T) {
	var path, body, accept string
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		path, body, accept = r.URL.Path, string(b), r.Header.Get("Accept")
		_, _ = io.WriteString(w, `{"done":true,"done_reason":"stop"}`)
	})
	first := true
	for d, err := range p.Stream(t.Context(), &model.Request{Model: "m", Messages: []hearth.Message{user1("hi")}}) {
		if err != nil {
			t.Fatal(err)
		}
		if first && (d.Sent == nil || path != "") {
			t.Errorf("the first delta is %+v, after a request to %q", d, path)
		}
		if d.Sent != nil {
			defer func(want string) {
				if body != want {
					t.Errorf("sent %s\nsaid %s", body, want)
				}
			}(string(d.Sent.Body))
		}
		first = false
	}
	if path != "/api/chat" || accept != "application/x-ndjson" {
		t.Errorf("path %s, accept %s", path, accept)
	}
}

func TestAReaderWhoStopsIsNotCalledAgain(t *testing.T) {
	answer := `{"model":"m","message":{"content":"a"}}` + "\n" + `{"message":{"content":"b","tool_calls":[{"function":{"name":"x"}}]},"done":true}`
	p := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, answer) })
	all := 0
	for _, err := range p.Stream(t.Context(), &model.Request{Model: "m"}) {
		if all++; err != nil {
			t.Fatal(err)
		}
	}
	for stop := 1; stop <= all; stop++ {
		n := 0
		for _, err := range p.Stream(t.Context(), &model.Request{Model: "m"}) {
			if n++; n == stop || err != nil {
				break
			}
		}
		if n != stop {
			t.Errorf("stopped after %d, got %d", stop, n)
		}
	}
}

func TestCancellingKeepsTheCause(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does a server notice that the client went away
		_, _ = io.WriteString(w, `{"model":"m","message":{"content":"a"}}`+"\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var last error
	for d, err := range p.Stream(ctx, &model.Request{Model: "m"}) {
		if d.Text == "a" {
			cancel(cause)
		}
		last = err
	}
	if hearth.ReasonOf(last) != hearth.ReasonCancelled || !errors.Is(last, cause) {
		t.Errorf("the error is %v", last)
	}
}

func FuzzAnswer(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(part(archive, "answer").Data)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		d := &decoder{asked: "m", newID: func() hearth.CallID { return "id" }}
		for line := range strings.Lines(string(answer)) {
			deltas, done, failed := d.line([]byte(line))
			for i, delta := range deltas {
				if (delta.Stop != "") != (done && i == len(deltas)-1) {
					t.Fatalf("%q: delta %d of %d is %+v, done %v", line, i, len(deltas), delta, done)
				}
			}
			if done && (len(deltas) == 0 || failed != nil) {
				t.Fatalf("%q is done without a stop", line)
			}
			if done {
				return
			}
		}
	})
}
