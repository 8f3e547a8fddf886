package agent_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/agent"
	"hearth/model"
	"hearth/prompt"
)

// servers are several, each with its own model, asked one after the other as a chain says.
type servers map[hearth.ModelRef]*small

func (s servers) Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		for i := range q.Chain {
			one := q
			one.Chain = q.Chain[i : i+1]
			var failed error
			for d, err := range s[q.Chain[i].Ref].Stream(ctx, one) {
				if failed = err; err != nil {
					break
				}
				if !yield(d, nil) {
					return
				}
			}
			if failed == nil {
				return
			}
			if i == len(q.Chain)-1 || !hearth.ReasonOf(failed).FallsBack() {
				yield(model.Delta{}, failed)
				return
			}
		}
	}
}

var first, spare = hearth.ModelRef{Provider: "local", Model: "m"}, hearth.ModelRef{Provider: "local", Model: "spare"}

// withFallback is a conversation with a model and its fallback, whose window is said to be so large.
func withFallback(t *testing.T, primary, fallback *small, said int) *scene {
	s := newScene(t, nil)
	s.cfg.Router = servers{first: primary, spare: fallback}
	chain := []model.Target{windowed(first, primary.window), windowed(spare, said)}
	if said != fallback.window {
		chain[1].Layers.Config, chain[1].Layers.Server = chain[1].Layers.Server, model.Layer{}
	}
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return chain, nil }
	s.agent = agent.New(s.cfg)
	return s
}

func windowed(ref hearth.ModelRef, tokens int) model.Target {
	return model.Target{Ref: ref, Layers: model.Layers{Server: model.Layer{Window: &tokens}, Default: model.DefaultLayer()}}
}

func long(turn int) string {
	return fmt.Sprintf("Turn %d, remember mulberry. %s", turn, strings.Repeat("Long words follow one another. ", 60))
}

// talk has turns run, each of which must be answered, and gives what was told.
func (s *scene) talk(turns int) (told []string) {
	s.Helper()
	for i := range turns {
		notices, err := s.told(long(i))
		if err != nil {
			s.Fatalf("turn %d: %v", i, err)
		}
		told = append(told, notices...)
	}
	return told
}

func summaries(s *small) (n int) {
	for _, req := range s.requests {
		if strings.Contains(req.Messages[len(req.Messages)-1].Parts[0].Text, "about to be shortened") {
			n++
		}
	}
	return n
}

// What goes to a fallback fits the fallback's own window, and the transcript stays whole.
func TestAFallbackWithASmallerWindowIsSentWhatFitsIt(t *testing.T) {
	for name, said := range map[string]int{"that is known": 6_000, "that its config exaggerates": 30_000} {
		t.Run(name, func(t *testing.T) {
			primary, fallback := &small{window: 30_000}, &small{window: 6_000, numbers: true}
			s := withFallback(t, primary, fallback, said)
			s.talk(20)
			before := encode(primary.requests[len(primary.requests)-1])
			primary.down = true
			told := s.talk(12)
			if fallback.refused > 1 || summaries(fallback) == 0 || len(fallback.requests) != 12+summaries(fallback) {
				t.Errorf("%d refusals, %d summaries and %d requests", fallback.refused, summaries(fallback), len(fallback.requests))
			}
			if n := summaries(primary); n > 0 {
				t.Errorf("the model that is gone was asked for %d summaries", n)
			}
			if len(told) == 0 || !strings.HasPrefix(told[0], "the context window of local/spare is full: ") || len(told) > 4 {
				t.Errorf("told %q", told)
			}
			if len(s.mem.entries) != 64 {
				t.Errorf("the transcript has %d messages", len(s.mem.entries))
			}
			primary.down = false
			s.talk(1)
			if now := encode(primary.requests[len(primary.requests)-1]); now.Prefix(len(before.Items)) != before.Prefix(len(before.Items)) || len(now.Items) != 65 {
				t.Errorf("what the first model is sent when it is back, %d messages, does not extend what it was sent last", len(now.Items))
			}
		})
	}
}

