package agent_test

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"hearth"
	"hearth/session"
)

// memory is a transcript without a disk, for tests of the turn itself. The real stores
// have their own conformance suite.
type memory struct {
	entries []session.Entry
	epochs  []session.Epoch
	reports []hearth.Report
	commits int
	gone    int   // rows that are missing
	refuse  error // returned by the next Append
	renewed bool  // the key had another session before
}

func (m *memory) Info() session.Info {
	return session.Info{ID: "s1", Key: session.Key{Agent: "main", Name: "main"}, Renewed: m.renewed}
}

func (m *memory) Append(_ context.Context, c *session.Commit) (session.Seq, error) {
	if m.refuse != nil {
		return 0, m.refuse
	}
	for i, msg := range c.Messages { // as the database does
		same := func(m hearth.Message) bool { return m.ID == msg.ID }
		if slices.ContainsFunc(c.Messages[:i], same) || slices.ContainsFunc(m.entries, func(e session.Entry) bool { return same(e.Message) }) {
			return 0, &hearth.Error{Op: "save", Reason: hearth.ReasonStorage, Err: fmt.Errorf("there is a message %s", msg.ID)}
		}
	}
	m.commits++
	if c.Epoch != nil {
		c.Epoch.ID = int64(len(m.epochs) + 1)
		if c.Epoch.FirstSeq == 0 {
			c.Epoch.FirstSeq = session.Seq(len(m.entries) + m.gone + 1)
		}
		m.epochs = append(m.epochs, *c.Epoch)
	}
	var first session.Seq
	for _, msg := range c.Messages {
		m.entries = append(m.entries, session.Entry{Seq: session.Seq(len(m.entries) + m.gone + 1), Message: msg})
		if first == 0 {
			first = session.Seq(len(m.entries) + m.gone)
		}
	}
	for _, r := range c.Reports {
		if r.EpochID == 0 && c.Epoch != nil && c.Epoch.Model == r.Target {
			r.EpochID = c.Epoch.ID
		}
		m.reports = append(m.reports, r)
	}
	return first, nil
}

func (m *memory) Since(_ context.Context, from session.Seq) iter.Seq2[session.Entry, error] {
	return func(yield func(session.Entry, error) bool) {
		next := max(from, 1)
		for _, e := range m.entries {
			for ; next < e.Seq; next++ {
				if !yield(session.Entry{Seq: next, Lost: "it is gone"}, nil) {
					return
				}
			}
			if e.Seq >= from {
				next++
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

func (m *memory) Epoch(_ context.Context, model hearth.ModelRef) (session.Epoch, bool, error) {
	for _, e := range slices.Backward(m.epochs) {
		if e.Model == model && e.Sound(session.Seq(len(m.entries)+m.gone+1)) {
			return e, true, nil
		}
	}
	return session.Epoch{}, false, nil
}

func (m *memory) LastReports(_ context.Context, n int) ([]hearth.Report, error) {
	return m.reports[max(0, len(m.reports)-n):], nil
}

// talk gives the transcript as lines: role, then text, calls and results.
func (m *memory) talk() []string {
	var out []string
	for _, e := range m.entries {
		line := string(e.Message.Role) + ":"
		for _, p := range e.Message.Parts {
			switch {
			case p.Call != nil:
				line += " call " + p.Call.Name + p.Call.Arguments
			case p.Result != nil:
				line += " result " + p.Result.Text
			case p.Mark != nil:
				line += " " + string(p.Mark.Kind)
			case p.Provenance != hearth.FromGateway || e.Message.Role != hearth.RoleUser:
				line += " " + p.Text
			}
		}
		out = append(out, line)
	}
	return out
}

func entry(seq int, m hearth.Message) session.Entry {
	return session.Entry{Seq: session.Seq(seq), Message: m}
}
