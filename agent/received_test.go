package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/agent"
	"hearth/model"
	"hearth/prompt"
	"hearth/session"
)

// asking makes a scene whose server must be asked what it is before anything is sent. It
// gives what is done while it is asked.
func asking(t *testing.T, steps ...step) (s *scene, meanwhile *func(context.Context) error) {
	s = newScene(t, steps)
	meanwhile = new(func(context.Context) error)
	targets := s.cfg.Targets
	s.cfg.Known = func() []model.Target {
		chain, err := targets(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return chain
	}
	s.cfg.Targets = func(ctx context.Context) ([]model.Target, error) {
		if *meanwhile != nil {
			if err := (*meanwhile)(ctx); err != nil {
				return nil, err
			}
		}
		return targets(ctx)
	}
	s.agent = agent.New(s.cfg)
	return s, meanwhile
}

// again is the same agent in a new process.
func (s *scene) again() *scene {
	raw := make([]session.Entry, len(s.mem.entries)) // as the disk gives it
	for i, e := range s.mem.entries {
		b, err := json.Marshal(e.Message)
		if err == nil {
			raw[i].Seq, err = e.Seq, json.Unmarshal(b, &raw[i].Message)
		}
		if err != nil {
			s.Fatal(err)
		}
	}
	s.mem.entries = raw
	s.agent = agent.New(s.cfg)
	return s
}

func TestWordsAreKeptBeforeTheServerIsAsked(t *testing.T) {
	s, meanwhile := asking(t, step{text: "Fed."}, step{text: "Fed too."})
	asked := 0
	*meanwhile = func(context.Context) error {
		asked++
		last := s.mem.entries[len(s.mem.entries)-1].Message
		if words, ok := last.Received(); asked == 1 && (!ok || words.ID != "mine" || words.Turn != "turn" || words.Parts[0].Text != "Feed the cat") {
			t.Errorf("the server is asked when the newest entry is %+v", last)
		}
		return nil
	}
	if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{ID: "mine", Turn: "turn", Text: "Feed the cat"}); err != nil || asked != 0 {
		t.Fatalf("%v, asked %d times", err, asked)
	}
	out, err := s.agent.Turn(t.Context(), s.mem, nil)
	if err != nil || out.Answer != "Fed." || out.Turn != "turn" {
		t.Fatalf("got %+v, %v", out, err)
	}
	if m := s.mem.entries[1].Message; m.ID != "mine" || m.Turn != "turn" || !m.At.Equal(s.mem.entries[0].Message.At) {
		t.Errorf("they became %+v", m)
	}
	// Now that the epoch is known there is nothing to wait for, and nothing to keep twice.
	commits := s.mem.commits
	if _, err := s.say("And the dog"); err != nil || s.mem.commits != commits+2 {
		t.Errorf("%v, %d commits", err, s.mem.commits-commits)
	}
	s.wantTalk("mark: received", "user: Feed the cat", "assistant: Fed.", "user: And the dog", "assistant: Fed too.")
	if first, second := s.script.asked[0].Messages, s.script.asked[1].Messages; len(first) != 1 || len(second) != 3 || second[0].ID != first[0].ID {
		t.Errorf("sent were %+v and %+v", first, second)
	}
}

// A client that heard no acknowledgement sends the same words again: they are accepted, and
// are there once.
func TestWordsThatAreSentAgainAreAcceptedOnce(t *testing.T) {
	in := prompt.Incoming{ID: "mine", Turn: "turn", Text: "Feed the cat"}
	accept := func(s *scene, times int, in prompt.Incoming) {
		t.Helper()
		for range times {
			if notices, err := s.again().agent.Accept(t.Context(), s.mem, in); err != nil || len(notices) > 0 {
				t.Errorf("told %+v, %v", notices, err)
			}
		}
	}
	t.Run("before the server was asked", func(t *testing.T) {
		s, _ := asking(t, step{text: "Fed."}, step{text: "Yes."})
		accept(s, 3, in)
		if out, err := s.agent.Turn(t.Context(), s.mem, nil); err != nil || out.Answer != "Fed." {
			t.Fatalf("got %+v, %v", out, err)
		}
		if out, err := s.say("Sure?"); err != nil || out.Answer != "Yes." {
			t.Errorf("and then %+v, %v", out, err)
		}
		s.wantTalk("mark: received", "user: Feed the cat", "assistant: Fed.", "user: Sure?", "assistant: Yes.")
	})
	t.Run("when they are a message", func(t *testing.T) {
		s := newScene(t, []step{{text: "Hello."}, {text: "Fed."}})
		_, _ = s.say("hi")
		accept(s, 2, in)
		if out, err := s.agent.Turn(t.Context(), s.mem, nil); err != nil || out.Answer != "Fed." {
			t.Fatalf("got %+v, %v", out, err)
		}
		accept(s, 1, in)
		s.wantTalk("user: hi", "assistant: Hello.", "user: Feed the cat", "assistant: Fed.")
	})
	t.Run("when another model is chosen, which was not asked yet", func(t *testing.T) {
		s, _ := asking(t, step{text: "Fed."}, step{text: "Yes."})
		accept(s, 1, in)
		if _, err := s.agent.Turn(t.Context(), s.mem, nil); err != nil {
			t.Fatal(err)
		}
		s.cfg.Known = func() []model.Target { return nil }
		accept(s, 1, in)
		if out, err := s.say("Sure?"); err != nil || out.Answer != "Yes." {
			t.Errorf("and then %+v, %v", out, err)
		}
	})
	t.Run("in the middle of a turn", func(t *testing.T) {
		s := newScene(t, []step{{text: "Both fed."}})
		waiting := []prompt.Incoming{{ID: "mine", Text: "Feed the cat"}, {ID: "other", Text: "And the dog"}}
		s.cfg.Pending = func() []prompt.Incoming { w := waiting; waiting = nil; return w }
		accept(s, 1, in)
		if out, err := s.agent.Turn(t.Context(), s.mem, nil); err != nil || out.Answer != "Both fed." {
			t.Fatalf("got %+v, %v", out, err)
		}
		s.wantTalk("user: Feed the cat", "user: And the dog", "assistant: Both fed.")
	})
}

