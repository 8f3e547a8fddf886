package slot

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"hearth/model"
)

// unsureFor is for how long whoever is next is told of a request that a server may still
// read, where nobody knows for how long it does: a turn is given no more time either.
const unsureFor = 30 * time.Minute

// stopped is a request that was closed early, as processes tell each other of it. Its file
// is there until the server is through with it, or somebody was told that it may not be.
type stopped struct {
	At     time.Time `json:"at"`
	Until  time.Time `json:"until,omitzero"`
	Unsure bool      `json:"unsure,omitzero"`
}

// current reports whether somebody should know of a stopped request. One from the future
// was written under a clock that has been set back since.
func (e *endpoint) current(s stopped) bool {
	return time.Now().Before(e.over(s)) && time.Until(s.At) <= e.slots.cfg.Patience
}

// over is when nobody has to know of it any more.
func (e *endpoint) over(s stopped) time.Time {
	switch unsure := s.At.Add(unsureFor); {
	case s.Unsure && unsure.After(s.Until):
		return unsure
	case !s.Until.IsZero():
		return s.Until
	}
	return s.At.Add(e.slots.cfg.Patience)
}

// holds is for how long from now a slot is kept for a request that another process
// stopped: for as long as that one would have.
func (e *endpoint) holds(s stopped) time.Duration {
	return min(time.Until(s.At.Add(e.slots.cfg.Patience)), e.slots.cfg.Patience)
}

func (e *endpoint) stoppedFile(number int) string {
	return filepath.Join(e.slots.cfg.Folder, lockName(e.origin, number)+".stopped")
}

// readStopped gives what was left in a slot; written reports whether anything was, and is
// true also for what cannot be read.
func (e *endpoint) readStopped(number int) (left stopped, written bool) {
	f, err := os.Open(e.stoppedFile(number))
	if err != nil {
		return stopped{}, false
	}
	defer func() { _ = f.Close() }() // nothing was written
	text := make([]byte, 1024)
	n, _ := f.ReadAt(text, 0) // io.EOF is usual, and of other errors there is nothing to read
	if json.Unmarshal(text[:n], &left) != nil {
		return stopped{}, true
	}
	return left, true
}

// stopsThere reports whether a slot is kept, or will be, for what another process stopped.
func (e *endpoint) stopsThere(as model.Endpoint, number int) bool {
	if !e.tells(as) {
		return false
	}
	left, written := e.readStopped(number)
	return written && !left.At.Equal(e.seats[number].stopped) && e.current(left) && e.holds(left) > 0
}

// tellOthers writes down that a request was stopped, before anything is waited for: this
// process may not live that long. What a loss of power leaves of it is as good as nothing.
// The caller holds e.mu and the slot's lock.
func (e *endpoint) tellOthers(number int) {
	s := &e.seats[number]
	known := s.stopped
	s.stopped = time.Time{}
	if !e.tells(s.endpoint) {
		return
	}
	if before, written := e.readStopped(number); written && e.current(before) && !before.At.Equal(known) {
		e.recallStopped(s.endpoint, before) // housekeeping gave way to somebody who left something too
	}
	left := stopped{At: time.Now().Round(0), Unsure: s.doubt != ""} // which housekeeping told nobody
	if e.slots.cfg.Remainder != nil {
		r := e.slots.cfg.Remainder(s.endpoint)
		left.Until, left.Unsure = r.Until.Round(0), r.Unsure || left.Unsure
	}
	if e.writeStopped(number, left) {
		s.stopped = left.At
	}
}

func (e *endpoint) writeStopped(number int, left stopped) bool {
	text, err := json.Marshal(left)
	return err == nil && os.WriteFile(e.stoppedFile(number), append(text, '\n'), 0o600) == nil
}

