package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"hearth"
	"hearth/agent"
	"hearth/model"
	"hearth/prompt"
	"hearth/session"
	"hearth/tool"
)

// script is a router that answers from a list of steps and remembers what it was asked.
type script struct {
	steps     []step
	asked     []*model.Request
	questions []model.Question
}

// step is what one model call gives.
type step struct {
	think string
	text  string
	calls []hearth.ToolCall
	fail  error // after text
	// unsent has it fail before anything goes out.
	unsent bool
	// refuse has the request refused first; the one that heeds it gets the answer.
	refuse *model.Refusal
}

func (s *script) Stream(_ context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		req, err := q.Build(q.Chain[0])
		if err != nil {
			yield(model.Delta{}, err)
			return
		}
		s.asked, s.questions = append(s.asked, req), append(s.questions, q)
		if len(s.steps) == 0 {
			yield(model.Delta{}, errors.New("the script has ended"))
			return
		}
		now := s.steps[0]
		s.steps = s.steps[1:]
		sent := encode(req)
		sent.Head = append([]byte(q.Chain[0].Protocol), sent.Head...)
		rep := hearth.Report{Target: q.Chain[0].Ref, Items: len(sent.Items), Prefix: sent.Prefix(len(sent.Items))}
		if now.unsent {
			if yield(model.Delta{Report: &hearth.Report{Target: rep.Target, Reason: hearth.ReasonOf(now.fail)}}, nil) {
				yield(model.Delta{}, now.fail)
			}
			return
		}
		if no := now.refuse; no != nil {
			refused := rep
			refused.Reason = hearth.ReasonBadRequest
			taught := q.Chain[0]
			taught.Refused, taught.Layers.Server = no, no.Teach().Over(taught.Layers.Server)
			if !yield(model.Delta{Sent: sent}, nil) || !yield(model.Delta{Report: &refused}, nil) {
				return
			}
			if req, err = q.Build(taught); err != nil {
				yield(model.Delta{}, err)
				return
			}
			s.asked = append(s.asked, req)
			sent = encode(req)
			sent.Head = append([]byte(taught.Protocol), sent.Head...)
			rep.Items, rep.Prefix = len(sent.Items), sent.Prefix(len(sent.Items))
		}
		if !yield(model.Delta{Sent: sent}, nil) || now.think != "" && !yield(model.Delta{Thinking: now.think}, nil) || now.text != "" && !yield(model.Delta{Text: now.text}, nil) {
			return
		}
		if now.fail != nil {
			rep.Reason = hearth.ReasonOf(now.fail)
			if yield(model.Delta{Report: &rep}, nil) {
				yield(model.Delta{}, now.fail)
			}
			return
		}
		for i := range now.calls {
			if !yield(model.Delta{Call: &now.calls[i]}, nil) {
				return
			}
		}
		yield(model.Delta{Report: &rep, Stop: hearth.StopEnd}, nil)
	}
}

func encode(req *model.Request) *model.Sent {
	s := &model.Sent{Head: []byte(req.System)}
	for _, m := range req.Messages {
		b, err := json.Marshal(m)
		if err != nil {
			panic(err)
		}
		s.Items = append(s.Items, b)
	}
	return s
}

// counter is a tool that counts how often it ran.
type counter struct {
	name   string
	effect hearth.Effect
	ran    int
	give   func(n int) string
}

func (c *counter) Spec() hearth.ToolSpec {
	return hearth.ToolSpec{Name: c.name, Description: "counts", Schema: json.RawMessage(`{"type":"object"}`)}
}
func (c *counter) Effect(hearth.ToolCall) hearth.Effect { return c.effect }
func (c *counter) Run(context.Context, hearth.ToolCall) (hearth.ToolResult, error) {
	c.ran++
	text := "ok"
	if c.give != nil {
		text = c.give(c.ran)
	}
	return hearth.ToolResult{Text: text, From: hearth.FromFile}, nil
}

