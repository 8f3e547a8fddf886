package openai

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"hearth"
	"hearth/model"
)

var update = flag.Bool("update", false, "write what the decoder makes of the captured bytes into testdata")

// TestCapturedAnswers serves the bytes of each testdata/*.txtar over HTTP and compares
// what a person's turn would see with the .want file after it.
func TestCapturedAnswers(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(archive.Comment) < 80 {
			t.Errorf("%s does not say which server and version", file)
		}
		want := map[string]string{}
		for _, f := range archive.Files {
			if name, ok := strings.CutSuffix(f.Name, ".want"); ok {
				want[name] = string(f.Data)
			}
		}
		var out []txtar.File
		for _, f := range archive.Files {
			ext := filepath.Ext(f.Name)
			if ext == ".want" {
				continue
			}
			name := strings.TrimSuffix(f.Name, ext)
			got := ""
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) {
				got = transcript(t, f.Data, ext)
				if got != want[name] && !*update {
					t.Errorf("got\n%s\nwant\n%s", got, want[name])
				}
			})
			out = append(out, f, txtar.File{Name: name + ".want", Data: []byte(got)})
		}
		if *update {
			archive.Files = out
			if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// asking is the request of every capture.
func asking() *model.Request {
	return &model.Request{
		Model: "m",
		Tools: []hearth.ToolSpec{{Name: "read"}, {Name: "exec"}, {Name: "write"}, {Name: "getWeather"}, {Name: "get-weather-of"}},
		Messages: []hearth.Message{
			{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "hi"}}},
			{Role: hearth.RoleAssistant, Parts: []hearth.Part{{Call: &hearth.ToolCall{ID: "old", Name: "read", Arguments: "{}"}}}},
		},
		Capabilities: model.Capabilities{ProxyLike: true, Window: 8192, WindowKnown: true},
	}
}

func transcript(t *testing.T, data []byte, ext string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		kind := "text/event-stream"
		if ext == ".json" {
			kind = "application/json"
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(data)
	}))
	defer server.Close()
	p := New(Config{Client: model.NewClient(model.ClientConfig{Provider: "box", Endpoint: model.Endpoint{BaseURL: server.URL + "/v1"}})})
	var b strings.Builder
	sents := 0
	for d, err := range p.Stream(t.Context(), asking()) {
		if d.Sent != nil {
			sents++
			continue
		}
		if d.Wait != nil && d.Wait.Phase == hearth.PhaseReading && d.Wait.Total == 0 || d.Wait != nil && d.Wait.Phase == hearth.PhaseConnecting {
			continue // whether the answer overtakes them is luck
		}
		b.WriteString(line(d, err) + "\n")
	}
	if sents != 1 {
		t.Errorf("Sent came %d times", sents)
	}
	return b.String()
}

func line(d model.Delta, err error) string {
	switch {
	case err != nil:
		return fmt.Sprintf("error %s: %v", hearth.ReasonOf(err), err)
	case d.Text != "":
		return fmt.Sprintf("text %q", d.Text)
	case d.Thinking != "":
		return fmt.Sprintf("thinking %q", d.Thinking)
	case d.Call != nil:
		id := string(d.Call.ID)
		if len(id) == len("call_")+26 {
			id = "ours"
		}
		return fmt.Sprintf("call %s %s %s", id, d.Call.Name, d.Call.Arguments)
	case d.Usage != nil:
		return fmt.Sprintf("usage in=%d out=%d cached=%d total=%d counted=%t", d.Usage.Input, d.Usage.Output, d.Usage.CacheRead, d.Usage.Total, d.Usage.CacheCounted)
	case d.Timing != nil:
		return fmt.Sprintf("timing %+v", *d.Timing)
	case d.Wait != nil:
		return strings.TrimRight(fmt.Sprintf("wait %s %d/%d eta=%s", d.Wait.Phase, d.Wait.Done, d.Wait.Total, d.Wait.ETA), " ")
	case d.Notice != nil:
		return fmt.Sprintf("notice %s %s", d.Notice.Kind, d.Notice.Text)
	case d.Answered != "":
		return "answered " + d.Answered
	}
	return "stop " + string(d.Stop)
}

// awake is a clock that nothing comes too late for.
type awake struct{}

func (awake) Token() bool                     { return false }
func (awake) Finished()                       {}
func (awake) FrameError([]byte) *hearth.Error { return nil }
func (awake) Ended(error) *hearth.Error       { return nil }
func (awake) TooLong() *hearth.Error          { return nil }

func TestDetailsOfReasoningThatBelongToTheAnswer(t *testing.T) {
	const event = `{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.text","text":"Hm."},{"type":"response.output_text","text":"Yes."}]}}]}`
	for want, visible := range map[string][]string{
		`thinking "Hm.Yes."`:           nil,
		`thinking "Hm." | text "Yes."`: {"response.output_text"},
	} {
		req := asking()
		req.Capabilities.VisibleDetails = visible
		d := newDecoder(req, awake{})
		if err := d.chunk([]byte(event)); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, delta := range d.out {
			got = append(got, line(delta, nil))
		}
		if strings.Join(got, " | ") != want {
			t.Errorf("%q: got %q, want %s", visible, got, want)
		}
	}
}
