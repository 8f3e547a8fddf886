package agent_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/agent"
	"hearth/model"
	"hearth/prompt"
)

// pictures counts those that a request shows to its model.
func pictures(req *model.Request) (n int) {
	for i := range req.Messages {
		for j := range req.Messages[i].Parts {
			if req.Capabilities.Vision && req.Messages[i].Parts[j].Blob != nil {
				n++
			}
		}
	}
	return n
}

// showing is a conversation with a model that sees, after so many turns of words.
func showing(t *testing.T, server *small, turns int) *scene {
	s := longTalk(t, server, 0)
	targets, err := s.cfg.Targets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	targets[0].Layers.Server.Vision = new(true)
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return slices.Clone(targets), nil }
	s.cfg.Blob = func(context.Context, string) ([]byte, error) { return []byte("picture"), nil }
	s.agent = agent.New(s.cfg)
	s.talk(turns)
	return s
}

// look sends so many pictures.
func (s *scene) look(text string, n int) error {
	s.Helper()
	in := prompt.Incoming{Text: text}
	for i := range n {
		name := fmt.Sprintf("%s-%d.png", text, i)
		in.Images = append(in.Images, hearth.Blob{Hash: name, MIME: "image/png", Name: name, Bytes: 7})
	}
	if _, err := s.agent.Accept(s.Context(), s.mem, in); err != nil {
		s.Fatal(err)
	}
	_, err := s.agent.Turn(s.Context(), s.mem, nil)
	return err
}

// Pictures that never fitted are left out, and nothing else of the conversation is: what
// came before is summed up whole.
func TestPicturesThatNeverFittedStandInTheWayOfNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		server small
		seen   int // pictures that were answered before
		turns  int
	}{
		{"the server counts, and nothing was shown before", small{numbers: true}, 0, 10},
		{"the server counts, and some were seen", small{numbers: true}, 1, 7},
		{"it says no number", small{}, 0, 10},
		{"it says no number, and some were seen", small{}, 1, 7},
		{"it counts nothing at all", small{dense: 1}, 0, 10},
		{"the rest is short", small{numbers: true}, 0, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := &c.server
			server.window, server.picture = 10_000, 2_500
			s := showing(t, server, c.turns)
			if c.seen > 0 {
				if err := s.look("few", c.seen); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.look("many", 5); hearth.ReasonOf(err) != hearth.ReasonContextOverflow {
				t.Fatalf("got %v", err)
			}
			refused := server.refused
			if out, err := s.say("sorry, only words. " + strings.Repeat("Long words follow one another. ", 60)); err != nil || out.Answer == "" {
				t.Fatalf("got %+v, %v", out.Answer, err)
			}
			if more := server.refused - refused; more > 1 {
				t.Errorf("%d refusals before the answer", more)
			}
			for _, e := range s.mem.epochs {
				if strings.Contains(e.Detail, "without a summary") || strings.Contains(e.Detail, "before them") {
					t.Errorf("an epoch %q", e.Detail)
				}
				if p, err := prompt.DecodePlan(e.Plan); err != nil || p.Window != 10_000 {
					t.Errorf("an epoch with a window of %d: %v", p.Window, err)
				}
			}
			last := server.requests[len(server.requests)-1]
			text := string(slices.Concat(encode(last).Items...))
			if !strings.Contains(text, "mulberry") || strings.Contains(text, `"name":"many-0.png"`) {
				t.Errorf("the first turn's word is there: %t; in it %q", strings.Contains(text, "mulberry"), s.began())
			}
			for i := range 3 {
				if out, err := s.say(long(i)); err != nil || out.Answer == "" {
					t.Fatalf("got %+v, %v", out.Answer, err)
				}
			}
			if err := s.look("one", 1); err != nil {
				t.Errorf("one more picture: %v", err)
			}
		})
	}
}