// Two rows of the same words, by whoever wrote them, are one message.
func TestWordsThatAreThereTwiceAreOneMessage(t *testing.T) {
	s, _ := asking(t, step{text: "Fed."})
	if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{ID: "mine", Turn: "turn", Text: "Feed the cat"}); err != nil {
		t.Fatal(err)
	}
	again := s.mem.entries[0].Message
	again.ID, again.Turn = "row2", "turn2"
	if _, err := s.mem.Append(t.Context(), &session.Commit{Messages: []hearth.Message{again}}); err != nil {
		t.Fatal(err)
	}
	if out, err := s.again().agent.Turn(t.Context(), s.mem, nil); err != nil || out.Answer != "Fed." {
		t.Fatalf("got %+v, %v", out, err)
	}
	s.wantTalk("mark: received", "mark: received", "user: Feed the cat", "assistant: Fed.")
}

func TestWordsThatNoMessageFollowedAreAnswered(t *testing.T) {
	s, _ := asking(t, step{text: "A cat."})
	picture := hearth.Blob{Hash: "abc", MIME: "image/png", Name: "cat.png", Bytes: 3, Data: []byte("png")}
	in := prompt.Incoming{Text: "What is this?", Images: []hearth.Blob{picture}, Sender: hearth.Sender{Name: "Ann"}, From: hearth.FromMember, Notes: []string{"it rains"}}
	if _, err := s.agent.Accept(t.Context(), s.mem, in); err != nil {
		t.Fatal(err)
	}
	s.again()
	left, ok, err := s.agent.Unanswered(t.Context(), s.mem)
	if err != nil || !ok || left.Text != "What is this?" || left.At.IsZero() {
		t.Fatalf("found is %+v, %v, %v", left, ok, err)
	}
	var told []string
	out, err := s.agent.Turn(t.Context(), s.mem, func(e hearth.Event) {
		if e.Kind == hearth.EventNotice {
			told = append(told, e.Notice.Kind)
		}
	})
	if err != nil || out.Answer != "A cat." {
		t.Fatalf("got %+v, %v", out, err)
	}
	m := s.mem.entries[1].Message
	if got := m.Parts[0].Text; got != "[Sun 2026-03-01 09:00 UTC · from Ann]\n[it rains]\n[Left out, because this model reads text only: cat.png]" || m.Parts[1].Provenance != hearth.FromMember || m.Sender.Name != "Ann" {
		t.Errorf("they became %+v", m)
	}
	if !slices.Contains(told, "image-left-out") {
		t.Errorf("the person is told %q", told)
	}
	if _, ok, err := s.agent.Unanswered(t.Context(), s.mem); ok || err != nil {
		t.Errorf("they are still unanswered (%v)", err)
	}
}

