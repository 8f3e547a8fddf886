package shell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hearth"
	"hearth/internal/escape"
	"hearth/tool"
)

type execTool struct{ shell *Shell }

var _ tool.Tool = (*execTool)(nil)

func (e *execTool) Spec() hearth.ToolSpec {
	return hearth.ToolSpec{
		Name:        "exec",
		Description: "Run a shell command in the workspace. It has no terminal. A long one goes on in the background: see process.",
		Schema:      json.RawMessage(`{"properties":{"background":{"type":"boolean"},"command":{"type":"string"},"env":{"type":"object"},"timeout":{"description":"seconds","type":"integer"},"workdir":{"type":"string"},"yieldMs":{"description":"wait before background","type":"integer"}},"required":["command"],"type":"object"}`),
	}
}

func (e *execTool) Effect(hearth.ToolCall) hearth.Effect { return hearth.EffectRun }

// Describe shows the command whole, however long: a person decides on all of it or
// on nothing.
func (e *execTool) Describe(call hearth.ToolCall) string {
	in := execInput(call)
	var about []string
	if in.workdir != "" {
		about = append(about, "in "+escape.Line(in.workdir))
	}
	for _, name := range slices.Sorted(maps.Keys(in.env)) {
		about = append(about, "with "+escape.Line(name+"="+in.env[name]))
	}
	if in.background {
		about = append(about, "in the background")
	}
	line := "exec " + escape.Line(in.command)
	if len(about) > 0 {
		line += " (" + strings.Join(about, ", ") + ")"
	}
	return line
}

const (
	maxShown     = 2000
	maxCommand   = 100_000 // bytes; Linux takes 128 KB in one argument
	maxYieldMS   = 10 * 60 * 1000
	maxTimeout   = 24 * 60 * 60 // seconds
	quickLook    = 250 * time.Millisecond
	exitNotFound = 127
	exitNoPermit = 126
)

// Foresee gives the program as it would be executed. A folder and variables that the
// call chooses are part of it, in the words of env(1), so that no rule for the bare
// command fits by accident.
func (e *execTool) Foresee(call hearth.ToolCall) (argv, targets []string) {
	in := execInput(call)
	if in.err != nil {
		return nil, nil
	}
	argv = append(slices.Clone(e.shell.config.Shell), in.command)
	if in.workdir == "" && len(in.env) == 0 {
		return argv, nil
	}
	prefix := []string{"env"}
	if in.workdir != "" {
		prefix = append(prefix, "-C", in.workdir)
	}
	for _, name := range slices.Sorted(maps.Keys(in.env)) {
		prefix = append(prefix, name+"="+in.env[name])
	}
	return append(prefix, argv...), nil
}

// Check says what is wrong with the arguments.
func (e *execTool) Check(call hearth.ToolCall) error { return execInput(call).err }

type execCall struct {
	command, workdir string
	env              map[string]string
	yield            time.Duration // -1: as configured
	timeout          int           // seconds; 0: as configured
	background       bool
	err              error
}

func execInput(call hearth.ToolCall) execCall {
	a := tool.ReadArguments(call, "command=cmd", "workdir=cwd", "env", "yieldMs", "background", "timeout=timeoutSeconds")
	in := execCall{
		command: a.RequiredText("command"), workdir: a.Text("workdir"), env: a.TextMap("env"),
		background: a.Bool("background"), timeout: a.Int("timeout", 0), yield: -1,
	}
	if ms := a.Int("yieldMs", -1); ms >= 0 {
		in.yield = time.Duration(min(ms, maxYieldMS)) * time.Millisecond
	}
	switch {
	case a.Err() != nil:
	case strings.TrimSpace(in.command) == "":
		a.Refuse(`"command" is empty`)
	case strings.ContainsRune(in.command, 0), strings.ContainsRune(in.workdir, 0):
		a.Refuse("a command cannot hold a NUL byte")
	case len(in.command) > maxCommand:
		a.Refuse("the command is %d bytes, more than %d; write it to a file first", len(in.command), maxCommand)
	case in.timeout < 0 || in.timeout > maxTimeout:
		a.Refuse(`"timeout" is in seconds, from 1 to %d`, maxTimeout)
	default:
		if err := checkEnv(in.env); err != nil {
			a.Refuse("%w", err)
		}
	}
	if strings.HasPrefix(in.command, "-") || strings.HasPrefix(in.command, "+") {
		in.command = " " + in.command // a shell would take it for options of its own
	}
	in.err = a.Err()
	return in
}

