//go:build e2e && unix

package conversation

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hearth/test/ollama"
)

func TestAMessageIsAnswered(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		for name, trigger := range map[string]string{"plain": "@@plain", "utf8": "@@utf8", "fence": "@@fence"} {
			v := p.say(t, "please "+trigger, "--session", "new")
			if v.text() != script(t, name) || len(v.Payloads) != 1 {
				t.Errorf("%s: the person sees %q, want %q", name, v.text(), script(t, name))
			}
			if m := v.Meta.AgentMeta; m.Provider != "box" || m.Model != ollama.Chat || m.Usage.Input == 0 || m.Usage.Output == 0 {
				t.Errorf("%s: provider %q, model %q, usage %+v", name, m.Provider, m.Model, m.Usage)
			}
			if v.Meta.Hearth.Steps != 1 || v.Meta.ToolSummary.Calls != 0 {
				t.Errorf("%s: %d model calls and %d tool calls, want 1 and 0", name, v.Meta.Hearth.Steps, v.Meta.ToolSummary.Calls)
			}
		}
	})
}

// rawText is the one field of the output that holds what the model wrote as it wrote it.
var rawText = regexp.MustCompile(`(?m)^ *"finalAssistantRawText": .*$`)

// Thinking is never part of an answer, whether the server sorts it out or leaves its tags
// in the text.
func TestThinkingIsNeverInTheAnswer(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		for _, model := range []string{ollama.Chat, ollama.Tools} {
			p := newPerson(t, d, settings{model: model})
			v := p.say(t, "please @@think")
			if v.text() != "The answer is 42." {
				t.Errorf("%s: the person sees %q", model, v.text())
			}
			if strings.Contains(v.text()+v.err, "I reason first") || strings.Contains(rawText.ReplaceAllString(v.out, ""), "<think>") {
				t.Errorf("%s: the thoughts came out\nstdout: %s\nstderr: %s", model, v.out, v.err)
			}
			v = p.say(t, "please @@muse-read")
			if v.text() != afterTool || v.Meta.ToolSummary.Calls != 1 {
				t.Errorf("%s: with a thought before a call: %q and %d calls", model, v.text(), v.Meta.ToolSummary.Calls)
			}
		}
	})
}

func TestToolRoundTrips(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		cases := []struct {
			what, message string
			notes         string
			tools         []string
			calls         int
			sent          string // words of the tool's result, in the last request
		}{
			{"a file is read", "@@read", "milk and eggs\n", []string{"read"}, 1, "milk and eggs"},
			{"words before a call", "@@say-read", "milk and eggs\n", []string{"read"}, 1, "milk and eggs"},
			{"two calls at once", "@@both", "", []string{"read"}, 2, "the second file"},
			{"a command runs where the config allows it", "@@exec", "", []string{"exec"}, 1, "hello"},
			{"a result leads to the next call", "@@read", "now @@exec\n", []string{"read", "exec"}, 2, "hello"},
			{"a file that is not there", "@@missing", "", []string{"read"}, 1, "missing.txt"},
		}
		for _, c := range cases {
			p := newPerson(t, d, settings{exec: `{ security: "full", ask: "off" }`})
			p.note(t, "notes.txt", c.notes)
			p.note(t, "first.txt", "the first file\n")
			p.note(t, "second.txt", "the second file\n")
			v := p.say(t, "please "+c.message)
			if !strings.HasSuffix(v.text(), afterTool) {
				t.Errorf("%s: the person sees %q", c.what, v.text())
			}
			if got := v.Meta.ToolSummary; got.Calls != c.calls || !slices.Equal(got.Tools, c.tools) {
				t.Errorf("%s: %d calls of %v, want %d of %v", c.what, got.Calls, got.Tools, c.calls, c.tools)
			}
			bodies := p.wire.calls(d)
			if last := string(bodies[len(bodies)-1]); !strings.Contains(last, c.sent) {
				t.Errorf("%s: the last request does not hold %q: %s", c.what, c.sent, last)
			}
			p.wire.extends(t, d)
		}
	})
}

// Ollama's parser takes the first name of a tool behind the beginning of the template's
// tag, and <tool_call> holds one that it must not find.
func TestToolsBehindAnIndex(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		for message, sent := range map[string]string{"@@find": "read: ", "@@use": "milk and eggs"} {
			p := newPerson(t, d, settings{window: 4096})
			p.note(t, "notes.txt", "milk and eggs\n")
			v := p.say(t, "please "+message)
			if !strings.HasSuffix(v.text(), afterTool) {
				t.Errorf("%s: the person sees %q", message, v.text())
			}
			bodies := p.wire.calls(d)
			if last := string(bodies[len(bodies)-1]); !strings.Contains(last, sent) {
				t.Errorf("%s: the last request does not hold %q: %s", message, sent, last)
			}
			p.wire.extends(t, d)
		}
	})
}

