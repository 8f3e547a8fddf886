package test_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"hearth"
	"hearth/model/modeltest"
)

// Append, never re-render: every request of a conversation begins with all bytes of the
// one before, up to and including its last message. The real program holds the
// conversation, one process for each turn, so that each turn is also a restart; between
// turns the day, the time zone, the config and the workspace change, and the server
// misbehaves. What the server received is what counts, not what we say we sent.
func TestRequestsOfAConversationExtendOneAnother(t *testing.T) {
	program, zones := build(t), filepath.Join(tell(t, "go", "env", "GOROOT"), "lib", "time", "zoneinfo.zip")
	for _, api := range []string{"openai-completions", "openai-responses", "anthropic-messages", "ollama"} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, program, api)
			w.zones = zones
			turns := conversation()
			if len(turns) != 40 {
				t.Fatalf("%d turns", len(turns))
			}
			for i, turn := range turns {
				w.take(i+1, turn)
			}
			requests := w.server.Requests()
			if len(requests) < 60 { // forty turns, many of them with tools
				t.Errorf("only %d requests", len(requests))
			}
			for i := 1; i < len(requests); i++ {
				if !json.Valid(requests[i].Body) {
					t.Errorf("request %d is no JSON", i)
				}
				for _, c := range extends(requests[i-1].Body, requests[i].Body) {
					t.Errorf("request %d: %s", i, c)
				}
			}
			for _, told := range []string{
				" UTC]", " +14]", " SST]", " +0545]", "AGENTS.md was changed by its owner", "AGENTS.md was removed", "SOUL.md",
				"No answer was given", "no tool named", "you are calm",
				"There are new skills.", "kettle/SKILL.md", "These skills were changed.", "These skills are gone: kettle",
				"MEMORY.md was changed by its owner", "MEMORY.md was added to by its owner. Its end is new:]\\nShe has a cat.\\n[end",
			} {
				if last := requests[len(requests)-1].Body; !bytes.Contains(bytes.ToLower(last), bytes.ToLower([]byte(told))) {
					t.Errorf("the last request does not tell %q", told)
				}
			}
			t.Logf("%d requests, the last one of %d bytes", len(requests), len(requests[len(requests)-1].Body))
			w.oneEpoch()
		})
	}
}

// build makes the program that people run.
func build(t *testing.T) string {
	t.Helper()
	dependOnSources(t)
	program := filepath.Join(t.TempDir(), "hearth")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	tell(t, "go", "build", "-o", program, "../cmd/hearth")
	return program
}

// The go command keeps the result of a test until a file that the test read changes. The
// program is built by another process, so its sources are read here, for that alone.
func dependOnSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return err
		}
		_, err = os.ReadFile(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// tell runs a command and gives what it says.
func tell(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, out)
	}
	return strings.TrimSpace(string(out))
}

// world is a person's machine with a model server.
type world struct {
	t       *testing.T
	program string
	api     string
	server  *modeltest.Server
	dir     string
	zone    string // the time zone of the person
	zones   string // file with all time zones, for systems that have none
}

func newWorld(t *testing.T, program, api string) *world {
	return newWorldWith(t, program, api, modeltest.Config{})
}