func TestAConversationThatItsFallbackAlwaysAnswersGoesOnAndCanBeCompacted(t *testing.T) {
	primary, fallback := &small{window: 30_000, down: true}, &small{window: 6_000}
	s := withFallback(t, primary, fallback, 6_000)
	s.talk(5)
	had := len(fallback.requests)
	if err := s.agent.Compact(t.Context(), s.mem, "", nil); err != nil {
		t.Fatal(err)
	}
	if summaries(fallback) != 1 || len(fallback.requests) != had+1 {
		t.Errorf("%d summaries in %d requests", summaries(fallback), len(fallback.requests)-had)
	}
	s.talk(20)
	if fallback.refused > 0 || len(primary.requests) > 0 {
		t.Errorf("%d refusals", fallback.refused)
	}
}

func TestCompactIsAskedOfTheNextModelWhereTheFirstIsGone(t *testing.T) {
	primary, fallback := &small{window: 16_000}, &small{window: 16_000}
	s := withFallback(t, primary, fallback, 16_000)
	s.talk(10)
	primary.down = true
	if err := s.agent.Compact(t.Context(), s.mem, "", nil); err != nil || summaries(fallback) != 1 {
		t.Errorf("%d summaries, %v", summaries(fallback), err)
	}
}

// read adds a turn in which a model read files of so many bytes; open leaves it without an
// answer.
func (s *scene) read(id string, open bool, bytes ...int) {
	add := func(m hearth.Message) {
		m.ID, m.Turn = hearth.MessageID(fmt.Sprint(id, len(s.mem.entries))), hearth.TurnID(id)
		s.mem.entries = append(s.mem.entries, entry(len(s.mem.entries)+1, m))
	}
	add(hearth.Message{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "read them", Provenance: hearth.FromOwner}}})
	for i, n := range bytes {
		call := hearth.CallID(fmt.Sprint(id, "call", i))
		add(hearth.Message{Role: hearth.RoleAssistant, Model: first, Parts: []hearth.Part{{Call: &hearth.ToolCall{ID: call, Name: "read", Arguments: "{}"}, Provenance: hearth.FromModel}}})
		add(hearth.Message{Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{CallID: call, Name: "read", Text: strings.Repeat("words ", n/6), From: hearth.FromGateway}}}})
	}
	if !open {
		add(hearth.Message{Role: hearth.RoleAssistant, Model: first, Parts: []hearth.Part{{Text: "ok", Provenance: hearth.FromModel}}})
	}
}

// What an epoch has left out does not come back with the summary that follows.
func TestAFileThatWasLeftOutStaysOutWhenTheConversationIsSummedUp(t *testing.T) {
	server := &small{window: 10_000}
	s := longTalk(t, server, 7)
	s.read("t", true, 8_000, 8_000, 400)
	if _, err := s.agent.Turn(t.Context(), s.mem, nil); err != nil {
		t.Fatal(err)
	}
	plan, err := prompt.DecodePlan(s.mem.epochs[len(s.mem.epochs)-1].Plan)
	if err != nil || len(plan.Trimmed) == 0 || plan.Summary != "" || server.refused > 0 {
		t.Fatalf("%d left out after %d refusals: %v", len(plan.Trimmed), server.refused, err)
	}
	if err := s.agent.Compact(t.Context(), s.mem, "", nil); err != nil {
		t.Fatal(err)
	}
	after, err := prompt.DecodePlan(s.mem.epochs[len(s.mem.epochs)-1].Plan)
	if err != nil || after.Summary == "" || !slices.Equal(after.Trimmed, plan.Trimmed) {
		t.Errorf("left out %v, then %v: %v", plan.Trimmed, after.Trimmed, err)
	}
	if out, err := s.say("and now?"); err != nil || out.Answer == "" || server.refused > 0 {
		t.Errorf("got %+v, %v after %d refusals", out.Answer, err, server.refused)
	}
}

