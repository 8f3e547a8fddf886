package agent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/agent"
	"hearth/model"
	"hearth/prompt"
)

// answered adds a turn whose words the model answered.
func (s *scene) answered(id, text string) {
	for i, m := range []hearth.Message{
		{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: text, Provenance: hearth.FromOwner}}},
		{Role: hearth.RoleAssistant, Model: first, Parts: []hearth.Part{{Text: "ok", Provenance: hearth.FromModel}}},
	} {
		m.ID, m.Turn = hearth.MessageID(fmt.Sprint(id, i)), hearth.TurnID(id)
		s.mem.entries = append(s.mem.entries, entry(len(s.mem.entries)+1, m))
	}
}

// What an estimate had left out of a request is not all that can be left out: where the
// server refuses it all the same, its own count says how much more must go.
func TestARequestThatWasShortenedAheadAndIsRefusedIsShortenedOnceMore(t *testing.T) {
	for name, turns := range map[string]int{"of one turn": 0, "with turns before it": 6} {
		t.Run(name, func(t *testing.T) {
			server := &small{window: 9_000, numbers: true}
			s := longTalk(t, server, turns)
			server.dense = 3 // the outputs have three times the tokens that they seem to have
			files := make([]int, 14)
			for i := range files {
				files[i] = 4_000
			}
			s.read("t", true, files...)
			asked := len(server.requests)
			out, err := s.agent.Turn(t.Context(), s.mem, nil)
			if err != nil || out.Answer == "" || server.refused == 0 {
				t.Errorf("got %q, %v after %d refusals", out.Answer, err, server.refused)
			}
			if n := len(server.requests) + server.refused - asked; n > 4 {
				t.Errorf("%d model calls: more than two answers and two summaries", n)
			}
			if out, err := s.say("and now?"); err != nil || out.Answer == "" {
				t.Errorf("the turn after: %q, %v", out.Answer, err)
			}
		})
	}
}

// A request that leaves out all that it can is refused in the server's own words.
func TestARequestOfWhichNothingIsLeftToLeaveOutIsRefusedClearly(t *testing.T) {
	server := &small{window: 9_000, numbers: true}
	s := longTalk(t, server, 0)
	server.dense = 20
	s.read("t", true, 2_000, 2_000, 2_000, 2_000)
	_, err := s.agent.Turn(t.Context(), s.mem, nil)
	if hearth.ReasonOf(err) != hearth.ReasonContextOverflow {
		t.Errorf("got %v", err)
	}
	if server.refused > 2 || len(server.requests) > 0 {
		t.Errorf("%d refusals, %d answers", server.refused, len(server.requests))
	}
}

// Of a summary's request that the server finds too long, old outputs go before any word of
// a person does.
func TestASummaryThatWasRefusedIsAskedForWithoutOldOutputsBeforeTurnsGo(t *testing.T) {
	for name, numbers := range map[string]bool{"with the server's numbers": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			server := &small{window: 10_000, numbers: numbers}
			s := longTalk(t, server, 4)
			s.read("t", false, 12_000)
			for said := range 20 {
				used, err := s.agent.Context(t.Context(), s.mem)
				if err != nil {
					t.Fatal(err)
				}
				if used.Used > used.Limit {
					break
				}
				s.answered(fmt.Sprint("n", said), long(said))
			}
			server.window = 7_400 // others use the rest of what is said to be served
			told := s.talk(1)
			if server.refused != 1 || summaries(server) != 1 {
				t.Errorf("%d refusals and %d summaries", server.refused, summaries(server))
			}
			if all := strings.Join(told, "\n"); !strings.Contains(all, "were summed up") || strings.Contains(all, "left the model's context") {
				t.Errorf("told %q", told)
			}
			asked := server.requests[len(server.requests)-2]
			if words := string(slices.Concat(encode(asked).Items...)); !strings.Contains(words, "Turn 0, remember mulberry") || !strings.Contains(words, "older output were left out") {
				t.Error("the first turn's words are not in the summary's request, or the output still is")
			}
		})
	}
}

