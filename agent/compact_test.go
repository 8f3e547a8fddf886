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
	"hearth/prompt"
)

// small is a model server with a small window that refuses what does not fit. It counts
// a token for every four bytes, and knows nothing of how the agent estimates.
type small struct {
	window   int
	requests []*model.Request
	lanes    []model.Lane
	refused  int
	broken   bool // gives no summaries
	talks    bool // never ends one
	stopped  int  // how often it was stopped
	down     bool
	takes    int  // bytes, if a proxy counts them
	numbers  bool // names them when it refuses
	mute     bool // says nothing instead of refusing
	strict   bool // counts the answer that is asked for, too
	dense    int  // tokens for every four bytes; default 1. It then counts none when it answers
	picture  int  // tokens of one
}

func (s *small) Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		req, err := q.Build(q.Chain[0])
		if err != nil {
			yield(model.Delta{}, err)
			return
		}
		if s.down {
			yield(model.Delta{}, &hearth.Error{Op: "chat", Reason: hearth.ReasonUnreachable})
			return
		}
		sent := encode(req)
		tokens := len(sent.Head)
		for _, i := range sent.Items {
			tokens += len(i)
		}
		tokens = tokens*max(s.dense, 1)/4 + s.picture*pictures(req)
		rep := hearth.Report{Target: q.Chain[0].Ref, Items: len(sent.Items), Bytes: 4 * tokens, Prefix: sent.Prefix(len(sent.Items)), Usage: hearth.Usage{Input: tokens}}
		if s.dense > 0 {
			rep.Usage = hearth.Usage{}
		}
		if s.takes > 0 && 4*tokens > s.takes {
			s.refused++
			yield(model.Delta{}, &hearth.Error{Op: "chat", Reason: hearth.ReasonContextOverflow, HTTPStatus: 413, Err: &model.Overflow{Bytes: true, Words: "a web page"}})
			return
		}
		wanted := 0
		if s.strict {
			wanted = req.Limit(req.MaxTokens)
		}
		if tokens+wanted > s.window {
			s.refused++
			if s.mute {
				rep.Reason = hearth.ReasonEmpty
				if yield(model.Delta{Sent: sent}, nil) && yield(model.Delta{Report: &rep}, nil) {
					yield(model.Delta{}, &hearth.Error{Op: "chat", Reason: hearth.ReasonEmpty})
				}
				return
			}
			rep.Reason, rep.Usage = hearth.ReasonContextOverflow, hearth.Usage{}
			no := &hearth.Error{Op: "chat", Reason: hearth.ReasonContextOverflow, Err: &model.Overflow{Words: "it is too long"}}
			if s.numbers {
				no.Err, rep.Refused = &model.Overflow{Window: s.window, Prompt: tokens, Exact: true}, tokens
			}
			if yield(model.Delta{Sent: sent}, nil) && yield(model.Delta{Report: &rep}, nil) {
				yield(model.Delta{}, no)
			}
			return
		}
		s.requests, s.lanes = append(s.requests, req), append(s.lanes, q.Lane)
		last := req.Messages[len(req.Messages)-1]
		text := fmt.Sprintf("Answer %d.", len(s.requests))
		if strings.Contains(last.Parts[0].Text, "about to be shortened") {
			text = "The word of the first turn is mulberry."
			if s.broken {
				text = ""
			}
			for i := 0; s.talks && i < 100_000; i++ {
				if ctx.Err() != nil {
					s.stopped++
					yield(model.Delta{}, &hearth.Error{Op: "chat", Reason: hearth.ReasonCancelled, Err: ctx.Err()})
					return
				}
				if !yield(model.Delta{Text: "And mulberry again.\n"}, nil) {
					return
				}
			}
		}
		if yield(model.Delta{Sent: sent}, nil) && (text == "" || yield(model.Delta{Text: text}, nil)) {
			yield(model.Delta{Report: &rep, Stop: hearth.StopEnd}, nil)
		}
	}
}

