package slot

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hearth"
	"hearth/model"
)

// turns makes the sessions of one lane take turns. A claim's turn is one after the
// newest claim of its session, but never before the turn being served: a session with
// ten claims does not make another wait for more than one of them.
type turns struct {
	now  int64
	next map[hearth.SessionID]int64 // the newest turn of sessions that still wait
}

func (t *turns) take(s hearth.SessionID) int64 {
	turn := max(t.now, t.next[s]) + 1
	t.next[s] = turn
	return turn
}

func (t *turns) served(s hearth.SessionID, turn int64) {
	t.now = max(t.now, turn)
	if t.next[s] <= t.now {
		delete(t.next, s)
	}
}

// left takes back the turn of a claim that nobody waits for any more.
func (t *turns) left(s hearth.SessionID, turn int64) {
	if t.next[s] != turn {
		return // a later claim of the session goes by it
	}
	if t.next[s]--; t.next[s] <= t.now {
		delete(t.next, s)
	}
}

// lane bounds what a claim says to the lanes there are.
func lane(c model.Claim) model.Lane {
	return min(max(c.Lane, model.LaneOwner), model.LaneHousekeeping)
}

// before orders claims: lane, turn, arrival.
func before(a, b *waiter) int {
	return cmp.Or(
		cmp.Compare(lane(a.claim), lane(b.claim)),
		cmp.Compare(a.turn, b.turn),
		cmp.Compare(a.arrival, b.arrival),
	)
}

// first is whoever is next, or nil.
func (e *endpoint) first() *waiter {
	if len(e.waiting) == 0 {
		return nil
	}
	return slices.MinFunc(e.waiting, before)
}

// idle reports whether nothing at all runs.
func (e *endpoint) idle() bool {
	return !slices.ContainsFunc(e.seats, func(s seat) bool { return s.taken() })
}

// preferred lists the free slots, best first: the session's own, then never used ones,
// then the one whose cached prompt is worth least (of the lowest lane, longest unused).
func (e *endpoint) preferred(session hearth.SessionID) []int {
	var free []int
	for i := range e.inForce() {
		if !e.seats[i].taken() {
			free = append(free, i)
		}
	}
	slices.SortFunc(free, func(a, b int) int {
		x, y := &e.seats[a], &e.seats[b]
		return cmp.Or(
			-compareBool(x.lastUse > 0 && x.lastSession == session, y.lastUse > 0 && y.lastSession == session),
			-compareBool(x.lastUse == 0, y.lastUse == 0),
			-cmp.Compare(x.lastLane, y.lastLane),
			cmp.Compare(x.lastUse, y.lastUse),
			cmp.Compare(a, b),
		)
	})
	return free
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// lockName names the lock of a slot, the same in every process and safe as a file name.
func lockName(origin string, number int) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		default:
			return '_'
		}
	}, strings.ToLower(origin))
	return "slot-" + safe + "-" + strconv.Itoa(number)
}

// line says what w waits for.
func (e *endpoint) line(w *waiter) hearth.Wait {
	ahead, last := 0, (*waiter)(nil)
	for _, other := range e.waiting {
		if before(other, w) < 0 {
			ahead++
			if last == nil || before(other, last) > 0 {
				last = other
			}
		}
	}
	out := hearth.Wait{Phase: hearth.PhaseQueued, Model: w.claim.Model, Behind: e.holder(w)}
	if out.Behind == "" && e.drains() {
		out.Phase, out.Note = hearth.PhaseStopping, untilDropped
		if what, left := e.busy(); what != "" {
			out.Note, out.ETA = what, left
		}
	}
	if out.Behind != "" && e.stops {
		out.Note = untilDropped // which is what that process waits for
	}
	switch {
	case last == nil:
	case out.Behind == "":
		out.Behind = describe(last.claim, w.claim)
	default:
		out.Note = strconv.Itoa(ahead) + " more ahead: " + describe(last.claim, w.claim)
	}
	return out
}

const untilDropped = "until the server has dropped the request that was stopped"

// busy says what the server is at with requests that were stopped.
func (e *endpoint) busy() (what string, left time.Duration) {
	if e.slots.cfg.Busy == nil {
		return "", 0
	}
	for i := range e.seats {
		if s := &e.seats[i]; s.draining {
			what, left = e.slots.cfg.Busy(s.endpoint)
			return what, max(0, min(left, time.Until(s.waitsUntil)))
		}
	}
	return "", 0
}

func (e *endpoint) drains() bool {
	return slices.ContainsFunc(e.seats, func(s seat) bool { return s.draining })
}

// holder names who has the slots: the one that has had its own longest, or another process.
func (e *endpoint) holder(w *waiter) string {
	var oldest *seat
	for i := range e.seats {
		if s := &e.seats[i]; s.holder != nil && (oldest == nil || s.lastUse < oldest.lastUse) {
			oldest = s
		}
	}
	if oldest == nil {
		return e.stranger
	}
	return describe(oldest.holder.claim, w.claim)
}

// describe names a claim for the person who waits behind it.
func describe(c, forWhom model.Claim) string {
	who := map[model.Lane]string{
		model.LaneOwner:        "another conversation",
		model.LaneFollowUp:     "a follow-up",
		model.LaneSubagent:     "a subagent",
		model.LaneSchedule:     "a scheduled job",
		model.LaneHousekeeping: "housekeeping",
	}[lane(c)]
	if c.Session == forWhom.Session && lane(c) == model.LaneOwner {
		who = "this conversation's last request"
	}
	if c.Model != "" && c.Model != forWhom.Model {
		who += " using " + c.Model
	}
	return who
}

// tell leaves the newest line for the waiting goroutine, if it says something new.
func (w *waiter) tell(line hearth.Wait) {
	if line == w.told {
		return
	}
	w.told = line
	select {
	case <-w.news: // an older line that nobody read
	default:
	}
	w.news <- line // there is room: only pump sends, under the endpoint's lock
}