// scene is an agent with a script and a transcript.
type scene struct {
	*testing.T
	script *script
	mem    *memory
	agent  *agent.Agent
	cfg    agent.Config
	now    time.Time
	files  []prompt.File
	ids    int
}

func newScene(t *testing.T, steps []step, tools ...tool.Tool) *scene {
	s := &scene{T: t, script: &script{steps: steps}, mem: &memory{}, now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	target := model.Target{Ref: hearth.ModelRef{Provider: "local", Model: "m"}, Layers: model.Layers{Default: model.DefaultLayer()}}
	s.cfg = agent.Config{
		Router: s.script, Tools: tools, CanAsk: true,
		Targets: func(context.Context) ([]model.Target, error) { return []model.Target{target}, nil },
		House:   func() (prompt.House, error) { return prompt.House{Files: s.files}, nil },
		Now:     func() time.Time { s.now = s.now.Add(time.Second); return s.now },
		NewID:   func() string { s.ids++; return fmt.Sprintf("id%d", s.ids) },
	}
	s.agent = agent.New(s.cfg)
	return s
}

func (s *scene) say(text string) (agent.Outcome, error) {
	s.Helper()
	if _, err := s.agent.Accept(s.Context(), s.mem, prompt.Incoming{Text: text}); err != nil {
		s.Fatal(err)
	}
	return s.agent.Turn(s.Context(), s.mem, nil)
}

func (s *scene) wantTalk(want ...string) {
	s.Helper()
	if got := s.mem.talk(); !slices.Equal(got, want) {
		s.Errorf("the transcript is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func call(id, name, args string) []hearth.ToolCall {
	return []hearth.ToolCall{{ID: hearth.CallID(id), Name: name, Arguments: args}}
}

func TestATurnRunsToolsUntilThereIsAnAnswer(t *testing.T) {
	read := &counter{name: "look", effect: hearth.EffectRead}
	s := newScene(t, []step{{calls: call("c1", "look", `{"a":1}`)}, {text: "Found it."}}, read)
	out, err := s.say("hi")
	if err != nil || out.Answer != "Found it." || read.ran != 1 || out.Steps != 2 || !slices.Equal(out.Tools, []string{"look"}) {
		t.Errorf("got %+v, %v after %d runs", out, err, read.ran)
	}
	s.wantTalk("user: hi", `assistant: call look{"a":1}`, "tool: result ok", "assistant: Found it.")
	if len(s.mem.reports) != 2 || s.mem.reports[0].EpochID != 1 || len(s.mem.epochs) != 1 {
		t.Errorf("want two reports in one epoch, got %+v", s.mem.reports)
	}
}

func TestASecretInAResultIsMaskedBeforeItIsCutOrKept(t *testing.T) {
	const secret = "zebra-9917-quilt"
	look := &counter{name: "look", effect: hearth.EffectRead, give: func(int) string {
		return strings.Repeat(secret+" ", 20_000) // wherever it is cut, a secret stands there
	}}
	s := newScene(t, []step{{calls: call("c1", "look", `{}`)}, {text: "Found it."}}, look)
	s.cfg.Redact = func(text string) string { return strings.ReplaceAll(text, secret, "[secret]") }
	s.agent = agent.New(s.cfg)
	if _, err := s.say("hi"); err != nil {
		t.Fatal(err)
	}
	talk := strings.Join(s.mem.talk(), "\n")
	if !strings.Contains(talk, "[secret]") || strings.Contains(talk, "zebra") || strings.Contains(talk, "quilt") {
		t.Errorf("the transcript has %.200s", talk)
	}
}

func TestAnUnknownToolAndBrokenArgumentsAreAnswered(t *testing.T) {
	look := &counter{name: "look", effect: hearth.EffectRead}
	s := newScene(t, []step{{calls: call("c1", "loook", `{}`)}, {calls: call("c2", "look", `{"a":`)}, {text: "Sorry."}}, look)
	if _, err := s.say("hi"); err != nil {
		t.Fatal(err)
	}
	s.wantTalk("user: hi", "assistant: call loook{}", `tool: result There is no tool named "loook". The tools are: look.`,
		`assistant: call look{"a":`, `tool: result look: the arguments are not a JSON object: "{\"a\":"`, "assistant: Sorry.")
	if look.ran != 0 {
		t.Error("the tool ran on broken arguments")
	}
}

func TestRequestsExtendOneAnotherAcrossEditsMidnightAndFailure(t *testing.T) {
	s := newScene(t, []step{{text: "one"}, {text: "half", fail: &hearth.Error{Op: "x", Reason: hearth.ReasonCut}},
		{fail: &hearth.Error{Op: "x", Reason: hearth.ReasonUnreachable}}, {text: "four"}})
	s.files = []prompt.File{{Name: "AGENTS.md", Text: "Be kind."}}
	_, _ = s.say("a")
	s.files = []prompt.File{{Name: "AGENTS.md", Text: "Be brief."}}
	s.now = s.now.Add(20 * time.Hour)
	_, _ = s.say("b")
	_, _ = s.say("c")
	_, _ = s.say("d")
	for i := 1; i < len(s.script.asked); i++ {
		before, after := encode(s.script.asked[i-1]), encode(s.script.asked[i])
		if after.Prefix(len(before.Items)) != before.Prefix(len(before.Items)) {
			t.Errorf("request %d does not extend request %d", i+1, i)
		}
	}
	if len(s.mem.epochs) != 1 {
		t.Errorf("want one epoch, got %+v", s.mem.epochs)
	}
	note := s.mem.entries[2].Message.Parts[0].Text
	if !strings.Contains(note, "AGENTS.md was changed by its owner. It now says:]\nBe brief.") {
		t.Errorf("the edit is not told: %q", note)
	}
	if last := s.mem.entries[len(s.mem.entries)-2].Message.Parts[0].Text; strings.Contains(last, "AGENTS.md") {
		t.Errorf("the edit is told again: %q", last)
	}
	s.wantTalk("user: a", "assistant: one", "user: b", "assistant: half", "user: c", "mark: stopped",
		"assistant: (No answer was given: the model server could not be reached.)", "user: d", "assistant: four")
}

func TestAQuestionIsAskedOnceAndBoundToTheExactAction(t *testing.T) {
	run := &counter{name: "exec", effect: hearth.EffectRun}
	s := newScene(t, []step{{calls: call("c1", "exec", `{"command":"ls"}`)}, {text: "done"}}, run)
	out, err := s.say("list")
	if err != nil || out.Question == nil || run.ran != 0 {
		t.Fatalf("want a question, got %+v, %v", out, err)
	}
	forged := *out.Question
	forged.Hash = "other"
	if err := s.agent.Decide(t.Context(), s.mem, forged, true); hearth.ReasonOf(err) != hearth.ReasonUsage {
		t.Errorf("an answer to another action was taken: %v", err)
	}
	if err := s.agent.Decide(t.Context(), s.mem, *out.Question, true); err != nil {
		t.Fatal(err)
	}
	if err := s.agent.Decide(t.Context(), s.mem, *out.Question, true); hearth.ReasonOf(err) != hearth.ReasonUsage {
		t.Errorf("the same question was answered twice: %v", err)
	}
	if out, err = s.agent.Turn(t.Context(), s.mem, nil); err != nil || out.Answer != "done" || run.ran != 1 {
		t.Errorf("got %+v, %v", out, err)
	}
	s.wantTalk("user: list", `assistant: call exec{"command":"ls"}`, "mark: asked", "mark: approved", "mark: started", "tool: result ok", "assistant: done")
}

func TestACallWithEffectsIsNeverRepeatedAfterACrash(t *testing.T) {
	write := &counter{name: "write", effect: hearth.EffectWrite}
	s := newScene(t, []step{{calls: call("c1", "write", `{}`)}, {text: "checked"}}, write)
	crash := errors.New("power cut")
	write.give = func(int) string { s.mem.refuse = crash; return "written" }
	if _, err := s.say("save"); !errors.Is(err, crash) {
		t.Fatalf("want the crash, got %v", err)
	}
	s.mem.refuse = nil
	out, err := s.agent.Turn(t.Context(), s.mem, nil)
	if err != nil || out.Answer != "checked" || write.ran != 1 {
		t.Errorf("got %+v, %v after %d runs", out, err, write.ran)
	}
	if talk := s.mem.talk(); !strings.Contains(talk[3], "was interrupted. It may have taken effect") {
		t.Errorf("the model is not told of the interruption: %q", talk)
	}
}

func TestThreeIdenticalCallsAndResultsStopTheLoop(t *testing.T) {
	look := &counter{name: "look", effect: hearth.EffectRead}
	var steps []step
	for i := range 10 {
		steps = append(steps, step{calls: call(fmt.Sprint(i), "look", `{}`)})
	}
	s := newScene(t, steps, look)
	_, err := s.say("go")
	if hearth.ReasonOf(err) != hearth.ReasonLimit || look.ran != 3 {
		t.Errorf("got %v after %d runs", err, look.ran)
	}
}

func TestALoopThatChangesIsStoppedByTheStepLimit(t *testing.T) {
	look := &counter{name: "look", effect: hearth.EffectRead, give: func(n int) string { return fmt.Sprint(n) }}
	var steps []step
	for i := range 50 {
		steps = append(steps, step{calls: call(fmt.Sprint(i), "look", `{}`)})
	}
	s := newScene(t, steps, look)
	_, err := s.say("go")
	if hearth.ReasonOf(err) != hearth.ReasonLimit || len(s.script.asked) != 40 {
		t.Errorf("got %v after %d model calls", err, len(s.script.asked))
	}
}

func TestTheStepLimitNamesTheSettingThatLeavesTheModelNoWayOut(t *testing.T) {
	look := &counter{name: "look", effect: hearth.EffectRead, give: func(n int) string { return fmt.Sprint(n) }}
	var steps []step
	for i := range 50 {
		steps = append(steps, step{calls: call(fmt.Sprint(i), "look", `{}`)})
	}
	s := newScene(t, steps, look)
	targets, _ := s.cfg.Targets(t.Context())
	targets[0].Params.ExtraBody = json.RawMessage(`{"tool_choice":"required"}`)
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return targets, nil }
	s.agent = agent.New(s.cfg)
	_, err := s.say("go")
	if e, ok := errors.AsType[*hearth.Error](err); !ok || !strings.Contains(e.Cause, `tool_choice "required"`) {
		t.Errorf("got %v", err)
	}
}

func TestBytesThatChangedWithoutAReasonEndTheEpochAndAreCounted(t *testing.T) {
	s := newScene(t, []step{{text: "one"}, {text: "two"}})
	_, _ = s.say("a")
	s.mem.reports[0].Prefix = strings.Repeat("0", 64) // an upgrade encodes otherwise
	_, _ = s.say("b")
	if n := len(s.mem.epochs); n != 2 || s.mem.epochs[1].Reason != "encoder-changed" {
		t.Errorf("got epochs %+v", s.mem.epochs)
	}
}

// What was sent is put together from all reports of the epoch, however many they are.
func TestTheFirstDifferenceIsFoundInALongEpoch(t *testing.T) {
	s := newScene(t, nil)
	s.files = []prompt.File{{Name: "AGENTS.md", Text: "Be kind."}}
	s.script.steps = []step{{text: "one"}}
	_, _ = s.say(strings.Repeat("a long word ", 20))
	first := s.mem.reports[0]
	for range 450 { // more than the newest ones that every turn looks at; each asked the same again
		again := first
		again.At, again.Added = s.now, nil
		s.mem.reports = append(s.mem.reports, again)
	}
	last := len(s.mem.reports) - 1
	s.mem.reports[last].Prefix = strings.Repeat("0", 64) // an upgrade encodes otherwise
	head := len(encode(s.script.asked[0]).Head)
	s.mem.reports[0].Added[head+7] ^= 1
	s.script.steps = []step{{text: "two"}}
	var told *hearth.Break
	if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "b"}); err != nil {
		t.Fatal(err)
	}
	_, _ = s.agent.Turn(t.Context(), s.mem, func(e hearth.Event) {
		if e.Break != nil {
			told = e.Break
		}
	})
	if told == nil || told.Offset != head+7 || told.Reason != "encoder-changed" || told.Epoch != 2 ||
		utf8.RuneCountInString(told.Was) != 80 || utf8.RuneCountInString(told.Now) != 80 || told.Was[1:] != told.Now[1:] || told.Was == told.Now {
		t.Errorf("the log is told %+v", told)
	}
	if e := s.mem.epochs[len(s.mem.epochs)-1]; e.Reason != "encoder-changed" || e.FirstDiff != head+7 {
		t.Errorf("the break is %q at byte %d, want byte %d", e.Reason, e.FirstDiff, head+7)
	}
}