func longTalk(t *testing.T, server *small, turns int) *scene {
	s := newScene(t, nil)
	window := server.window
	target := model.Target{Ref: hearth.ModelRef{Provider: "local", Model: "m"}, Layers: model.Layers{Server: model.Layer{Window: &window}, Default: model.DefaultLayer()}}
	s.cfg.Router = server
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{target}, nil }
	s.agent = agent.New(s.cfg)
	for i := range turns {
		out, err := s.say(fmt.Sprintf("Turn %d, remember mulberry. %s", i, strings.Repeat("Long words follow one another. ", 60)))
		if err != nil || out.Answer == "" {
			t.Fatalf("turn %d: %+v, %v", i, out, err)
		}
	}
	return s
}

func TestFortyLongTurnsFitASmallWindow(t *testing.T) {
	server := &small{window: 10_000}
	s := longTalk(t, server, 40)
	breaks := 0
	for _, e := range s.mem.epochs[1:] {
		if e.Reason != "compaction" {
			t.Errorf("an epoch ended for %q", e.Reason)
		}
		breaks++
	}
	if breaks == 0 || breaks > 8 || server.refused > 0 {
		t.Errorf("%d breaks and %d refusals", breaks, server.refused)
	}
	if last := server.requests[len(server.requests)-1]; !strings.Contains(last.Messages[0].Parts[0].Text, "mulberry") {
		t.Errorf("the summary is not in the request: %q", last.Messages[0].Parts[0].Text)
	}
}

func TestTheSummaryIsAskedAsASuffixOfTheLiveConversation(t *testing.T) {
	server := &small{window: 10_000}
	longTalk(t, server, 20)
	for i, req := range server.requests {
		last := req.Messages[len(req.Messages)-1].Parts[0].Text
		if !strings.Contains(last, "about to be shortened") {
			continue
		}
		before, now := encode(server.requests[i-1]), encode(req)
		if now.Prefix(len(before.Items)) != before.Prefix(len(before.Items)) {
			t.Errorf("request %d, for the summary, does not extend the one before", i)
		}
		return
	}
	t.Error("no summary was asked for")
}

// A server that was loaded anew with less room may cut what is too long in silence, so
// its word counts before anything is sent, although the epoch began with more.
func TestAWindowThatShrankIsKeptWithinBeforeAnythingIsSent(t *testing.T) {
	server := &small{window: 16_000}
	s := longTalk(t, server, 14)
	if len(s.mem.epochs) != 1 {
		t.Fatalf("%d epochs before", len(s.mem.epochs))
	}
	server.window = 6_000
	targets, _ := s.cfg.Targets(t.Context())
	now := 6_000
	targets[0].Layers.Server.Window = &now
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return targets, nil }
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
	if err != nil || out.Answer == "" || server.refused > 0 {
		t.Errorf("got %+v, %v after %d refusals", out.Answer, err, server.refused)
	}
	if all := strings.Join(told, "\n"); !strings.Contains(all, "6000 tokens now, not the 16000") {
		t.Errorf("told %q", all)
	}
	if last := s.mem.epochs[len(s.mem.epochs)-1]; len(s.mem.epochs) != 2 || last.Reason != "compaction" {
		t.Errorf("epochs %+v", s.mem.epochs)
	}
	if out, err := s.say("still there?"); err != nil || out.Answer == "" || len(s.mem.epochs) != 2 {
		t.Errorf("the turn after: %+v, %v, %d epochs", out.Answer, err, len(s.mem.epochs))
	}
}

func TestAConversationGoesOnWhenTheModelGivesNoSummary(t *testing.T) {
	longTalk(t, &small{window: 10_000, broken: true}, 40)
}

