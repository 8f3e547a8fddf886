package sqlite

import (
	"context"
	"slices"

	"hearth"
)

// recentReports is how many reports an owned session keeps in memory: every turn looks
// at them to see what the server counted and whether its prompt was extended.
const recentReports = 256

// recent keeps the newest reports of an owned session. Nobody else writes them, so what
// was read once and appended since is the truth.
type recent struct {
	reports []hearth.Report
	loaded  bool
}

// LastReports gives the newest n reports, newest last.
func (t *transcript) LastReports(ctx context.Context, n int) ([]hearth.Report, error) {
	if n > recentReports {
		return t.reader.LastReports(ctx, n)
	}
	if !t.recent.loaded {
		all, err := t.reader.LastReports(ctx, recentReports)
		if err != nil {
			return nil, err
		}
		t.recent = recent{reports: all, loaded: true}
	}
	all := t.recent.reports
	return slices.Clip(all[max(0, len(all)-n):]), nil
}

// add keeps what was just committed.
func (r *recent) add(reports []hearth.Report) {
	if !r.loaded {
		return
	}
	r.reports = append(r.reports, reports...)
	if over := len(r.reports) - 2*recentReports; over > 0 { // seldom, so that appending stays cheap
		r.reports = slices.Clone(r.reports[len(r.reports)-recentReports:])
	}
}
