package agent_test

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/agent"
	"hearth/model"
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
	if len(s.mem.epochs) != 2 || s.mem.epochs[1].Reason != "repaired" || !strings.Contains(s.mem.epochs[1].Detail, "repaired") {
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

// measured is a provider that only encodes, for a protocol.
type measured struct {
	model.Provider
	protocol string
}

func (m measured) Encode(req *model.Request) (*model.Sent, error) {
	s := encode(req)
	s.Head = append([]byte(m.protocol), s.Head...)
	s.Body = append([]byte(nil), s.Head...)
	for _, item := range s.Items {
		s.Body = append(s.Body, item...)
	}
	return s, nil
}

// damagedScene is a conversation of two turns with a model whose requests can be encoded,
// in another process.
func damagedScene(t *testing.T, damage func(*scene)) *scene {
	s := newScene(t, []step{{text: "One."}, {text: "Two."}, {text: "Three."}, {text: "Four."}})
	targets := s.cfg.Targets
	s.cfg.Targets = func(ctx context.Context) ([]model.Target, error) {
		chain, err := targets(ctx)
		chain[0].Provider = measured{}
		return chain, err
	}
	s.agent = agent.New(s.cfg)
	for _, text := range []string{"a", "b"} {
		if _, err := s.say(text); err != nil {
			t.Fatal(err)
		}
	}
	damage(s)
	s.agent = agent.New(s.cfg)
	return s
}

// roomFor is a transcript on a disk that has room for some commits.
type roomFor struct {
	*memory
	commits int
}

func (f *roomFor) Append(ctx context.Context, c *session.Commit) (session.Seq, error) {
	if f.commits--; f.commits < 0 {
		return 0, &hearth.Error{Op: "save", Reason: hearth.ReasonStorage, Err: fs.ErrInvalid}
	}
	return f.memory.Append(ctx, c)
}

func TestARepairIsToldOnceThoughWhatFollowsFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		known bool // without asking a server what it is
		room  int  // in commits
	}{
		{"the words cannot be kept", false, 1},
		{"the words were kept, and cannot become a message", true, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := damagedScene(t, func(s *scene) { // a row is there twice
				s.mem.entries = slices.Insert(s.mem.entries, 1, s.mem.entries[0])
				for i := range s.mem.entries {
					s.mem.entries[i].Seq = session.Seq(i + 1)
				}
			})
			if c.known {
				s.cfg.Known = func() []model.Target {
					chain, err := s.cfg.Targets(t.Context())
					if err != nil {
						t.Error(err)
					}
					return chain
				}
			}
			s.agent = agent.New(s.cfg)
			disk := &roomFor{s.mem, c.room}
			var told []string
			say := func() error {
				notices, err := s.agent.Accept(t.Context(), disk, prompt.Incoming{Text: "c"})
				for _, n := range notices {
					told = append(told, n.Kind)
				}
				if err == nil {
					_, err = s.agent.Turn(t.Context(), disk, func(e hearth.Event) {
						if e.Kind == hearth.EventNotice {
							told = append(told, e.Notice.Kind)
						}
					})
				}
				return err
			}
			if err := say(); hearth.ReasonOf(err) != hearth.ReasonStorage || !slices.Equal(told, []string{"repair"}) {
				t.Fatalf("told %q, %v", told, err)
			}
			disk.commits, told = 100, nil
			if err := say(); err != nil || slices.Contains(told, "repair") {
				t.Errorf("the next time: told %q, %v", told, err)
			}
		})
	}
}

func TestARepairSaysTrulyWhatItCost(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(*scene)
		epochs int
		detail string
		first  int // message at which the next request leaves the last one; -1 where it does not
		told   string
	}{
		{"nothing is wrong", func(*scene) {}, 1, "", -1, ""},
		{"the first answer is gone", func(s *scene) { s.mem.entries = slices.Delete(s.mem.entries, 1, 2); s.mem.gone = 1 }, 2, "1 of its messages cannot be read", 0, "reads it anew once"},
		{"the epoch is gone", func(s *scene) { s.mem.epochs = nil }, 1, "what its requests began with is gone", -1, "goes on (hearth sessions show s1)"},
		{"the epoch is another one", func(s *scene) { s.mem.epochs[0].Plan = []byte(`[]`) }, 2, "what its requests began with is gone", -1, "goes on (hearth sessions show s1)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := damagedScene(t, c.damage)
			notices, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "c"})
			if err != nil || c.told == "" && len(notices) > 0 || c.told != "" && (len(notices) != 1 || !strings.Contains(notices[0].Text, c.told)) {
				t.Fatalf("told %+v, %v", notices, err)
			}
			s.turn()
			e := s.mem.epochs[len(s.mem.epochs)-1]
			if len(s.mem.epochs) != c.epochs || !strings.Contains(e.Detail, c.detail) || c.detail != "" && e.Reason != "repaired" {
				t.Fatalf("the epochs are %+v", s.mem.epochs)
			}
			before, after := encode(s.script.asked[1]), encode(s.script.asked[2])
			extends := len(after.Items) > len(before.Items) && after.Prefix(len(before.Items)) == before.Prefix(len(before.Items))
			if extends != (c.first < 0) {
				t.Errorf("the request extends the one before: %t", extends)
			}
			if c.first < 0 {
				if e.FirstDiff != 0 || e.TokensLost != 0 {
					t.Errorf("it differs at %d and costs %d tokens", e.FirstDiff, e.TokensLost)
				}
				return
			}
			same := len(after.Head)
			for i := range c.first {
				same += len(after.Items[i])
			}
			if e.FirstDiff < same || e.FirstDiff >= same+len(after.Items[c.first]) || e.TokensLost == 0 {
				t.Errorf("it differs at %d, which is not in message %d from %d on, and costs %d tokens", e.FirstDiff, c.first, same, e.TokensLost)
			}
		})
	}
}