// A server that dies while it sums up may be back in a moment: nothing is given up for it
// at once, and a conversation is not stuck with it.
func TestAServerThatBreaksDuringASummaryStopsNoConversation(t *testing.T) {
	for name, failure := range map[string]*hearth.Error{
		"it breaks":               {Op: "chat", Reason: hearth.ReasonServer, HTTPStatus: 500, Err: errors.New("boom")},
		"it is cut":               {Op: "chat", Reason: hearth.ReasonCut, Err: errors.New("it ended")},
		"it makes no sense of it": {Op: "chat", Reason: hearth.ReasonBadRequest, Err: errors.New("weird")},
	} {
		for known, config := range map[string]int{"and its window is known": 0, "and nobody knows its window": 30_000} {
			t.Run(name+" "+known, func(t *testing.T) {
				server := &small{window: 10_000}
				s := longTalk(t, server, 0)
				if config > 0 {
					target := windowed(first, 0)
					target.Layers.Server, target.Layers.Config.Window = model.Layer{}, &config
					s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{target}, nil }
				}
				router := &breaking{small: server, failure: failure}
				s.cfg.Router = router
				s.agent = agent.New(s.cfg)
				told := s.talk(40)
				if n := len(server.requests); n != 40 || router.broke > 2*(len(s.mem.epochs)-1)+1 {
					t.Errorf("%d answers, and %d summaries that failed in %d epochs", n, router.broke, len(s.mem.epochs))
				}
				if !strings.Contains(strings.Join(told, "\n"), "without a summary, because the server failed to give one ("+failure.Err.Error()+")") {
					t.Errorf("told %q", told)
				}
			})
		}
	}
}

func TestAServerThatBreaksOnceDuringASummaryCostsNothing(t *testing.T) {
	server := &small{window: 10_000}
	s := longTalk(t, server, 1)
	router := &breaking{small: server, failure: &hearth.Error{Op: "chat", Reason: hearth.ReasonServer, HTTPStatus: 500}}
	s.cfg.Router = router
	s.agent = agent.New(s.cfg)
	for i := 0; router.broke == 0; i++ {
		if _, err := s.say(long(i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.mem.epochs) != 1 {
		t.Errorf("%d epochs", len(s.mem.epochs))
	}
	s.cfg.Router = server
	s.agent = agent.New(s.cfg)
	if out, err := s.say("still there?"); err != nil || out.Answer == "" || len(s.mem.epochs) != 2 {
		t.Errorf("when it is back: %+v, %v, %d epochs", out.Answer, err, len(s.mem.epochs))
	}
	if last := server.requests[len(server.requests)-1]; !strings.Contains(last.Messages[0].Parts[0].Text, "mulberry") {
		t.Errorf("the summary is not in the request: %q", last.Messages[0].Parts[0].Text)
	}
}

// breaking is a server that breaks whenever it is to sum up.
type breaking struct {
	*small
	failure *hearth.Error
	broke   int
}

func (b *breaking) Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	req, err := q.Build(q.Chain[0])
	if err != nil || !strings.Contains(req.Messages[len(req.Messages)-1].Parts[0].Text, "about to be shortened") {
		return b.small.Stream(ctx, q)
	}
	return func(yield func(model.Delta, error) bool) {
		b.broke++
		rep := hearth.Report{Target: q.Chain[0].Ref, Reason: b.failure.Reason}
		if yield(model.Delta{Report: &rep}, nil) {
			yield(model.Delta{}, b.failure)
		}
	}
}

func TestAMessageLargerThanTheWindowIsRefusedClearlyAndTheNextOneWorks(t *testing.T) {
	server := &small{window: 5_000}
	s := longTalk(t, server, 3)
	asked := len(server.requests)
	_, err := s.say(strings.Repeat("too long ", 4000))
	if e, ok := errors.AsType[*hearth.Error](err); !ok || e.Reason != hearth.ReasonContextOverflow || !strings.Contains(e.Try, "smaller parts") {
		t.Fatalf("got %v", err)
	}
	if server.refused != 1 || len(server.requests) != asked || len(s.mem.epochs) != 1 {
		t.Errorf("it was sent %d times, with %d other requests and %d epochs: nothing older makes room for it", server.refused, len(server.requests)-asked, len(s.mem.epochs))
	}
	if out, err := s.say("short"); err != nil || out.Answer == "" {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestALoopOfLargeToolOutputsIsTrimmedWithoutAModelCall(t *testing.T) {
	server := &small{window: 10_000}
	s := longTalk(t, server, 3)
	for i := range 12 {
		id := hearth.CallID(fmt.Sprint("call", i))
		s.mem.entries = append(s.mem.entries,
			entry(len(s.mem.entries)+1, hearth.Message{ID: hearth.MessageID("q" + id), Turn: "t", Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "go", Provenance: hearth.FromOwner}}}),
			entry(len(s.mem.entries)+2, hearth.Message{ID: hearth.MessageID("a" + id), Turn: "t", Role: hearth.RoleAssistant, Model: hearth.ModelRef{Provider: "local", Model: "m"}, Parts: []hearth.Part{{Call: &hearth.ToolCall{ID: id, Name: "read", Arguments: "{}"}}}}),
			entry(len(s.mem.entries)+3, hearth.Message{ID: hearth.MessageID("r" + id), Turn: "t", Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{CallID: id, Name: "read", Text: strings.Repeat("x", 4000)}}}}),
			entry(len(s.mem.entries)+4, hearth.Message{ID: hearth.MessageID("z" + id), Turn: "t", Role: hearth.RoleAssistant, Model: hearth.ModelRef{Provider: "local", Model: "m"}, Parts: []hearth.Part{{Text: "ok"}}}))
	}
	before := len(server.requests)
	if out, err := s.say("and now?"); err != nil || out.Answer == "" {
		t.Fatalf("got %+v, %v", out, err)
	}
	if n := len(server.requests) - before; n != 1 {
		t.Errorf("%d model calls, want one", n)
	}
	last := s.mem.epochs[len(s.mem.epochs)-1]
	if plan, err := prompt.DecodePlan(last.Plan); err != nil || len(plan.Trimmed) == 0 {
		t.Errorf("nothing was trimmed: %+v, %v", last, err)
	}
}

