package agent_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/agent"
	"hearth/model"
)

// moment is something a server does after a while.
type moment struct {
	after time.Duration
	delta model.Delta
}

// slow is a router whose answers take their time.
type slow struct{ answers [][]moment }

func (s *slow) Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		req, err := q.Build(q.Chain[0])
		if err != nil {
			yield(model.Delta{}, err)
			return
		}
		rep := hearth.Report{Target: q.Chain[0].Ref}
		now := s.answers[0]
		s.answers = s.answers[1:]
		for _, m := range now {
			if m.after > 0 { // a timer at zero in a bubble upsets the race detector
				select {
				case <-ctx.Done():
				case <-time.After(m.after):
				}
			}
			if ctx.Err() != nil {
				yield(model.Delta{}, &hearth.Error{Op: "chat", Reason: hearth.ReasonCancelled, Err: context.Cause(ctx)})
				return
			}
			if m.delta.Sent != nil {
				m.delta.Sent = encode(req)
			}
			if !yield(m.delta, nil) {
				return
			}
		}
		yield(model.Delta{Report: &rep, Stop: hearth.StopEnd}, nil)
	}
}

func sent(after time.Duration) moment { return moment{after, model.Delta{Sent: &model.Sent{}}} }
func says(after time.Duration) moment { return moment{after, model.Delta{Text: "so "}} }
func thinks(after time.Duration) moment {
	return moment{after, model.Delta{Thinking: "hm "}}
}
func phase(after time.Duration, p hearth.Phase) moment {
	return moment{after, model.Delta{Wait: &hearth.Wait{Phase: p}}}
}
func calls(after time.Duration) moment {
	return moment{after, model.Delta{Call: &hearth.ToolCall{ID: "c", Name: "look", Arguments: "{}"}}}
}

