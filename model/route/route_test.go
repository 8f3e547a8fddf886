package route_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/route"
)

// step is one thing a fake provider does.
type step struct {
	wait  time.Duration
	delta model.Delta
	err   error
}

func text(s string) step                 { return step{delta: model.Delta{Text: s}} }
func think(s string) step                { return step{delta: model.Delta{Thinking: s}} }
func call(name string) step              { return step{delta: model.Delta{Call: &hearth.ToolCall{Name: name}}} }
func end(r hearth.StopReason) step       { return step{delta: model.Delta{Stop: r}} }
func usage(u hearth.Usage) step          { return step{delta: model.Delta{Usage: &u}} }
func fails(e hearth.Error) step          { e.Op = "fake"; return step{err: &e} }
func phase(p hearth.Phase) step          { return step{delta: model.Delta{Wait: &hearth.Wait{Phase: p}}} }
func after(d time.Duration, s step) step { s.wait = d; return s }
func refuses(r model.Refusal) step {
	return fails(hearth.Error{Reason: hearth.ReasonBadRequest, HTTPStatus: 400, Err: &r})
}
func because(r hearth.Reason, s string) step {
	return fails(hearth.Error{Reason: r, Err: errors.New(s)})
}

// fake is a provider whose every call plays the next script; the last one repeats.
type fake struct {
	calls   [][]step
	bodies  []string
	dialled int
	encode  func(*model.Request) string
}

func (f *fake) Stream(ctx context.Context, req *model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		body := fmt.Sprintf("model=%s string=%v refused=%v", req.Model, req.Capabilities.StringContent, req.Capabilities.RefusedFields)
		if f.encode != nil {
			body = f.encode(req)
		}
		items := make([][]byte, len(req.Messages))
		for i, m := range req.Messages {
			items[i] = []byte(m.Parts[0].Text)
		}
		if !yield(model.Delta{Sent: &model.Sent{Body: []byte(body), Head: []byte("head"), Items: items, Params: []byte(body)}}, nil) {
			return
		}
		f.bodies = append(f.bodies, body)
		script := f.calls[min(f.dialled, len(f.calls)-1)]
		f.dialled++
		for _, s := range script {
			select {
			case <-ctx.Done():
				yield(model.Delta{}, &hearth.Error{Op: "fake", Reason: hearth.ReasonCancelled, Err: context.Cause(ctx)})
				return
			case <-time.After(s.wait):
			}
			if s.err != nil {
				yield(model.Delta{}, s.err)
				return
			}
			if !yield(s.delta, nil) || s.delta.Stop != "" {
				return
			}
		}
	}
}

// outcome is everything that came out of a question.
type outcome struct {
	text    string
	calls   int
	notices []string
	waits   []string
	reports []hearth.Report
	stop    hearth.StopReason
	err     error
	took    time.Duration
}

func gather(seq iter.Seq2[model.Delta, error]) (o outcome) {
	began := time.Now()
	for d, err := range seq {
		switch {
		case err != nil:
			o.err = err
		case d.Notice != nil:
			o.notices = append(o.notices, d.Notice.Kind+": "+d.Notice.Text)
		case d.Wait != nil:
			o.waits = append(o.waits, string(d.Wait.Phase)+": "+d.Wait.Note)
		case d.Report != nil:
			o.reports = append(o.reports, *d.Report)
		case d.Call != nil:
			o.calls++
		}
		o.text += d.Text
		if d.Stop != "" {
			o.stop = d.Stop
		}
	}
	o.took = time.Since(began)
	return o
}

func target(name string, p model.Provider) model.Target {
	return model.Target{
		Ref: hearth.ModelRef{Provider: name, Model: "m-" + name}, Provider: p, Protocol: "fake",
		Endpoint: model.Endpoint{Origin: "http://" + name + ":1", Locality: hearth.LocalityMachine},
		Layers:   model.Layers{Default: model.DefaultLayer()},
	}
}

func build(t model.Target) (*model.Request, error) {
	return &model.Request{
		Model: t.Ref.Model, Capabilities: t.Layers.Merge(), System: "be brief",
		Messages: []hearth.Message{{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "one two three four"}}}},
	}, nil
}

func ask(t *testing.T, r *route.Router, chain ...model.Target) outcome {
	t.Helper()
	return gather(r.Stream(t.Context(), model.Question{Chain: chain, Build: build, Session: "s", Turn: "t1"}))
}

var fine = []step{text("hello"), end(hearth.StopEnd)}

func TestAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fake{calls: [][]step{{
			after(time.Second, phase(hearth.PhaseLoading)), after(2*time.Second, phase(hearth.PhaseReading)),
			after(3*time.Second, think("hm")), after(4*time.Second, text("hello")), call("read"),
			usage(hearth.Usage{Input: 9, Output: 2, Total: 11}), end(hearth.StopToolCalls),
		}}}
		acquire := func(ctx context.Context, c model.Claim, wait func(hearth.Wait)) (context.Context, *model.Ticket, error) {
			if c.Session != "s" || c.Model != "m-a" || c.Endpoint.Origin != "http://a:1" {
				t.Errorf("claim %+v", c)
			}
			wait(hearth.Wait{Phase: hearth.PhaseQueued, Note: "behind"})
			time.Sleep(5 * time.Second)
			return ctx, &model.Ticket{Done: func(clean bool) {
				if !clean {
					t.Error("a whole answer left its slot unclean")
				}
			}}, nil
		}
		o := ask(t, route.New(route.Config{Acquire: acquire}), target("a", p))
		if o.err != nil || o.text != "hello" || o.calls != 1 || o.stop != hearth.StopToolCalls || len(o.notices) != 0 {
			t.Fatalf("got %+v", o)
		}
		if len(o.reports) != 1 {
			t.Fatalf("%d reports, want 1", len(o.reports))
		}
		got := o.reports[0]
		want := hearth.PhaseTimes{Queue: 5 * time.Second, Connect: time.Second, Load: 2 * time.Second, Read: 3 * time.Second, Write: 4 * time.Second}
		if got.Phases != want {
			t.Errorf("phases %+v, want %+v", got.Phases, want)
		}
		if got.Turn != "t1" || got.Target.String() != "a/m-a" || got.Endpoint != "http://a:1" || got.Protocol != "fake" ||
			got.Locality != hearth.LocalityMachine || got.Lane != "owner" || got.Items != 1 || got.Bytes == 0 ||
			got.Prefix == "" || got.Params == "" || got.Usage.Input != 9 || got.Stop != hearth.StopToolCalls || got.Reason != "" {
			t.Errorf("report %+v", got)
		}
	})
}

