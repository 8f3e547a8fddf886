package responses

import (
	"encoding/json"
	"errors"
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

// collect runs one call against a server that gives body and tells what came.
func collect(t *testing.T, status int, kind, body string) (got string, req string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Errorf("the request is no JSON: %v", err)
		}
		req = string(sent)
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer srv.Close()
	at, err := model.ParseEndpoint(srv.URL + "/v1")
	if err != nil {
		t.Fatal(err)
	}
	p := New(Config{Client: model.NewClient(model.ClientConfig{Provider: "lmstudio", Endpoint: at}), NewID: func() hearth.CallID { return "made" }})
	var b strings.Builder
	for d, err := range p.Stream(t.Context(), sample()) {
		switch {
		case err != nil:
			b.WriteString("error " + string(hearth.ReasonOf(err)) + "\n")
			if e, ok := errors.AsType[*hearth.Error](err); ok && strings.Contains(e.Try, "config set") {
				b.WriteString("try " + e.Try + "\n")
			}
		case d.Text != "":
			b.WriteString("text " + d.Text + "\n")
		case d.Thinking != "":
			b.WriteString("thinking " + d.Thinking + "\n")
		case d.Call != nil:
			b.WriteString("call " + string(d.Call.ID) + " " + d.Call.Name + " " + d.Call.Arguments + "\n")
		case d.Opaque != nil:
			b.WriteString("opaque " + string(d.Opaque) + "\n")
		case d.Usage != nil:
			j, _ := json.Marshal(d.Usage)
			b.WriteString("usage " + string(j) + "\n")
		case d.Answered != "":
			b.WriteString("answered " + d.Answered + "\n")
		}
		if d.Stop != "" {
			b.WriteString("stop " + string(d.Stop) + "\n")
		}
	}
	return b.String(), req
}

func sample() *model.Request {
	caps := model.Layers{Default: model.DefaultLayer()}.Merge()
	caps.Window, caps.WindowKnown = 8192, true
	return &model.Request{
		Model: "m", System: "Be kind.", Capabilities: caps, MaxTokens: 100,
		Tools: []hearth.ToolSpec{{Name: "read", Description: "Reads.", Schema: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}`)}},
		Messages: []hearth.Message{
			{ID: "1", Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "[Sat]"}, {Text: "hi"}}},
			{ID: "2", Role: hearth.RoleAssistant, Parts: []hearth.Part{{Thinking: "hm"}, {Opaque: json.RawMessage(`{"type":"reasoning"}`)}, {Text: "I look."}, {Call: &hearth.ToolCall{ID: "c1", Name: "read", Arguments: `{"path": "a"}`}}, {Call: &hearth.ToolCall{ID: "c2", Name: "read", Arguments: `{"pa`}}}},
			{ID: "3", Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{CallID: "c1", Name: "read", Text: "A"}}}},
			{ID: "4", Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{CallID: "c2", Name: "read", Text: "broken"}}}},
		},
	}
}

// Each archive opens with what it shows; "stream" is what the server sent, "want" what comes of it.
func TestStreams(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var stream, want string
			status, kind := http.StatusOK, "text/event-stream"
			for _, f := range txtar.Parse(raw).Files {
				switch f.Name {
				case "stream":
					stream = string(f.Data)
				case "json":
					stream, kind = string(f.Data), "application/json"
				case "404":
					stream, kind, status = string(f.Data), "application/json", http.StatusNotFound
				case "want":
					want = string(f.Data)
				}
			}
			if got, _ := collect(t, status, kind, stream); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestRequestOnAProxy(t *testing.T) {
	_, got := collect(t, 200, "text/event-stream", "")
	want := `{"model":"m","tools":[{"type":"function","name":"read","description":"Reads.","parameters":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}],"tool_choice":"auto","input":[` +
		`{"role":"system","content":"Be kind."},{"role":"user","content":"[Sat]\nhi"},` +
		`{"type":"message","role":"assistant","id":"msg_2","status":"completed","content":[{"type":"output_text","text":"I look.","annotations":[]}]},` +
		`{"type":"function_call","call_id":"c1","name":"read","arguments":"{\"path\": \"a\"}"},` +
		`{"type":"function_call","call_id":"c2","name":"read","arguments":"{\"unreadable_arguments\":\"{\\\"pa\"}"},` +
		`{"type":"function_call_output","call_id":"c1","output":"A"},{"type":"function_call_output","call_id":"c2","output":"broken"}],` +
		`"stream":true,"max_output_tokens":100}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestARequestExtendsTheOneBefore(t *testing.T) {
	req := sample()
	all := req.Messages
	var before *model.Sent
	for n := 1; n <= len(all); n++ {
		req.Messages = all[:n]
		s, err := encode(req)
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && s.Prefix(len(before.Items)) != before.Prefix(len(before.Items)) {
			t.Errorf("request %d does not extend the one before", n)
		}
		before = s
	}
}

func TestEffortIsSentOnlyWhereItWasDeclared(t *testing.T) {
	yes := true
	for _, c := range []struct {
		name, level, want string
		layer             model.Layer
	}{
		{"a proxy is told nothing", "high", "", model.Layer{}},
		{"a declared level goes out as it is", "xhigh", "xhigh", model.Layer{Efforts: []string{"low", "xhigh"}, ReasoningShaped: &yes}},
		{"a mapped level goes out as mapped", "high", "max", model.Layer{EffortMap: []model.EffortWord{{Level: "high", Word: "max"}}, ReasoningShaped: &yes}},
		{"off is left out where none is no word", "off", "", model.Layer{ReasoningShaped: &yes}},
	} {
		req := &model.Request{Thinking: c.level, Capabilities: model.Layers{Config: c.layer, Default: model.DefaultLayer()}.Merge()}
		if got := effort(req); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestItemsThatAreAnnouncedWithoutAnEnd(t *testing.T) {
	d := newDecoder(sample(), func() hearth.CallID { return "made" })
	for i := range 3 * mostItems {
		for _, kind := range []string{"function_call", "message"} {
			d.frame(fmt.Appendf(nil, `{"type":"response.output_item.added","output_index":%d,"item":{"type":%q,"name":"read","phase":"commentary"}}`, i, kind))
		}
	}
	if len(d.begun) > mostItems || len(d.said.phases) > mostItems {
		t.Errorf("%d calls and %d messages are kept", len(d.begun), len(d.said.phases))
	}
	if deltas, done, _ := d.frame([]byte(`{"type":"response.completed","response":{"status":"completed","output":[{"type":"function_call","call_id":"c","name":"read","arguments":"{}"}]}}`)); !done || len(deltas) != 2 || deltas[0].Call == nil {
		t.Errorf("the call that came whole is lost: %+v", deltas)
	}
}