func TestAConversationBegunAnewSaysSo(t *testing.T) {
	s := newScene(t, []step{{text: "one"}})
	s.mem.renewed = true
	_, _ = s.say("a")
	if e := s.mem.epochs[0]; e.Reason != "new" {
		t.Errorf("the first epoch began for %q", e.Reason)
	}
}

func TestMessagesThatArriveDuringATurnJoinItAtAToolBoundary(t *testing.T) {
	look := &counter{name: "look", effect: hearth.EffectRead}
	s := newScene(t, []step{{calls: call("c1", "look", `{}`)}, {text: "both"}}, look)
	waiting := []prompt.Incoming{{Text: "and this"}}
	s.cfg.Pending = func() []prompt.Incoming { w := waiting; waiting = nil; return w }
	s.agent = agent.New(s.cfg)
	waiting = nil
	look.give = func(int) string { waiting = []prompt.Incoming{{Text: "and this"}}; return "ok" }
	if out, err := s.say("do"); err != nil || out.Answer != "both" {
		t.Fatalf("got %+v, %v", out, err)
	}
	s.wantTalk("user: do", "assistant: call look{}", "tool: result ok", "user: and this", "assistant: both")
}

func TestCancellingATurnKeepsWhatWasSaidAndRecordsWhy(t *testing.T) {
	s := newScene(t, []step{{text: "par", fail: &hearth.Error{Op: "x", Reason: hearth.ReasonCancelled}}})
	ctx, cancel := context.WithCancelCause(t.Context())
	if _, err := s.agent.Accept(ctx, s.mem, prompt.Incoming{Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	s.script.steps[0].fail = &hearth.Error{Op: "x", Reason: hearth.ReasonCancelled}
	emit := func(e hearth.Event) {
		if e.Kind == hearth.EventText {
			cancel(errors.New("ctrl-c"))
		}
	}
	out, err := s.agent.Turn(ctx, s.mem, emit)
	if hearth.ReasonOf(err) != hearth.ReasonCancelled || !out.Partial || out.Answer != "par" {
		t.Errorf("got %+v, %v", out, err)
	}
	s.wantTalk("user: hi", "assistant: par")
}

var _ session.Transcript = (*memory)(nil)

func TestACallThatIsDeniedAgainAndAgainStopsTheLoop(t *testing.T) {
	run := &counter{name: "exec", effect: hearth.EffectRun}
	var steps []step
	for i := range 10 {
		steps = append(steps, step{calls: call(fmt.Sprint(i), "exec", `{"command":"ls"}`)})
	}
	s := newScene(t, steps, run)
	s.cfg.CanAsk = false
	s.agent = agent.New(s.cfg)
	_, err := s.say("go")
	if hearth.ReasonOf(err) != hearth.ReasonLimit || len(s.script.asked) != 3 || run.ran != 0 {
		t.Errorf("got %v after %d model calls", err, len(s.script.asked))
	}
}

// Thoughts without an answer are no answer: the turn ends with an error, nothing of them is
// in the transcript, and the next request has a note in the place of the answer.
func TestAModelThatOnlyThinksHasGivenNoAnswer(t *testing.T) {
	empty := &hearth.Error{Op: "ask local/m", Reason: hearth.ReasonEmpty, Err: errors.New("the model only thought, and never answered")}
	s := newScene(t, []step{{think: "Is it hot?", fail: empty}, {text: "Yes."}})
	out, err := s.say("one")
	if !errors.Is(err, empty) || out.Answer != "" || out.Partial {
		t.Errorf("got %+v, %v", out, err)
	}
	if out, err := s.say("two"); err != nil || out.Answer != "Yes." {
		t.Errorf("got %+v, %v", out, err)
	}
	s.wantTalk("user: one", "mark: stopped", "assistant: (No answer was given: nothing was written for the person.)", "user: two", "assistant: Yes.")
	first, next := encode(s.script.asked[0]), encode(s.script.asked[1])
	if next.Prefix(len(first.Items)) != first.Prefix(len(first.Items)) {
		t.Error("the next request does not extend the first")
	}
}

// A turn is asked for by all who wrote in it, so it may do what the least trusted of them
// may: whoever joins it, in whichever order, and also after the process has ended.
func TestWhoJoinsATurnDoesNotLendTheirTrustToTheOthers(t *testing.T) {
	const owner, member, stranger = hearth.FromOwner, hearth.FromMember, hearth.FromStranger
	for _, c := range []struct {
		name        string
		first, then hearth.Provenance
		effect      hearth.Effect
		runs        bool
	}{
		{"the owner and the owner", owner, owner, hearth.EffectRead, true},
		{"a member joins the owner", owner, member, hearth.EffectSchedule, false},
		{"the owner joins a member", member, owner, hearth.EffectSchedule, false},
		{"a stranger joins the owner", owner, stranger, hearth.EffectRead, false},
		{"the owner joins a stranger", stranger, owner, hearth.EffectRead, false},
		{"a member joins a stranger", stranger, member, hearth.EffectRead, false},
	} {
		for _, died := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, the process died %t", c.name, died), func(t *testing.T) {
				look := &counter{name: "look", effect: c.effect}
				s := newScene(t, []step{{calls: call("c1", "other", `{}`)}, {calls: call("c2", "look", `{}`)}, {text: "Done."}}, look, &counter{name: "other", effect: hearth.EffectRead})
				if died {
					s.script.steps = slices.Insert(s.script.steps, 1, step{fail: &hearth.Error{Op: "ask", Reason: hearth.ReasonUnreachable}})
				}
				joins := 1 // when the first tool has run
				s.cfg.Pending = func() []prompt.Incoming {
					if len(s.script.asked) < joins {
						return nil
					}
					joins = 99
					return []prompt.Incoming{{Text: "And look.", From: c.then}}
				}
				s.agent = agent.New(s.cfg)
				if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "Go.", From: c.first}); err != nil {
					t.Fatal(err)
				}
				_, err := s.agent.Turn(t.Context(), s.mem, nil)
				if died {
					s.agent = agent.New(s.cfg)
					_, err = s.agent.Turn(t.Context(), s.mem, nil)
				}
				if err != nil || (look.ran > 0) != c.runs {
					t.Errorf("it ran %d times, %v", look.ran, err)
				}
			})
		}
	}
}