// An owner's /compact loses no turn to an old output either.
func TestCompactLeavesOldOutputsOutBeforeTurnsGo(t *testing.T) {
	server := &small{window: 20_000}
	s := longTalk(t, server, 6)
	s.read("t", false, 30_000)
	s.talk(3)
	server.window = 6_000
	chain := []model.Target{windowed(first, server.window)}
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return chain, nil }
	s.cfg.Room = prompt.Room{KeepRecentTokens: 600}
	s.agent = agent.New(s.cfg)
	var told []string
	err := s.agent.Compact(t.Context(), s.mem, "", func(e hearth.Event) {
		if e.Notice.Kind == "compaction" {
			told = append(told, e.Notice.Text)
		}
	})
	if err != nil || server.refused > 0 || len(told) != 1 || strings.Contains(told[0], "left the model's context") {
		t.Errorf("%v after %d refusals, told %q", err, server.refused, told)
	}
}

// A server may load a model anew for the very request that it then finds too long, and not
// say with how much: it is asked, before anything is left out for a guess.
func TestAServerThatRefusesWithoutANumberIsAskedWhatItHas(t *testing.T) {
	for name, c := range map[string]struct {
		turns, now int
		said       string
	}{
		"an answer":                     {11, 4_096, "hello after lunch"},
		"a summary that was only ahead": {13, 5_000, strings.Repeat("hello after lunch ", 350)},
	} {
		t.Run(name, func(t *testing.T) {
			server := &small{window: 10_000}
			s := longTalk(t, server, c.turns)
			server.window = c.now
			asked := 0
			s.cfg.Anew = func(_ context.Context, target model.Target) model.Target {
				asked++
				target.Layers = windowed(target.Ref, server.window).Layers
				return target
			}
			s.agent = agent.New(s.cfg)
			var told []string
			if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: c.said}); err != nil {
				t.Fatal(err)
			}
			out, err := s.agent.Turn(t.Context(), s.mem, func(e hearth.Event) { told = append(told, e.Notice.Text) })
			if err != nil || out.Answer == "" || server.refused != 1 || summaries(server) != 1 || asked != 1 {
				t.Errorf("got %q, %v after %d refusals, %d summaries; asked %d times", out.Answer, err, server.refused, summaries(server), asked)
			}
			all := strings.Join(told, "\n")
			if !strings.Contains(all, fmt.Sprintf("a window of %d tokens now, not the 10000", c.now)) || strings.Contains(all, "without a summary, because the server refused") {
				t.Errorf("told %s", all)
			}
			plan, err := prompt.DecodePlan(s.mem.epochs[len(s.mem.epochs)-1].Plan)
			if err != nil || plan.Window != c.now || plan.Summary == "" {
				t.Errorf("the plan's window is %d, its summary %q: %v", plan.Window, plan.Summary, err)
			}
		})
	}
}

// capped is a model of whose window its owner has so much used, whatever is served.
func capped(target model.Target, tokens int) model.Target {
	target.Layers.Cap, target.Layers.Config.Window = tokens, &tokens
	return target
}

