package shell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"hearth"
	"hearth/internal/escape"
	"hearth/tool"
)

type processTool struct{ shell *Shell }

var _ tool.Tool = (*processTool)(nil)

// Actions of process. OpenClaw's send-keys and paste need a terminal, which commands
// here do not have.
const (
	actionList   = "list"
	actionPoll   = "poll"
	actionLog    = "log"
	actionWrite  = "write"
	actionSubmit = "submit"
	actionKill   = "kill"
	actionClear  = "clear"
	actionRemove = "remove"
)

func (p *processTool) Spec() hearth.ToolSpec {
	return hearth.ToolSpec{
		Name:        "process",
		Description: "Look after background commands. poll waits for new output; log pages all of it; write and submit (adds a line end) feed input.",
		Schema:      json.RawMessage(`{"properties":{"action":{"enum":["list","poll","log","write","submit","kill","clear","remove"],"type":"string"},"data":{"type":"string"},"limit":{"description":"lines","type":"integer"},"offset":{"description":"first line, from 1","type":"integer"},"sessionId":{"type":"string"},"timeout":{"description":"ms to wait","type":"integer"}},"required":["action"],"type":"object"}`),
	}
}

// Effect: input to a running shell is a command like any other.
func (p *processTool) Effect(call hearth.ToolCall) hearth.Effect {
	in := processInput(call)
	switch {
	case in.err != nil:
		return hearth.EffectRun
	case in.action == actionList, in.action == actionPoll, in.action == actionLog:
		return hearth.EffectRead
	case in.action == actionKill, in.action == actionClear, in.action == actionRemove:
		return hearth.EffectWriteScratch // it ends or forgets what exec was allowed to start
	default:
		return hearth.EffectRun
	}
}

func (p *processTool) Describe(call hearth.ToolCall) string {
	in := processInput(call)
	line := "process " + escape.Short(in.action, 40)
	if in.id != "" {
		line += " " + escape.Short(in.id, 40)
	}
	if c := p.shell.find(in.id); c != nil {
		line += " (" + escape.Short(c.text, 300) + ")"
	}
	if in.data != "" {
		line += ": " + escape.Line(in.data)
	}
	return line
}

// Foresee gives what a write would feed to which command: no rule for commands fits it.
func (p *processTool) Foresee(call hearth.ToolCall) (argv, targets []string) {
	in := processInput(call)
	if in.err != nil || in.action != actionWrite && in.action != actionSubmit {
		return nil, nil
	}
	return []string{"process", in.action, in.id, in.data}, nil
}

// Parallel: polling waits, and nothing else should wait for it.
func (p *processTool) Parallel(call hearth.ToolCall) bool {
	return p.Effect(call) == hearth.EffectRead
}

// Check says what is wrong with the arguments.
func (p *processTool) Check(call hearth.ToolCall) error { return processInput(call).err }

type processCall struct {
	action, id, data string
	hasData          bool
	offset, limit    int
	timeout          time.Duration
	err              error
}

const (
	defaultLogLines = 200
	maxPollMS       = 30_000
)

func processInput(call hearth.ToolCall) processCall {
	a := tool.ReadArguments(call, "action", "sessionId=session_id,id", "data=text,input", "offset", "limit", "timeout=timeoutMs")
	in := processCall{
		action: a.RequiredText("action"), id: a.Text("sessionId"), data: a.Text("data"), hasData: a.Has("data"),
		offset: a.Int("offset", 0), limit: a.Int("limit", defaultLogLines),
		timeout: time.Duration(min(max(a.Int("timeout", 0), 0), maxPollMS)) * time.Millisecond,
	}
	switch in.action {
	case actionList, actionClear:
	case actionPoll, actionLog, actionKill, actionRemove, actionSubmit, actionWrite:
		if in.id == "" {
			a.Refuse(`"sessionId" is missing`)
		}
		if in.action == actionWrite && !in.hasData {
			a.Refuse(`"data" is missing`)
		}
	default:
		a.Refuse("there is no action %q; the actions are list, poll, log, write, submit, kill, clear, remove", in.action)
	}
	if in.offset < 0 || in.limit < 1 {
		a.Refuse("offset counts lines from 1, and limit is at least 1")
	}
	in.err = a.Err()
	return in
}

func (p *processTool) Run(ctx context.Context, call hearth.ToolCall) (hearth.ToolResult, error) {
	if ctx.Err() != nil {
		return tool.Failed(call, hearth.FromGateway, "process was stopped before it began"), nil
	}
	in := processInput(call)
	if in.err != nil {
		return tool.Failed(call, hearth.FromGateway, "process: %v", in.err), nil
	}
	ok := hearth.ToolResult{CallID: call.ID, Name: call.Name, From: hearth.FromGateway}
	switch in.action {
	case actionList:
		ok.Text, ok.From = p.list(), hearth.FromModel
		return ok, nil
	case actionClear:
		ok.Text = fmt.Sprintf("forgot %d ended commands", p.clear())
		return ok, nil
	}
	c := p.shell.find(in.id)
	if c == nil {
		return p.stranger(call, in), nil
	}
	switch in.action {
	case actionPoll:
		return p.poll(ctx, call, c, in.timeout), nil
	case actionLog:
		body, err := c.out.reader()
		return p.log(call, in, body, err), nil
	case actionWrite, actionSubmit:
		return p.write(ctx, call, c, in), nil
	case actionRemove:
		c.stop(endedKilled)
		<-c.done
		p.shell.remove(c.id)
		ok.Text = c.id + " is gone"
		return ok, nil
	default:
		return p.kill(call, c), nil
	}
}

