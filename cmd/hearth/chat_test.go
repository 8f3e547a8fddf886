//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hearth"
	"hearth/model/modeltest"
)

// chatting opens a chat with a server of its own.
func chatting(t *testing.T, replies ...modeltest.Behaviour) (household, *modeltest.Server, *console) {
	t.Helper()
	h := newHousehold(t)
	box := modelServer(t, modeltest.Config{Models: []modeltest.Model{{ID: "test-model", Window: 32768}}})
	box.Script(replies...)
	h.configured(t, box)
	p := h.sit(t, nil, "up")
	p.sees(t, "Type a message")
	p.sees(t, "›")
	return h, box, p
}

func say(text string) modeltest.Behaviour { return modeltest.Say(modeltest.Reply{Text: text}) }

// runs has the model ask for a command.
func runs(id, command string) modeltest.Behaviour {
	return modeltest.Say(modeltest.Reply{Calls: []hearth.ToolCall{{ID: hearth.CallID(id), Name: "exec", Arguments: `{"command":"` + command + `"}`}}})
}

// open waits until a model call is under way.
func open(t *testing.T, s *modeltest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	if err := s.AwaitOpen(ctx, 1); err != nil {
		t.Fatal(err)
	}
}

// sent is the body of the nth model call.
func sent(t *testing.T, s *modeltest.Server, n int) string {
	t.Helper()
	calls := s.Requests()
	if len(calls) <= n {
		t.Fatalf("%d model calls, want more than %d", len(calls), n)
	}
	return string(calls[n].Body)
}

func TestAChatAtATerminal(t *testing.T) {
	_, box, p := chatting(t, say("Good evening."), say("Two lines, I see."), say("Again."), say("And again."))
	p.types(t, "hello there", enter)
	p.sees(t, "Good evening.")
	p.sees(t, "›")

	// A paste of several lines is one message, and is not sent before Enter.
	p.types(t, paste("first line\nsecond line"))
	p.sees(t, "second line")
	p.types(t, enter)
	p.sees(t, "Two lines, I see.")
	p.sees(t, "›")
	if body := sent(t, box, 1); !strings.Contains(body, `first line\nsecond line`) {
		t.Errorf("the paste was not sent as one message: %s", body)
	}

	// What was typed before comes back.
	p.types(t, arrowUp, arrowUp)
	p.sees(t, "hello there")
	p.types(t, enter)
	p.sees(t, "Again.")
	p.sees(t, "›")
	if body := sent(t, box, 2); strings.Count(body, "hello there") != 2 {
		t.Errorf("the message from the history was not sent again: %s", body)
	}
	p.types(t, arrowUp, arrowUp, enter)
	p.sees(t, "And again.")
	p.sees(t, "›")
	if body := sent(t, box, 3); strings.Count(body, `first line\nsecond line`) != 2 {
		t.Errorf("the paste from the history was not sent as it was: %s", body)
	}

	// Commands are not messages.
	p.types(t, "/help", enter)
	p.sees(t, "/new")
	p.sees(t, "›")
	p.types(t, "/nonsense", enter)
	p.sees(t, "there is no such command")
	p.sees(t, "›")
	p.types(t, ctrlD)
	p.leaves(t, hearth.ExitDone)
	if n := len(box.Requests()); n != 4 {
		t.Errorf("%d model calls for four messages", n)
	}
}

// A shell inside an editor, or a recording, would show control sequences as text.
func TestADumbTerminalGetsNoControlSequences(t *testing.T) {
	h := newHousehold(t)
	box := modelServer(t, modeltest.Config{Models: []modeltest.Model{{ID: "test-model", Window: 32768}}})
	box.Script(say("Good evening."))
	h.configured(t, box)
	p := h.sit(t, []string{"TERM=dumb"}, "up")
	p.sees(t, "›")
	p.types(t, "hello there", enter)
	p.sees(t, "Good evening.")
	p.sees(t, "›")
	p.types(t, ctrlD)
	p.leaves(t, hearth.ExitDone)
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := bytes.IndexByte(p.out, 0x1b); i >= 0 {
		t.Errorf("%q", p.out[i:])
	}
}

// The first Ctrl-C empties the line, the second leaves.
func TestCtrlCAtThePrompt(t *testing.T) {
	_, box, p := chatting(t, say("Yes."))
	p.types(t, "never sent", ctrlC)
	p.types(t, "are you there?", enter)
	p.sees(t, "Yes.")
	p.sees(t, "›")
	if body := sent(t, box, 0); strings.Contains(body, "never sent") {
		t.Errorf("a line that was cleared was sent: %s", body)
	}
	p.types(t, ctrlC, ctrlC)
	p.leaves(t, hearth.ExitDone)
}

// Ctrl-C ends the answer that is under way, not the chat.
func TestCtrlCStopsATurn(t *testing.T) {
	_, box, p := chatting(t, modeltest.Named("hangs before it answers").Serve, say("I am still here."))
	p.types(t, "think for a long time", enter)
	open(t, box)
	p.types(t, ctrlC)
	p.sees(t, "stopped")
	p.sees(t, "›")
	p.types(t, "and now?", enter)
	p.sees(t, "I am still here.")
	p.sees(t, "›")
	p.types(t, ctrlD)
	p.leaves(t, hearth.ExitDone)
}

// The second Ctrl-C leaves, also when the first one stopped an answer.
func TestCtrlCTwiceInATurn(t *testing.T) {
	_, box, p := chatting(t, modeltest.Named("hangs before it answers").Serve)
	p.types(t, "think for a long time", enter)
	open(t, box)
	p.types(t, ctrlC)
	p.sees(t, "stopped")
	p.sees(t, "›")
	p.types(t, ctrlC)
	p.leaves(t, hearth.ExitDone)
}

