package modeltest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"hearth"
)

var paths = map[string]string{Completions: "/v1/chat/completions", Responses: "/v1/responses", Messages: "/v1/messages", Ollama: "/api/chat"}

// post sends a body to a protocol's path and gives the answer's status and bytes; an
// error is fine for a server that is meant to break.
func post(ctx context.Context, t *testing.T, s *Server, protocol, body string) (int, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+paths[protocol], strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

const hello = `{"model":"test-model","messages":[{"role":"user","content":"Hello"}],"stream":true,"stream_options":{"include_usage":true}}`

func TestReplyIsJSONInEveryProtocol(t *testing.T) {
	s := NewServer(t, Config{})
	reply := Reply{Thinking: "Is it hot?", Text: answer, Calls: []hearth.ToolCall{{ID: "c", Name: "read", Arguments: `{"path":"<a>"}`}}}
	for _, behave := range []Behaviour{Say(reply), Instant(reply)} {
		for _, protocol := range Protocols {
			s.Script(behave)
			status, body, err := post(t.Context(), t, s, protocol, hello)
			if err != nil || status != http.StatusOK {
				t.Fatalf("%s: status %d, %v", protocol, status, err)
			}
			n := 0
			for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
				data, isData := strings.CutPrefix(lines.Text(), "data: ")
				if protocol == Ollama {
					data, isData = lines.Text(), true
				}
				if !isData || data == "[DONE]" {
					continue
				}
				n++
				if !json.Valid([]byte(data)) {
					t.Errorf("%s: not JSON: %s", protocol, data)
				}
			}
			if n < 5 || !strings.Contains(string(body), "kettle") || !strings.Contains(string(body), "read") {
				t.Errorf("%s: %d events:\n%s", protocol, n, body)
			}
		}
	}
}

func TestServerRecordsAndCounts(t *testing.T) {
	s := NewServer(t, Config{})
	open := make(chan struct{})
	s.Always(Say(Reply{Text: "ok", Before: open}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for range 2 {
		go func() { _, _, err := post(ctx, t, s, Completions, hello); ended <- err }()
	}
	if err := s.AwaitOpen(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-ended
	<-ended
	if err := s.Await(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if s.Gone() != 2 || s.MaxInFlight() != 2 || len(s.Requests()) != 2 || string(s.Requests()[0].Body) != hello {
		t.Errorf("gone %d, in flight %d, requests %v", s.Gone(), s.MaxInFlight(), s.Requests())
	}
}

func TestServerCountsTokensItHasSeenBefore(t *testing.T) {
	s := NewServer(t, Config{})
	var seen []hearth.Usage
	s.Always(func(x *Exchange) { seen = append(seen, x.Usage); Say(Reply{Text: "ok"})(x) })
	first := `{"messages":[{"role":"user","content":"` + strings.Repeat("x", 400) + `"}]}`
	for _, body := range []string{first, strings.Replace(first, "]}", `,{"role":"user","content":"more"}]}`, 1)} {
		if _, _, err := post(t.Context(), t, s, Completions, body); err != nil {
			t.Fatal(err)
		}
	}
	if seen[0].CacheRead != 0 || seen[1].CacheRead != seen[0].Input || seen[1].Input <= seen[0].Input {
		t.Errorf("got %+v", seen)
	}
}

func TestServerKeepsToItsWindow(t *testing.T) {
	long := `{"messages":[{"role":"user","content":"` + strings.Repeat("x", 4000) + `"}],"stream_options":{"include_usage":true}}`
	refuses := NewServer(t, Config{Window: 100, Refusal: "llama.cpp"})
	if status, body, err := post(t.Context(), t, refuses, Completions, long); err != nil || status != http.StatusBadRequest || !strings.Contains(string(body), `"n_ctx":100`) {
		t.Errorf("got %d %s, %v", status, body, err)
	}
	cuts := NewServer(t, Config{Window: 100})
	if status, body, err := post(t.Context(), t, cuts, Completions, long); err != nil || status != http.StatusOK || !strings.Contains(string(body), `"prompt_tokens":50`) {
		t.Errorf("got %d %s, %v", status, body, err)
	}
	if status, _, err := post(t.Context(), t, refuses, Completions, hello); err != nil || status != http.StatusOK {
		t.Errorf("what fits is refused: %d, %v", status, err)
	}
}

func TestIdentitiesServeJSON(t *testing.T) {
	for _, id := range Identities {
		s := NewServer(t, Config{Identity: id, Models: []Model{{ID: "a/b:7b", Window: 8192, TrainedMax: 131072, Vision: true}, {ID: "embed", Embedding: true, Unloaded: true}}})
		for _, path := range []string{"/v1/models", "/props", "/slots", "/api/version", "/api/tags", "/api/ps", "/api/v1/models", "/api/v0/models", "/get_server_info", "/health", "/nowhere"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") && !json.Valid(body) {
				t.Errorf("%s %s: not JSON: %s", id, path, body)
			}
			if path == "/v1/models" && !strings.Contains(string(body), `"a/b:7b"`) {
				t.Errorf("%s lists %s", id, body)
			}
		}
		if len(s.Asked()) != 11 || len(s.Requests()) != 0 {
			t.Errorf("%s: asked %v", id, s.Asked())
		}
	}
}

func TestPathologiesAreNamedAndServed(t *testing.T) {
	all := Pathologies()
	if len(all) < 40 {
		t.Errorf("only %d rows", len(all))
	}
	names := map[string]bool{}
	for _, p := range all {
		if names[p.Name] || p.Name == "" || p.Prose == "" || len(p.Protocols) == 0 || p.Down == (p.Serve != nil) {
			t.Errorf("row %q is not complete, or not the only one of its name", p.Name)
		}
		names[p.Name] = true
		if p.Down || p.Hangs {
			continue
		}
		for _, protocol := range p.Protocols {
			s := NewServer(t, Config{})
			s.Always(Named(p.Name).Serve)
			ctx, cancel := context.WithCancel(t.Context())
			if p.Name == "keeps the connection open behind its last event" {
				go func() {
					if s.AwaitOpen(ctx, 1) == nil {
						cancel()
					}
				}()
			}
			status, body, err := post(ctx, t, s, protocol, strings.Replace(hello, `"stream"`, `"tools":[{}],"stream"`, 1))
			if err == nil && status == http.StatusOK && p.Want.Reason == "" && len(body) == 0 {
				t.Errorf("%s on %s: nothing was sent", p.Name, protocol)
			}
			if p.Want.Reason == "" && err != nil && ctx.Err() == nil {
				t.Errorf("%s on %s: %v", p.Name, protocol, err)
			}
			cancel()
		}
	}
	t.Logf("%d rows", len(all))
}