// told has one turn run and gives its notices about the shortened conversation.
func (s *scene) told(text string) (notices []string, err error) {
	s.Helper()
	if _, err := s.agent.Accept(s.Context(), s.mem, prompt.Incoming{Text: text}); err != nil {
		s.Fatal(err)
	}
	_, err = s.agent.Turn(s.Context(), s.mem, func(e hearth.Event) {
		if e.Kind == hearth.EventNotice && e.Notice.Kind == "compaction" {
			notices = append(notices, e.Notice.Text)
		}
	})
	return notices, err
}

// Words that were too long for the window stay in the transcript. They take nothing else
// of the conversation away.
func TestWordsThatNeverFittedStandInTheWayOfNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		turns  int
		detail string // of the epoch that begins
	}{
		{"where the rest fits", 4, "of 1 message too long for the window, the model is shown the beginning and the end"},
		{"where the rest is summed up", 8, "summed up "},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := &small{window: 8_000}
			s := longTalk(t, server, c.turns)
			if _, err := s.say(strings.Repeat("too long ", 6000)); hearth.ReasonOf(err) != hearth.ReasonContextOverflow {
				t.Fatalf("got %v", err)
			}
			out, err := s.say("short")
			if err != nil || out.Answer == "" {
				t.Fatalf("got %+v, %v", out, err)
			}
			last := string(slices.Concat(encode(server.requests[len(server.requests)-1]).Items...))
			if !strings.Contains(last, "mulberry") || len(last) > 4*server.window {
				t.Errorf("the request has %d bytes, and the first turn's word: %t", len(last), strings.Contains(last, "mulberry"))
			}
			if e := s.mem.epochs[len(s.mem.epochs)-1]; !strings.HasPrefix(e.Detail, c.detail) || strings.Contains(e.Detail, "left out") {
				t.Errorf("an epoch %q", e.Detail)
			}
			if err := s.agent.Compact(t.Context(), s.mem, "", nil); err != nil && hearth.ReasonOf(err) != hearth.ReasonUsage {
				t.Errorf("and then /compact: %v", err)
			}
		})
	}
}

