package route

import (
	"time"

	"hearth"
	"hearth/model"
)

// stopwatch measures the phases of an attempt.
type stopwatch struct {
	spent hearth.PhaseTimes
	phase hearth.Phase
	since time.Time
}

// enter ends the phase before and begins another; the same one goes on.
func (w *stopwatch) enter(p hearth.Phase) {
	if p == w.phase {
		return
	}
	now := time.Now()
	if into := w.into(); into != nil {
		*into += now.Sub(w.since)
	}
	w.phase, w.since = p, now
}

func (w *stopwatch) into() *time.Duration {
	switch w.phase {
	case hearth.PhaseQueued, hearth.PhaseStopping:
		return &w.spent.Queue
	case hearth.PhaseConnecting:
		return &w.spent.Connect
	case hearth.PhaseStarting, hearth.PhaseLoading:
		return &w.spent.Load
	case hearth.PhaseReading:
		return &w.spent.Read
	case hearth.PhaseWriting:
		return &w.spent.Write
	default:
		return nil
	}
}

// times ends the last phase. A server that measures its loading knows better than we
// where loading ended and reading began.
func (w *stopwatch) times(t model.Timing) hearth.PhaseTimes {
	w.enter("")
	out := w.spent
	if load := time.Duration(t.LoadMS * float64(time.Millisecond)); out.Load == 0 && load > 0 && load <= out.Read {
		out.Load, out.Read = load, out.Read-load
	}
	return out
}
