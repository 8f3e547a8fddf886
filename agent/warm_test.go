package agent_test

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"hearth"
	"hearth/agent"
	"hearth/model"
)

// resident makes the scene's model one that is loaded now.
func (s *scene) resident(yes bool) {
	target := model.Target{Ref: hearth.ModelRef{Provider: "local", Model: "m"}, Layers: model.Layers{Server: model.Layer{Resident: &yes}, Default: model.DefaultLayer()}}
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{target}, nil }
	s.agent = agent.New(s.cfg)
}

// warm has the conversation read, and keeps the reports.
func (s *scene) warm() ([]hearth.Report, error) {
	s.Helper()
	read, ok, err := s.agent.Warm(s.Context(), s.mem)
	if err != nil || !ok {
		s.Fatalf("nothing to warm: %v", err)
	}
	reports, failed := read(s.Context())
	if err := s.agent.Warmed(s.Context(), s.mem, reports); err != nil {
		s.Fatal(err)
	}
	return reports, failed
}

// What is warmed is what the next request has, up to the message that nobody has written
// yet: also what the last turn read with its tools, and what the model answered.
func TestAWarmUpIsTheNextRequestForOneToken(t *testing.T) {
	look := &counter{name: "look", effect: hearth.EffectRead, give: func(int) string { return "all of a file" }}
	s := newScene(t, []step{{text: "one"}, {calls: call("c1", "look", `{}`)}, {think: "hm", text: "two"}, {text: "x"}, {text: "three"}}, look)
	s.resident(true)
	_, _ = s.say("a")
	_, _ = s.say("b")
	reports, err := s.warm()
	if err != nil || len(reports) != 1 {
		t.Fatalf("%d reports, %v", len(reports), err)
	}
	if r := reports[0]; r.Purpose != hearth.PurposeWarmUp || r.Items != 7 || r.Prefix != "" || r.Through != 0 || r.Turn == "" || r.EpochID == 0 {
		t.Errorf("the report is %+v", r)
	}
	_, _ = s.say("c")
	last, warm, next := encode(s.script.asked[2]), encode(s.script.asked[3]), encode(s.script.asked[4])
	if s.script.asked[3].MaxTokens != 1 || s.script.asked[3].Messages[6].Role != hearth.RoleUser {
		t.Errorf("the warm-up is %+v", s.script.asked[3])
	}
	if n := len(last.Items); n != 5 || warm.Prefix(n) != last.Prefix(n) {
		t.Errorf("it does not extend the last request, which had %d messages", n)
	}
	if n := len(warm.Items); n != len(next.Items) || warm.Prefix(n-1) != next.Prefix(n-1) {
		t.Errorf("of the %d messages of the next request it has not the first %d", len(next.Items), n-1)
	}
	if n := len(s.mem.epochs); n != 1 {
		t.Errorf("the warm-up broke the epoch: %+v", s.mem.epochs)
	}
	s.wantTalk("user: a", "assistant: one", "user: b", "assistant: call look{}", "tool: result all of a file", "assistant:  two", "user: c", "assistant: three")
}

// Whatever became of it, it was a model call: there is a report of it.
func TestEachWarmUpIsReported(t *testing.T) {
	stopped := &hearth.Error{Op: "ask local/m", Reason: hearth.ReasonCancelled, Err: model.ErrYield}
	for _, row := range []struct {
		name    string
		now     step
		reasons []hearth.Reason // of the reports
		failed  hearth.Reason
	}{
		{"a word", step{text: "x"}, []hearth.Reason{""}, ""},
		{"nothing that shows", step{fail: &hearth.Error{Op: "ask local/m", Reason: hearth.ReasonEmpty}}, []hearth.Reason{""}, ""},
		{"made room", step{fail: stopped}, []hearth.Reason{hearth.ReasonCancelled}, hearth.ReasonCancelled},
		{"refused", step{fail: &hearth.Error{Op: "ask local/m", Reason: hearth.ReasonContextOverflow}}, []hearth.Reason{hearth.ReasonContextOverflow}, hearth.ReasonContextOverflow},
		{"not sent, since the server would load it", step{unsent: true, fail: &hearth.Error{Op: "ask local/m", Reason: hearth.ReasonNoModel}}, nil, hearth.ReasonNoModel},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene(t, []step{{text: "one"}, row.now})
			s.resident(true)
			_, _ = s.say("a")
			before := len(s.mem.reports)
			reports, err := s.warm()
			var got []hearth.Reason
			for _, r := range reports {
				got = append(got, r.Reason)
			}
			if !slices.Equal(got, row.reasons) || err == nil != (row.failed == "") || err != nil && hearth.ReasonOf(err) != row.failed {
				t.Errorf("reports %+v, %v", reports, err)
			}
			if kept := len(s.mem.reports) - before; kept != len(row.reasons) {
				t.Errorf("%d reports are kept", kept)
			}
		})
	}
}

// What was read last is told with the question, so that who still has it is left alone.
func TestAWarmUpTellsWhatWasReadLast(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	read := hearth.Report{Turn: "t", At: at, Endpoint: "http://box:1", EpochID: 1, Usage: hearth.Usage{Input: 900, Output: 7}}
	with := func(change func(*hearth.Report)) hearth.Report { r := read; change(&r); return r }
	want := &model.Reading{Origin: "http://box:1", At: at, Prompt: 900, Answer: 7}
	for _, row := range []struct {
		name string
		last hearth.Report
		want *model.Reading
	}{
		{"a turn was answered", read, want},
		{"it was warmed", with(func(r *hearth.Report) { r.Purpose = hearth.PurposeWarmUp }), want},
		{"a summary was asked for", with(func(r *hearth.Report) { r.Purpose = hearth.PurposeSummary }), nil},
		{"something went wrong", with(func(r *hearth.Report) { r.Reason = hearth.ReasonCancelled }), nil},
		{"an epoch has begun since", with(func(r *hearth.Report) { r.EpochID = 7 }), nil},
		{"the server does not count", with(func(r *hearth.Report) { r.Usage = hearth.Usage{} }), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene(t, []step{{text: "one"}, {text: "x"}})
			s.resident(true)
			_, _ = s.say("a")
			s.mem.reports = append(s.mem.reports, row.last)
			_, _ = s.warm()
			if q := s.script.questions[len(s.script.questions)-1]; !reflect.DeepEqual(q.Had, row.want) || !q.Loaded || !q.Once || q.Lane != model.LaneHousekeeping {
				t.Errorf("asked with %+v, want %+v", q.Had, row.want)
			}
		})
	}
}

func TestNothingIsWarmedThatWouldLoadAModelOrWasNeverAsked(t *testing.T) {
	s := newScene(t, []step{{text: "one"}})
	s.resident(true)
	if _, ok, err := s.agent.Warm(t.Context(), s.mem); ok || err != nil {
		t.Errorf("an empty conversation is warmed, %v", err)
	}
	_, _ = s.say("a")
	s.resident(false)
	if _, ok, err := s.agent.Warm(t.Context(), s.mem); ok || err != nil {
		t.Errorf("a model that is not loaded is warmed, %v", err)
	}
}
