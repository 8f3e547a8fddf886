//go:build e2e && unix

package ollama

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// These tests speak Ollama's four chat protocols with bare HTTP and JSON, knowing
// nothing of Hearth: what fails here is a belief about Ollama, not our code.

var server *Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "ollama")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if server, err = Start(context.Background(), Config{Dir: dir}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return m.Run()
}

// ask is one question, in no protocol's terms.
type ask struct {
	model   string
	history []message
	tools   []string // names; each takes any object
	stream  bool
	extra   map[string]any // top-level fields of the protocol
}

type message struct {
	role  string // system, user, assistant, tool
	text  string
	calls []call // of an assistant
	call  string // of a tool: the id of the call it answers
}

type call struct{ id, name, arguments string }

func user(text string) []message { return []message{{role: "user", text: text}} }

// answer is what came back, in no protocol's terms.
type answer struct {
	text, thinking string
	calls          []call
	finish         string // the protocol's own word
	prompt, output int    // tokens
	closed         bool   // a stream ended with the protocol's own end mark
}

// protocol is one of Ollama's dialects.
type protocol struct {
	name   string
	path   string
	encode func(ask) map[string]any
	whole  func(body []byte) (answer, error)         // a reply that was not streamed
	lines  func(a *answer, event, data string) error // one event of a stream
}

var protocols = []protocol{native, completions, responses, messages}

func eachProtocol(t *testing.T, test func(t *testing.T, p protocol)) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) { test(t, p) })
	}
}

// send gives the reply; the caller reads and closes its body.
func send(t *testing.T, ctx context.Context, path string, body any) *http.Response {
	t.Helper()
	resp, err := trySend(ctx, path, body)
	if err != nil {
		t.Fatalf("POST %s: %v", path, err)
	}
	return resp
}

func trySend(ctx context.Context, path string, body any) (*http.Response, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+path, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return http.DefaultClient.Do(req)
}

func (p protocol) body(q ask) map[string]any {
	body := p.encode(q)
	body["model"], body["stream"] = q.model, q.stream
	maps.Copy(body, q.extra)
	return body
}

// post asks and gives the status and the whole reply as bytes.
func (p protocol) post(t *testing.T, q ask) (status int, body []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	resp := send(t, ctx, p.path, p.body(q))
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read the reply of %s: %v (so far %s)", p.path, err, body)
	}
	return resp.StatusCode, body
}

// ask wants a 200 and decodes it.
func (p protocol) ask(t *testing.T, q ask) answer {
	t.Helper()
	status, body := p.post(t, q)
	if status != http.StatusOK {
		t.Fatalf("%s: status %d: %s", p.path, status, body)
	}
	if !q.stream {
		a, err := p.whole(body)
		if err != nil {
			t.Fatalf("%s: %v in %s", p.path, err, body)
		}
		return a
	}
	return p.read(t, body)
}

// read decodes a stream, server-sent events or one JSON object a line.
func (p protocol) read(t *testing.T, body []byte) answer {
	t.Helper()
	var a answer
	event := ""
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = name
			continue
		}
		data := strings.TrimPrefix(line, "data: ")
		if data == "" {
			continue
		}
		if err := p.lines(&a, event, data); err != nil {
			t.Fatalf("%s: %v in %s", p.path, err, line)
		}
	}
	return a
}

// schema describes the arguments of every tool in these tests.
var schema = map[string]any{"type": "object", "properties": map[string]any{
	"path": map[string]any{"type": "string"}, "city": map[string]any{"type": "string"},
}}

func functions(names []string) []any {
	var list []any
	for _, name := range names {
		list = append(list, map[string]any{"type": "function", "function": map[string]any{
			"name": name, "description": "Does " + name + ".", "parameters": schema,
		}})
	}
	return list
}

func decode(data string, into any) error { return json.Unmarshal([]byte(data), into) }