// A server that names its window and refuses without a number has said something of our
// count, and nothing of its window.
// An answer that ran on until somebody stopped it is no more a reason to forget the rest.
func TestAnAnswerThatRanOnStandsInTheWayOfNothing(t *testing.T) {
	server := &small{window: 8_000}
	s := longTalk(t, server, 4)
	ran := entry(len(s.mem.entries)+2, hearth.Message{ID: "ran", Turn: "r", Role: hearth.RoleAssistant, Stop: hearth.StopCancelled, Model: hearth.ModelRef{Provider: "local", Model: "m"},
		Parts: []hearth.Part{{Text: strings.Repeat("tick tock ", 2400), Provenance: hearth.FromModel}}})
	s.mem.entries = append(s.mem.entries, entry(len(s.mem.entries)+1, hearth.Message{ID: "tell", Turn: "r", Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "a story", Provenance: hearth.FromOwner}}}), ran)
	out, err := s.say("go on")
	if err != nil || out.Answer == "" {
		t.Fatalf("got %+v, %v", out, err)
	}
	last := string(slices.Concat(encode(server.requests[len(server.requests)-1]).Items...))
	if !strings.Contains(last, "mulberry") || strings.Count(last, "tick tock") > 200 {
		t.Errorf("the request has %d bytes, and the first turn's word: %t", len(last), strings.Contains(last, "mulberry"))
	}
	for _, e := range s.mem.epochs {
		if strings.Contains(e.Detail, "without a summary") {
			t.Errorf("an epoch %q", e.Detail)
		}
	}
}

func TestARefusalWithoutNumbersDoesNotShrinkAWindowThatIsKnown(t *testing.T) {
	server := &small{window: 4_096, dense: 2}
	s := longTalk(t, server, 40)
	if server.refused == 0 {
		t.Fatal("nothing was refused")
	}
	if server.refused > 2 {
		t.Errorf("%d refusals: nothing was learned from them", server.refused)
	}
	for _, e := range s.mem.epochs {
		if p, err := prompt.DecodePlan(e.Plan); err != nil || p.Window != 4_096 {
			t.Errorf("epoch %q has a window of %d (%v)", e.Reason, p.Window, err)
		}
		if strings.Contains(e.Detail, "without a summary") {
			t.Errorf("an epoch %q", e.Detail)
		}
	}
}

// A proxy's limit is in bytes: a long conversation is shortened for it, and nothing is
// learned of the model's window.
func TestALimitOfBytesShortensALongConversationAndTeachesNothing(t *testing.T) {
	server := &small{window: 30_000, takes: 60_000}
	s := longTalk(t, server, 60)
	if server.refused == 0 || server.refused > 4 {
		t.Errorf("%d refusals", server.refused)
	}
	for _, e := range s.mem.epochs {
		if p, err := prompt.DecodePlan(e.Plan); err != nil || p.Window != 30_000 {
			t.Errorf("epoch %q has a window of %d (%v)", e.Reason, p.Window, err)
		}
	}
}

func TestALimitOfBytesCostsAShortConversationNothing(t *testing.T) {
	server := &small{window: 100_000, takes: 40_000}
	s := longTalk(t, server, 3)
	_, err := s.say(strings.Repeat("too many bytes ", 2500))
	if o, ok := errors.AsType[*model.Overflow](err); !ok || !o.Bytes {
		t.Fatalf("got %v", err)
	}
	if server.refused != 1 || len(server.requests) != 3 || len(s.mem.epochs) != 1 {
		t.Errorf("%d refusals, %d answers, %d epochs", server.refused, len(server.requests), len(s.mem.epochs))
	}
}

