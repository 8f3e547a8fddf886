//go:build e2e && unix

package conversation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/test/ollama"
	"hearth/test/scripted"
)

// What every test here uses: one server, one binary.
var (
	server *ollama.Server
	binary string
	spec   scripted.Spec
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "conversation")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	stop, err := prepare(context.Background(), dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return m.Run()
}

// prepare builds hearth as it is released, without cgo, and starts the server.
func prepare(ctx context.Context, dir string) (stop func() error, err error) {
	if spec, err = scripted.Default(); err != nil {
		return nil, err
	}
	binary = filepath.Join(dir, "hearth")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "hearth/cmd/hearth")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build hearth: %w: %s", err, out)
	}
	home := filepath.Join(dir, "ollama")
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	if server, err = ollama.Start(ctx, ollama.Config{Dir: home}); err != nil {
		return nil, err
	}
	return server.Stop, nil
}

// dialect is one of the four protocols as a config names it.
type dialect struct {
	api  string
	base string // path of baseUrl
	path string // of the model call
	list string // the member of its body that holds the conversation
}

var dialects = []dialect{
	{"ollama", "", "/api/chat", "messages"},
	{"openai-completions", "/v1", "/v1/chat/completions", "messages"},
	{"openai-responses", "/v1", "/v1/responses", "input"},
	{"anthropic-messages", "", "/v1/messages", "messages"},
}

func eachDialect(t *testing.T, test func(t *testing.T, d dialect)) {
	for _, d := range dialects {
		t.Run(d.api, func(t *testing.T) { test(t, d) })
	}
}

// person is someone with a home, a workspace, a config and a model server.
type person struct {
	dialect
	home, workspace string
	wire            *recorder
}

// settings change the config of a person; the zero value is the usual one.
type settings struct {
	model  string // served model; ollama.Chat
	window int    // contextWindow; ollama.ChatContext
	exec   string // the value of tools.exec; none may run
}

func newPerson(t *testing.T, d dialect, s settings) *person {
	t.Helper()
	if s.model == "" {
		s.model = ollama.Chat
	}
	if s.window == 0 {
		s.window = ollama.ChatContext
	}
	if s.exec == "" {
		s.exec = `{ security: "deny" }`
	}
	dir := t.TempDir()
	p := &person{dialect: d, home: filepath.Join(dir, "home"), workspace: filepath.Join(dir, "workspace"), wire: record(t)}
	p.put(t, filepath.Join(p.home, "hearth.json"), fmt.Sprintf(`{
  models: { mode: "replace", providers: { box: {
    baseUrl: %q, api: %q,
    models: [{ id: %q, contextWindow: %d, maxTokens: 2000 }],
  } } },
  agents: { defaults: { model: { primary: "box/%s" }, workspace: %q } },
  tools: { exec: %s },
}
`, p.wire.url+d.base, d.api, s.model, s.window, s.model, p.workspace, s.exec))
	p.note(t, "notes.txt", "milk and eggs\n")
	return p
}

func (p *person) put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// note writes a file of the workspace.
func (p *person) note(t *testing.T, name, content string) {
	t.Helper()
	p.put(t, filepath.Join(p.workspace, name), content)
}

// log gives all that hearth wrote into its logs.
func (p *person) log(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.home, "logs", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

// said is what a run of hearth left.
type said struct {
	out, err string
	code     int
}

// command prepares a run of hearth that no file of the real person can reach.
func (p *person) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = p.workspace
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.home, "HEARTH_HOME=" + p.home, "TMPDIR=" + os.TempDir(), "TERM=dumb"}
	return cmd
}

func (p *person) run(t *testing.T, args ...string) said {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := p.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok && err != nil || ok && !exit.Exited() {
		t.Fatalf("hearth %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return said{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// turn is the object of agent --json.
type turn struct {
	Payloads []struct {
		Text    string
		IsError bool
	}
	Meta struct {
		StopReason string
		AgentMeta  struct {
			Provider, Model string
			Usage           hearth.Usage
		}
		ToolSummary struct {
			Calls int
			Tools []string
		}
		Error  *struct{ Kind, Message string }
		Hearth struct {
			Steps   int
			Tools   []string // offered to the model
			Reports []hearth.Report
		}
	}
	said
}

// say runs one turn that must end with an answer.
func (p *person) say(t *testing.T, message string, more ...string) turn {
	t.Helper()
	v := p.try(t, message, more...)
	if v.code != 0 {
		t.Fatalf("%q ends with exit code %d\nstdout: %s\nstderr: %s", message, v.code, v.out, v.err)
	}
	return v
}

// try runs one turn. Whatever happens, standard output is one JSON object.
func (p *person) try(t *testing.T, message string, more ...string) turn {
	t.Helper()
	v := turn{said: p.run(t, slices.Concat([]string{"agent", "--json", "--message", message}, more)...)}
	dec := json.NewDecoder(strings.NewReader(v.out))
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%q: stdout is no JSON object: %v\nstdout: %s\nstderr: %s", message, err, v.out, v.err)
	}
	if dec.More() {
		t.Fatalf("%q: stdout is more than one JSON object: %s", message, v.out)
	}
	return v
}

// text is all that the person is shown of a turn.
func (v *turn) text() string {
	var parts []string
	for _, p := range v.Payloads {
		parts = append(parts, p.Text)
	}
	return strings.Join(parts, "\n")
}

// script gives the words of a script.
func script(t *testing.T, name string) string {
	t.Helper()
	s, err := spec.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return s.Text
}

// afterTool is what the model says after the result of a tool.
const afterTool = "The tool says it is done."
