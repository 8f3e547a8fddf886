//go:build e2e && unix

package conversation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"hearth/test/ollama"
)

// reread is what a turn may cost the server beyond its own new tokens.
const reread = 64

// evaluations gives what the server's log says since a moment.
func evaluations(t *testing.T, since int) []ollama.Evaluation {
	t.Helper()
	all, err := server.Evaluations()
	if err != nil {
		t.Fatal(err)
	}
	return all[since:]
}

// TestASessionGoesOn is law 1 on a real server: one process for each turn, tools, a
// failure, thinking, another day's workspace files in between, and every request is the
// last one and more. The server's own log says that it read only what was new.
func TestASessionGoesOn(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{exec: `{ security: "full", ask: "off" }`})
		p.note(t, "AGENTS.md", "Be brief.\n")
		began := len(evaluations(t, 0))
		for i, message := range []string{"@@plain", "@@read", "@@think", "@@exec", "@@missing", "@@both", "@@utf8", "@@write", "@@plain"} {
			v := p.say(t, fmt.Sprintf("turn %d, please %s", i, message))
			if v.text() == "" {
				t.Errorf("%s: no answer", message)
			}
			if i == 4 {
				p.note(t, "AGENTS.md", "Be brief and kind.\n") // reaches the model as a note, not as a new system text
			}
		}
		p.wire.extends(t, d)
		before := ollama.Evaluation{}
		log := evaluations(t, began)
		if calls := len(p.wire.calls(d)); len(log) != calls {
			t.Errorf("the server read %d prompts for %d model calls", len(log), calls)
		}
		for i, now := range log {
			if i > 0 && now.Read > now.Prompt-before.Prompt+reread {
				t.Errorf("model call %d: the server read %d of %d tokens again or anew; the one before had %d", i, now.Read, now.Prompt, before.Prompt)
			}
			before = now
		}
	})
}

// What the session itself says of its requests agrees with the wire.
func TestReportsAgreeWithTheWire(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		for range 2 {
			seen := len(p.wire.calls(d))
			v := p.say(t, "please @@read")
			bodies := p.wire.calls(d)[seen:]
			reports := v.Meta.Hearth.Reports
			if len(reports) != 2 || len(bodies) != 2 {
				t.Fatalf("%d reports of %d model calls, want 2 of 2", len(reports), len(bodies))
			}
			for i, r := range reports {
				if r.Bytes != len(bodies[i]) || r.Protocol != d.api || r.Target.Model != ollama.Chat || r.Endpoint != p.wire.url || r.Reason != "" {
					t.Errorf("call %d: report %+v of a body of %d bytes", i, r, len(bodies[i]))
				}
				if r.Usage.Output == 0 {
					t.Errorf("call %d: usage %+v", i, r.Usage)
				}
			}
		}
	})
}

func TestSessionsAreApart(t *testing.T) {
	d := dialects[0]
	p := newPerson(t, d, settings{})
	p.say(t, "please @@think", "--session", "one")
	v := p.say(t, "go on", "--session", "two")
	if v.text() != script(t, "plain") {
		t.Errorf("a session that never saw @@think answers %q", v.text())
	}
	if v = p.say(t, "go on", "--session", "one"); v.text() != "The answer is 42." {
		t.Errorf("the session that saw @@think answers %q", v.text())
	}
}

func unload(t *testing.T, model string) {
	t.Helper()
	if err := server.Unload(t.Context(), model); err != nil {
		t.Fatal(err)
	}
}

// A model that was unloaded is loaded by the next message, and the conversation goes on
// where it was. The cache is gone; nothing else is.
func TestUnloadAndColdLoad(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		p.say(t, "please @@read")
		unload(t, ollama.Chat)
		began := len(evaluations(t, 0))
		if v := p.say(t, "and now @@plain"); v.text() != script(t, "plain") {
			t.Errorf("after a cold load the person sees %q", v.text())
		}
		if log := evaluations(t, began); len(log) != 1 || log[0].Cached != 0 {
			t.Errorf("evaluations %+v: this saw no cold load", log)
		}
		p.wire.extends(t, d)
	})
}

// A load that takes longer than the patience of most clients is waited for, and the
// person is told what is being waited for.
func TestALongLoadIsWaitedFor(t *testing.T) {
	for _, d := range dialects[:2] {
		t.Run(d.api, func(t *testing.T) {
			p := newPerson(t, d, settings{})
			p.wire.setHold(4 * time.Second)
			v := p.say(t, "please @@plain")
			if v.text() != script(t, "plain") {
				t.Errorf("the person sees %q", v.text())
			}
			if !strings.Contains(v.err, "waiting for "+ollama.Chat) && !strings.Contains(v.err, ollama.Chat+" reads about ") {
				t.Errorf("nobody said what was waited for: %q", v.err)
			}
		})
	}
}

// stream starts hearth and gives it back once the model is writing.
func stream(t *testing.T, p *person, args ...string) (cmd *exec.Cmd, out, errs *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	cmd = p.command(ctx, args...)
	began := len(evaluations(t, 0))
	cmd.Stdout, cmd.Stderr = out, errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, "the model is asked", func() bool { return len(evaluations(t, began)) > 0 })
	return cmd, out, errs
}

// until polls for what another process does.
func until(t *testing.T, ctx context.Context, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, context.Cause(ctx))
		}
	}
}

// exitCode waits for the end and gives -1 for an end by a signal.
func exitCode(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	err := cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); !ok && err != nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// Ctrl-C stops an endless answer at once; the next turn works and extends what was sent.
func TestInterrupt(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		cmd, _, errs := stream(t, p, "agent", "--message", "please @@loop")
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if code := exitCode(t, cmd); code != 130 {
			t.Errorf("exit code %d, want 130: %s", code, errs.String())
		}
		unload(t, ollama.Chat) // a departure may leave Ollama stuck: see test/ollama
		if v := p.say(t, "and now @@plain"); v.text() != script(t, "plain") {
			t.Errorf("the next turn says %q", v.text())
		}
		p.wire.extends(t, d)
	})
}

// A runner that dies in the middle of an answer: Ollama ends three of the four streams
// as if all were well. The person is told, the exit code says so, and the next turn works.
func TestRunnerDiesMidStream(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		cmd, out, errs := stream(t, p, "agent", "--message", "please @@loop")
		if err := server.KillRunners(t.Context()); err != nil {
			t.Fatal(err)
		}
		if code := exitCode(t, cmd); code != 4 && code != 1 {
			t.Errorf("exit code %d, want 4 (partial) or 1\nstdout: %s\nstderr: %s", code, out, errs)
		}
		if errs.Len() == 0 {
			t.Errorf("nobody said that the answer was cut: %s", out)
		}
		if v := p.say(t, "and now @@plain"); v.text() != script(t, "plain") {
			t.Errorf("the next turn says %q", v.text())
		}
		p.wire.extends(t, d)
	})
}