func TestATurnThatFailedCanBeCompacted(t *testing.T) {
	server := &small{window: 16_000}
	s := longTalk(t, server, 8)
	server.down = true
	if _, err := s.say("the server is down now"); err == nil {
		t.Fatal("it was answered")
	}
	server.down = false
	if err := s.agent.Compact(t.Context(), s.mem, "", nil); err != nil {
		t.Fatal(err)
	}
	if out, err := s.say("and now?"); err != nil || out.Answer == "" {
		t.Errorf("got %+v, %v", out, err)
	}
	if err := strict(server.requests); err != nil {
		t.Error(err)
	}
}

// Words that were received, and whose turn failed before they became a message, are no
// turn that goes on.
func TestWordsWhoseTurnFailedBeforeItBeganStandInNoWay(t *testing.T) {
	server := &small{window: 16_000}
	s := longTalk(t, server, 8)
	targets := s.cfg.Targets
	down := false
	s.cfg.Known = func() []model.Target { return nil }
	s.cfg.Targets = func(ctx context.Context) ([]model.Target, error) {
		if down {
			return nil, &hearth.Error{Op: "find a model", Reason: hearth.ReasonUnreachable}
		}
		return targets(ctx)
	}
	s.agent = agent.New(s.cfg)
	down = true
	if _, err := s.say("nobody is there"); err == nil {
		t.Fatal("it was answered")
	}
	down = false
	if err := s.agent.Compact(t.Context(), s.mem, "", nil); err != nil {
		t.Fatal(err)
	}
	out, err := s.say("and now?")
	if err != nil || out.Answer == "" {
		t.Errorf("got %+v, %v", out, err)
	}
	last := string(slices.Concat(encode(server.requests[len(server.requests)-1]).Items...))
	if !strings.Contains(last, "nobody is there") || !strings.Contains(last, "mulberry") {
		t.Errorf("the request is %s", last)
	}
	if err := strict(server.requests); err != nil {
		t.Error(err)
	}
}

// strict is what servers with a strict template want: a person and the model in turns.
func strict(requests []*model.Request) error {
	for i, req := range requests {
		for j := range req.Messages {
			if want := []hearth.Role{hearth.RoleUser, hearth.RoleAssistant}[j%2]; req.Messages[j].Role != want {
				return fmt.Errorf("message %d of request %d is the %s's", j, i, req.Messages[j].Role)
			}
		}
	}
	return nil
}

func TestASummaryThatNeverEndsIsStoppedAndCut(t *testing.T) {
	server := &small{window: 6_000, talks: true}
	s := longTalk(t, server, 40)
	if server.refused > 0 || len(s.mem.epochs) > 16 {
		t.Errorf("%d refusals and %d epochs", server.refused, len(s.mem.epochs))
	}
	if server.stopped == 0 {
		t.Error("no summary was stopped")
	}
}

func TestWhatCannotBeSummedUpIsToldOnceAndNothingIsAskedAboutIt(t *testing.T) {
	server := &small{window: 5_000}
	s := longTalk(t, server, 0)
	s.cfg.Room.KeepRecentTokens = 100
	s.agent = agent.New(s.cfg)
	if _, err := s.say(strings.Repeat("too long ", 4000)); hearth.ReasonOf(err) != hearth.ReasonContextOverflow {
		t.Fatalf("got %v", err)
	}
	s.mem.entries = append(s.mem.entries, entry(len(s.mem.entries)+1, hearth.Message{ID: "n", Turn: "t", Role: hearth.RoleAssistant, Model: hearth.ModelRef{Provider: "local", Model: "m"}, Parts: []hearth.Part{{Text: "ok"}}}))
	before := len(server.requests) + server.refused
	notices, err := s.told("short")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"the context window is full: the 2 oldest messages left the model's context without a summary, because even the request for one would not fit (nothing is lost on disk)"}
	if !slices.Equal(notices, want) {
		t.Errorf("told %q\nwant %q", notices, want)
	}
	if n := len(server.requests) + server.refused - before; n != 1 {
		t.Errorf("%d model calls, want the answer's alone", n)
	}
}

