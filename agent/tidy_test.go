package agent_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/agent"
	"hearth/model"
)

// filling is a conversation that fills most of a window of 10,000 tokens, with a model
// that is loaded now on this machine.
func filling(t *testing.T, server *small) *scene {
	s := newScene(t, nil)
	s.cfg.Router = server
	s.at(server.window, true, hearth.LocalityMachine)
	for i := range 11 {
		if _, err := s.say(fmt.Sprintf("Turn %d, remember mulberry. %s", i, strings.Repeat("Long words follow one another. ", 70))); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// at says where the model is and how large its window.
func (s *scene) at(window int, resident bool, where hearth.Locality) {
	target := model.Target{Ref: hearth.ModelRef{Provider: "local", Model: "m"}, Endpoint: model.Endpoint{Locality: where},
		Layers: model.Layers{Server: model.Layer{Window: &window, Resident: &resident}, Default: model.DefaultLayer()}}
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{target}, nil }
	s.agent = agent.New(s.cfg)
}

func TestAFillingWindowIsTidiedWhileThePersonIsAway(t *testing.T) {
	server := &small{window: 10_000}
	s := filling(t, server)
	var told []string
	done, err := s.agent.Tidy(t.Context(), s.mem, func(e hearth.Event) { told = append(told, e.Notice.Text) })
	if err != nil || !done {
		t.Fatalf("done %t, %v", done, err)
	}
	if i := slices.IndexFunc(told, func(s string) bool { return strings.Contains(s, "oldest messages were summed up") }); i < 0 {
		t.Errorf("told %q", told)
	}
	if n := len(server.lanes); server.lanes[n-1] != model.LaneHousekeeping || server.lanes[n-2] != model.LaneOwner {
		t.Errorf("asked in the lanes %v", server.lanes)
	}
	asked := len(server.requests)
	if again, err := s.agent.Tidy(t.Context(), s.mem, nil); again || err != nil || len(server.requests) != asked {
		t.Errorf("a tidy conversation is tidied again: %t, %v", again, err)
	}
	if out, err := s.say("and now?"); err != nil || out.Answer == "" || len(server.requests) != asked+1 {
		t.Errorf("the next message made %d calls: %+v, %v", len(server.requests)-asked, out, err)
	}
	if first := server.requests[asked].Messages[0].Parts[0].Text; !strings.Contains(first, "mulberry") {
		t.Errorf("the summary is not in the request: %q", first)
	}
}

func TestWhatIsNotTidied(t *testing.T) {
	for name, change := range map[string]func(s *scene){
		"a window with room":                 nil,
		"a model that would have to load":    func(s *scene) { s.at(10_000, false, hearth.LocalityMachine) },
		"a model on somebody else's machine": func(s *scene) { s.at(10_000, true, hearth.LocalityHosted) },
		"a model that is passed on to a vendor": func(s *scene) {
			s.at(10_000, true, hearth.LocalityMachine)
			targets := s.cfg.Targets
			s.cfg.Targets = func(ctx context.Context) ([]model.Target, error) {
				all, err := targets(ctx)
				where := hearth.LocalityHosted
				all[0].Layers.Server.Locality = &where
				return all, err
			}
			s.agent = agent.New(s.cfg)
		},
		"an owner who wants none": func(s *scene) { s.cfg.NoCompaction = true; s.agent = agent.New(s.cfg) },
		"a message without an answer": func(s *scene) {
			s.mem.entries = s.mem.entries[:len(s.mem.entries)-1]
		},
	} {
		server := &small{window: 10_000}
		if change == nil {
			server.window, change = 20_000, func(*scene) {}
		}
		s := filling(t, server)
		change(s)
		asked := len(server.requests)
		if done, err := s.agent.Tidy(t.Context(), s.mem, nil); done || err != nil || len(server.requests) != asked {
			t.Errorf("%s: done %t, %v, %d calls", name, done, err, len(server.requests)-asked)
		}
	}
}

// cold is a model that its server would have to load for whoever asks.
type cold struct {
	*small
	asked []model.Question
}

func (c *cold) Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	c.asked = append(c.asked, q)
	if !q.Loaded {
		return c.small.Stream(ctx, q)
	}
	return func(yield func(model.Delta, error) bool) {
		yield(model.Delta{}, &hearth.Error{Op: "ask", Reason: hearth.ReasonNoModel, Err: errors.New("the server would load it first")})
	}
}

