//go:build llamaserver && unix

package llamaserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/test/scripted"
)

// The line that gives the timings of a request:
// slot print_timing: id  0 | task 22 | prompt eval time = 13.11 ms / 160 tokens (…)
var timing = regexp.MustCompile(`prompt eval time =\s+[\d.]+ ms /\s+(\d+) tokens`)

// evaluated gives how many prompt tokens the server evaluated for each request so far.
func evaluated(t *testing.T, s *Server) []int {
	t.Helper()
	log, err := s.Log()
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, m := range timing.FindAllStringSubmatch(log, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// reread is what a turn may cost the server beyond its own new tokens.
const reread = 64

// Hearth's turns, one process each, with tools on the way: what the server evaluates for
// a request is what that request has and the one before had not. What Hearth reports of
// it is what the server says.
func TestOnlyWhatIsNewIsEvaluated(t *testing.T) {
	binary := program(t)
	for api, base := range map[string]string{"openai-completions": "/v1", "openai-responses": "/v1", "anthropic-messages": ""} {
		t.Run(api, func(t *testing.T) {
			s := start(t, scripted.Config{})
			dir := home(t, s.URL+base, api)
			var reports []hearth.Report
			for i, trigger := range []string{"@@plain", "@@read", "@@think", "@@both", "@@plain"} {
				reports = append(reports, say(t, binary, dir, "main", fmt.Sprintf("turn %d: please %s", i, trigger))...)
			}
			judge(t, reports, evaluated(t, s))
		})
	}
}

// Two conversations take turns at a server with two slots, each turn in a process of its
// own: each finds its prompt where it left it. The server is told not to keep prompts
// elsewhere, so that only the slot's own cache can help.
func TestEachConversationKeepsItsSlot(t *testing.T) {
	binary := program(t)
	s := start(t, scripted.Config{}, "--parallel", "2", "--ctx-size", strconv.Itoa(2*Context), "--cache-ram", "0")
	dir := home(t, s.URL+"/v1", "openai-completions")
	text := strings.Repeat("The kettle is on the stove. ", 60)
	before := map[string]int{}
	for round := range 4 {
		for _, session := range []string{"left", "right"} {
			reports := say(t, binary, dir, session, fmt.Sprintf("%s, %d: %s please @@plain", session, round, text))
			all := evaluated(t, s)
			if len(reports) != 1 || len(all) == 0 {
				t.Fatalf("%d reports, %d evaluations", len(reports), len(all))
			}
			prompt, read := reports[0].Usage.Input, all[len(all)-1]
			t.Logf("%s, %d: %d prompt tokens, %d new, %d evaluated", session, round, prompt, prompt-before[session], read)
			if round > 0 && read > prompt-before[session]+reread {
				t.Errorf("%s, %d: the server evaluated %d of %d tokens, of which %d were new", session, round, read, prompt, prompt-before[session])
			}
			before[session] = prompt
		}
	}
}

// program builds Hearth.
func program(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "hearth")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "hearth/cmd/hearth").CombinedOutput(); err != nil {
		t.Fatalf("build hearth: %v: %s", err, out)
	}
	return binary
}

// home makes a folder with a config that knows one server.
func home(t *testing.T, url, api string) string {
	t.Helper()
	dir := t.TempDir()
	workspace := filepath.Join(dir, "workspace")
	if err := os.Mkdir(workspace, 0o700); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`{
  models: { mode: "replace", providers: { box: { baseUrl: %q, api: %q, models: [{ id: %q, contextWindow: %d, maxTokens: 1000 }] } } },
  agents: { defaults: { model: { primary: "box/%s" }, workspace: %q } },
}`, url, api, Model, Context, Model, workspace)
	for name, content := range map[string]string{filepath.Join(dir, "hearth.json"): config, filepath.Join(workspace, "notes.txt"): "milk"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// say runs one turn and gives the reports of its model calls.
func say(t *testing.T, binary, home, session, message string) []hearth.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "agent", "--json", "--session", session, "--message", message)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "HEARTH_HOME=" + home}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s%s", message, err, out, errs.String())
	}
	var v struct {
		Meta struct {
			Hearth struct{ Reports []hearth.Report }
		}
	}
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("%s: %v: %s", message, err, out)
	}
	return v.Meta.Hearth.Reports
}

func judge(t *testing.T, reports []hearth.Report, evaluated []int) {
	t.Helper()
	if len(reports) != 7 || len(evaluated) != 7 {
		t.Fatalf("%d reports and %d evaluations, want 7: five turns, two of them with a tool", len(reports), len(evaluated))
	}
	before := 0
	for i, r := range reports {
		prompt := r.Usage.Input // cached ones included
		t.Logf("request %d: %d prompt tokens, %d new, %d evaluated, reported %+v", i, prompt, prompt-before, evaluated[i], r.Usage)
		if i > 0 && evaluated[i] > prompt-before+reread {
			t.Errorf("request %d: the server evaluated %d of %d tokens, of which %d were new", i, evaluated[i], prompt, prompt-before)
		}
		if read := prompt - r.Usage.CacheRead; read != evaluated[i] {
			t.Errorf("request %d: %d tokens reported as read anew, %d evaluated by the server", i, read, evaluated[i])
		}
		before = prompt
	}
}

// The template in the file is read as it is meant: thinking, text and calls come apart.
func TestTheTemplateIsUnderstood(t *testing.T) {
	s := start(t, scripted.Config{})
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