func TestWhatIsSummedUpAndWhatIsNotAddUp(t *testing.T) {
	server := &small{window: 5_000}
	s := longTalk(t, server, 0)
	s.cfg.Room.KeepRecentTokens = 100
	s.agent = agent.New(s.cfg)
	if _, err := s.say(strings.Repeat("too long ", 4000)); hearth.ReasonOf(err) != hearth.ReasonContextOverflow {
		t.Fatalf("got %v", err)
	}
	for i := range 3 { // words that came since, which a summary can be asked of
		s.mem.entries = append(s.mem.entries,
			entry(len(s.mem.entries)+1, hearth.Message{ID: hearth.MessageID(fmt.Sprint("n", i)), Turn: "t", Role: hearth.RoleAssistant, Model: hearth.ModelRef{Provider: "local", Model: "m"}, Parts: []hearth.Part{{Text: "ok"}}}),
			entry(len(s.mem.entries)+2, hearth.Message{ID: hearth.MessageID(fmt.Sprint("q", i)), Turn: hearth.TurnID(fmt.Sprint("t", i)), Role: hearth.RoleUser, Parts: []hearth.Part{{Text: strings.Repeat("go on ", 100), Provenance: hearth.FromOwner}}}))
	}
	notices, err := s.told("short")
	if err != nil {
		t.Fatal(err)
	}
	if len(notices) != 1 {
		t.Fatalf("told %q", notices)
	}
	var lost, kept int
	const text = "the context window is full: the %d oldest messages left the model's context without a summary, because the request for one would not fit with them; the %d after them were summed up (nothing is lost on disk)"
	if _, err := fmt.Sscanf(notices[0], text, &lost, &kept); err != nil {
		t.Fatalf("told %q: %v", notices[0], err)
	}
	epoch := s.mem.epochs[len(s.mem.epochs)-1]
	said := 0
	for _, e := range s.mem.entries[:epoch.FirstSeq-1] {
		if e.Message.Role != hearth.RoleMark {
			said++
		}
	}
	if lost != 2 || kept == 0 || lost+kept != said {
		t.Errorf("%d lost and %d summed up of %d", lost, kept, said)
	}
}