// Whatever was left behind, roles alternate, nobody's words are lost or there twice, and
// the person is told of what gets no answer.
func TestNewWordsFollowThoseThatNobodyAnswered(t *testing.T) {
	s, meanwhile := asking(t, step{text: "Hello."}, step{text: "All three."})
	accept := func(words string) []hearth.Notice {
		t.Helper()
		notices, err := s.again().agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: words})
		if err != nil {
			t.Fatal(err)
		}
		return notices
	}
	accept("one")
	*meanwhile = func(context.Context) error { return &hearth.Error{Reason: hearth.ReasonNoModel} }
	if _, err := s.agent.Turn(t.Context(), s.mem, nil); hearth.ReasonOf(err) != hearth.ReasonNoModel {
		t.Fatalf("got %v", err)
	}
	if left, ok, err := s.agent.Unanswered(t.Context(), s.mem); ok || err != nil {
		t.Errorf("an error was told, yet there is %+v, %v", left, err)
	}
	*meanwhile = nil
	accept("two")
	accept("three")
	var told []string
	out, err := s.agent.Turn(t.Context(), s.mem, func(e hearth.Event) {
		if e.Kind == hearth.EventNotice {
			told = append(told, e.Notice.Text)
		}
	})
	if err != nil || out.Answer != "Hello." {
		t.Fatalf("got %+v, %v", out, err)
	}
	if len(told) != 1 || !strings.Contains(told[0], `("two") was interrupted`) {
		t.Errorf("the person is told %q", told)
	}
	s.wantTalk("mark: received", "mark: stopped", "mark: received", "mark: received",
		"user: one", "assistant: (No answer was given: the gateway could not ask a model.)",
		"user: two", "assistant: (No answer was given: it was interrupted.)",
		"user: three", "assistant: Hello.")
}

func TestWordsThatWaitAndNewOnesOfAKnownEpochAreOneCommit(t *testing.T) {
	s, _ := asking(t, step{text: "Hello."}, step{text: "Both."})
	if _, err := s.say("zero"); err != nil {
		t.Fatal(err)
	}
	known := s.cfg.Known
	s.cfg.Known = func() []model.Target { return nil } // such as while another model is chosen
	if _, err := s.again().agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "one"}); err != nil {
		t.Fatal(err)
	}
	s.cfg.Known = known
	commits := s.mem.commits
	notices, err := s.again().agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "two"})
	if err != nil || len(notices) != 1 || notices[0].Kind != "unanswered" || s.mem.commits != commits+1 {
		t.Errorf("%+v, %v, %d commits", notices, err, s.mem.commits-commits)
	}
	if out, err := s.agent.Turn(t.Context(), s.mem, nil); err != nil || out.Answer != "Both." {
		t.Errorf("got %+v, %v", out, err)
	}
	s.wantTalk("mark: received", "user: zero", "assistant: Hello.", "mark: received",
		"user: one", "assistant: (No answer was given: it was interrupted.)", "user: two", "assistant: Both.")
}

// A person who stops the wait for a server has stopped that turn.
func TestStoppedWhileTheServerIsAsked(t *testing.T) {
	s, meanwhile := asking(t, step{text: "Hello."})
	ctx, cancel := context.WithCancelCause(t.Context())
	ctrlC := errors.New("ctrl-c")
	*meanwhile = func(context.Context) error { cancel(ctrlC); return nil }
	if _, err := s.agent.Accept(ctx, s.mem, prompt.Incoming{Text: "Hello"}); err != nil {
		t.Fatal(err)
	}
	_, err := s.agent.Turn(ctx, s.mem, nil)
	if hearth.ReasonOf(err) != hearth.ReasonCancelled || !errors.Is(err, ctrlC) {
		t.Errorf("got %v", err)
	}
	if left, ok, err := s.again().agent.Unanswered(t.Context(), s.mem); ok || err != nil {
		t.Errorf("it was stopped, yet there is %+v, %v", left, err)
	}
}

// Words that wait in a damaged conversation are answered when it is mended, once.
func TestWordsWaitInADamagedConversation(t *testing.T) {
	s := damagedScene(t, func(s *scene) {
		s.mem.entries = slices.Delete(s.mem.entries, 1, 2)
		s.mem.gone = 1
	})
	targets := s.cfg.Targets
	s.cfg.Known = func() []model.Target { chain, _ := targets(t.Context()); return chain }
	s.agent = agent.New(s.cfg)
	if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "And now?"}); err != nil {
		t.Fatal(err)
	}
	if last := s.mem.entries[len(s.mem.entries)-1].Message; last.Role != hearth.RoleMark {
		t.Fatalf("kept is %+v", last)
	}
	s.script.steps = []step{{text: "Mended."}, {text: "Still."}}
	if out, err := s.agent.Turn(t.Context(), s.mem, nil); err != nil || out.Answer != "Mended." {
		t.Fatalf("got %+v, %v", out, err)
	}
	if out, err := s.again().say("Sure?"); err != nil || out.Answer != "Still." {
		t.Fatalf("got %+v, %v", out, err)
	}
	said := 0
	for _, line := range s.mem.talk() {
		if line == "user: And now?" {
			said++
		}
	}
	if said != 1 {
		t.Errorf("the words are there %d times\n%s", said, strings.Join(s.mem.talk(), "\n"))
	}
}