// readKilled gives what a process left in a slot that was killed while it had it: a request
// that was stopped, nobody knows when. It is written down as that, for whoever comes when
// this process ends too. The caller has the slot's lock, and no stop is written of it.
func (e *endpoint) readKilled(number int) (left stopped, killed bool) {
	if e.slots.cfg.Memory == nil {
		return stopped{}, false
	}
	session, at, ended := e.slots.cfg.Memory.Last(lockName(e.origin, number))
	if past := time.Since(at); session == "" || ended || past < 0 || past > unsureFor {
		return stopped{}, false
	}
	left = stopped{At: time.Now().Round(0), Unsure: true}
	e.writeStopped(number, left) // else this process alone knows it
	return left, true
}

// tells reports whether processes tell each other of requests that were stopped there.
func (e *endpoint) tells(as model.Endpoint) bool { return e.slots.cfg.Folder != "" && e.shared(as) }

// settled takes back what others were told of a slot.
func (e *endpoint) settled(number int) {
	s := &e.seats[number]
	if !s.stopped.IsZero() {
		_ = os.Remove(e.stoppedFile(number)) // a file that stays there is known by s.stopped
	}
}

// news gives, once, what there is to tell of what was stopped in a slot.
func (e *endpoint) news(number int) string {
	s := &e.seats[number]
	note := cmp.Or(s.aftermath, s.doubt)
	if s.aftermath == mayStillRun {
		note += "; going on"
	}
	s.aftermath, s.doubt = "", ""
	e.settled(number)
	return note
}

// inherits keeps a slot, which a claim would get, for a request that another process
// stopped, or was killed with, and reports whether it does. Nothing is looked at where no
// other has had the lock. The caller holds e.mu; unlock is the slot's lock.
func (e *endpoint) inherits(as model.Endpoint, number int, unlock func()) bool {
	if !e.tells(as) {
		return false
	}
	s := &e.seats[number]
	known := !s.stopped.IsZero()
	if !known && !s.others {
		return false
	}
	left, written := e.readStopped(number)
	if !written && s.others && unlock != nil && e.slots.cfg.Gone != nil {
		left, written = e.readKilled(number)
	}
	s.others = false
	own := known && written && left.At.Equal(s.stopped)
	foreseen := left.Unsure || !left.Until.IsZero()
	if own && foreseen && !e.current(left) || known && !own {
		if own {
			e.settled(number)
		}
		s.forget() // the server has read all by now; or others went on from there
	}
	switch {
	case own, !written, e.slots.cfg.Gone == nil:
		return false
	case !e.current(left):
		if past := time.Since(left.At); past >= 0 && past < unsureFor {
			e.recallStopped(as, left) // nobody waits for it, but a server that is late may be at it
		}
		_ = os.Remove(e.stoppedFile(number)) // it is as little next time
		return false
	case !e.slots.begin(func() { e.drainInherited(number) }):
		return false
	}
	e.recallStopped(as, left)
	s.stopped, s.waitsUntil = left.At, time.Now().Add(e.holds(left))
	s.draining, s.unlock, s.endpoint = true, unlock, as
	return true
}

func (e *endpoint) recallStopped(as model.Endpoint, s stopped) {
	if e.slots.cfg.Recall != nil {
		e.slots.cfg.Recall(as, model.Remainder{Until: s.Until, Unsure: s.Unsure})
	}
}

// forget drops what is not to be told any more of a slot's stopped request.
func (s *seat) forget() {
	s.doubt, s.stopped = "", time.Time{}
	if s.aftermath == mayStillRun {
		s.aftermath = ""
	}
}

// drainInherited waits for what another process stopped. Who comes too late for that asks
// once. When this process ends first, the next one does the same.
func (e *endpoint) drainInherited(number int) {
	e.mu.Lock()
	server, until := e.seats[number].endpoint, e.seats[number].waitsUntil
	e.mu.Unlock()
	var gone bool
	if time.Now().Before(until) {
		ctx, cancel := context.WithDeadline(e.slots.life, until)
		gone = e.gone(ctx, server, number)
		cancel()
	} else {
		ctx, cancel := context.WithTimeout(e.slots.life, lastChance)
		gone = e.slots.cfg.Gone(ctx, server, number)
		cancel()
	}
	if !gone && e.slots.life.Err() != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.seats[number].stopped = time.Time{}
		e.free(number)
		return
	}
	e.drained(number, server, gone)
}