func TestFallback(t *testing.T) {
	rows := []struct {
		name     string
		first    []step
		falls    bool
		saidWhy  string
		visible  string
		reason   hearth.Reason // of the error, where there is one
		requests int           // to the first
	}{
		{name: "nothing accepts the connection", first: []step{because(hearth.ReasonUnreachable, "connection refused")}, falls: true, saidWhy: "connection refused", requests: 1},
		{name: "a clock ran out before the first word", first: []step{because(hearth.ReasonTimeout, "120 s without a token")}, falls: true, saidWhy: "120 s", requests: 1},
		{name: "the server broke while the model thought", first: []step{think("hm"), because(hearth.ReasonServer, "out of memory")}, falls: true, saidWhy: "out of memory", requests: 1},
		{name: "a call came before the server broke", first: []step{call("rm"), because(hearth.ReasonServer, "boom")}, falls: true, saidWhy: "boom", requests: 1},
		{name: "the key is refused", first: []step{because(hearth.ReasonAuth, "Invalid API Key")}, falls: true, saidWhy: "Invalid API Key", requests: 1},
		{name: "there is no key", first: []step{fails(hearth.Error{Reason: hearth.ReasonNoCredential})}, falls: true, saidWhy: "no credential", requests: 1},
		{name: "the account is empty", first: []step{because(hearth.ReasonBilling, "credit balance is too low")}, falls: true, saidWhy: "credit", requests: 1},
		{name: "the server lacks the model", first: []step{because(hearth.ReasonModelNotFound, "model 'x' not found")}, falls: true, saidWhy: "not found", requests: 1},
		{name: "a rate limit without a time", first: []step{because(hearth.ReasonRateLimit, "slow down")}, falls: true, saidWhy: "slow down", requests: 1},
		{name: "after a visible word", first: []step{text("The "), because(hearth.ReasonServer, "boom")}, visible: "The ", reason: hearth.ReasonServer, requests: 1},
		{name: "after blank text only", first: []step{text("\n"), because(hearth.ReasonServer, "boom")}, falls: true, saidWhy: "boom", visible: "\n", requests: 1},
		{name: "the conversation is too long", first: []step{because(hearth.ReasonContextOverflow, "too long")}, reason: hearth.ReasonContextOverflow, requests: 1},
		{name: "our own bad request", first: []step{because(hearth.ReasonBadRequest, "messages is required")}, reason: hearth.ReasonBadRequest, requests: 1},
		{name: "the stream is cut while the model thinks", first: []step{think("hm"), because(hearth.ReasonCut, "unexpected EOF")}, falls: true, saidWhy: "unexpected EOF", requests: 1},
		{name: "the stream stalls while the model thinks", first: []step{think("hm"), because(hearth.ReasonStalled, "silent for 2m0s")}, falls: true, saidWhy: "silent", requests: 1},
		{name: "the stream is cut after a word", first: []step{text("The "), because(hearth.ReasonCut, "unexpected EOF")}, visible: "The ", reason: hearth.ReasonCut, requests: 1},
		{name: "the server has too much to do", first: []step{fails(hearth.Error{Reason: hearth.ReasonOverloaded, HTTPStatus: 529, Err: errors.New("overloaded")})}, falls: true, saidWhy: "overloaded", requests: 1},
		{name: "an empty answer, twice", first: []step{think("hm"), end(hearth.StopEnd)}, reason: hearth.ReasonEmpty, requests: 2},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second := &fake{calls: [][]step{row.first}}, &fake{calls: [][]step{fine}}
				o := ask(t, route.New(route.Config{}), target("a", first), target("b", second))
				if first.dialled != row.requests {
					t.Errorf("%d requests to the first, want %d", first.dialled, row.requests)
				}
				if !row.falls {
					if second.dialled != 0 {
						t.Error("the second model was asked")
					}
					if hearth.ReasonOf(o.err) != row.reason || o.text != row.visible {
						t.Errorf("got %q and %v, want %q and %s", o.text, o.err, row.visible, row.reason)
					}
					return
				}
				if o.err != nil || o.text != row.visible+"hello" || o.calls != 0 {
					t.Fatalf("got %q, %d calls, %v", o.text, o.calls, o.err)
				}
				want := []string{"fallback: a/m-a did not answer (" + row.saidWhy + "); asking b/m-b instead"}
				if len(o.notices) != 1 || !strings.HasPrefix(o.notices[0], "fallback: a/m-a did not answer (") || !strings.Contains(o.notices[0], row.saidWhy) {
					t.Errorf("said %q, want %q", o.notices, want)
				}
				if len(o.reports) != 2 || o.reports[0].Reason == "" || o.reports[0].Error == "" || o.reports[1].Reason != "" {
					t.Errorf("reports %+v", o.reports)
				}
			})
		})
	}
}

func TestEveryCandidateFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &fake{calls: [][]step{{fails(hearth.Error{Reason: hearth.ReasonUnreachable, Err: errors.New("connection refused"), Cause: "LM Studio is not running.", Try: "Start it."})}}}
		b := &fake{calls: [][]step{{because(hearth.ReasonAuth, "bad key")}}}
		o := ask(t, route.New(route.Config{}), target("a", a), target("b", b), target("a", a))
		if a.dialled != 1 {
			t.Errorf("a model that is twice in the chain was asked %d times", a.dialled)
		}
		want := "ask 2 models: a/m-a: connection refused; b/m-b: bad key"
		e, ok := errors.AsType[*hearth.Error](o.err)
		if !ok || e.Error() != want || e.Reason != hearth.ReasonAuth || e.Cause != "LM Studio is not running." || e.Try != "Start it." {
			t.Errorf("got %+v, want %q", o.err, want)
		}
		empty := ask(t, route.New(route.Config{}))
		if hearth.ReasonOf(empty.err) != hearth.ReasonNoModel {
			t.Errorf("no candidate: %v", empty.err)
		}
	})
}

func TestLessons(t *testing.T) {
	stringContent := model.Refusal{Lesson: model.LessonStringContent, Words: "expected a string"}
	dropSeed := model.Refusal{Lesson: model.LessonDropField, Detail: "seed", Words: "unknown field seed"}
	noTools := model.Refusal{Lesson: model.LessonNoTools, Words: "does not support tools"}
	reasoningBack := model.Refusal{Lesson: model.LessonReasoningBack, Words: "must be passed back"}
	unlearnable := model.Refusal{Lesson: "", Words: "no"}
	rows := []struct {
		name     string
		calls    [][]step
		requests int
		learned  []model.Lesson
		said     string
		fails    hearth.Reason
	}{
		{"a refusal that is answered the second time is kept", [][]step{{refuses(stringContent)}, fine}, 2,
			[]model.Lesson{model.LessonStringContent}, "lesson: http://a:1 takes message content only as plain text; this is remembered", ""},
		{"a field is left out", [][]step{{refuses(dropSeed)}, fine}, 2,
			[]model.Lesson{model.LessonDropField}, `lesson: http://a:1 refuses the field "seed", which is now left out; this is remembered`, ""},
		{"reasoning is sent back, whatever a probe thought of it", [][]step{{refuses(reasoningBack)}, fine}, 2,
			[]model.Lesson{model.LessonReasoningBack}, "lesson: http://a:1 wants a model's reasoning back with the answer it led to; this is remembered", ""},
		{"a second refusal ends it, and nothing is kept", [][]step{{refuses(stringContent)}, {refuses(dropSeed)}, fine}, 2, nil, "", hearth.ReasonBadRequest},
		{"a lesson that did not help is not kept", [][]step{{refuses(stringContent)}, {because(hearth.ReasonServer, "boom")}}, 2, nil, "", hearth.ReasonServer},
		{"the same body is not sent twice", [][]step{{refuses(unlearnable)}, fine}, 1, nil, "", hearth.ReasonBadRequest},
		{"no tools is told and never saved", [][]step{{refuses(noTools)}, fine}, 2, nil, "lesson: a/m-a cannot be given tools (does not support tools); it answers without them for now", ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &fake{calls: row.calls, encode: func(r *model.Request) string {
					return fmt.Sprint(r.Capabilities.StringContent, r.Capabilities.RefusedFields, r.Capabilities.Tools, r.Capabilities.ReplayThinking, r.Capabilities.NeedsReasoning)
				}}
				var learned []model.Lesson
				r := route.New(route.Config{Learn: func(_ context.Context, _ model.Target, r *model.Refusal) error {
					learned = append(learned, r.Lesson)
					return nil
				}})
				to := target("a", p)
				native := model.ToolsNative // was found once; what is refused counts more
				to.Layers.Probe = model.Layer{ReplayThinking: new(false), Tools: &native, StringContent: new(false)}
				o := ask(t, r, to)
				if p.dialled != row.requests {
					t.Errorf("%d requests, want %d: %q", p.dialled, row.requests, p.bodies)
				}
				if !slices.Equal(learned, row.learned) {
					t.Errorf("learned %v, want %v", learned, row.learned)
				}
				if row.fails != "" {
					if hearth.ReasonOf(o.err) != row.fails || len(o.notices) != 0 {
						t.Errorf("got %v, %q", o.err, o.notices)
					}
					return
				}
				if o.err != nil || o.text != "hello" || !slices.Equal(o.notices, []string{row.said}) {
					t.Errorf("got %q, %q, %v; want the notice %q", o.text, o.notices, o.err, row.said)
				}
				if last := o.reports[len(o.reports)-1]; (last.Lesson != "") != (row.learned != nil) {
					t.Errorf("report's lesson %q", last.Lesson)
				}
			})
		})
	}
}

func TestALessonAgainstTheConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		no := false
		p := &fake{calls: [][]step{{refuses(model.Refusal{Lesson: model.LessonStringContent, Words: "expected a string"})}, fine}}
		tg := target("a", p)
		tg.Layers.Config.StringContent = &no // the owner insists
		o := ask(t, route.New(route.Config{}), tg)
		if p.dialled != 1 {
			t.Errorf("the refused body was sent %d times", p.dialled)
		}
		if o.err == nil || !strings.Contains(o.err.Error(), "expected a string") {
			t.Errorf("got %v, want the server's words", o.err)
		}
	})
}

