package agent_test

import (
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/agent"
	"hearth/prompt"
	"hearth/session"
)

func TestADamagedTranscriptIsPutInOrderOnceAndGoneOnWith(t *testing.T) {
	look := &counter{name: "look", effect: hearth.EffectRead}
	s := newScene(t, []step{
		{text: "Hello."}, {calls: call("c1", "look", `{}`)}, {text: "Found."},
		{text: "Fine."}, {calls: call("c1", "look", `{}`)}, {text: "Again."}, {text: "Bye."},
	}, look)
	for _, text := range []string{"hi", "look"} {
		if _, err := s.say(text); err != nil {
			t.Fatal(err)
		}
	}
	// The result of the call is gone, and a row is there twice.
	s.mem.entries = slices.Delete(s.mem.entries, 4, 5)
	s.mem.entries = slices.Insert(s.mem.entries, 1, s.mem.entries[0])
	for i := range s.mem.entries {
		s.mem.entries[i].Seq = session.Seq(i + 1)
	}
	damaged := len(s.mem.entries)
	s.agent = agent.New(s.cfg) // another process

	notices, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "and?"})
	if err != nil || len(notices) != 1 || notices[0].Kind != "repair" {
		t.Fatalf("told %+v, %v", notices, err)
	}
	s.turn()
	last := s.script.asked[len(s.script.asked)-1]
	var talk []string
	for _, m := range last.Messages {
		for _, p := range m.Parts {
			if p.Result != nil {
				talk = append(talk, p.Result.Text)
			}
			if p.Provenance == hearth.FromOwner || p.Provenance == hearth.FromModel && p.Text != "" {
				talk = append(talk, p.Text)
			}
		}
	}
	want := []string{"hi", "Hello.", "look", "The result of this call is missing. It may have taken effect; check before trying again.", "Found.", "and?"}
	if !slices.Equal(talk, want) {
		t.Errorf("the model is sent %q", talk)
	}
	if len(s.mem.epochs) != 2 || s.mem.epochs[1].Reason != "encoder-changed" || !strings.Contains(s.mem.epochs[1].Detail, "repaired") {
		t.Errorf("the epochs are %+v", s.mem.epochs)
	}
	if s.mem.entries[0].Message.ID != s.mem.entries[1].Message.ID || len(s.mem.entries) <= damaged {
		t.Error("the damaged rows were touched")
	}

	// What was put in order is what is stored: the next processes find it sound.
	for _, text := range []string{"look again", "bye"} {
		s.agent = agent.New(s.cfg)
		if out, err := s.say(text); err != nil || out.Answer == "" {
			t.Fatalf("%q: %+v, %v", text, out, err)
		}
	}
	if len(s.mem.epochs) != 2 {
		t.Errorf("%d epochs", len(s.mem.epochs))
	}
	for i := len(s.script.asked) - 3; i < len(s.script.asked); i++ {
		before := encode(s.script.asked[i-1])
		if encode(s.script.asked[i]).Prefix(len(before.Items)) != before.Prefix(len(before.Items)) {
			t.Errorf("request %d does not extend the one before", i)
		}
	}
	// A server that gives every call the same id: each is stored with one of its own.
	ids := map[hearth.CallID]int{}
	for _, e := range s.mem.entries[damaged:] {
		for _, p := range e.Message.Parts {
			if p.Call != nil {
				ids[p.Call.ID]++
			}
		}
	}
	if len(ids) != 2 || ids["c1"] != 1 {
		t.Errorf("calls have the ids %v", ids)
	}
}

func TestATranscriptOfRubbishIsStillAnswered(t *testing.T) {
	s := newScene(t, []step{{text: "Hello."}, {text: "Still here."}})
	if _, err := s.say("hi"); err != nil {
		t.Fatal(err)
	}
	for i := range s.mem.entries {
		s.mem.entries[i].Message.Role = hearth.RoleMark
		s.mem.entries[i].Message.Parts = nil
	}
	s.agent = agent.New(s.cfg)
	if out, err := s.say("anybody?"); err != nil || out.Answer != "Still here." {
		t.Errorf("got %+v, %v", out, err)
	}
	if n := len(s.script.asked[1].Messages); n != 1 {
		t.Errorf("%d messages were sent", n)
	}
}

func TestARowThatIsGoneLeavesNoGap(t *testing.T) {
	s := newScene(t, []step{{text: "One."}, {text: "Two."}, {text: "Three."}, {text: "Four."}})
	for _, text := range []string{"a", "b"} {
		if _, err := s.say(text); err != nil {
			t.Fatal(err)
		}
	}
	s.mem.entries = slices.Delete(s.mem.entries, 1, 2) // the others keep their numbers
	s.mem.gone = 1
	for range 2 {
		s.agent = agent.New(s.cfg)
		if _, err := s.say("c"); err != nil {
			t.Fatal(err)
		}
	}
	last := s.script.asked[len(s.script.asked)-1]
	var talk []string
	for _, m := range last.Messages {
		talk = append(talk, m.Parts[len(m.Parts)-1].Text)
	}
	if want := []string{"a", "b", "Two.", "c", "Three.", "c"}; !slices.Equal(talk, want) || len(s.mem.epochs) != 2 {
		t.Errorf("%d epochs, the model is sent %q", len(s.mem.epochs), talk)
	}
}