func TestFilesAreWrittenAndEdited(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		for _, step := range []struct{ message, want string }{
			{"@@write", "roses are red\n"},
			{"@@edit", "roses are blue\n"},
		} {
			if v := p.say(t, "please "+step.message); v.text() != afterTool {
				t.Errorf("%s: the person sees %q", step.message, v.text())
			}
			got, err := os.ReadFile(filepath.Join(p.workspace, "poem.txt"))
			if err != nil || string(got) != step.want {
				t.Errorf("%s leaves %q (%v), want %q", step.message, got, err, step.want)
			}
		}
		p.wire.extends(t, d)
	})
}

// What the guard refuses does not happen, and the model is told.
func TestTheGuardHolds(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		p.put(t, filepath.Join(p.workspace, "..", "outside.txt"), "the secret\n")
		for _, message := range []string{"@@exec", "@@outside"} {
			v := p.say(t, "please "+message)
			bodies := p.wire.calls(d)
			last := string(bodies[len(bodies)-1])
			if strings.Contains(last, "the secret") || strings.Contains(last, `hello\n`) {
				t.Errorf("%s was done: %s", message, last)
			}
			if v.text() != afterTool {
				t.Errorf("%s: the person sees %q", message, v.text())
			}
		}
	})
}

// A message that is nothing but a bracketed call of a tool on offer becomes the call.
// Other text that looks like one is never run.
func TestBracketedText(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		if v := p.say(t, "please @@bracket"); v.text() != afterTool || v.Meta.ToolSummary.Calls != 1 {
			t.Errorf("a call of read in brackets: the person sees %q after %d calls", v.text(), v.Meta.ToolSummary.Calls)
		}
		bodies := p.wire.calls(d)
		if last := string(bodies[len(bodies)-1]); !strings.Contains(last, "milk and eggs") {
			t.Errorf("the file that was asked for in brackets is not in the request: %s", last)
		}
		for _, c := range []struct{ trigger, says, hides string }{
			{"@@stranger", "get_weather", "[END_TOOL_REQUEST]"}, // a block of a tool nobody offered: a sentence in its place
			{"@@lmstudio", "read", "[TOOL_REQUEST]"},
			{"@@react", "Action: read", ""}, // looks like a call, is text
			{"@@mistral", "notes.txt", ""},
		} {
			v := p.say(t, "please "+c.trigger, "--session", "new")
			if !strings.Contains(v.text(), c.says) || c.hides != "" && strings.Contains(v.text(), c.hides) || v.Meta.ToolSummary.Calls != 0 {
				t.Errorf("%s: the person sees %q after %d calls", c.trigger, v.text(), v.Meta.ToolSummary.Calls)
			}
			if log := p.log(t); !strings.Contains(log, `"model":"box/`+ollama.Chat+`","pattern":`) {
				t.Errorf("%s: the log does not say which model wrote it: %s", c.trigger, log)
			}
		}
	})
}

// A call of a tool that does not exist, or with broken JSON, is dropped by Ollama before
// we see it. The person is not left with silence.
func TestACallThatTheServerSwallowed(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		for _, trigger := range []string{"@@unknown-tool", "@@bad-tool", "@@empty"} {
			v := p.try(t, "please "+trigger, "--session", "new")
			if v.text() == "" && v.Meta.Error == nil {
				t.Errorf("%s: the person sees nothing: exit %d, %s", trigger, v.code, v.out)
			}
		}
	})
}

func TestInferSendsOnlyThePrompt(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		v := p.run(t, "infer", "model", "run", "--prompt", "please @@think")
		if v.code != 0 || strings.TrimSpace(v.out) != "The answer is 42." {
			t.Errorf("exit %d, stdout %q, stderr %q", v.code, v.out, v.err)
		}
		bodies := p.wire.calls(d)
		if len(bodies) != 1 {
			t.Fatalf("%d model calls, want 1", len(bodies))
		}
		a := parse(t, d, bodies[0])
		if len(a.items) != 1 || a.rest["tools"] != "" || a.rest["system"] != "" || a.rest["instructions"] != "" {
			t.Errorf("more than the prompt was sent: %s", bodies[0])
		}
		if v := p.run(t, "infer", "model", "run", "--prompt", "@@empty"); v.code == 0 {
			t.Error("an empty answer ends with exit code 0")
		}
	})
}

func TestUpAnswersOnce(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		v := p.run(t, "up", "--message", "please @@plain")
		if v.code != 0 || strings.TrimSpace(v.out) != script(t, "plain") {
			t.Errorf("exit %d, stdout %q, stderr %q", v.code, v.out, v.err)
		}
		if !strings.Contains(v.err, ollama.Chat) || !strings.Contains(v.err, p.workspace) {
			t.Errorf("the banner names neither model nor workspace: %s", v.err)
		}
	})
}