func TestAskingAgain(t *testing.T) {
	loading := fails(hearth.Error{Reason: hearth.ReasonOverloaded, HTTPStatus: 503, Loading: true, Err: errors.New("Loading model")})
	hasty := fails(hearth.Error{Reason: hearth.ReasonOverloaded, HTTPStatus: 503, Loading: true, RetryAfter: time.Millisecond, Err: errors.New("Loading model")})
	slow := fails(hearth.Error{Reason: hearth.ReasonOverloaded, HTTPStatus: 503, Loading: true, RetryAfter: 12 * time.Second, Err: errors.New("Loading model")})
	busy := fails(hearth.Error{Reason: hearth.ReasonOverloaded, HTTPStatus: 503, Err: errors.New("queue is full")})
	limited := func(after time.Duration) step {
		return fails(hearth.Error{Reason: hearth.ReasonRateLimit, HTTPStatus: 429, RetryAfter: after, Err: errors.New("Too many requests")})
	}
	broken := fails(hearth.Error{Reason: hearth.ReasonServer, HTTPStatus: 500, Again: true, Err: errors.New("error parsing tool call")})
	repeat := func(n int, s step) (all [][]step) {
		for range n {
			all = append(all, []step{s})
		}
		return append(all, fine)
	}
	type row struct {
		name     string
		calls    [][]step
		hosted   bool
		passed   bool // hosted, and a server at home passes it on
		other    bool // there is another candidate
		requests int
		answers  bool
		waits    string
		least    time.Duration
		most     time.Duration
	}
	rows := []row{
		{name: "a local server that loads is waited for", calls: repeat(20, loading), requests: 21, answers: true, waits: "loading: the server says: Loading model", least: 90 * time.Second, most: 100 * time.Second},
		{name: "for as long as it says so", calls: repeat(482, loading), requests: 483, answers: true, waits: "loading", least: 40 * time.Minute, most: 40 * time.Minute},
		{name: "one that asks to come back at once is asked each second", calls: repeat(20, hasty), requests: 21, answers: true, waits: "loading", least: 20 * time.Second, most: 20 * time.Second},
		{name: "one that asks for a longer time gets it", calls: repeat(2, slow), requests: 3, answers: true, waits: "loading", least: 24 * time.Second, most: 24 * time.Second},
		{name: "one that is only busy is not waited for without end", calls: [][]step{{busy}}, requests: 123, waits: "loading", least: 10 * time.Minute, most: 11 * time.Minute},
		{name: "a minute when another model is there", calls: [][]step{{loading}}, other: true, requests: 15, waits: "loading", least: time.Minute, most: 66 * time.Second},
		{name: "a local server that is busy is waited for, alone", calls: repeat(3, busy), requests: 4, answers: true, waits: "loading: the server says: queue is full", least: 6 * time.Second, most: 6 * time.Second},
		{name: "not when another model is there", calls: [][]step{{busy}}, other: true, requests: 1},
		{name: "a short Retry-After is honoured", calls: repeat(1, limited(12*time.Second)), hosted: true, requests: 2, answers: true, waits: "queued: the server asks to wait 12s: Too many requests", least: 12 * time.Second, most: 12 * time.Second},
		{name: "a long one is not", calls: repeat(1, limited(2*time.Minute)), hosted: true, requests: 1},
		{name: "nor one of 12 s with another model", calls: repeat(1, limited(12*time.Second)), hosted: true, other: true, requests: 1},
		{name: "one of a second is, also with another model", calls: repeat(1, limited(time.Second)), hosted: true, other: true, requests: 2, answers: true, waits: "queued", least: time.Second, most: time.Second},
		{name: "three times at most", calls: [][]step{{limited(time.Second)}}, hosted: true, requests: 4, waits: "queued", least: 3 * time.Second, most: 3 * time.Second},
		{name: "three times also when the server names no time", calls: [][]step{{limited(0)}}, hosted: true, requests: 4, waits: "queued: asking again in 1s, because the server says: Too many requests", least: 7 * time.Second, most: 7 * time.Second},
		{name: "a request that is larger than the limit is not sent again", calls: [][]step{{fails(hearth.Error{Reason: hearth.ReasonRateLimit, HTTPStatus: 413, RetryAfter: time.Second, TooLarge: true, Err: errors.New("Request too large")})}}, hosted: true, requests: 1},
		{name: "a broken tool call is asked for once more", calls: repeat(1, broken), requests: 2, answers: true},
		{name: "and no more", calls: [][]step{{broken}}, requests: 2},
		{name: "a local server error is not repeated", calls: [][]step{{because(hearth.ReasonServer, "out of memory")}}, requests: 1},
		{name: "a hosted one is, once", calls: repeat(1, because(hearth.ReasonServer, "oops")), hosted: true, requests: 2, answers: true, waits: "queued", least: time.Second, most: time.Second},
		{name: "an empty answer is asked for once more", calls: [][]step{{end(hearth.StopEnd)}, fine}, requests: 2, answers: true},
		{name: "not when thinking used the output limit up", calls: [][]step{{think("hm"), end(hearth.StopLength)}, fine}, requests: 1},
		{name: "nor when a call did", calls: [][]step{{end(hearth.StopLength)}, fine}, requests: 1},
		{name: "a proxy at home that says it loads is waited for", calls: repeat(20, loading), passed: true, requests: 21, answers: true, waits: "loading: the server says: Loading model", least: 90 * time.Second, most: 100 * time.Second},
		{name: "a vendor behind it that is busy is asked as a vendor is", calls: [][]step{{busy}}, passed: true, requests: 4, waits: "queued: asking again in 1s, because the server says: queue is full", least: 7 * time.Second, most: 7 * time.Second},
	}
	for _, r := range rows {
		if r.hosted {
			r.name, r.hosted, r.passed = r.name+", behind a server at home", false, true
			rows = append(rows, r)
		}
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, other := &fake{calls: row.calls}, &fake{calls: [][]step{fine}}
				chain := []model.Target{target("a", p)}
				where := hearth.LocalityHosted
				if row.hosted {
					chain[0].Endpoint.Locality = where
				}
				if row.passed {
					chain[0].Layers.Server.Locality = &where
				}
				if row.other {
					chain = append(chain, target("b", other))
				}
				o := ask(t, route.New(route.Config{}), chain...)
				if p.dialled != row.requests {
					t.Errorf("%d requests, want %d", p.dialled, row.requests)
				}
				if (o.err == nil) != (row.answers || row.other) || row.answers && other.dialled > 0 {
					t.Errorf("error %v, other model asked %d times", o.err, other.dialled)
				}
				if got := o.reports[0].Locality; (got == where) != (row.hosted || row.passed) {
					t.Errorf("reported as %s", got)
				}
				if len(o.reports) != p.dialled+other.dialled {
					t.Errorf("%d reports of %d attempts", len(o.reports), p.dialled+other.dialled)
				}
				if all := strings.Join(o.waits, "\n"); !strings.Contains(all, row.waits) || row.waits == "" && all != "" {
					t.Errorf("said %q, want %q", all, row.waits)
				}
				if o.took < row.least || o.took > row.most {
					t.Errorf("took %v, want %v to %v", o.took, row.least, row.most)
				}
			})
		})
	}
}