func newWorldWith(t *testing.T, program, api string, server modeltest.Config) *world {
	w := &world{t: t, program: program, api: api, server: modeltest.NewServer(t, server), dir: t.TempDir(), zone: "Etc/UTC"}
	for _, dir := range []string{"home", "state", "work"} {
		if err := os.Mkdir(filepath.Join(w.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.write("work/AGENTS.md", "Be brief.\n")
	w.write("work/notes.txt", "milk\neggs\n")
	w.config("", "")
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	file := filepath.Join(w.dir, name)
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		err = os.WriteFile(file, []byte(text), 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// kettle is a skill, which the person keeps in the workspace.
const (
	kettle     = "work/skills/kettle/SKILL.md"
	kettleText = "---\nname: kettle\ndescription: How tea is made here.\n---\nFill it.\n"
)

func (w *world) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// config writes the config; the model's row and the file can say more.
func (w *world) config(row, more string) {
	w.t.Helper()
	base := w.server.URL + "/v1"
	if w.api == "anthropic-messages" || w.api == "ollama" {
		base = w.server.URL
	}
	w.write("state/hearth.json", fmt.Sprintf(`{
  models: { providers: { box: { api: %q, baseUrl: %q, models: [{ id: "test-model", contextWindow: 200000 %s }] } } },
  agents: { defaults: { model: { primary: "box/test-model" }, workspace: %q } },
  tools: { exec: { security: "full", ask: "off" } },
  %s
}`, w.api, base, row, filepath.Join(w.dir, "work"), more))
}

// run calls the program in a process of its own.
func (w *world) run(args ...string) (stdout, stderr string, err error) {
	cmd := w.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func (w *world) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.t.Context(), w.program, args...)
	cmd.Dir = filepath.Join(w.dir, "work")
	cmd.Env = []string{
		"HOME=" + filepath.Join(w.dir, "home"), "USERPROFILE=" + filepath.Join(w.dir, "home"),
		"HEARTH_HOME=" + filepath.Join(w.dir, "state"), "HEARTH_DISCOVER=off",
		"PATH=" + os.Getenv("PATH"), "SystemRoot=" + os.Getenv("SystemRoot"),
		"TZ=" + w.zone, "ZONEINFO=" + w.zones,
	}
	return cmd
}

// turn is what a person says, how the model answers, and what changed before.
type turn struct {
	name    string
	before  func(w *world)
	answers []modeltest.Behaviour
	after   modeltest.Behaviour // every further call; nil = none is expected
	fails   bool                // the program says that it did not work
}

func (w *world) take(n int, turn turn) {
	w.t.Helper()
	if turn.before != nil {
		turn.before(w)
	}
	w.server.Script(turn.answers...)
	w.server.Always(turn.after)
	before := len(w.server.Requests())
	stdout, stderr, err := w.run("agent", "--json", "--message", fmt.Sprintf("Turn %d: %s. Grüße <b>&amp;</b> \U0001F525", n, turn.name))
	if (err != nil) != turn.fails {
		w.t.Fatalf("turn %d (%s): %v\n%s%s", n, turn.name, err, stdout, stderr)
	}
	if got := len(w.server.Requests()) - before; got < len(turn.answers) {
		w.t.Fatalf("turn %d (%s): %d of %d answers were asked for\n%s%s", n, turn.name, got, len(turn.answers), stdout, stderr)
	}
}

// oneEpoch checks that nothing broke the conversation, by our own account.
func (w *world) oneEpoch() {
	w.t.Helper()
	var list struct {
		Sessions []struct{ ID string }
	}
	stdout, stderr, err := w.run("sessions", "list", "--json")
	if err != nil || json.Unmarshal([]byte(stdout), &list) != nil || len(list.Sessions) != 1 {
		w.t.Fatalf("sessions list: %v\n%s%s", err, stdout, stderr)
	}
	var of struct {
		Epochs []struct{ Reason string }
	}
	stdout, stderr, err = w.run("sessions", "epochs", list.Sessions[0].ID, "--json")
	if err != nil || json.Unmarshal([]byte(stdout), &of) != nil || len(of.Epochs) != 1 || of.Epochs[0].Reason != "first" {
		w.t.Errorf("the epochs, which should be one: %v\n%s%s", err, stdout, stderr)
	}
}

func calls(all ...string) modeltest.Behaviour {
	var r modeltest.Reply
	for i := 0; i < len(all); i += 2 {
		r.Calls = append(r.Calls, hearth.ToolCall{ID: hearth.CallID(fmt.Sprintf("call_%s_%d_%d", all[i], len(all[i+1]), i)), Name: all[i], Arguments: all[i+1]})
	}
	return modeltest.Say(r)
}

func says(text string) modeltest.Behaviour { return modeltest.Say(modeltest.Reply{Text: text}) }

func breaks(x *modeltest.Exchange) { x.Status(500, `{"error":"it broke"}`) }

// conversation is ten kinds of turns, four times, with something else changed each time.
func conversation() []turn {
	changes := map[int]func(w *world){
		3:  func(w *world) { w.zone = "Pacific/Kiritimati" }, // UTC+14: mostly tomorrow
		6:  func(w *world) { w.write("work/AGENTS.md", "Be brief, and kind.\n") },
		8:  func(w *world) { w.write(kettle, kettleText) },
		9:  func(w *world) { w.config(`, params: { temperature: 0.3 }, maxTokens: 700`, "") },
		12: func(w *world) { w.zone = "Pacific/Pago_Pago" }, // UTC-11: another day for sure
		15: func(w *world) { w.write("work/SOUL.md", "You are calm.\n") },
		16: func(w *world) { w.write(kettle, kettleText+"Then wait.\n") },
		18: func(w *world) { w.config("", `logging: { level: "debug" }`) },
		19: func(w *world) { w.write("work/MEMORY.md", "Ann likes tea.\n") },
		21: func(w *world) { w.zone = "Asia/Kathmandu" },
		24: func(w *world) { _ = os.Remove(filepath.Join(w.dir, "work/AGENTS.md")) }, // the next request shows it
		26: func(w *world) { _ = os.RemoveAll(filepath.Join(w.dir, "work/skills")) }, // the same
		27: func(w *world) { w.config(`, name: "A test", reasoning: true, input: ["text", "image"]`, "") },
		28: func(w *world) { w.write("work/MEMORY.md", "Ann likes tea.\nShe has a cat.\n") },
		33: func(w *world) { w.write("work/notes.txt", strings.Repeat("a long line of notes\n", 5000)) },
	}
	var all []turn
	for round := range 4 {
		id := fmt.Sprint(round)
		all = append(all,
			turn{name: "words", answers: []modeltest.Behaviour{says("Good day " + id + ".")}},
			turn{name: "thoughts", answers: []modeltest.Behaviour{modeltest.Say(modeltest.Reply{Thinking: "Hm, " + id + ".", Text: "I have thought."})}},
			turn{name: "a file read", answers: []modeltest.Behaviour{calls("read", `{"path":  "notes.txt"}`), says("Milk " + id + ".")}},
			turn{name: "two calls at once", answers: []modeltest.Behaviour{calls("read", `{"path":"notes.txt","zeta":`+id+`,"alpha":1}`, "exec", `{"command":"echo `+id+`"}`), says("Both.")}},
			turn{name: "a tool that there is not", answers: []modeltest.Behaviour{calls("fly", `{"to":"moon"}`), says("I cannot.")}},
			turn{name: "the server breaks", after: breaks, fails: true},
			turn{name: "a file written and read again", answers: []modeltest.Behaviour{
				calls("write", `{"path":"poem`+id+`.txt","content":"roses\n"}`), calls("read", `{"path":"poem`+id+`.txt"}`), says("Written."),
			}},
			turn{name: "the server breaks after a tool", answers: []modeltest.Behaviour{calls("read", `{"path":"missing`+id+`.txt"}`)}, after: breaks, fails: true},
			turn{name: "the answer is cut", answers: []modeltest.Behaviour{modeltest.Named("ends cleanly without a finish reason").Serve}, fails: true},
			turn{name: "an end by length", answers: []modeltest.Behaviour{modeltest.Say(modeltest.Reply{Text: "And so on and", Stop: hearth.StopLength})}},
		)
	}
	for i, change := range changes {
		all[i-1].before = change
	}
	return all
}

// templated are the members of a body that reach the chat template beside the messages.
var templated = []string{
	"system", "instructions", "tools", "tool_choice", "think", "thinking", "reasoning", "reasoning_effort",
	"chat_template_kwargs", "output_config",
}

// extends says how a body fails to continue the one before, in its bytes and member by
// member.
func extends(before, after []byte) (complaints []string) {
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	list, was := messages(before)
	_, now := messages(after)
	if len(now) < len(was) {
		complain("%d messages became %d", len(was), len(now))
		return complaints
	}
	for i := range was {
		if !bytes.Equal(was[i], now[i]) {
			complain("message %d changed\nfrom %s\nto   %s", i, clip(was[i]), clip(now[i]))
		}
	}
	a, b := members(before), members(after)
	for _, name := range templated {
		if !bytes.Equal(a[name], b[name]) {
			complain("%s changed\nfrom %s\nto   %s", name, clip(a[name]), clip(b[name]))
		}
	}
	at := bytes.Index(before, []byte(`"`+list+`":[`))
	end := at + lastEnd(before[at:], was)
	for i := range before[:end] {
		if i == len(after) || before[i] != after[i] {
			complain("byte %d of %d differs\nfrom …%s\nto   …%s", i, end, clip(before[i:]), clip(after[min(i, len(after)):]))
			break
		}
	}
	return complaints
}

// lastEnd gives where the last of some items ends that stand in a text, in their order.
func lastEnd(text []byte, items []json.RawMessage) (end int) {
	for _, item := range items {
		end += bytes.Index(text[end:], item) + len(item)
	}
	return end
}

// messages gives the list of messages of a body, whatever the protocol calls it. A body
// that cannot be read has none.
func messages(body []byte) (name string, items []json.RawMessage) {
	m := members(body)
	name = "messages"
	if m[name] == nil {
		name = "input"
	}
	if json.Unmarshal(m[name], &items) != nil {
		return name, nil
	}
	return name, items
}

func members(body []byte) (m map[string]json.RawMessage) {
	if json.Unmarshal(body, &m) != nil {
		return nil
	}
	return m
}

func clip(b []byte) string {
	if len(b) > 400 {
		return string(b[:400]) + " …"
	}
	return string(b)
}

// TestExtendsCanFail shows the check refusing what it is for.
func TestExtendsCanFail(t *testing.T) {
	good := `{"model":"m","tools":[1],"messages":[{"a":1},{"b":2}],"stream":true}`
	for name, after := range map[string]string{
		"a changed message":        `{"model":"m","tools":[1],"messages":[{"a":1},{"b":3},{"c":3}],"stream":true}`,
		"a missing message":        `{"model":"m","tools":[1],"messages":[{"a":1}],"stream":true}`,
		"a blank more":             `{"model":"m","tools":[1],"messages":[{"a":1}, {"b":2},{"c":3}],"stream":true}`,
		"another tool":             `{"model":"m","tools":[1,2],"messages":[{"a":1},{"b":2},{"c":3}],"stream":true}`,
		"a switch behind":          `{"model":"m","tools":[1],"messages":[{"a":1},{"b":2},{"c":3}],"stream":true,"think":true}`,
		"a message in the middle":  `{"model":"m","tools":[1],"messages":[{"a":1},{"c":3},{"b":2}],"stream":true}`,
		"a parameter in the front": `{"model":"m","seed":1,"tools":[1],"messages":[{"a":1},{"b":2}],"stream":true}`,
	} {
		if got := extends([]byte(good), []byte(after)); len(got) == 0 {
			t.Errorf("%s is let through", name)
		}
	}
	for _, after := range []string{good, `{"model":"m","tools":[1],"messages":[{"a":1},{"b":2},{"c":3}],"stream":true,"temperature":1}`} {
		if got := extends([]byte(good), []byte(after)); len(got) > 0 {
			t.Errorf("%s is refused: %q", after, got)
		}
	}
}
