//go:build llamaserver && unix

package llamaserver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func start(t *testing.T) *Server {
	t.Helper()
	s, err := Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// final is the last chunk of a streamed answer of /v1/chat/completions.
type final struct {
	Usage struct {
		PromptTokens int `json:"prompt_tokens"`
	}
	Timings struct {
		CacheN  int `json:"cache_n"`  // prompt tokens found in the cache
		PromptN int `json:"prompt_n"` // prompt tokens evaluated
	}
}

// finals gives the counts at the end of each recorded answer.
func finals(t *testing.T, answers [][]byte) []final {
	t.Helper()
	var all []final
	for _, answer := range answers {
		var last final
		for lines := bufio.NewScanner(bytes.NewReader(answer)); lines.Scan(); {
			data, ok := strings.CutPrefix(lines.Text(), "data: {")
			if !ok {
				continue
			}
			var f final
			if err := json.Unmarshal([]byte("{"+data), &f); err != nil {
				t.Fatalf("%v in %s", err, data)
			}
			if f.Timings.PromptN > 0 {
				last.Timings = f.Timings
			}
			if f.Usage.PromptTokens > 0 {
				last.Usage = f.Usage
			}
		}
		all = append(all, last)
	}
	return all
}

// recorder passes requests on and keeps the answers to chat completions.
type recorder struct {
	mu      sync.Mutex // guards the variable below
	answers [][]byte
}

func (r *recorder) start(t *testing.T, s *Server) (address string) {
	t.Helper()
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(p *httputil.ProxyRequest) { p.SetURL(target) },
		FlushInterval: -1,
		ModifyResponse: func(resp *http.Response) error {
			if !strings.HasSuffix(resp.Request.URL.Path, "/chat/completions") {
				return nil
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return err
			}
			resp.Body = io.NopCloser(bytes.NewReader(body))
			r.mu.Lock()
			defer r.mu.Unlock()
			r.answers = append(r.answers, body)
			return nil
		},
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	return front.URL
}

// reread is what a turn may cost the server beyond its own new tokens.
const reread = 64

// Hearth's turns, one process each, with tools on the way: what the server evaluates for
// a request is what that request has and the one before had not.
func TestOnlyWhatIsNewIsEvaluated(t *testing.T) {
	dir := t.TempDir()
	binary, workspace := filepath.Join(dir, "hearth"), filepath.Join(dir, "workspace")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "hearth/cmd/hearth").CombinedOutput(); err != nil {
		t.Fatalf("build hearth: %v: %s", err, out)
	}
	if err := os.Mkdir(workspace, 0o700); err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	config := fmt.Sprintf(`{
  models: { mode: "replace", providers: { box: { baseUrl: "%s/v1", api: "openai-completions",
    models: [{ id: %q, contextWindow: %d, maxTokens: 1000 }] } } },
  agents: { defaults: { model: { primary: "box/%s" }, workspace: %q } },
}`, r.start(t, start(t)), Model, Context, Model, workspace)
	for name, content := range map[string]string{filepath.Join(dir, "hearth.json"): config, filepath.Join(workspace, "notes.txt"): "milk"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, trigger := range []string{"@@plain", "@@read", "@@think", "@@both", "@@plain"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, binary, "agent", "--message", fmt.Sprintf("turn %d: please %s", i, trigger))
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "HEARTH_HOME=" + dir}
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil {
			t.Fatalf("%s: %v: %s", trigger, err, out)
		}
	}
	log := finals(t, r.answers)
	if len(log) != 7 {
		t.Errorf("%d model calls, want 7: five turns, two of them with a tool", len(log))
	}
	for i := 1; i < len(log); i++ {
		fresh := log[i].Usage.PromptTokens - log[i-1].Usage.PromptTokens
		t.Logf("request %d: %d prompt tokens, %d new, %d evaluated", i, log[i].Usage.PromptTokens, fresh, log[i].Timings.PromptN)
		if log[i].Timings.PromptN == 0 || log[i].Timings.PromptN > fresh+reread {
			t.Errorf("request %d: the server evaluated %d of %d tokens, of which %d were new", i, log[i].Timings.PromptN, log[i].Usage.PromptTokens, fresh)
		}
	}
}

// The template in the file is read as it is meant: thinking, text and calls come apart.
func TestTheTemplateIsUnderstood(t *testing.T) {
	s := start(t)
	body := `{"messages":[{"role":"user","content":"please @@muse-read"}],"tools":[{"type":"function","function":{"name":"read",` +
		`"parameters":{"type":"object","properties":{"path":{"type":"string"}}}}}]}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var v struct {
		Choices []struct {
			Message struct {
				Content          string
				ReasoningContent string `json:"reasoning_content"`
				ToolCalls        []struct {
					Function struct{ Name, Arguments string }
				} `json:"tool_calls"`
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || len(v.Choices) != 1 {
		t.Fatalf("%d choices, %v", len(v.Choices), err)
	}
	m := v.Choices[0].Message
	if m.Content != "" || !strings.Contains(m.ReasoningContent, "The notes may say more") || len(m.ToolCalls) != 1 || m.ToolCalls[0].Function.Name != "read" {
		t.Errorf("the answer is %+v", m)
	}
}