func TestEmptyAnswers(t *testing.T) {
	rows := []struct {
		name   string
		script []step
		window int
		reason hearth.Reason
		words  string
	}{
		{"nothing at all", []step{end(hearth.StopEnd)}, 0, hearth.ReasonEmpty, "the model finished without a word"},
		{"only thinking", []step{think("hm"), end(hearth.StopEnd)}, 0, hearth.ReasonEmpty, "the model only thought, and never answered"},
		{"only thinking, which the server counts", []step{think("hm"), usage(hearth.Usage{Input: 90, Output: 512}), end(hearth.StopEnd)}, 0, hearth.ReasonEmpty, "the model only thought, for 512 tokens, and never answered"},
		{"thinking until the window is full", []step{think("hm"), usage(hearth.Usage{Input: 90, Output: 4000}), end(hearth.StopLength)}, 4096, hearth.ReasonEmpty, "the model thought until its window of 4096 tokens was full, and never answered"},
		{"a little thinking in a window that the conversation fills", []step{think("hm"), usage(hearth.Usage{Input: 4000, Output: 90}), end(hearth.StopLength)}, 4096,
			hearth.ReasonContextOverflow, "the server read 4000 tokens and had no room left to answer in its window of 4096"},
		{"text that turns out to be thinking", []step{text("So the person"), {delta: model.Delta{TextWasThinking: true}}, end(hearth.StopEnd)}, 0, hearth.ReasonEmpty, "the model only thought, and never answered"},
		{"blank text", []step{text(" \n"), end(hearth.StopEnd)}, 0, hearth.ReasonEmpty, "the model finished without a word"},
		{"thinking to the output limit", []step{think("hm"), end(hearth.StopLength)}, 0, hearth.ReasonEmpty, "the model used its whole output limit to think"},
		{"a call that the output limit cut", []step{end(hearth.StopLength)}, 0, hearth.ReasonEmpty, "the answer reached its output limit before it held anything to use"},
		{"a filter", []step{end(hearth.StopFiltered)}, 0, hearth.ReasonEmpty, "the server's content filter withheld the answer"},
		{"a full window that the server did not refuse", []step{usage(hearth.Usage{Input: 4090}), end(hearth.StopEnd)}, 4096,
			hearth.ReasonContextOverflow, "the server read 4090 tokens and had no room left to answer in its window of 4096"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tg := target("a", &fake{calls: [][]step{row.script}})
				if row.window > 0 {
					tg.Layers.Server.Window = &row.window
				}
				o := ask(t, route.New(route.Config{}), tg)
				if hearth.ReasonOf(o.err) != row.reason || !strings.Contains(o.err.Error(), row.words) || o.stop != "" {
					t.Errorf("got %v (stop %q), want %q", o.err, o.stop, row.words)
				}
			})
		})
	}
}

func TestWhatThePersonIsTold(t *testing.T) {
	full := step{delta: model.Delta{Stop: hearth.StopLength, WindowFull: true}}
	counted := func(in, out int) step { return usage(hearth.Usage{Input: in, Output: out, CacheCounted: true}) }
	named := func(id string) step { return step{delta: model.Delta{Answered: id}} }
	rows := []struct {
		name   string
		script []step
		server string
		window int
		max    int
		listed []string
		want   string
	}{
		{"all is well", []step{text("hi"), counted(20, 2), named("m-a"), end(hearth.StopEnd)}, "", 0, 0, nil, ""},
		{"the same model under a longer name", []step{text("hi"), named("org/M-A:latest"), end(hearth.StopEnd)}, "", 0, 0, nil, ""},
		{"another model answered", []step{text("hi"), named("llama3"), end(hearth.StopEnd)}, "", 0, 0, []string{"llama3", "m-ab"},
			"other_model: asked for m-a, but http://a:1 says that llama3 answered; the nearest model it lists is m-ab"},
		{"the server does not list it", []step{text("hi"), end(hearth.StopEnd)}, "", 0, 0, []string{"zzz", "m-ab"},
			"other_model: http://a:1 does not list a model called m-a, but something answered; the nearest model it lists is m-ab"},
		{"cut by our limit", []step{text("hi"), counted(20, 100), end(hearth.StopLength)}, "", 0, 100, nil,
			"length: the answer was cut off at the output limit of 100 tokens: raise maxTokens of m-a in models.providers.a"},
		{"cut by the window", []step{text("hi"), counted(4000, 96), end(hearth.StopLength)}, "llama.cpp", 4096, 1000, nil,
			"length: the answer was cut off because the context window of 4096 tokens is full: try /compact, or start llama-server with a larger -c"},
		{"cut by a window of which only the server knows", []step{text("hi"), counted(20, 100), full}, "", 0, 100, nil,
			"length: the answer was cut off because the context window is full: try /compact, or load the model with a larger context window"},
		{"cut by the server", []step{text("hi"), counted(20, 512), end(hearth.StopLength)}, "", 0, 0, nil,
			"length: the answer was cut off by the server's own output limit: set maxTokens of m-a in models.providers.a"},
		{"fewer tokens than words", []step{text("hi"), counted(5, 2), end(hearth.StopEnd)}, "ollama", 0, 0, nil,
			"truncated: the server read 5 tokens of a conversation of at least 6 words: it cut a part away without saying so; raise num_ctx (params.num_ctx of the provider, or OLLAMA_CONTEXT_LENGTH)"},
		{"fewer, but cached ones are not counted", []step{text("hi"), usage(hearth.Usage{Input: 5}), end(hearth.StopEnd)}, "ollama", 0, 0, nil, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tg := target("a", &fake{calls: [][]step{row.script}})
				tg.Layers.Server.Server = &row.server
				if row.window > 0 {
					tg.Layers.Server.Window = &row.window
				}
				r := route.New(route.Config{Listed: func(model.Target) []string { return row.listed }})
				q := model.Question{Chain: []model.Target{tg}, Session: "s", Build: func(t model.Target) (*model.Request, error) {
					req, err := build(t)
					req.MaxTokens = row.max
					return req, err
				}}
				o := gather(r.Stream(t.Context(), q))
				if got := strings.Join(o.notices, "\n"); o.err != nil || got != row.want {
					t.Errorf("told %q, %v; want %q", got, o.err, row.want)
				}
				if strings.HasPrefix(row.want, "other_model") {
					if again := gather(r.Stream(t.Context(), q)); len(again.notices) != 0 {
						t.Errorf("told again: %q", again.notices)
					}
				}
			})
		})
	}
}