func TestTheOwnersWishesAreInEverySummarysQuestion(t *testing.T) {
	server := &small{window: 10_000}
	s := longTalk(t, server, 0)
	s.cfg.SummaryWishes = "Keep every birthday."
	s.agent = agent.New(s.cfg)
	for i := range 20 {
		if _, err := s.say(fmt.Sprintf("Turn %d. %s", i, strings.Repeat("Long words follow one another. ", 60))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.agent.Compact(t.Context(), s.mem, "Keep all names.", nil); err != nil {
		t.Fatal(err)
	}
	var asked []string
	for _, req := range server.requests {
		if last := req.Messages[len(req.Messages)-1].Parts[0].Text; strings.Contains(last, "about to be shortened") {
			asked = append(asked, last)
		}
	}
	if len(asked) < 2 {
		t.Fatalf("%d summaries were asked for", len(asked))
	}
	for i, q := range asked {
		if strings.Count(q, "Its owner always wants this: Keep every birthday.") != 1 || strings.Contains(q, "The person adds: Keep all names.") != (i == len(asked)-1) {
			t.Errorf("question %d is %q", i, q)
		}
	}
}

func TestASmallWindowIsWarnedOfOnce(t *testing.T) {
	server := &small{window: 6_000}
	s := longTalk(t, server, 0)
	warned := 0
	for i := range 3 {
		if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: fmt.Sprint("hello ", i)}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.again().agent.Turn(t.Context(), s.mem, func(e hearth.Event) {
			if e.Kind == hearth.EventNotice && e.Notice.Kind == "low-context-window" {
				warned++
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if warned != 1 {
		t.Errorf("warned %d times in one epoch, want once", warned)
	}
}

// An owner who forces a call at every step of a turn has not forbidden summaries.
func TestASummaryIsNotForcedToBeACall(t *testing.T) {
	server := &small{window: 10_000}
	s := longTalk(t, server, 0)
	targets, _ := s.cfg.Targets(t.Context())
	targets[0].Params.ExtraBody = []byte(`{"tool_choice":"required","top_k":1}`)
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return targets, nil }
	s.agent = agent.New(s.cfg)
	for i := range 20 {
		if _, err := s.say(fmt.Sprintf("Turn %d, remember mulberry. %s", i, strings.Repeat("Long words follow one another. ", 60))); err != nil {
			t.Fatal(err)
		}
	}
	summaries := 0
	for _, req := range server.requests {
		want := `{"tool_choice":"required","top_k":1}`
		if last := req.Messages[len(req.Messages)-1].Parts[0].Text; strings.Contains(last, "about to be shortened") {
			summaries++
			want = `{"top_k":1}`
		}
		if string(req.ExtraBody) != want {
			t.Errorf("a request has %s, want %s", req.ExtraBody, want)
		}
	}
	if summaries == 0 {
		t.Error("no summary was asked for")
	}
}

// What stands before the first message and is none of anybody is nothing to sum up.
func TestNothingIsSummedUpWhereAllIsRecent(t *testing.T) {
	server := &small{window: 16_000}
	s := longTalk(t, server, 0)
	s.cfg.Known = func() []model.Target { return nil } // so that words are received first
	s.agent = agent.New(s.cfg)
	if _, err := s.say("short"); err != nil {
		t.Fatal(err)
	}
	asked := len(server.requests)
	if err := s.agent.Compact(t.Context(), s.mem, "", nil); hearth.ReasonOf(err) != hearth.ReasonUsage {
		t.Errorf("got %v", err)
	}
	if len(server.requests) != asked || len(s.mem.epochs) != 1 {
		t.Errorf("%d model calls for nothing, %d epochs", len(server.requests)-asked, len(s.mem.epochs))
	}
}

// A refusal without numbers by a server whose window nobody knows says that it has less
// room than was asked of it.
func TestARefusalWithoutNumbersShrinksAWindowThatIsAGuess(t *testing.T) {
	server := &small{window: 6_000}
	s := newScene(t, nil) // 16,384 are assumed
	s.cfg.Router = server
	s.agent = agent.New(s.cfg)
	var told []string
	for i := range 40 {
		if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: fmt.Sprintf("Turn %d. %s", i, strings.Repeat("Long words follow one another. ", 60))}); err != nil {
			t.Fatal(err)
		}
		out, err := s.agent.Turn(t.Context(), s.mem, func(e hearth.Event) {
			if e.Kind == hearth.EventNotice && e.Notice.Kind == "window" {
				told = append(told, e.Notice.Text)
			}
		})
		if err != nil || out.Answer == "" {
			t.Fatalf("turn %d: %q, %v", i, out.Answer, err)
		}
	}
	if len(told) != 1 || !strings.Contains(told[0], "takes fewer tokens than the 16384 that were assumed") {
		t.Errorf("told %q", told)
	}
	if server.refused > 3 {
		t.Errorf("%d refusals", server.refused)
	}
	last, err := prompt.DecodePlan(s.mem.epochs[len(s.mem.epochs)-1].Plan)
	if err != nil || last.Window > 8_000 {
		t.Errorf("the window is taken for %d (%v)", last.Window, err)
	}
}