// TestATurnIsNotStoppedForWaiting: what is up to a living server of the owner's, and to
// those who are before us in its queue, is not the turn's own time.
func TestATurnIsNotStoppedForWaiting(t *testing.T) {
	const own = "its tools and answers took longer than 30m0s"
	minute := time.Minute
	rows := []struct {
		name    string
		where   hearth.Locality
		passed  bool // on, to a vendor
		limits  agent.Limits
		answers [][]moment
		tool    time.Duration // that a call takes
		after   time.Duration // when the turn is over
		stopped string        // in the error; "" = it has an answer
	}{
		{name: "hours in the queue", where: hearth.LocalityMachine, after: 5 * 60 * minute,
			answers: [][]moment{{phase(0, hearth.PhaseQueued), sent(5 * 60 * minute), says(0)}}},
		{name: "hours of loading and reading", where: hearth.LocalityPrivate, after: 4 * 60 * minute,
			answers: [][]moment{{phase(0, hearth.PhaseStarting), phase(60*minute, hearth.PhaseLoading), sent(60 * minute), phase(60*minute, hearth.PhaseReading), says(60 * minute)}}},
		{name: "silence until the first thought", where: hearth.LocalityMachine, after: 3 * 60 * minute,
			answers: [][]moment{{sent(0), thinks(3 * 60 * minute), says(0)}}},
		{name: "a queue at a vendor's, which is our own", where: hearth.LocalityHosted, after: 60 * minute,
			answers: [][]moment{{phase(0, hearth.PhaseQueued), sent(60 * minute), says(0)}}},
		{name: "a vendor's silence counts", where: hearth.LocalityHosted, after: 30 * minute, stopped: own,
			answers: [][]moment{{sent(0), phase(0, hearth.PhaseReading), says(31 * minute)}}},
		{name: "also behind a server at home", where: hearth.LocalityMachine, passed: true, after: 30 * minute, stopped: own,
			answers: [][]moment{{sent(0), phase(0, hearth.PhaseReading), says(31 * minute)}}},
		{name: "an answer without an end", where: hearth.LocalityMachine, after: 70 * minute, stopped: own,
			answers: [][]moment{{sent(0), says(40 * minute), says(20 * minute), says(20 * minute)}}},
		{name: "a call that is written without an end", where: hearth.LocalityMachine, after: 70 * minute, stopped: own,
			answers: [][]moment{{sent(0), phase(40*minute, hearth.PhaseWriting), calls(40 * minute)}}},
		{name: "calls that add up, however long each was read", where: hearth.LocalityMachine, after: (60 + 20 + 60 + 10) * minute, stopped: own,
			answers: [][]moment{{sent(0), thinks(60 * minute), calls(20 * minute)}, {sent(0), thinks(60 * minute), says(20 * minute)}}},
		{name: "a tool without an end", where: hearth.LocalityMachine, after: 91 * minute, stopped: own, tool: 31 * minute,
			answers: [][]moment{{sent(0), calls(60 * minute)}, {sent(0), says(0)}}},
		{name: "all the time that the owner gave it", where: hearth.LocalityMachine, after: 45 * minute, stopped: "it took longer than 45m0s",
			answers: [][]moment{{phase(0, hearth.PhaseQueued), sent(40 * minute), says(10 * minute)}}, limits: agent.Limits{Total: 45 * minute}},
		{name: "which lifts our own limit", where: hearth.LocalityMachine, after: 5 * 60 * minute,
			answers: [][]moment{{sent(0), says(0), says(5 * 60 * minute)}}, limits: agent.Limits{Total: 6 * 60 * minute}},
		{name: "no limit at all", where: hearth.LocalityMachine, after: 50 * 60 * minute,
			answers: [][]moment{{sent(0), says(0), says(50 * 60 * minute)}}, limits: agent.Limits{Turn: -1}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				look := &counter{name: "look", effect: hearth.EffectRead, give: func(int) string { time.Sleep(row.tool); return "ok" }}
				s := newScene(t, nil, look)
				s.cfg.Router, s.cfg.Limits = &slow{row.answers}, row.limits
				s.cfg.Targets = func(context.Context) ([]model.Target, error) {
					layers := model.Layers{Default: model.DefaultLayer()}
					if row.passed {
						where := hearth.LocalityHosted
						layers.Server.Locality = &where
					}
					return []model.Target{{Ref: hearth.ModelRef{Provider: "box", Model: "m"}, Endpoint: model.Endpoint{Locality: row.where}, Layers: layers}}, nil
				}
				s.agent = agent.New(s.cfg)
				began := time.Now()
				out, err := s.say("hi")
				if took := time.Since(began); took != row.after {
					t.Errorf("the turn was over after %s, want %s", took, row.after)
				}
				switch {
				case row.stopped == "" && (err != nil || out.Answer == ""):
					t.Errorf("no answer: %+v, %v", out, err)
				case row.stopped != "" && (hearth.ReasonOf(err) != hearth.ReasonLimit || !strings.Contains(err.Error(), row.stopped)):
					t.Errorf("got %v, want %q", err, row.stopped)
				}
			})
		})
	}
}

// TestReadingForASummaryIsWaiting as reading for an answer is.
func TestReadingForASummaryIsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &small{window: 10_000}
		s := longTalk(t, server, 12)
		s.cfg.Router = &patient{server}
		targets := s.cfg.Targets
		s.cfg.Targets = func(ctx context.Context) ([]model.Target, error) {
			all, err := targets(ctx)
			all[0].Endpoint.Locality = hearth.LocalityMachine
			return all, err
		}
		s.agent = agent.New(s.cfg)
		before := len(server.requests)
		if out, err := s.say(strings.Repeat("and so on ", 400)); err != nil || out.Answer == "" {
			t.Errorf("got %+v, %v", out, err)
		}
		if n := len(server.requests) - before; n < 2 {
			t.Errorf("%d requests: nothing was summed up", n)
		}
	})
}

// patient reads each request for an hour.
type patient struct{ *small }

func (p *patient) Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		for d, err := range p.small.Stream(ctx, q) {
			if d.Text != "" {
				if !yield(model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseReading}}, nil) {
					return
				}
				<-time.After(time.Hour)
				if err := ctx.Err(); err != nil {
					yield(model.Delta{}, err)
					return
				}
			}
			if !yield(d, err) {
				return
			}
		}
	}
}