// A command is shown as it is, with what it may do; only yes runs it.
func TestConsent(t *testing.T) {
	const command = "echo done > made.txt"
	for _, c := range []struct {
		name    string
		answers []string
		runs    bool
	}{
		{"y runs it", []string{"y" + enter}, true},
		{"yes in full", []string{"YES" + enter}, true},
		{"Enter does not", []string{enter}, false},
		{"n does not", []string{"n" + enter}, false},
		{"Ctrl-D does not", []string{ctrlD}, false},
		{"what is neither is asked again", []string{"maybe" + enter, "yes, but not now" + enter, "n" + enter}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, box, p := chatting(t, runs("call_1", command), say("All right."))
			p.types(t, "make a file", enter)
			p.sees(t, command)
			p.sees(t, "this command runs with your own rights")
			made := filepath.Join(h.state("workspace"), "made.txt")
			if _, err := os.Stat(made); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("the command ran before it was agreed to (%v)", err)
			}
			for _, answer := range c.answers {
				p.sees(t, "Allow it, this once? [y/N]")
				p.types(t, answer)
			}
			p.sees(t, "All right.")
			p.sees(t, "›")
			if _, err := os.Stat(made); (err == nil) != c.runs {
				t.Errorf("the command has run: %v, want %v; the screen is:\n%s", err == nil, c.runs, p.screen())
			}
			if body := sent(t, box, 1); !c.runs && !strings.Contains(body, "the owner said no") {
				t.Errorf("the model was not told of the refusal: %s", body)
			}
			p.types(t, ctrlD)
			p.leaves(t, hearth.ExitDone)
		})
	}
}

// Ctrl-C at the question stops the turn; the command does not run, the chat goes on, and
// the model is told at the next message.
func TestCtrlCAtAQuestion(t *testing.T) {
	for _, typed := range []string{ctrlC, "ye" + ctrlC} {
		h, box, p := chatting(t, runs("call_1", "echo done > made.txt"), say("Nothing was made."))
		p.types(t, "make a file", enter)
		p.sees(t, "Allow it, this once? [y/N]")
		p.types(t, typed)
		p.sees(t, "stopped")
		p.sees(t, "›")
		if _, err := os.Stat(filepath.Join(h.state("workspace"), "made.txt")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the command ran (%v)", err)
		}
		p.types(t, "what was made?", enter)
		p.sees(t, "Nothing was made.")
		p.sees(t, "›")
		if body := sent(t, box, 1); !strings.Contains(body, "This call was not run.") || !strings.Contains(body, "the person stopped it") {
			t.Errorf("the model was not told: %s", body)
		}
		p.types(t, ctrlD)
		p.leaves(t, hearth.ExitDone)
	}
}

// Twice quits, also when the first one stopped something.
func TestCtrlCTwiceAtAQuestion(t *testing.T) {
	_, _, p := chatting(t, runs("call_1", "echo done > made.txt"))
	p.types(t, "make a file", enter)
	p.sees(t, "Allow it, this once? [y/N]")
	p.types(t, ctrlC)
	p.sees(t, "›")
	p.types(t, ctrlC)
	p.leaves(t, hearth.ExitDone)
}

// What was typed before a question was to be seen is no answer to it.
func TestNothingTypedAheadIsConsent(t *testing.T) {
	release := make(chan struct{})
	ask := modeltest.Say(modeltest.Reply{Before: release, Calls: []hearth.ToolCall{{ID: "call_1", Name: "exec", Arguments: `{"command":"echo done > made.txt"}`}}})
	h, box, p := chatting(t, ask, say("As you wish."))
	p.types(t, "make a file", enter)
	open(t, box)
	p.types(t, "y\ny\ny")
	p.sees(t, "y y y") // the terminal has taken it
	close(release)
	p.sees(t, "Allow it, this once? [y/N]")
	p.types(t, enter)
	p.sees(t, "As you wish.")
	if _, err := os.Stat(filepath.Join(h.state("workspace"), "made.txt")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the command ran (%v)", err)
	}
}

// What is waited for stays one line of the terminal, however narrow that is or becomes.
func TestTheWaitingLineStaysInItsRow(t *testing.T) {
	_, box, p := chatting(t, modeltest.Named("hangs before it answers").Serve)
	p.widens(t, 20)
	p.types(t, "hello", enter)
	open(t, box)
	p.sees(t, "test-model reads a…")
	p.widens(t, 200)
	p.sees(t, "test-model reads about")
	p.sees(t, "tokens ·")
	p.types(t, ctrlC)
	p.sees(t, "stopped")
	p.sees(t, "›") // before it Ctrl-D is the terminal's
	p.types(t, ctrlD)
	p.leaves(t, 0)
}

// Wide characters take two columns, Home and End are those of any terminal, and Ctrl-Z
// loses nothing of what was typed; the rest is shown by the tests of the editor.
func TestALineIsEditedWhereItIsSeen(t *testing.T) {
	_, box, p := chatting(t, say("Good morning."), say("Welcome back."))
	p.widens(t, 40)
	p.types(t, strings.Repeat("日本", 30), "\x1b[1~", "to ", "\x1b[4~", "!", enter)
	p.sees(t, "Good morning.")
	p.sees(t, "›")
	if body := sent(t, box, 0); !strings.Contains(body, "to "+strings.Repeat("日本", 30)+"!") {
		t.Errorf("sent %s", body)
	}
	p.types(t, "typed before", "\x1a", " and after", enter) // no shell is there to stop it for
	p.sees(t, "Welcome back.")
	p.sees(t, "›")
	if body := sent(t, box, 1); !strings.Contains(body, "typed before and after") {
		t.Errorf("sent %s", body)
	}
	p.types(t, ctrlD)
	p.leaves(t, hearth.ExitDone)
}
