package main

import (
	"errors"
	"testing"
	"time"

	"hearth"
	"hearth/agent"
)

func TestTheResultNamesAWinnerOnlyWhenSomebodyAnswered(t *testing.T) {
	first, second := hearth.ModelRef{Provider: "a", Model: "one"}, hearth.ModelRef{Provider: "b", Model: "two"}
	down := hearth.Report{Target: first, Reason: hearth.ReasonUnreachable}
	for _, row := range []struct {
		name     string
		out      agent.Outcome
		winner   string
		stop     string
		fallback bool
	}{
		{"nothing was sent", agent.Outcome{Target: first}, "", "", false},
		{"all candidates failed", agent.Outcome{Target: first, Stop: hearth.StopCut, Reports: []hearth.Report{down, {Target: second, Reason: hearth.ReasonTimeout}}}, "", "", false},
		{"the second answered", agent.Outcome{Target: second, Answer: "hi", Stop: hearth.StopEnd, Reports: []hearth.Report{down, {Target: second}}}, "b", "stop", true},
		{"part of an answer counts", agent.Outcome{Target: first, Answer: "h", Stop: hearth.StopCut, Reports: []hearth.Report{{Target: first, Reason: hearth.ReasonCut}}}, "a", "cut", false},
		{"an answer without words counts", agent.Outcome{Target: first, Stop: hearth.StopEnd, Reports: []hearth.Report{{Target: first}}}, "a", "stop", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := agentResult(nil, row.out, errors.New("x"), time.Second).Meta
			trace := m.ExecutionTrace
			if trace.WinnerProvider != row.winner || (trace.WinnerModel == "") != (row.winner == "") || m.StopReason != row.stop || trace.FallbackUsed != row.fallback {
				t.Errorf("winner %q %q, stop %q, fallback %v", trace.WinnerProvider, trace.WinnerModel, m.StopReason, trace.FallbackUsed)
			}
		})
	}
}

func TestTheResultSaysWhereTheTurnStands(t *testing.T) {
	failed := errors.New("x")
	for _, row := range []struct {
		name string
		out  agent.Outcome
		err  error
		want string
	}{
		{"an answer", agent.Outcome{Answer: "hi"}, nil, "working"},
		{"a question that nobody could answer", agent.Outcome{Question: &agent.Approval{}}, nil, "paused"},
		{"a part of an answer", agent.Outcome{Answer: "h", Partial: true}, failed, "abandoned"},
		{"nothing came", agent.Outcome{}, failed, "blocked"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := agentResult(nil, row.out, row.err, 0).Meta.Liveness; got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}
