package ollama

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"hearth"
	"hearth/model"
	"hearth/model/modeltest"
)

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
	// A loop that is called again after its break panics. How many waits an answer tells of
	// depends on the machine, so the end is where one came whole.
	for stop := 1; ; stop++ {
		n := 0
		for _, err := range p.Stream(t.Context(), &model.Request{Model: "m"}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == stop {
				break
			}
		}
		if n < stop {
			if stop < 5 {
				t.Errorf("a whole answer has %d parts", n)
			}
			return
		}
	}
}

func TestOnlyTheFirstAnswerWaitsForLoading(t *testing.T) {
	told := make(chan struct{}, 1) // an answer that comes at once leaves no time to wait for it
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		<-told
		_, _ = io.WriteString(w, `{"message":{"content":"a"},"done":true}`)
	})
	phases := func(req *model.Request) (all string) {
		for d, err := range p.Stream(t.Context(), req) {
			if err != nil {
				t.Fatal(err)
			}
			if d.Wait == nil {
				continue
			}
			all += string(d.Wait.Phase) + " "
			if d.Wait.Phase == hearth.PhaseLoading || d.Wait.Phase == hearth.PhaseReading {
				told <- struct{}{}
			}
		}
		return all
	}
	for i, want := range []string{"connecting loading writing ", "connecting reading writing "} {
		if got := phases(&model.Request{Model: "m"}); got != want {
			t.Errorf("call %d waits for %s, want %s", i+1, got, want)
		}
	}
	if got := phases(&model.Request{Model: "other", Capabilities: model.Capabilities{Resident: true}}); got != "connecting reading writing " {
		t.Errorf("a model that is loaded waits for %s", got)
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
		f.Add([]byte(modeltest.Part(archive, "answer")))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		d := &decoder{req: &model.Request{Model: "m"}, newID: func() hearth.CallID { return "id" }}
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