// A server, or a proxy before it, may say another name with each answer: they are its words.
func TestAServerWithANameForEachAnswerIsToldOfAFewTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fake{}
		for i := range 20 {
			p.calls = append(p.calls, []step{{delta: model.Delta{Answered: fmt.Sprintf("llama-%d%s", i/2, []string{":latest", ""}[i%2])}}, text("hi"), end(hearth.StopEnd)})
		}
		r, told := route.New(route.Config{}), []string(nil)
		for i := range p.calls {
			o := ask(t, r, target("a", p))
			told = append(told, o.notices...)
			if want := fmt.Sprintf("llama-%d", i/2); o.err != nil || !strings.HasPrefix(o.reports[0].Answered, want) {
				t.Errorf("the report says %q, want %q: %v", o.reports[0].Answered, want, o.err)
			}
		}
		want := []string{
			"other_model: asked for m-a, but http://a:1 says that llama-0:latest answered",
			"other_model: asked for m-a, but http://a:1 says that llama-1:latest answered",
			"other_model: asked for m-a, but http://a:1 says that llama-2:latest answered; it gave other names before, and no more of them are told",
		}
		if !slices.Equal(told, want) {
			t.Errorf("told %q", told)
		}
	})
}

// A server is through with an answer that it ended, however; not with one that we left.
func TestASlotWaitsForAServerWhoseAnswerWasLeft(t *testing.T) {
	for _, row := range []struct {
		name   string
		reason hearth.Reason
		err    error
		left   bool
	}{
		{"it was cut", hearth.ReasonCut, errors.New("the stream ended without a finish reason"), false},
		{"it broke", hearth.ReasonServer, errors.New("out of memory"), false},
		{"we could not read on", hearth.ReasonCut, fmt.Errorf("an event is no JSON: %w", model.ErrLeft), true},
		{"nor the first word", hearth.ReasonServer, fmt.Errorf("an event is no JSON: %w", model.ErrLeft), true},
		{"we stopped it", hearth.ReasonCancelled, errors.New("ctrl-c"), true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var clean []bool
				var left []model.Departure
				r := route.New(route.Config{
					Acquire: func(ctx context.Context, _ model.Claim, _ func(hearth.Wait)) (context.Context, *model.Ticket, error) {
						return ctx, &model.Ticket{Done: func(c bool) { clean = append(clean, c) }}, nil
					},
					Left: func(_ model.Target, _ *model.Request, how model.Departure) { left = append(left, how) },
				})
				ask(t, r, target("a", &fake{calls: [][]step{{text("x"), fails(hearth.Error{Reason: row.reason, Err: row.err})}}}))
				if len(clean) != 1 || clean[0] == row.left || len(left) != len(clean) == row.left || row.left && !left[0].Writing {
					t.Errorf("the slots were given back clean: %v; left: %+v", clean, left)
				}
			})
		})
	}
}

// A conversation that grew and was read as fewer tokens was cut; one that began anew
// (after a compaction) was not.
func TestTruncationAgainstTheRequestBefore(t *testing.T) {
	rows := []struct {
		name     string
		first    []string
		second   []string
		thinking bool
		told     bool
	}{
		{"it grew", []string{"a", "b"}, []string{"a", "b", "c"}, false, true},
		{"it grew, and templates drop old thinking", []string{"a", "b"}, []string{"a", "b", "c"}, true, false},
		{"it began anew", []string{"a", "b"}, []string{"summary", "c"}, false, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answer := func(in int) []step {
					return []step{text("hi"), usage(hearth.Usage{Input: in, CacheCounted: true}), end(hearth.StopEnd)}
				}
				tg := target("a", &fake{calls: [][]step{answer(900), answer(500)}})
				tg.Layers.Server.ReplayThinking = &row.thinking
				r := route.New(route.Config{})
				var o outcome
				for _, texts := range [][]string{row.first, row.second} {
					o = gather(r.Stream(t.Context(), model.Question{Chain: []model.Target{tg}, Session: "s", Build: func(t model.Target) (*model.Request, error) {
						req := &model.Request{Model: t.Ref.Model, Capabilities: t.Layers.Merge()}
						for _, s := range texts {
							req.Messages = append(req.Messages, hearth.Message{Parts: []hearth.Part{{Text: s}}})
						}
						return req, nil
					}}))
				}
				if told := len(o.notices) > 0; told != row.told {
					t.Errorf("told %q", o.notices)
				}
			})
		})
	}
}

func TestCancelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fake{calls: [][]step{{text("par"), after(time.Hour, text("tial")), end(hearth.StopEnd)}}}
		second := &fake{calls: [][]step{fine}}
		clean := true
		acquire := func(ctx context.Context, _ model.Claim, _ func(hearth.Wait)) (context.Context, *model.Ticket, error) {
			return ctx, &model.Ticket{Done: func(c bool) { clean = c }}, nil
		}
		stop := errors.New("ctrl-c")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { time.Sleep(time.Second); cancel(stop) }()
		r := route.New(route.Config{Acquire: acquire})
		o := gather(r.Stream(ctx, model.Question{Chain: []model.Target{target("a", p), target("b", second)}, Build: build}))
		if !errors.Is(o.err, stop) || o.text != "par" || second.dialled != 0 || clean {
			t.Errorf("got %q, %v; second asked %d times; slot clean %v", o.text, o.err, second.dialled, clean)
		}
		if len(o.reports) != 1 || o.reports[0].Stop != hearth.StopCancelled || o.reports[0].Reason != hearth.ReasonCancelled {
			t.Errorf("reports %+v", o.reports)
		}
	})
}

func TestTheCallerStopsReading(t *testing.T) {
	for stopAt := range 4 {
		synctest.Test(t, func(t *testing.T) {
			p := &fake{calls: [][]step{{text("a"), text("b"), end(hearth.StopEnd)}}}
			released := 0
			acquire := func(ctx context.Context, _ model.Claim, wait func(hearth.Wait)) (context.Context, *model.Ticket, error) {
				wait(hearth.Wait{Phase: hearth.PhaseQueued})
				if ctx.Err() != nil {
					return nil, nil, &hearth.Error{Op: "wait", Reason: hearth.ReasonCancelled, Err: context.Cause(ctx)}
				}
				return ctx, &model.Ticket{Done: func(bool) { released++ }}, nil
			}
			r, seen := route.New(route.Config{Acquire: acquire}), 0
			for range r.Stream(t.Context(), model.Question{ //nolint:errcheck // the errors are not what this is about
				Chain: []model.Target{target("a", p)}, Build: build}) {
				if seen == stopAt {
					break
				}
				seen++
			}
			if want := min(stopAt, 1); released != want {
				t.Errorf("stopped at delta %d: slot given back %d times, want %d", stopAt, released, want)
			}
		})
	}
}

func TestTheServerIsAskedForTheSessionsSlot(t *testing.T) {
	yes, four, one := true, 4, 1
	rows := []struct {
		name   string
		choice *bool
		slots  *int
		want   string
	}{
		{"where it offers the choice", &yes, &four, "2"},
		{"not where there is one slot", &yes, &one, "none"},
		{"not where it does not", nil, &four, "none"},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			p := &fake{calls: [][]step{fine}, encode: func(r *model.Request) string {
				if r.Slot == nil {
					return "none"
				}
				return fmt.Sprint(*r.Slot)
			}}
			tg := target("a", p)
			tg.Layers.Server = model.Layer{SlotChoice: row.choice, Slots: row.slots}
			acquire := func(ctx context.Context, _ model.Claim, _ func(hearth.Wait)) (context.Context, *model.Ticket, error) {
				return ctx, &model.Ticket{Slot: 2, Done: func(bool) {}}, nil
			}
			if o := ask(t, route.New(route.Config{Acquire: acquire}), tg); o.err != nil || p.bodies[0] != row.want {
				t.Errorf("%s: slot %s, want %s (%v)", row.name, p.bodies, row.want, o.err)
			}
		})
	}
}

// resting is a cooldown for one provider.
type resting struct {
	provider string
	failed   []string
	answered []string
}

func (c *resting) Until(t model.Target) time.Time {
	if t.Ref.Provider == c.provider {
		return time.Now().Add(time.Minute)
	}
	return time.Time{}
}
func (c *resting) Why(model.Target) string        { return "" }
func (c *resting) Failed(t model.Target, _ error) { c.failed = append(c.failed, t.Ref.Provider) }
func (c *resting) Answered(t model.Target)        { c.answered = append(c.answered, t.Ref.Provider) }

func TestCooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &fake{calls: [][]step{fine}}, &fake{calls: [][]step{{because(hearth.ReasonServer, "boom")}}}
		c := &fake{calls: [][]step{fine}}
		rest := &resting{provider: "a"}
		o := ask(t, route.New(route.Config{Cooldown: rest}), target("a", a), target("b", b), target("c", c))
		want := []string{
			"fallback: a/m-a did not answer (a moment ago); asking b/m-b instead",
			"fallback: b/m-b did not answer (boom); asking c/m-c instead",
		}
		if a.dialled != 0 || !slices.Equal(o.notices, want) || !slices.Equal(rest.failed, []string{"b"}) || !slices.Equal(rest.answered, []string{"c"}) {
			t.Errorf("got %q; %+v", o.notices, rest)
		}
		if o := ask(t, route.New(route.Config{Cooldown: rest}), target("a", a)); o.err != nil || a.dialled != 1 {
			t.Errorf("the only model is never locked out: %v", o.err)
		}
	})
}

// places prefers the places in the order given and notes what became of them.
type places struct{ lost, reached []string }

func (p *places) Choose(_ hearth.SessionID, all []model.Endpoint) []int {
	order := make([]int, len(all))
	for i := range order {
		order[i] = len(all) - 1 - i
	}
	return order
}
func (p *places) Lost(o string)    { p.lost = append(p.lost, o) }
func (p *places) Reached(o string) { p.reached = append(p.reached, o) }

func TestReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &fake{calls: [][]step{fine}}, &fake{calls: [][]step{{because(hearth.ReasonUnreachable, "connection refused")}}}
		tg := target("a", first)
		tg.Replicas = []model.Replica{{Endpoint: model.Endpoint{Origin: "http://a2:1"}, Provider: second}}
		pool := &places{}
		o := ask(t, route.New(route.Config{Replicas: pool}), tg)
		want := []string{"replica: http://a2:1 did not answer (connection refused); asking http://a:1, which may have to read the conversation first"}
		if o.err != nil || o.text != "hello" || !slices.Equal(o.notices, want) {
			t.Errorf("got %q, %q, %v", o.text, o.notices, o.err)
		}
		if !slices.Equal(pool.lost, []string{"http://a2:1"}) || !slices.Equal(pool.reached, []string{"http://a:1"}) {
			t.Errorf("pool %+v", pool)
		}
		if len(o.reports) != 2 || o.reports[0].Endpoint != "http://a2:1" {
			t.Errorf("reports %+v", o.reports)
		}
	})
}