// An edit of the config takes nothing out of a conversation that its server holds: less of a
// window is kept to from the next epoch on, and the summary that it begins with is of all.
func TestLessOfAWindowByTheConfigWaitsForTheEpochsEnd(t *testing.T) {
	server := &small{window: 32_768}
	s := longTalk(t, server, 20)
	for _, tokens := range []int{6_000, 3_000, 5_000} {
		chain := []model.Target{capped(windowed(first, server.window), tokens)}
		s.cfg.Targets = func(context.Context) ([]model.Target, error) { return chain, nil }
		s.agent = agent.New(s.cfg)
		if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "and now?"}); err != nil {
			t.Fatal(err)
		}
		var told []string
		out, err := s.agent.Turn(t.Context(), s.mem, func(e hearth.Event) {
			if e.Kind == hearth.EventNotice {
				told = append(told, e.Notice.Text)
			}
		})
		want := fmt.Sprintf("changed since this conversation began, and applied when it begins anew (/new) or is summed up (/compact): the window that is kept within (%d tokens)", tokens)
		if err != nil || out.Answer == "" || len(s.mem.epochs) != 1 || !slices.Equal(told, []string{want}) {
			t.Errorf("with %d: %q, %v, %d epochs, told %q", tokens, out.Answer, err, len(s.mem.epochs), told)
		}
	}
	if err := s.agent.Compact(t.Context(), s.mem, "", nil); err != nil {
		t.Fatal(err)
	}
	if words := string(slices.Concat(encode(server.requests[len(server.requests)-1]).Items...)); !strings.Contains(words, "Turn 0, remember mulberry") {
		t.Error("the first turn's words are not in the summary's request")
	}
	plan, err := prompt.DecodePlan(s.mem.epochs[len(s.mem.epochs)-1].Plan)
	if err != nil || plan.Window != 5_000 || plan.Summary == "" {
		t.Fatalf("the window is %d, the summary %q: %v", plan.Window, plan.Summary, err)
	}
	if told := s.talk(1); len(told) > 0 || len(s.mem.epochs) != 2 {
		t.Errorf("what was kept does not fit: told %q, %d epochs", told, len(s.mem.epochs))
	}
}

// What its owner has a fallback use of its window is less than it is served with: a summary of
// the conversation that it takes over is of all of it.
func TestAFallbackThatIsToUseLessThanIsServedSumsUpAll(t *testing.T) {
	primary, fallback := &small{window: 30_000}, &small{window: 30_000}
	s := withFallback(t, primary, fallback, 30_000)
	chain := []model.Target{windowed(first, 30_000), capped(windowed(spare, 30_000), 6_000)}
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return chain, nil }
	s.agent = agent.New(s.cfg)
	s.talk(18)
	primary.down = true
	told := s.talk(1)
	if len(told) != 1 || !strings.Contains(told[0], "oldest messages were summed up (nothing") || fallback.refused > 0 {
		t.Errorf("told %q after %d refusals", told, fallback.refused)
	}
}

// A server whose window nobody knows may say nothing to what does not fit it. That is taken for
// a refusal, so no conversation ends there.
func TestASilenceAfterMoreThanWasEverAnsweredIsARefusal(t *testing.T) {
	guessed := func(t *testing.T, server *small) *scene {
		server.mute = true
		s := longTalk(t, server, 0)
		target, config := windowed(first, 0), 32_768
		target.Layers.Server, target.Layers.Config.Window = model.Layer{}, &config
		s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{target}, nil }
		s.agent = agent.New(s.cfg)
		return s
	}
	t.Run("in a conversation that grew", func(t *testing.T) {
		server := &small{window: 8_500}
		s := guessed(t, server)
		s.talk(60)
		if answers := len(server.requests) - summaries(server); answers != 60 || server.refused > 10 {
			t.Errorf("%d answers after %d silences", answers, server.refused)
		}
	})
	t.Run("to the first message", func(t *testing.T) {
		server := &small{window: 8_500}
		s := guessed(t, server)
		_, err := s.say(strings.Repeat("too long ", 6_000))
		if e, ok := errors.AsType[*hearth.Error](err); !ok || e.Reason != hearth.ReasonContextOverflow || !strings.Contains(e.Try, "contextWindow") || server.refused != 1 {
			t.Errorf("%v after %d silences", err, server.refused)
		}
		if out, err := s.say("short"); err != nil || out.Answer == "" {
			t.Errorf("the next message: %q, %v", out.Answer, err)
		}
	})
	t.Run("but not to what it has answered", func(t *testing.T) {
		server := &small{window: 30_000}
		s := guessed(t, server)
		s.talk(12)
		server.window, server.mute = 100, true
		had := len(s.mem.epochs)
		for i := range s.mem.reports {
			s.mem.reports[i].Usage.Input += 5_000 // it has read more than that before
		}
		if _, err := s.say("and now?"); hearth.ReasonOf(err) != hearth.ReasonEmpty || len(s.mem.epochs) != had {
			t.Errorf("%v, %d epochs", err, len(s.mem.epochs)-had)
		}
	})
}
