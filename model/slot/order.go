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

// inLine gives those who wait, first come first.
func (e *endpoint) inLine() []*waiter { return slices.SortedFunc(slices.Values(e.waiting), before) }

// idle reports whether nothing at all runs.
func (e *endpoint) idle() bool {
	return !slices.ContainsFunc(e.seats, func(s seat) bool { return s.taken() })
}

// preferred lists the free slots, best first: the session's own, the newest first because
// that one has all of its prompt; then never used ones, then the one whose cached prompt is
// worth least (of the lowest lane, longest unused).
func (e *endpoint) preferred(session hearth.SessionID) []int {
	var free []int
	for i := range e.inForce() {
		if !e.seats[i].taken() {
			free = append(free, i)
		}
	}
	slices.SortFunc(free, func(a, b int) int {
		x, y := &e.seats[a], &e.seats[b]
		if x.of(session) && y.of(session) {
			return -x.older(y)
		}
		return cmp.Or(
			-compareBool(x.of(session), y.of(session)),
			-compareBool(x.lastUse == 0, y.lastUse == 0),
			-cmp.Compare(x.lastLane, y.lastLane),
			x.older(y),
			cmp.Compare(a, b),
		)
	})
	return free
}

// of reports whether a session was the last to use the slot.
func (s *seat) of(session hearth.SessionID) bool { return s.lastUse > 0 && s.lastSession == session }

// older orders slots by their last use, in any process; what the clock does not tell apart,
// by the order in this one.
func (s *seat) older(than *seat) int {
	return cmp.Or(s.lastAt.Compare(than.lastAt), cmp.Compare(s.lastUse, than.lastUse))
}

// home gives the slot that has a session's prompt, free or not: the one it used last. nil =
// none has.
func (e *endpoint) home(session hearth.SessionID) (home *seat) {
	for i := range e.inForce() {
		if s := &e.seats[i]; s.of(session) && (home == nil || s.older(home) > 0) {
			home = s
		}
	}
	return home
}

func (e *endpoint) isHome(w *waiter, number int) bool {
	return e.home(w.claim.Session) == &e.seats[number]
}

// awaits gives the slot that w waits for although another one may be free: its session's own,
// while what runs there is being stopped. Any other would have to read the whole conversation.
func (e *endpoint) awaits(w *waiter) *seat {
	s := e.home(w.claim.Session)
	if s == nil || lane(w.claim) == model.LaneHousekeeping || !s.draining && !s.holdsChore() {
		return nil
	}
	return s
}

// holdsChore reports whether housekeeping has the slot, which ends as soon as anybody else waits.
func (s *seat) holdsChore() bool {
	return s.holder != nil && lane(s.holder.claim) == model.LaneHousekeeping
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
	stopping := e.awaits(w)
	switch {
	case stopping != nil && stopping.draining:
		out.Behind, last = "", nil
	case out.Behind == "":
		stopping = e.drains()
	default:
		stopping = nil
	}
	if stopping != nil {
		out.Phase, out.Note = hearth.PhaseStopping, untilDropped
		if what, left := e.busy(stopping); what != "" {
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

// busy says what the server is at with the request that was stopped in a slot.
func (e *endpoint) busy(s *seat) (what string, left time.Duration) {
	if e.slots.cfg.Busy == nil {
		return "", 0
	}
	what, left = e.slots.cfg.Busy(s.endpoint)
	return what, max(0, min(left, time.Until(s.waitsUntil)))
}

// drains gives a slot whose request was stopped and may still run, or nil.
func (e *endpoint) drains() *seat {
	for i := range e.seats {
		if s := &e.seats[i]; s.draining {
			return s
		}
	}
	return nil
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