// TestAReplicaThatIsBusyIsNotWaitedFor: the next one is sooner.
func TestAReplicaThatIsBusyIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, reason := range []hearth.Reason{hearth.ReasonOverloaded, hearth.ReasonRateLimit, hearth.ReasonServer} {
			first, second := &fake{calls: [][]step{fine}}, &fake{calls: [][]step{{because(reason, "not now")}}}
			tg := target("a", first)
			tg.Replicas = []model.Replica{{Endpoint: model.Endpoint{Origin: "http://a2:1"}, Provider: second}}
			pool := &places{}
			o := ask(t, route.New(route.Config{Replicas: pool}), tg)
			if o.err != nil || o.text != "hello" || o.took != 0 || second.dialled != 1 || len(pool.lost) != 0 {
				t.Errorf("%s: got %q after %v, %v; lost %v", reason, o.text, o.took, o.err, pool.lost)
			}
		}
	})
}

func TestPrepareAndBuildMayFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, second := &fake{calls: [][]step{fine}}, &fake{calls: [][]step{fine}}
		r := route.New(route.Config{Prepare: func(_ context.Context, _ model.Lane, t model.Target, _ *model.Request, wait func(hearth.Wait)) error {
			wait(hearth.Wait{Phase: hearth.PhaseStarting})
			if t.Ref.Provider == "a" {
				return &hearth.Error{Op: "start", Reason: hearth.ReasonUnreachable, Err: errors.New("no such program")}
			}
			return nil
		}})
		o := ask(t, r, target("a", p), target("b", second))
		if o.err != nil || p.dialled != 0 || second.dialled != 1 || len(o.waits) != 2 {
			t.Errorf("got %+v", o)
		}
		small := &hearth.Error{Op: "plan", Reason: hearth.ReasonWindowTooSmall}
		q := model.Question{Chain: []model.Target{target("a", p), target("b", second)}, Build: func(model.Target) (*model.Request, error) { return nil, small }}
		if o := gather(r.Stream(t.Context(), q)); !errors.Is(o.err, small) || len(o.reports) != 1 || second.dialled != 1 {
			t.Errorf("got %+v", o)
		}
	})
}

func TestAModelThatIsNotThereNamesTheNearest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fake{calls: [][]step{{fails(hearth.Error{Reason: hearth.ReasonModelNotFound, Err: errors.New("model 'm-a' not found"), Try: "See what it offers."})}}}
		r := route.New(route.Config{Listed: func(model.Target) []string { return []string{"m-ab", "llama3"} }})
		e, ok := errors.AsType[*hearth.Error](ask(t, r, target("a", p)).err)
		if !ok || e.Try != "The server lists m-ab: write a/m-ab." {
			t.Errorf("got %+v", e)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := &fake{calls: [][]step{{fails(hearth.Error{Reason: hearth.ReasonModelNotFound, Err: errors.New("model 'm-a' not found"), Try: "See what it offers."})}}}
		r := route.New(route.Config{Listed: func(model.Target) []string { return []string{"llama3", "qwen3", "c", "d", "e", "f"} }})
		e, ok := errors.AsType[*hearth.Error](ask(t, r, target("a", p)).err)
		if !ok || e.Try != "The server lists llama3, qwen3, c, d, e and 1 more: write a/ and one of them." {
			t.Errorf("with nothing near: %+v", e)
		}
	})
}

func TestTheWindowInARefusalIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fake{calls: [][]step{{fails(hearth.Error{Reason: hearth.ReasonContextOverflow, Err: &model.Overflow{Window: 4096, Words: "too long"}})}}}
		kept := 0
		r := route.New(route.Config{Overflowed: func(_ context.Context, t model.Target, n int) error { kept = n; return nil }})
		if o := ask(t, r, target("a", p)); hearth.ReasonOf(o.err) != hearth.ReasonContextOverflow || kept != 4096 || p.dialled != 1 {
			t.Errorf("kept %d, %v", kept, o.err)
		}
	})
}

func TestSameModelAndNearest(t *testing.T) {
	same := [][2]string{
		{"qwen3", "Qwen3:latest"}, {"gpt-4o", "gpt-4o-2024-08-06"}, {"claude-sonnet-4-5", "claude-sonnet-4-5-20250929"},
		{"openai/gpt-4o", "gpt-4o"}, {"qwen3", "/models/qwen3.gguf"}, {"qwen3", "qwen3:2"}, {`C:\models\qwen3.gguf`, "qwen3"},
	}
	for _, pair := range same {
		if !route.SameModel(pair[0], pair[1]) {
			t.Errorf("%s and %s are one model", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"qwen3", "qwen3-coder"}, {"qwen3:8b", "qwen3:14b"}, {"gpt-4o", "gpt-4o-mini"}} {
		if route.SameModel(pair[0], pair[1]) {
			t.Errorf("%s and %s are two models", pair[0], pair[1])
		}
	}
	list := []string{"llama-3.3-70b-instruct", "qwen3-30b-a3b-instruct", "nomic-embed-text"}
	for id, want := range map[string]string{"qwen3-30b": "qwen3-30b-a3b-instruct", "Llama-3.3-70B": "llama-3.3-70b-instruct", "phi-4": ""} {
		if got := route.Nearest(id, list); got != want {
			t.Errorf("nearest to %s: %q, want %q", id, got, want)
		}
	}
	providers := []string{"openai", "anthropic", "lmstudio", "kitchen", "zai"}
	for id, want := range map[string]string{"nope": "", "opeani": "openai", "kitchin": "kitchen", "lm-studio": "lmstudio", "ollama": "", "x": "", "xai": "zai", "openai-codex": "openai"} {
		if got := route.Nearest(id, providers); got != want {
			t.Errorf("nearest to provider %s: %q, want %q", id, got, want)
		}
	}
}
