package slot_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/slot"
)

// get claims a slot and fails the test where there is none.
func get(t *testing.T, s *slot.Slots, lane model.Lane, session string) *model.Ticket {
	t.Helper()
	_, ticket, err := s.Acquire(t.Context(), claim(lane, session), nil)
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

// A diary is what processes share, by the clock.
type diary struct {
	mu    sync.Mutex
	last  map[string]hearth.SessionID
	at    map[string]time.Time
	used  map[string]bool // and still is
	looks int
	stuck bool // no use ever ends
}

func newDiary() *diary {
	return &diary{last: map[string]hearth.SessionID{}, at: map[string]time.Time{}, used: map[string]bool{}}
}

func (d *diary) Last(name string) (hearth.SessionID, time.Time, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looks++
	return d.last[name], d.at[name], !d.used[name]
}

func (d *diary) Used(name string, s hearth.SessionID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last[name], d.at[name], d.used[name] = s, time.Now(), true
}

func (d *diary) Ended(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.stuck {
		delete(d.used, name)
	}
}

// TestTheNewestOfASessionsSlotsIsItsOwn: a conversation that had two slots goes on in the
// one that has all of it, in this process and in the next ones.
func TestTheNewestOfASessionsSlotsIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newDiary()
		files := &locks{held: map[string]string{}}
		get := func(t *testing.T, s *slot.Slots, lane model.Lane, session string) *model.Ticket {
			t.Helper()
			time.Sleep(time.Millisecond) // no two are asked for at one instant
			return get(t, s, lane, session)
		}
		process := func() *slot.Slots {
			s := slot.New(slot.Config{Memory: shared, TryLock: files.try("me")})
			s.SetSlots(server.Origin, 3)
			return s
		}
		one := process()
		first, second := get(t, one, model.LaneOwner, "a"), get(t, one, model.LaneOwner, "a")
		if first.Slot != 0 || second.Slot != 1 {
			t.Fatalf("two requests at once are in slots %d and %d", first.Slot, second.Slot)
		}
		second.Done(true)
		first.Done(true) // ends last, and was asked before
		another := process()
		for i := range 3 {
			for who, s := range map[string]*slot.Slots{"it": one, "another process": another, "a new process": process()} {
				ticket := get(t, s, model.LaneOwner, "a")
				if ticket.Slot != 1 || !ticket.Own {
					t.Errorf("request %d of %s is in slot %d (own %v), want 1", i, who, ticket.Slot, ticket.Own)
				}
				ticket.Done(true)
			}
		}

		busy := get(t, another, model.LaneOwner, "a") // meanwhile it goes elsewhere, and stays
		moved := get(t, another, model.LaneOwner, "a")
		busy.Done(true)
		moved.Done(true)
		ticket := get(t, one, model.LaneOwner, "a")
		if ticket.Slot == 1 || ticket.Slot != moved.Slot {
			t.Errorf("it is in slot %d after another process went on in slot %d", ticket.Slot, moved.Slot)
		}
		ticket.Done(true)
	})
}

// TestWhatASlotWasUsedForDoesNotCount: the newest counts, whoever it was for.
func TestWhatASlotWasUsedForDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, lanes := range [][2]model.Lane{{model.LaneSubagent, model.LaneOwner}, {model.LaneOwner, model.LaneSubagent}} {
			s := slot.New(slot.Config{})
			s.SetSlots(server.Origin, 2)
			first, second := get(t, s, lanes[0], "a"), get(t, s, lanes[1], "a")
			first.Done(true)
			second.Done(true)
			if ticket := get(t, s, model.LaneOwner, "a"); ticket.Slot != second.Slot {
				t.Errorf("lanes %v: slot %d, want the one used last, %d", lanes, ticket.Slot, second.Slot)
			}
		}
	})
}

// TestAConversationWaitsForItsOwnSlot while what runs there ends soon: in another one, all
// of it would be read anew.
func TestAConversationWaitsForItsOwnSlot(t *testing.T) {
	rows := []struct {
		name   string
		lane   model.Lane // of what has the slot
		whose  string
		gone   time.Duration // when the server is through with it, once it was closed
		slot   int
		waits  time.Duration
		says   string // while it waits
		notice string
	}{
		{"its request was stopped", model.LaneOwner, "a", 3 * time.Second, 0, 3 * time.Second, "stopping: until the server has dropped", ""},
		{"the server reads on for too long", model.LaneOwner, "a", time.Hour, 0, 10 * time.Second, "stopping", "the server may still be working"},
		{"housekeeping has it read", model.LaneHousekeeping, "a", 500 * time.Millisecond, 0, 500 * time.Millisecond, "stopping", ""},
		{"another conversation's request was stopped", model.LaneOwner, "b", time.Hour, 1, 0, "", ""},
		{"housekeeping reads another conversation", model.LaneHousekeeping, "b", time.Hour, 1, 0, "", ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var closed time.Time
				s := slot.New(slot.Config{Gone: func(context.Context, model.Endpoint, int) bool { return time.Since(closed) >= row.gone }})
				defer s.Close()
				s.SetSlots(server.Origin, 3)
				held, before, err := s.Acquire(t.Context(), claim(row.lane, row.whose), nil)
				if err != nil {
					t.Fatal(err)
				}
				end := func() { closed = time.Now(); before.Done(false) }
				if row.lane == model.LaneHousekeeping {
					go func() { <-held.Done(); end() }()
				} else {
					end()
				}
				began := time.Now()
				var said []string
				_, ticket, err := s.Acquire(t.Context(), claim(model.LaneOwner, "a"), func(w hearth.Wait) {
					said = append(said, fmt.Sprint(w.Phase, ": ", w.Note))
				})
				if err != nil {
					t.Fatal(err)
				}
				defer ticket.Done(true)
				if waited := time.Since(began).Truncate(goneEvery); ticket.Slot != row.slot || waited != row.waits {
					t.Errorf("it got slot %d after %v, want %d after %v", ticket.Slot, waited, row.slot, row.waits)
				}
				if all := strings.Join(said, "\n"); !strings.Contains(all, row.says) || row.says == "" && all != "" {
					t.Errorf("told %q, want %q", all, row.says)
				}
				if !strings.Contains(ticket.Notice, row.notice) || row.notice == "" && ticket.Notice != "" {
					t.Errorf("then told %q, want %q", ticket.Notice, row.notice)
				}
			})
		})
	}
}

