package agent_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/agent"
	"hearth/prompt"
	"hearth/session"
)

// One message, one visible outcome: what has none is found, and nothing else.
func TestAMessageWithoutAnOutcomeIsFound(t *testing.T) {
	mark := func(s *scene, m hearth.Mark) {
		_, _ = s.mem.Append(t.Context(), &session.Commit{Messages: []hearth.Message{{ID: "mark", Turn: "t", Role: hearth.RoleMark, Parts: []hearth.Part{{Mark: &m}}}}})
	}
	accept := func(s *scene) {
		if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "Feed  the\ncat"}); err != nil {
			t.Fatal(err)
		}
	}
	look := &counter{name: "look", effect: hearth.EffectRead}
	run := &counter{name: "run", effect: hearth.EffectRun}
	rows := []struct {
		name  string
		steps []step
		do    func(s *scene)
		want  string // "" = none
		asked bool
	}{
		{name: "nothing was ever said", do: func(*scene) {}},
		{name: "the process ended before the answer", do: accept, want: "Feed  the\ncat"},
		{name: "it was answered", steps: []step{{text: "Fed."}}, do: func(s *scene) { _, _ = s.say("Feed the cat") }},
		{name: "an error was told", steps: []step{{fail: &hearth.Error{Op: "x", Reason: hearth.ReasonServer}}}, do: func(s *scene) { _, _ = s.say("Feed the cat") }},
		{name: "the person stopped it", do: func(s *scene) {
			accept(s)
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errors.New("ctrl-c"))
			_, _ = s.agent.Turn(ctx, s.mem, nil)
		}},
		{name: "the process ended while a tool ran", steps: []step{{calls: call("c1", "look", `{}`)}, {text: "Fed."}}, do: func(s *scene) {
			_, _ = s.say("Feed  the\ncat")
			s.mem.entries = s.mem.entries[:2] // up to the call
		}, want: "Feed  the\ncat"},
		{name: "it waits for a yes", steps: []step{{calls: call("c1", "run", `{}`)}}, do: func(s *scene) { _, _ = s.say("Feed  the\ncat") }, want: "Feed  the\ncat", asked: true},
		{name: "it had its yes when the process ended", steps: []step{{calls: call("c1", "run", `{}`)}}, do: func(s *scene) {
			out, _ := s.say("Feed  the\ncat")
			_ = s.agent.Decide(t.Context(), s.mem, *out.Question, true)
		}, want: "Feed  the\ncat"},
		{name: "an old mark says nothing of a new message", do: func(s *scene) {
			accept(s)
			mark(s, hearth.Mark{Kind: hearth.MarkStopped, Reason: "the model server gave an error"})
			accept(s)
		}, want: "Feed  the\ncat"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newScene(t, row.steps, look, run)
			row.do(s)
			left, ok, err := s.agent.Unanswered(t.Context(), s.mem)
			if err != nil || ok != (row.want != "") || left.Text != row.want || left.Asked != row.asked {
				t.Fatalf("got %+v, %v, %v; want %q", left, ok, err, row.want)
			}
			if !ok {
				return
			}
			if got := left.String(); !strings.HasSuffix(got, `("Feed the cat")`) {
				t.Errorf("it is told as %s", got)
			}
			// A new message does not make it vanish in silence.
			notices, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "And the dog"})
			if err != nil || len(notices) != 1 || notices[0].Kind != "unanswered" || !strings.Contains(notices[0].Text, "Feed the cat") {
				t.Errorf("with the next message the person is told %q, %v", notices, err)
			}
		})
	}
}

// Turn goes on with it as with any other.
func TestAMessageWithoutAnOutcomeIsAnsweredByTurn(t *testing.T) {
	s := newScene(t, []step{{text: "Fed."}})
	if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "Feed the cat"}); err != nil {
		t.Fatal(err)
	}
	again := agent.New(s.cfg) // another process
	if out, err := again.Turn(t.Context(), s.mem, nil); err != nil || out.Answer != "Fed." {
		t.Errorf("got %+v, %v", out, err)
	}
	if _, ok, err := again.Unanswered(t.Context(), s.mem); ok || err != nil {
		t.Errorf("it is still unanswered (%v)", err)
	}
}

// The model is told who ended its predecessor's turn: not the person, where a clock did.
func TestATurnThatRanOutOfItsCallersTimeWasNotStoppedByThePerson(t *testing.T) {
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"(No answer was given: the time allowed for it was over.)": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadlineCause(ctx, time.Unix(0, 0), errors.New("--timeout"))
		},
		"(No answer was given: the person stopped it.)": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		},
	} {
		s := newScene(t, []step{{text: "Fed."}})
		if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "Feed the cat"}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := end(t.Context())
		if _, err := s.agent.Turn(ctx, s.mem, nil); hearth.ReasonOf(err) != hearth.ReasonCancelled {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		if _, err := s.say("And now?"); err != nil || !slices.Contains(s.mem.talk(), "assistant: "+name) {
			t.Errorf("the transcript is %q, %v; want %s", s.mem.talk(), err, name)
		}
	}
}