func TestTidyingLoadsNoModelThatItsServerHasLetGoOf(t *testing.T) {
	server := &small{window: 10_000}
	s := filling(t, server)
	router := &cold{small: server}
	s.cfg.Router = router
	targets := s.cfg.Targets
	s.cfg.Targets = func(ctx context.Context) ([]model.Target, error) {
		all, err := targets(ctx) // which of them is asked, and what it has loaded, shows when its slot is held
		all[0].Replicas = []model.Replica{{Endpoint: model.Endpoint{Origin: "http://other:1"}}}
		return all, err
	}
	s.agent = agent.New(s.cfg)
	asked := len(server.requests)
	if done, err := s.agent.Tidy(t.Context(), s.mem, nil); done || hearth.ReasonOf(err) != hearth.ReasonNoModel || len(server.requests) != asked {
		t.Errorf("done %t, %v, after %d requests", done, err, len(server.requests)-asked)
	}
	if len(router.asked) != 1 || len(s.mem.epochs) != 1 {
		t.Errorf("%d questions, %d epochs", len(router.asked), len(s.mem.epochs))
	}
	if err := s.agent.Compact(t.Context(), s.mem, "", nil); err != nil || len(server.requests) != asked+1 {
		t.Errorf("its owner's own wish: %v, after %d requests", err, len(server.requests)-asked)
	}
}

// musing is a model that thinks aloud before a summary, and that only a closing tag shows.
type musing struct {
	*small
	thoughts int // bytes
}

func (m *musing) Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	if !q.Once {
		return m.small.Stream(ctx, q)
	}
	return func(yield func(model.Delta, error) bool) {
		if !yield(model.Delta{Text: strings.Repeat("Well, what do they want? ", m.thoughts/25)}, nil) ||
			!yield(model.Delta{TextWasThinking: true}, nil) || !yield(model.Delta{Notice: &hearth.Notice{Kind: "reasoning", Text: "that was reasoning"}}, nil) ||
			!yield(model.Delta{Notice: &hearth.Notice{Kind: "other_model", Text: "another model answered"}}, nil) ||
			!yield(model.Delta{Notice: &hearth.Notice{Kind: "length", Text: "raise maxTokens"}}, nil) {
			return
		}
		m.small.Stream(ctx, q)(yield)
	}
}

func TestASummaryIsWhatTheModelSaidAfterItsReasoning(t *testing.T) {
	for _, thoughts := range []int{100, 20_000} {
		server := &small{window: 10_000}
		s := filling(t, server)
		s.cfg.Router = &musing{server, thoughts}
		s.agent = agent.New(s.cfg)
		var told []string
		err := s.agent.Compact(t.Context(), s.mem, "", func(e hearth.Event) {
			if e.Kind == hearth.EventNotice && e.Notice.Kind != "compaction" {
				told = append(told, e.Notice.Text)
			}
		})
		plan := string(s.mem.epochs[len(s.mem.epochs)-1].Plan)
		if summed := len(s.mem.epochs) == 2; strings.Contains(plan, "what do they want") || summed != (err == nil) || summed != strings.Contains(plan, "is mulberry") {
			t.Errorf("%d bytes of reasoning: %d epochs, %v, the plan is %s", thoughts, len(s.mem.epochs), err, plan)
		}
		// What is said once is said here, and nothing of an answer that nobody sees.
		if len(told) == 0 || told[0] != "another model answered" || slices.Contains(told, "raise maxTokens") || slices.Contains(told, "that was reasoning") {
			t.Errorf("told %q", told)
		}
	}
}

// stopper is a server that is stopped, or stops, in the middle of a summary.
type stopper struct {
	*small
	stop func() error // what the stream ends with
}