// TestWhoWaitsForItsOwnSlotKeepsNobodyWaiting: the others use the slots that it leaves.
func TestWhoWaitsForItsOwnSlotKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slot.New(slot.Config{Gone: func(context.Context, model.Endpoint, int) bool { return false }})
		defer s.Close()
		s.SetSlots(server.Origin, 2)
		get(t, s, model.LaneOwner, "a").Done(false)
		began := time.Now()
		var waits sync.WaitGroup
		waits.Go(func() {
			ticket := get(t, s, model.LaneOwner, "a")
			if waited := time.Since(began).Round(time.Second); ticket.Slot != 0 || waited != 10*time.Second {
				t.Errorf("it got slot %d after %v", ticket.Slot, waited)
			}
			ticket.Done(true)
		})
		synctest.Wait()
		for range 3 {
			ticket := get(t, s, model.LaneSchedule, "job")
			if ticket.Slot != 1 || time.Since(began) > time.Second {
				t.Errorf("a job got slot %d after %v", ticket.Slot, time.Since(began))
			}
			ticket.Done(true)
		}
		waits.Wait()
	})
}

// TestACancelEndsTheWaitForTheOwnSlot and nothing is left of it.
func TestACancelEndsTheWaitForTheOwnSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slot.New(slot.Config{Gone: func(context.Context, model.Endpoint, int) bool { return false }})
		defer s.Close()
		s.SetSlots(server.Origin, 2)
		get(t, s, model.LaneOwner, "a").Done(false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := s.Acquire(ctx, claim(model.LaneOwner, "a"), nil); hearth.ReasonOf(err) != hearth.ReasonCancelled {
			t.Fatalf("got %v", err)
		}
		if running, waiting := s.Load(server.Origin); running != 1 || waiting != 0 {
			t.Errorf("%d running, %d waiting; want the stopped one and none", running, waiting)
		}
	})
}

// TestTheNextProcessWaitsForTheConversationsSlot that the one before left with a stopped
// request, also while that one still has it.
func TestTheNextProcessWaitsForTheConversationsSlot(t *testing.T) {
	for _, ends := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w, began := newTown(t), time.Now()
			shared := newDiary()
			process := func(name string) *slot.Slots {
				s := slot.New(slot.Config{
					TryLock: w.locks.try(name), Memory: shared, Folder: w.dir,
					Gone: func(context.Context, model.Endpoint, int) bool { return time.Since(began) >= 5*time.Second },
				})
				s.SetSlots(server.Origin, 2)
				return s
			}
			first := process("first")
			get(t, first, model.LaneOwner, "a").Done(false)
			if ends {
				first.Close()
			} else {
				defer first.Close()
			}
			second := process("second")
			defer second.Close()
			other := get(t, second, model.LaneOwner, "b")
			if other.Slot != 1 {
				t.Errorf("another conversation is in slot %d", other.Slot)
			}
			other.Done(true)
			ticket := get(t, second, model.LaneOwner, "a")
			defer ticket.Done(true)
			if waited := time.Since(began); ticket.Slot != 0 || waited < 5*time.Second || waited > 6*time.Second {
				t.Errorf("the process before ends: %v: slot %d after %v, want 0 after 5 s", ends, ticket.Slot, waited)
			}
		})
	}
}

// TestChoresDoNotWaitForTheirOwnSlot: they run when all is idle.
func TestChoresDoNotWaitForTheirOwnSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slot.New(slot.Config{})
		s.SetSlots(server.Origin, 2)
		var ran []int
		for range 3 {
			ticket := get(t, s, model.LaneHousekeeping, "a")
			ran = append(ran, ticket.Slot)
			ticket.Done(true)
		}
		if !slices.Equal(ran, []int{0, 0, 0}) {
			t.Errorf("slots %v, want the same one each time", ran)
		}
	})
}

// TestHousekeepingKnowsWhoseTheOnlySlotIs: what another process did there counts.
func TestHousekeepingKnowsWhoseTheOnlySlotIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newDiary()
		files := &locks{held: map[string]string{}}
		process := func() *slot.Slots { return slot.New(slot.Config{Memory: shared, TryLock: files.try("me")}) }
		mine := func(s *slot.Slots, session string) bool {
			time.Sleep(time.Millisecond) // no two are asked for at one instant
			ticket := get(t, s, model.LaneHousekeeping, session)
			defer ticket.Done(true)
			return ticket.Own
		}
		ask := func(s *slot.Slots, session string) {
			time.Sleep(time.Millisecond)
			get(t, s, model.LaneOwner, session).Done(true)
		}
		first, second := process(), process()
		if mine(first, "a") {
			t.Error("a slot that nobody used is its own")
		}
		ask(first, "a")
		if !mine(second, "a") {
			t.Error("another process does not know that it was asked for it")
		}
		ask(second, "b")
		if mine(first, "a") {
			t.Error("another conversation used it since, and it is its own")
		}
	})
}