// stranger answers for a session that is not in the list: the output of a command that
// has ended can still be read.
func (p *processTool) stranger(call hearth.ToolCall, in processCall) hearth.ToolResult {
	if in.action == actionLog {
		if body, err := openHandle(p.shell.config.Outputs, in.id); err == nil {
			return p.log(call, in, body, nil)
		}
	}
	return tool.Failed(call, hearth.FromGateway, "process: there is no background command %s; %s", escape.Short(in.id, 60), p.list())
}

// list is one line for each background command. The commands are the model's words.
func (p *processTool) list() string {
	all := p.shell.list()
	if len(all) == 0 {
		return "no command is in the background"
	}
	out := make([]string, len(all))
	for i, c := range all {
		out[i] = fmt.Sprintf("%s: %s, %d bytes of output: %s", c.id, c.state(), c.out.written(), escape.Short(c.text, 120))
	}
	return strings.Join(out, "\n")
}

func (p *processTool) clear() int {
	n := 0
	for _, c := range p.shell.list() {
		if done, _ := c.ended(); done {
			p.shell.remove(c.id)
			n++
		}
	}
	return n
}

// poll gives what was written since the last poll, after waiting for the command to
// end when there is time for it.
func (p *processTool) poll(ctx context.Context, call hearth.ToolCall, c *command, patience time.Duration) hearth.ToolResult {
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case <-c.done:
	case <-wait.C:
	case <-ctx.Done():
	}
	raw, skipped := c.fresh()
	body := clean(raw)
	if isBinary(raw) {
		body = fmt.Sprintf("(%d bytes of binary output)", len(raw))
	}
	var notes []string
	if skipped > 0 {
		notes = append(notes, fmt.Sprintf("%d bytes before this were left out; see log", skipped))
	}
	if len(raw) == 0 {
		notes = append(notes, "no new output")
	}
	notes = append(notes, c.id+": "+c.state())
	done, _ := c.ended()
	return hearth.ToolResult{
		CallID: call.ID, Name: call.Name, From: hearth.FromTool, Text: join(body, notes),
		Failed: done && (c.exit != 0 || c.how != endedItself) || ctx.Err() != nil, Detail: p.shell.detail(c),
	}
}

func (p *processTool) log(call hearth.ToolCall, in processCall, body io.ReadCloser, err error) hearth.ToolResult {
	if err != nil {
		return tool.Failed(call, hearth.FromGateway, "process log: the output cannot be read: %v", err)
	}
	defer func() { _ = body.Close() }() // it was only read
	page, err := readLog(body, in.offset, in.limit, p.shell.config.MaxBytes)
	if err != nil {
		return tool.Failed(call, hearth.FromGateway, "process log: the output cannot be read: %v", err)
	}
	if page.lines == 0 {
		return hearth.ToolResult{CallID: call.ID, Name: call.Name, From: hearth.FromGateway, Text: fmt.Sprintf("[no such lines; the output has %d]", page.total)}
	}
	text := clean(page.text)
	if isBinary(page.text) {
		text = fmt.Sprintf("(%d bytes of binary output)", len(page.text))
	}
	last := page.first + page.lines - 1
	note := fmt.Sprintf("lines %d-%d of %d", page.first, last, page.total)
	if last < page.total {
		note += fmt.Sprintf("; continue with offset %d", last+1)
	}
	if page.pieces {
		note += fmt.Sprintf("; a line of more than %d bytes counts as several", pieceBytes)
	}
	return hearth.ToolResult{CallID: call.ID, Name: call.Name, From: hearth.FromTool, Text: join(text, []string{note})}
}

// write feeds a command. A program that does not read must not hold up the turn.
func (p *processTool) write(ctx context.Context, call hearth.ToolCall, c *command, in processCall) hearth.ToolResult {
	if c.stdin == nil {
		return tool.Failed(call, hearth.FromGateway, "process: %s has no input; start it with background:true to feed it", c.id)
	}
	if done, _ := c.ended(); done {
		return tool.Failed(call, hearth.FromGateway, "process: %s is no longer running (%s)", c.id, c.state())
	}
	data := in.data
	if in.action == actionSubmit {
		data += "\n"
	}
	wrote := make(chan error, 1)
	go func() { // it ends when the program reads, or with the program
		_, err := io.WriteString(c.stdin, data)
		wrote <- err
	}()
	patience := time.NewTimer(10 * time.Second)
	defer patience.Stop()
	var err error
	select {
	case err = <-wrote:
	case <-c.done:
		err = errors.New("it ended")
	case <-ctx.Done():
		err = errors.New("the turn was stopped")
	case <-patience.C:
		err = errors.New("it does not read its input")
	}
	if err != nil {
		return tool.Failed(call, hearth.FromGateway, "process: write to %s: %v", c.id, err)
	}
	return hearth.ToolResult{CallID: call.ID, Name: call.Name, From: hearth.FromGateway, Text: fmt.Sprintf("wrote %d bytes to %s", len(data), c.id)}
}

func (p *processTool) kill(call hearth.ToolCall, c *command) hearth.ToolResult {
	if done, _ := c.ended(); done {
		return tool.Failed(call, hearth.FromGateway, "process: %s is no longer running (%s)", c.id, c.state())
	}
	c.stop(endedKilled)
	<-c.done
	return hearth.ToolResult{CallID: call.ID, Name: call.Name, From: hearth.FromGateway, Text: c.id + " was killed", Detail: p.shell.detail(c)}
}
