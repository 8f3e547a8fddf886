package slot_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/slot"
)

var twin = model.Endpoint{Origin: "http://127.0.0.1:5678", Locality: hearth.LocalityMachine}

// either claims a slot of the server or of its twin.
func either(lane model.Lane, session string, stay time.Duration) model.Claim {
	c := claim(lane, session)
	c.Or, c.Stay = []model.Endpoint{twin}, stay
	return c
}

// keep has a slot of an endpoint in use for a while.
func keep(t *testing.T, s *slot.Slots, at model.Endpoint, session string, d time.Duration) {
	t.Helper()
	c := claim(model.LaneOwner, session)
	c.Endpoint = at
	_, ticket, err := s.Acquire(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(d, func() { ticket.Done(true) })
}

// TestWhoWaitsForAReplicaMayMove: a new conversation at once to whichever is free first, one
// that a replica has read when it has waited for as long as it was to.
func TestWhoWaitsForAReplicaMayMove(t *testing.T) {
	const never = time.Hour
	rows := []struct {
		name       string
		read       bool // the first has read the conversation, and is at a request of it
		lane       model.Lane
		stay       time.Duration
		first, two time.Duration // how long each is in use
		lost       bool          // the second is
		place      int
		moved      bool
		waits      time.Duration
	}{
		{name: "both are free", stay: time.Minute, place: 0},
		{name: "only the other is free", first: never, place: 1},
		{name: "a new conversation takes what is free first", stay: time.Minute, first: 20 * time.Second, two: 2 * time.Second, place: 1, waits: 2 * time.Second},
		{name: "also the one that it was to wait for", stay: time.Minute, first: 2 * time.Second, two: 20 * time.Second, place: 0, waits: 2 * time.Second},
		{name: "who was read here waits for a while", read: true, stay: 10 * time.Second, first: 4 * time.Second, place: 0, waits: 4 * time.Second},
		{name: "and then moves to what is free", read: true, stay: 10 * time.Second, first: never, place: 1, moved: true, waits: 10 * time.Second},
		{name: "or gets free then", read: true, stay: 10 * time.Second, first: never, two: 15 * time.Second, place: 1, moved: true, waits: 15 * time.Second},
		{name: "unless its own is free before that", read: true, stay: 10 * time.Second, first: 12 * time.Second, two: 15 * time.Second, place: 0, waits: 12 * time.Second},
		{name: "a lost one is not waited for", first: 20 * time.Second, lost: true, place: 0, waits: 20 * time.Second},
		{name: "housekeeping does not move", lane: model.LaneHousekeeping, first: 20 * time.Second, place: 0, waits: 20 * time.Second},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := slot.New(slot.Config{})
				defer s.Close()
				who := "another"
				if row.read {
					who = "mine"
				}
				if row.first > 0 {
					keep(t, s, server, who, row.first)
				}
				if row.two > 0 {
					keep(t, s, twin, "another", row.two)
				}
				if row.lost {
					s.Lost(twin.Origin)
				}
				began := time.Now()
				_, ticket, err := s.Acquire(t.Context(), either(row.lane, "mine", row.stay), nil)
				if err != nil {
					t.Fatal(err)
				}
				if waited := time.Since(began); ticket.Place != row.place || ticket.Moved != row.moved || waited != row.waits {
					t.Errorf("place %d, moved %v, after %v; want %d, %v, %v", ticket.Place, ticket.Moved, waited, row.place, row.moved, row.waits)
				}
				for _, e := range []model.Endpoint{server, twin} {
					if _, waiting := s.Load(e.Origin); waiting != 0 {
						t.Errorf("%d still wait at %s", waiting, e.Origin)
					}
				}
				ticket.Done(true)
			})
		})
	}
}

// TestWhoStopsWaitingWaitsNowhere, whichever endpoint would have been next.
func TestWhoStopsWaitingWaitsNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slot.New(slot.Config{})
		defer s.Close()
		keep(t, s, server, "x", time.Hour)
		keep(t, s, twin, "y", time.Hour)
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		if _, _, err := s.Acquire(ctx, either(model.LaneOwner, "mine", 0), nil); hearth.ReasonOf(err) != hearth.ReasonCancelled {
			t.Errorf("got %v", err)
		}
		for _, e := range []model.Endpoint{server, twin} {
			if running, waiting := s.Load(e.Origin); running != 1 || waiting != 0 {
				t.Errorf("%s: %d run, %d wait", e.Origin, running, waiting)
			}
		}
		time.Sleep(time.Hour)
	})
}