func (s *stopper) Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	if q.Lane != model.LaneHousekeeping {
		return s.small.Stream(ctx, q)
	}
	return func(yield func(model.Delta, error) bool) {
		if !yield(model.Delta{Text: "The word of"}, nil) {
			return
		}
		err := s.stop()
		if yield(model.Delta{Report: &hearth.Report{Target: q.Chain[0].Ref, Lane: q.Lane.String(), Items: 99, Prefix: "its own", Reason: hearth.ReasonOf(err)}}, nil) {
			yield(model.Delta{}, err)
		}
	}
}

func TestNothingIsLostWhenTidyingIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	for name, stop := range map[string]func() error{
		"a person wrote": func() error { cancel(); return &hearth.Error{Op: "chat", Reason: hearth.ReasonCancelled} },
		"somebody else's message needs the server": func() error { return &hearth.Error{Op: "chat", Reason: hearth.ReasonCancelled} },
		"the server broke": func() error {
			return &hearth.Error{Op: "chat", Reason: hearth.ReasonServer, Err: errors.New("it broke")}
		},
		"it does not fit": func() error { return &hearth.Error{Op: "chat", Reason: hearth.ReasonContextOverflow} },
	} {
		ctx := ctx
		if name != "a person wrote" {
			ctx = t.Context()
		}
		server := &small{window: 10_000}
		s := filling(t, server)
		s.cfg.Router = &stopper{server, stop}
		s.agent = agent.New(s.cfg)
		before := len(s.mem.entries)
		if done, err := s.agent.Tidy(ctx, s.mem, nil); done || err == nil {
			t.Errorf("%s: done %t, %v", name, done, err)
		}
		if len(s.mem.entries) != before {
			t.Errorf("%s: %d messages more", name, len(s.mem.entries)-before)
		}
		if last := s.mem.reports[len(s.mem.reports)-1]; last.Lane != "housekeeping" {
			t.Errorf("%s: no report of it: %+v", name, last)
		}
		asked := server.requests[len(server.requests)-1]
		if out, err := s.say("short"); err != nil || out.Answer == "" {
			t.Errorf("%s: the next message: %+v, %v", name, out, err)
		}
		next := encode(server.requests[len(server.requests)-1])
		if len(s.mem.epochs) != 1 {
			t.Errorf("%s: %d epochs", name, len(s.mem.epochs))
		}
		if was := encode(asked); next.Prefix(len(was.Items)) != was.Prefix(len(was.Items)) {
			t.Errorf("%s: the next request does not extend the one before", name)
		}
	}
	cancel()
}

func TestAnOwnersWishLeavesTheConversationAloneWhenThereIsNoSummary(t *testing.T) {
	server := &small{window: 10_000, broken: true}
	s := filling(t, server)
	err := s.agent.Compact(t.Context(), s.mem, "", nil)
	if hearth.ReasonOf(err) != hearth.ReasonEmpty || len(s.mem.epochs) != 1 {
		t.Errorf("%d epochs, %v", len(s.mem.epochs), err)
	}
}

func TestAModelThatIsNotThereForTheSummaryTakesNothingFromTheConversation(t *testing.T) {
	server := &small{window: 10_000}
	s := filling(t, server)
	chain, err := s.cfg.Targets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second := chain[0]
	second.Ref.Model = "spare"
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{chain[0], second}, nil }
	more := 100_000
	second.Layers.Server.Window = &more
	fallback := &small{window: more}
	server.down = true
	s.cfg.Router = servers{chain[0].Ref: server, second.Ref: fallback}
	s.agent = agent.New(s.cfg)
	out, err := s.say("more. " + strings.Repeat("Long words follow one another. ", 70))
	if err != nil || out.Target != second.Ref || len(fallback.requests) != 1 {
		t.Errorf("after %d calls %s answered %q: %v", len(fallback.requests), out.Target, out.Answer, err)
	}
	for _, e := range s.mem.epochs {
		if e.Reason != "first" {
			t.Errorf("an epoch began because of %q", e.Reason)
		}
	}
}