func TestOfTooManyCallsAtOnceTheFirstAreRun(t *testing.T) {
	look := &counter{name: "look", effect: hearth.EffectRead}
	var calls []hearth.ToolCall
	for i := range 5 {
		calls = append(calls, call(fmt.Sprintf("c%d", i), "look", fmt.Sprintf(`{"n":%d}`, i))...)
	}
	s := newScene(t, []step{{calls: calls}, {text: "done"}}, look)
	s.cfg.Limits.CallsPerStep = 3
	s.agent = agent.New(s.cfg)
	if out, err := s.say("go"); err != nil || out.Answer != "done" || look.ran != 3 || len(out.Calls) != 3 {
		t.Errorf("%d ran: %q, %v", look.ran, out.Answer, err)
	}
	told := s.script.asked[1].Messages[len(s.script.asked[1].Messages)-1].Parts[0].Result
	if told == nil || !told.Failed || told.CallID != "c4" || !strings.Contains(told.Text, "at most 3 calls") {
		t.Errorf("the model is told %+v", told)
	}
}

func TestAQuestionThatNobodyAnsweredEndsItsTurn(t *testing.T) {
	run := &counter{name: "exec", effect: hearth.EffectRun}
	s := newScene(t, []step{{calls: call("c1", "exec", `{}`)}, {text: "All right."}}, run)
	out, err := s.say("list")
	if err != nil || out.Question == nil {
		t.Fatalf("no question: %v", err)
	}
	if err := s.agent.Stop(t.Context(), s.mem, errors.New("the terminal is gone")); hearth.ReasonOf(err) != hearth.ReasonCancelled {
		t.Errorf("got %v", err)
	}
	if _, left, err := s.agent.Unanswered(t.Context(), s.mem); left || err != nil {
		t.Errorf("the message still waits: %v", err)
	}
	if out, err := s.say("never mind"); err != nil || out.Answer != "All right." || run.ran != 0 {
		t.Errorf("%d ran: %q, %v", run.ran, out.Answer, err)
	}
	s.wantTalk("user: list", "assistant: call exec{}", "mark: asked", "mark: stopped",
		"tool: result This call was not run.", "assistant: (No answer was given: the person stopped it.)", "user: never mind", "assistant: All right.")
	// What has its answer is not marked.
	if err := s.agent.Stop(t.Context(), s.mem, errors.New("again")); hearth.ReasonOf(err) != hearth.ReasonCancelled || len(s.mem.entries) != 8 {
		t.Errorf("%d entries, %v", len(s.mem.entries), err)
	}
}