func (e *execTool) Run(ctx context.Context, call hearth.ToolCall) (hearth.ToolResult, error) {
	if ctx.Err() != nil {
		return tool.Failed(call, hearth.FromGateway, "exec was stopped before it began"), nil
	}
	in := execInput(call)
	if in.err != nil {
		return tool.Failed(call, hearth.FromGateway, "exec: %v; nothing was run", in.err), nil
	}
	dir, err := e.shell.folder(in.workdir)
	if err != nil {
		return tool.Failed(call, hearth.FromGateway, "exec: workdir %s: %v; nothing was run", escape.Short(in.workdir, 200), err), nil
	}
	limit := e.shell.config.TimeoutSeconds
	if in.timeout > 0 {
		limit = in.timeout
	}
	c, err := e.shell.start(order{text: in.command, dir: dir, env: in.env, input: in.background, limit: time.Duration(limit) * time.Second})
	if err != nil {
		return tool.Failed(call, hearth.FromGateway, "exec: %v; nothing was run", startTrouble(err)), nil
	}
	return e.shell.await(ctx, call, c, e.shell.yield(in)), nil
}

func (s *Shell) yield(in execCall) time.Duration {
	switch {
	case in.background:
		return quickLook // a command that cannot start says so at once
	case in.yield >= 0:
		return in.yield
	default:
		return time.Duration(s.config.YieldMS) * time.Millisecond
	}
}

// await gives the result of a command that ends in time, and leaves one that does not
// in the background.
func (s *Shell) await(ctx context.Context, call hearth.ToolCall, c *command, patience time.Duration) hearth.ToolResult {
	yield := time.NewTimer(patience)
	defer yield.Stop()
	select {
	case <-c.done:
	case <-ctx.Done():
		c.stop(endedCancel)
		<-c.done
	case <-yield.C:
		s.keep(c)
		return s.background(call, c)
	}
	return s.finished(call, c)
}

// folder checks where a command is to start: in the workspace or below it.
func (s *Shell) folder(workdir string) (string, error) {
	if err := os.MkdirAll(s.config.Root, 0o700); err != nil {
		return "", fmt.Errorf("the workspace: %w", err)
	}
	if workdir == "" {
		return s.config.Root, nil
	}
	dir := filepath.FromSlash(workdir)
	if filepath.IsAbs(dir) {
		rel, err := filepath.Rel(s.config.Root, dir)
		if err != nil {
			return "", err
		}
		dir = rel
	}
	if dir = filepath.Clean(dir); !filepath.IsLocal(dir) {
		return "", errors.New("it is outside the workspace; use cd in the command")
	}
	root, err := os.OpenRoot(s.config.Root)
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }() // nothing was written through it
	info, err := root.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", errors.New("no such folder")
	case err != nil:
		return "", fmt.Errorf("it cannot be used: %w", errors.Unwrap(err))
	case !info.IsDir():
		return "", errors.New("it is not a folder")
	}
	return filepath.Join(s.config.Root, dir), nil
}

func startTrouble(err error) error {
	if errors.Is(err, syscall.E2BIG) {
		return errors.New("the command and its variables are too long for the system; write it to a file first")
	}
	return err
}

// execDetail is what a person may look at beside the text.
type execDetail struct {
	Command    string `json:"command"`
	Dir        string `json:"dir"`
	ExitCode   *int   `json:"exitCode,omitempty"` // absent while it runs
	State      string `json:"state"`
	DurationMS int64  `json:"durationMs"`
	Bytes      int64  `json:"bytes"` // of output
	SessionID  string `json:"sessionId,omitempty"`
	OutputFile string `json:"outputFile,omitempty"` // the whole output, where it was too long to show
	Isolation  string `json:"isolation"`            // what the command was kept from; "none": it had the person's own rights
}