// Where only the newest epoch cannot be read, the conversation goes on from the one before,
// with all its messages: the summary that stood for them is gone.
func TestALostEpochIsFollowedByTheOneBefore(t *testing.T) {
	s := damagedScene(t, func(s *scene) {
		s.cfg.Room.KeepRecentTokens = 1
		s.agent = agent.New(s.cfg)
		s.compact()
		if _, err := s.say("c"); err != nil {
			t.Fatal(err)
		}
		if n := len(s.mem.epochs); n != 2 || s.mem.epochs[1].FirstSeq == 1 {
			t.Fatalf("the epochs are %+v", s.mem.epochs)
		}
		s.files = append(s.files, prompt.File{Name: "AGENTS.md", Text: "Be brief."})
		s.mem.epochs[1].Plan = []byte(`[]`)
	})
	s.cfg.Room.KeepRecentTokens = 0
	notices, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "d"})
	if err != nil || len(notices) != 1 || !strings.Contains(notices[0].Text, "what its requests began with is gone") {
		t.Fatalf("told %+v, %v", notices, err)
	}
	s.turn()
	last := s.script.asked[len(s.script.asked)-1]
	if e := s.mem.epochs[2]; e.Reason != "repaired" || e.FirstSeq != 1 || len(last.Messages) != 7 || !strings.Contains(last.System, "Be brief.") {
		t.Errorf("it goes on in %s from %d with %d messages and %q", e.Reason, e.FirstSeq, len(last.Messages), last.System)
	}
}

// Nobody knows who spoke in a message that is gone.
func TestAMessageThatIsGoneTaints(t *testing.T) {
	for _, gone := range []int{0, 1} {
		s := damagedScene(t, func(s *scene) {
			s.mem.entries = slices.Delete(s.mem.entries, 1, 1+gone)
			s.mem.gone = gone
		})
		if _, err := s.say("c"); err != nil {
			t.Fatal(err)
		}
		plan, err := prompt.DecodePlan(s.mem.epochs[len(s.mem.epochs)-1].Plan)
		if err != nil || plan.Tainted != (gone > 0) {
			t.Errorf("%d gone: tainted %t, %v", gone, plan.Tainted, err)
		}
	}
}

func TestAnImageThatIsGoneIsASentenceFromThenOn(t *testing.T) {
	s := newScene(t, []step{{text: "A cat."}, {text: "Yes."}, {text: "Bye."}})
	images := map[string][]byte{"h": []byte("cat")}
	targets := s.cfg.Targets
	s.cfg.Targets = func(ctx context.Context) ([]model.Target, error) {
		chain, err := targets(ctx)
		chain[0].Layers.Config.Vision = new(true)
		return chain, err
	}
	s.cfg.Blob = func(_ context.Context, hash string) ([]byte, error) {
		if data, ok := images[hash]; ok {
			return data, nil
		}
		return nil, fmt.Errorf("no blob %s: %w", hash, fs.ErrNotExist)
	}
	s.agent = agent.New(s.cfg)
	if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "what is it?", Images: []hearth.Blob{{Hash: "h", MIME: "image/png", Data: images["h"]}}}); err != nil {
		t.Fatal(err)
	}
	s.turn()
	delete(images, "h")
	for i, want := range []int{1, 0} {
		s.agent = agent.New(s.cfg)
		notices, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "sure?"})
		if err != nil || len(notices) != want || want > 0 && !strings.Contains(notices[0].Text, "1 of its images cannot be read") {
			t.Fatalf("turn %d: told %+v, %v", i, notices, err)
		}
		if out, err := s.agent.Turn(t.Context(), s.mem, nil); err != nil || out.Answer == "" {
			t.Fatalf("turn %d: %+v, %v", i, out, err)
		}
	}
	var talk string
	for _, p := range s.script.asked[2].Messages[0].Parts {
		talk += p.Text
	}
	if !strings.Contains(talk, "(An image is missing here.)") {
		t.Errorf("the model is sent %q", talk)
	}
}
