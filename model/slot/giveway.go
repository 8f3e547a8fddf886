package slot

import (
	"context"
	"time"

	"hearth"
)

// gap is how long a lock is left alone for others: whoever waits for it in another
// process tries it once or twice in that time.
const gap = 2 * lockEvery

// giveWay implements Ticket.GiveWay. In this process the slot stays its holder's: who
// waits here cancels housekeeping instead.
func (e *endpoint) giveWay(ctx context.Context, w *waiter, wait func(hearth.Wait)) (others bool, err error) {
	e.mu.Lock()
	unlock := e.seats[w.seat].unlock
	e.seats[w.seat].unlock = nil
	e.mu.Unlock()
	if unlock == nil {
		return false, nil
	}
	e.ended(w.claim.Endpoint, w.seat)
	unlock()
	name, told := lockName(e.origin, w.seat), ""
	for pause := gap; ; pause = lockEvery {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return others, cancelled(ctx)
		case <-timer.C:
		}
		unlock, holder, err := e.slots.cfg.TryLock(name)
		if err != nil || unlock != nil { // a broken lock file keeps nobody from their own model
			e.mu.Lock()
			e.seats[w.seat].unlock, e.seats[w.seat].others = unlock, true
			others = others || e.usedElsewhere(w)
			e.used(w)
			e.mu.Unlock()
			return others, nil
		}
		others = true
		if holder != told && wait != nil {
			told = holder
			wait(hearth.Wait{Phase: hearth.PhaseQueued, Model: w.claim.Model, Behind: holder})
		}
	}
}

// usedElsewhere reports whether another process is known to have used the slot of w.
func (e *endpoint) usedElsewhere(w *waiter) bool {
	if !e.remembers(w.claim.Endpoint) {
		return false
	}
	session, _, _ := e.slots.cfg.Memory.Last(lockName(e.origin, w.seat))
	return session != "" && session != w.claim.Session
}