// TestWhoMayMoveKeepsTheirTurn: in each line, first come first served, and lanes before that.
func TestWhoMayMoveKeepsTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slot.New(slot.Config{})
		defer s.Close()
		keep(t, s, server, "x", time.Hour)
		keep(t, s, twin, "y", 10*time.Second)
		var order []string
		var mu sync.Mutex
		var all sync.WaitGroup
		for i, who := range []struct {
			name string
			lane model.Lane
			or   bool
		}{{"job", model.LaneSchedule, false}, {"first", model.LaneOwner, true}, {"second", model.LaneOwner, false}, {"third", model.LaneOwner, true}} {
			time.Sleep(time.Second)
			all.Go(func() {
				c := either(who.lane, fmt.Sprint("s", i), 0)
				if !who.or {
					c.Endpoint, c.Or = twin, nil
				}
				_, ticket, err := s.Acquire(t.Context(), c, nil)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, who.name)
				mu.Unlock()
				time.Sleep(time.Second)
				ticket.Done(true)
			})
			synctest.Wait()
		}
		all.Wait()
		if got := fmt.Sprint(order); got != "[first second third job]" {
			t.Errorf("served %v", got)
		}
		time.Sleep(time.Hour)
	})
}

// TestASlotThatIsGrantedElsewhereMeanwhileStaysFree: two endpoints have one for the same
// claim, and the second notices only when it has the lock already.
func TestASlotThatIsGrantedElsewhereMeanwhileStaysFree(t *testing.T) {
	var meanwhile atomic.Pointer[func()]
	var held sync.Map
	s := slot.New(slot.Config{TryLock: func(name string) (func(), string, error) {
		held.Store(name, true)
		if strings.Contains(name, "5678") {
			if now := meanwhile.Swap(nil); now != nil {
				(*now)()
			}
		}
		return func() { held.Delete(name) }, "", nil
	}})
	defer s.Close()
	own := get(t, s, model.LaneOwner, "x")
	c := claim(model.LaneOwner, "y")
	c.Endpoint = twin
	_, other, err := s.Acquire(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	waits, got := make(chan hearth.Wait, 9), make(chan *model.Ticket, 1)
	go func() {
		_, ticket, err := s.Acquire(t.Context(), either(model.LaneOwner, "z", 0), func(w hearth.Wait) { waits <- w })
		if err != nil {
			t.Error(err)
		}
		got <- ticket
	}()
	<-waits // at the first; the test goes on when it waits at the second as well
	for waiting := 0; waiting == 0; runtime.Gosched() {
		_, waiting = s.Load(twin.Origin)
	}
	release := func() { own.Done(true) }
	meanwhile.Store(&release)
	other.Done(true)
	ticket := <-got
	if running, waiting := s.Load(twin.Origin); ticket.Place != 0 || running != 0 || waiting != 0 {
		t.Errorf("place %d; of the other, %d run and %d wait", ticket.Place, running, waiting)
	}
	ticket.Done(true)
	held.Range(func(name, _ any) bool {
		t.Errorf("the lock %s is kept", name)
		return true
	})
}

// TestOneClaimGetsOneSlot, however many endpoints have one at the same moment: none is used
// by two, none is kept, and what is remembered of them is what happened.
func TestOneClaimGetsOneSlot(t *testing.T) {
	const claims = 200
	used := &tally{of: map[hearth.SessionID]int{}}
	s := slot.New(slot.Config{Memory: used, TryLock: func(string) (func(), string, error) { return func() {}, "", nil }})
	defer s.Close()
	var running [2]atomic.Int32
	var all sync.WaitGroup
	for i := range claims {
		all.Go(func() {
			c := either(model.LaneOwner, fmt.Sprint("s", i), 0)
			if i%2 == 1 {
				c.Endpoint, c.Or = twin, []model.Endpoint{server}
			}
			_, ticket, err := s.Acquire(t.Context(), c, nil)
			if err != nil {
				t.Error(err)
				return
			}
			at := &running[(i+ticket.Place)%2]
			if at.Add(1) > 1 {
				t.Error("two use one slot")
			}
			at.Add(-1)
			ticket.Done(true)
		})
	}
	all.Wait()
	for _, e := range []model.Endpoint{server, twin} {
		if running, waiting := s.Load(e.Origin); running != 0 || waiting != 0 {
			t.Errorf("%s: %d run, %d wait", e.Origin, running, waiting)
		}
	}
	for session, n := range used.of {
		if n != 1 {
			t.Errorf("%s was given %d slots", session, n)
		}
	}
	if len(used.of) != claims {
		t.Errorf("%d sessions were given one", len(used.of))
	}
}

// tally counts how often each session was given a slot.
type tally struct {
	mu sync.Mutex
	of map[hearth.SessionID]int
}

func (*tally) Last(string) (hearth.SessionID, time.Time, bool) { return "", time.Time{}, true }
func (*tally) Ended(string)                                    {}
func (u *tally) Used(_ string, s hearth.SessionID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.of[s]++
}