// A turn that is larger than what is kept of a conversation does not make the request that
// follows a summary larger than the window.
func TestTheRequestAfterASummaryFits(t *testing.T) {
	server := &small{window: 10_000}
	s := longTalk(t, server, 10)
	s.read("t", true, 8_000, 8_000, 8_000, 8_000, 8_000, 8_000, 8_000, 8_000)
	if _, err := s.agent.Turn(t.Context(), s.mem, nil); err != nil || server.refused > 0 {
		t.Errorf("%v after %d refusals", err, server.refused)
	}
	if last := string(slices.Concat(encode(server.requests[len(server.requests)-1]).Items...)); !strings.Contains(last, "mulberry") {
		t.Error("the first turn's word is lost")
	}
}

// Where nothing is older than the turn itself, one old output less is better than an error.
func TestAChainOfCallsThatOverflowsLeavesItsOldestOutputOut(t *testing.T) {
	server := &small{window: 9_000}
	s := longTalk(t, server, 0)
	chain := []model.Target{windowed(first, 32_768)}
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return chain, nil }
	s.agent = agent.New(s.cfg)
	s.read("t", true, 24_000, 24_000)
	out, err := s.agent.Turn(t.Context(), s.mem, nil)
	if err != nil || out.Answer == "" || server.refused != 1 || len(server.requests) != 1 {
		t.Errorf("got %q, %v after %d refusals and %d answers", out.Answer, err, server.refused, len(server.requests))
	}
}

func TestAnOutputLargerThanTheWindowIsLeftOutToo(t *testing.T) {
	server := &small{window: 9_000}
	s := longTalk(t, server, 0)
	chain := []model.Target{windowed(first, 32_768)}
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return chain, nil }
	s.agent = agent.New(s.cfg)
	s.read("t", true, 48_000)
	if out, err := s.agent.Turn(t.Context(), s.mem, nil); err != nil || out.Answer == "" || server.refused != 1 {
		t.Errorf("got %q, %v after %d refusals", out.Answer, err, server.refused)
	}
}

// One big output among words does not take the words with it.
func TestABigOutputDoesNotTakeTheConversationWithIt(t *testing.T) {
	server := &small{window: 30_000}
	s := longTalk(t, server, 4)
	s.read("t", false, 24_000)
	s.talk(2)
	server.window = 4_800
	chain := []model.Target{windowed(first, server.window)}
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return chain, nil }
	s.agent = agent.New(s.cfg)
	told := s.talk(1)
	if len(told) != 1 || strings.Contains(told[0], "without a summary") || server.refused > 0 {
		t.Errorf("told %q after %d refusals", told, server.refused)
	}
	if last := string(slices.Concat(encode(server.requests[len(server.requests)-1]).Items...)); !strings.Contains(last, "The word of the first turn") {
		t.Error("there is no summary in the request")
	}
}

// limited has a conversation ask for answers of so many tokens, of a server that takes no
// prompt that leaves less room than that.
func limited(t *testing.T, server *small, tokens int, target model.Target) *scene {
	server.strict = true
	s := longTalk(t, server, 0)
	target.Params.MaxTokens = tokens
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{target}, nil }
	s.agent = agent.New(s.cfg)
	return s
}

func TestAnAnswerIsAskedForNoLongerThanTheWindowHasRoomFor(t *testing.T) {
	for _, tokens := range []int{3_000, 8_192, 100_000} {
		server := &small{window: 8_192}
		s := limited(t, server, tokens, windowed(first, 8_192))
		s.talk(30)
		if server.refused > 0 {
			t.Errorf("of %d tokens: %d requests were refused", tokens, server.refused)
		}
	}
}