// unopened is a model whose server marks the end of its reasoning only.
type unopened struct{ *script }

func (r unopened) Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		for d, err := range r.script.Stream(ctx, q) {
			first := d.Sent != nil
			if !yield(d, err) || first && (!yield(model.Delta{Text: "So the person"}, nil) || !yield(model.Delta{TextWasThinking: true}, nil) ||
				!yield(model.Delta{Opaque: json.RawMessage(`{"signature":"x"}`)}, nil)) {
				return
			}
		}
	}
}

func TestTextThatWasThinkingIsNoPartOfTheAnswer(t *testing.T) {
	s := newScene(t, []step{{text: "Hello."}})
	s.cfg.Router = unopened{s.script}
	s.agent = agent.New(s.cfg)
	out, err := s.say("hi")
	if err != nil || out.Answer != "Hello." {
		t.Fatalf("answered %q, %v", out.Answer, err)
	}
	parts := s.mem.entries[1].Message.Parts
	if len(parts) != 3 || parts[0].Thinking != "So the person" || string(parts[1].Opaque) != `{"signature":"x"}` || parts[2].Text != "Hello." {
		t.Errorf("it is kept as %+v", parts)
	}
}

func TestAPictureIsSentWithItsBytes(t *testing.T) {
	s := newScene(t, []step{{text: "A cat."}})
	targets := s.cfg.Targets
	s.cfg.Targets = func(ctx context.Context) ([]model.Target, error) {
		chain, err := targets(ctx)
		chain[0].Layers.Config.Vision = new(true)
		return chain, err
	}
	s.cfg.Blob = func(_ context.Context, hash string) ([]byte, error) { return []byte("bytes of " + hash), nil }
	s.agent = agent.New(s.cfg)
	if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: "what is it?", Images: []hearth.Blob{{Hash: "h", MIME: "image/png"}}}); err != nil {
		t.Fatal(err)
	}
	s.turn()
	blob := func(m hearth.Message) *hearth.Blob { return m.Parts[len(m.Parts)-1].Blob }
	if sent := blob(s.script.asked[0].Messages[0]); sent == nil || string(sent.Data) != "bytes of h" {
		t.Errorf("sent %+v", sent)
	}
	if kept := blob(s.mem.entries[0].Message); kept == nil || kept.Data != nil {
		t.Errorf("the transcript holds %+v", kept)
	}
}
