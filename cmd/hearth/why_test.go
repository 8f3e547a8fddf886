package main

import (
	"context"
	"iter"
	"testing"
	"time"

	"hearth"
	"hearth/session"
)

// told is a transcript that only gives its messages.
type told struct {
	session.Reader
	entries []session.Entry
}

func (t told) Since(_ context.Context, from session.Seq) iter.Seq2[session.Entry, error] {
	return func(yield func(session.Entry, error) bool) {
		for _, e := range t.entries {
			if e.Seq >= from && !yield(e, nil) {
				return
			}
		}
	}
}

// The parts of a turn's time add up to the whole; another turn's messages do not count.
func TestWhereTheTimeOfATurnWent(t *testing.T) {
	began := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	var r told
	say := func(turn hearth.TurnID, role hearth.Role, at time.Duration) {
		r.entries = append(r.entries, session.Entry{Seq: session.Seq(len(r.entries) + 1), Message: hearth.Message{Turn: turn, Role: role, At: began.Add(at)}})
	}
	say("before", hearth.RoleUser, -time.Hour)
	say("t", hearth.RoleUser, 0)
	say("t", hearth.RoleAssistant, 2*time.Second)    // two calls
	say("t", hearth.RoleTool, 2500*time.Millisecond) // the first took half a second
	say("t", hearth.RoleMark, 7*time.Second)         // a person thought about the second
	say("t", hearth.RoleTool, 10*time.Second)
	say("t", hearth.RoleAssistant, 12*time.Second)
	reports := []hearth.Report{
		{Turn: "before", Phases: hearth.PhaseTimes{Read: time.Hour}},
		{Turn: "t", Phases: hearth.PhaseTimes{Queue: time.Second, Read: 500 * time.Millisecond, Write: 400 * time.Millisecond}},
		{Turn: "t", Phases: hearth.PhaseTimes{Write: 2 * time.Second}},
	}
	got, err := spentIn(t.Context(), r, "t", 1, reports)
	if want := (spent{WallMS: 12_000, ModelMS: 3_900, ToolsMS: 3_500, OtherMS: 4_600}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}