func TestAServerThatRefusesPromptAndAnswerTogetherIsAskedForLess(t *testing.T) {
	for name, names := range map[string]bool{"by its numbers": true, "by half": false} {
		t.Run(name, func(t *testing.T) {
			server := &small{window: 8_192, numbers: names}
			target := windowed(first, 0)
			config, none := 120_000, model.Layer{}
			target.Layers.Server, target.Layers.Config.Window = none, &config
			s := limited(t, server, 8_192, target)
			if !names {
				target.Layers.Server.Window = &server.window
				served := 8_192
				target.Layers.Config.Window, target.Layers.Server.Window = nil, &served
				server.window = 7_000 // and 1,192 tokens are taken by others
			}
			s.cfg.Targets = func(context.Context) ([]model.Target, error) {
				target.Params.MaxTokens = 8_192
				return []model.Target{target}, nil
			}
			s.agent = agent.New(s.cfg)
			if told := s.talk(1); server.refused != 1 || len(told) > 0 || len(s.mem.epochs) != 1 {
				t.Errorf("%d refusals, %d epochs, told %q", server.refused, len(s.mem.epochs), told)
			}
			s.talk(20)
			if n := len(server.requests) - summaries(server); n != 21 {
				t.Errorf("%d answers", n)
			}
		})
	}
}

// The server was loaded anew with more room: that is taken up at once.
func TestAWindowThatGrewIsTakenUp(t *testing.T) {
	server := &small{window: 8_500}
	s := longTalk(t, server, 8)
	server.window = 60_000
	target := windowed(first, 60_000)
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{target}, nil }
	s.agent = agent.New(s.cfg)
	if told := s.talk(20); len(told) > 0 || len(s.mem.epochs) != 1 {
		t.Errorf("%d epochs, told %q", len(s.mem.epochs), told)
	}
}

// What a refusal taught holds for an hour: the server may have been started anew since. An
// hour by a clock that was ahead and was set right is none.
func TestARefusedWindowIsTriedAgainLater(t *testing.T) {
	for name, later := range map[string]time.Duration{"two hours later": 2 * time.Hour, "after the clock was set back": -24 * time.Hour} {
		server := &small{window: 8_500, numbers: true}
		s := longTalk(t, server, 0)
		target, config := windowed(first, 0), 40_000
		target.Layers.Server, target.Layers.Config.Window = model.Layer{}, &config
		s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{target}, nil }
		s.agent = agent.New(s.cfg)
		s.talk(30)
		if server.refused != 1 || len(s.mem.epochs) < 2 {
			t.Fatalf("%s: %d refusals and %d epochs", name, server.refused, len(s.mem.epochs))
		}
		server.window = 40_000
		s.now = s.now.Add(later)
		had := len(s.mem.epochs)
		if told := s.talk(20); len(told) > 0 || len(s.mem.epochs) != had {
			t.Errorf("%s: %d epochs more, told %q", name, len(s.mem.epochs)-had, told)
		}
	}
}

// A server that gives the window it is asked for is asked for the same one in all of a
// conversation: another would load the model anew.
func TestAWindowThatIsAskedForStays(t *testing.T) {
	server, asked := &small{window: 8_500}, true
	s := longTalk(t, server, 0)
	target := windowed(first, 8_500)
	target.Layers.Server.WindowAsked = &asked
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{target}, nil }
	s.agent = agent.New(s.cfg)
	s.talk(8)
	more := 60_000
	target.Layers.Server.Window = &more
	if s.talk(8); server.refused > 0 || len(s.mem.epochs) < 2 {
		t.Errorf("%d refusals and %d epochs", server.refused, len(s.mem.epochs))
	}
}

// telling is a server that tells that it reads.
type telling struct{ *small }

func (s telling) Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		if yield(model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseReading, Model: "m", Total: 7_400}}, nil) {
			s.small.Stream(ctx, q)(yield)
		}
	}
}

func TestAPersonWhoWaitsForASummaryIsToldSo(t *testing.T) {
	server := &small{window: 10_000}
	s := longTalk(t, server, 8)
	s.cfg.Router = telling{server}
	s.agent = agent.New(s.cfg)
	var notes []string
	if err := s.agent.Compact(t.Context(), s.mem, "", func(e hearth.Event) {
		if e.Kind == hearth.EventWait {
			notes = append(notes, e.Wait.Note)
		}
	}); err != nil || !slices.Equal(notes, []string{"to sum up the conversation"}) {
		t.Errorf("told %q, %v", notes, err)
	}
}
