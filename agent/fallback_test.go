package agent_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	"hearth"
	"hearth/agent"
	"hearth/model"
)

// pair is a primary that may be away, and a fallback that may be smaller.
type pair struct {
	away           bool
	primary, spare *small
}

func (p *pair) Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	for i, target := range q.Chain {
		server := p.primary
		if target.Ref.Model == "spare" {
			server = p.spare
		} else if p.away {
			continue
		}
		q.Chain = q.Chain[i : i+1]
		return server.Stream(ctx, q)
	}
	return func(yield func(model.Delta, error) bool) {
		yield(model.Delta{}, &hearth.Error{Op: "connect", Reason: hearth.ReasonUnreachable})
	}
}

// A conversation that a fallback refuses as too long is shortened for that fallback. The
// primary's stays what it is, and its next request extends its last one.
func TestAFallbackThatIsTooSmallGetsAShorterConversationOfItsOwn(t *testing.T) {
	for _, numbers := range []bool{true, false} {
		t.Run(fmt.Sprintf("the refusal names numbers %t", numbers), func(t *testing.T) {
			p := &pair{primary: &small{window: 60_000}, spare: &small{window: 8_000, numbers: numbers}}
			s := longTalk(t, p.primary, 20)
			chain, err := s.cfg.Targets(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			spare := model.Target{Ref: hearth.ModelRef{Provider: "local", Model: "spare"}, Layers: model.Layers{Default: model.DefaultLayer()}}
			s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{chain[0], spare}, nil }
			s.cfg.Router = p
			s.agent = agent.New(s.cfg)

			p.away = true
			last := p.primary.requests[len(p.primary.requests)-1]
			out, err := s.say("And the word?")
			if err != nil || out.Target != spare.Ref || out.Answer == "" {
				t.Fatalf("%s answered %q: %v", out.Target, out.Answer, err)
			}
			if first := p.spare.requests[len(p.spare.requests)-1].Messages[0].Parts[0].Text; !strings.Contains(first, "mulberry") {
				t.Errorf("its request begins with %q", first)
			}
			if p.spare.refused > 2 { // the second is the question for a summary, where nobody knows the window
				t.Errorf("it refused %d times", p.spare.refused)
			}
			p.away = false
			if out, err := s.say("Again?"); err != nil || out.Target != chain[0].Ref {
				t.Fatalf("%s answered: %v", out.Target, err)
			}
			before, now := encode(last), encode(p.primary.requests[len(p.primary.requests)-1])
			if now.Prefix(len(before.Items)) != before.Prefix(len(before.Items)) {
				t.Error("the primary's request does not extend its last one")
			}
			for _, e := range s.mem.epochs {
				if e.Model == chain[0].Ref && e.Reason != "first" {
					t.Errorf("the primary's epoch ended for %q", e.Reason)
				}
			}
		})
	}
}

// standIn is a primary that is away, and a fallback that follows a script.
type standIn struct{ *script }

func (s standIn) Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	q.Chain = q.Chain[1:]
	return s.script.Stream(ctx, q)
}

// wordy is a tool that takes much to explain.
type wordy struct{ counter }

func (w *wordy) Spec() hearth.ToolSpec {
	spec := w.counter.Spec()
	spec.Description = strings.Repeat("It counts. ", 200)
	return spec
}

// What a fallback calls is read by what it was offered: in a small window its tools are
// behind an index that the primary does not have.
func TestAFallbackCallsTheToolsThatItWasOffered(t *testing.T) {
	for _, died := range []bool{false, true} {
		t.Run(fmt.Sprintf("the process died %t", died), func(t *testing.T) {
			look, other := &wordy{counter{name: "look", effect: hearth.EffectRead}}, &wordy{counter{name: "other", effect: hearth.EffectRun}}
			s := newScene(t, []step{{calls: append(call("c1", "tool_call", `{"name":"other","arguments":{}}`), call("c2", "tool_call", `{"name":"look","arguments":{}}`)...)}, {text: "Found."}}, look, other)
			chain, err := s.cfg.Targets(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			spare := chain[0]
			spare.Ref.Model = "spare"
			chain[0].Layers.Config.Window, spare.Layers.Config.Window = new(100_000), new(5_000)
			s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{chain[0], spare}, nil }
			s.cfg.Router = standIn{s.script}
			s.agent = agent.New(s.cfg)
			out, err := s.say("look")
			if err != nil || out.Question == nil || out.Question.Call.Name != "other" {
				t.Fatalf("answered %q: %v", out.Answer, err)
			}
			if died {
				s.agent = agent.New(s.cfg)
			}
			if err := s.agent.Decide(t.Context(), s.mem, *out.Question, true); err != nil {
				t.Fatal(err)
			}
			if out, err = s.agent.Turn(t.Context(), s.mem, nil); err != nil || out.Answer != "Found." || look.ran != 1 || other.ran != 1 {
				t.Errorf("%d and %d calls ran, and it answered %q: %v", other.ran, look.ran, out.Answer, err)
			}
			if n := len(s.script.asked[0].Tools); n != len(indexed) {
				t.Errorf("the fallback was offered %d tools", n)
			}
		})
	}
}