func (s *Shell) detail(c *command) json.RawMessage {
	d := execDetail{
		Command: c.text, Dir: c.dir, State: c.state(), Bytes: c.out.written(), SessionID: c.id, Isolation: "none",
		DurationMS: time.Since(c.started).Milliseconds(), OutputFile: c.out.path(),
	}
	if done, at := c.ended(); done {
		d.ExitCode, d.DurationMS = &c.exit, at.Sub(c.started).Milliseconds()
	}
	return tool.Detail(d)
}

// finished is the result of a command that has ended. Its text holds nothing that
// differs between two runs that did the same, so that a loop can be seen.
func (s *Shell) finished(call hearth.ToolCall, c *command) hearth.ToolResult {
	body, cut := show(c.out)
	var notes []string
	rest := ""
	if cut {
		rest = pagedBy(c)
		notes = append(notes, s.wholeOutput(c, rest))
	}
	if c.leftover {
		notes = append(notes, "programs it left running in the background were stopped; start those with background:true")
	}
	failed := c.how != endedItself || c.exit != 0
	if failed {
		notes = append(notes, c.state()+exitHint(c))
	}
	if c.trouble != nil {
		notes = append(notes, c.trouble.Error())
	}
	if body == "" && len(notes) == 0 {
		body = "(no output)"
	}
	return hearth.ToolResult{
		CallID: call.ID, Name: call.Name, Failed: failed, From: hearth.FromTool,
		Text: join(body, notes), Detail: s.detail(c), Rest: rest,
	}
}

func exitHint(c *command) string {
	switch {
	case c.signal != "" || c.how != endedItself:
		return ""
	case c.exit == exitNotFound:
		return " (command not found)"
	case c.exit == exitNoPermit:
		return " (not executable)"
	}
	return ""
}

// background is the result of a command that goes on.
func (s *Shell) background(call hearth.ToolCall, c *command) hearth.ToolResult {
	raw, _ := c.fresh()
	var body string
	if isBinary(raw) {
		body = fmt.Sprintf("(%d bytes of binary output)", len(raw))
	} else {
		body = clean(raw)
	}
	note := fmt.Sprintf(`it goes on in the background as %s; process {"action":"poll","sessionId":"%s","timeout":30000} waits for more`, c.id, c.id)
	return hearth.ToolResult{
		CallID: call.ID, Name: call.Name, From: hearth.FromTool,
		Text: join(body, []string{note}), Detail: s.detail(c),
	}
}

func (s *Shell) wholeOutput(c *command, paged string) string {
	all := fmt.Sprintf("%d bytes of output in all", c.out.written())
	if paged == "" {
		return all
	}
	if c.out.written() > s.config.MaxOutput {
		all += fmt.Sprintf("; the first %d bytes of it are kept", s.config.MaxOutput)
	}
	return all + "; " + paged
}

// pagedBy says how a model gets the whole of an output that was kept; "" where it was not.
func pagedBy(c *command) string {
	if handle := c.out.handle(); handle != "" {
		return fmt.Sprintf(`page it with process {"action":"log","sessionId":"%s","offset":1}`, handle)
	}
	return ""
}

// show gives the text of an output, its middle left out where it is too long, cut at
// line ends where these are near.
func show(out *output) (text string, cut bool) {
	head, tail, between := out.ends()
	if isBinary(head) {
		return fmt.Sprintf("(%d bytes of binary output)", out.written()), between > 0
	}
	if between == 0 {
		return clean(append(head, tail...)), false
	}
	if at := strings.LastIndexByte(string(head), '\n'); at > len(head)*3/4 {
		between += int64(len(head) - at - 1)
		head = head[:at+1]
	}
	if at := strings.IndexByte(string(tail), '\n'); at >= 0 && at < len(tail)/4 {
		between += int64(at + 1)
		tail = tail[at+1:]
	}
	first := clean(head)
	if !strings.HasSuffix(first, "\n") {
		first += "\n"
	}
	return fmt.Sprintf("%s[… %d bytes left out …]\n%s", first, between, clean(tail)), true
}

// join puts notes in square brackets after a text.
func join(body string, notes []string) string {
	if len(notes) == 0 {
		return body
	}
	if body != "" && !strings.HasSuffix(body, "\n") {
		body += "\n"
	}
	return body + "[" + strings.Join(notes, ". ") + "]"
}
