package slot_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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

// A view is what one process knows of a server: what it was told, or else what the server
// shows.
type view struct {
	remainder model.Remainder
	through   time.Time // what the server shows, where it shows anything
	doubt     string
	late      string
}

func (v *view) gone(context.Context, model.Endpoint, int) bool {
	if v.remainder.Unsure {
		v.remainder.Unsure, v.doubt = false, "it may still read"
	}
	return !time.Now().Before(v.through) && !time.Now().Before(v.remainder.Until)
}

func (v *view) busy(model.Endpoint) (string, time.Duration) {
	if left := time.Until(v.remainder.Until); left > 0 {
		return "it still reads", left
	}
	return "", 0
}

func (v *view) tell(model.Endpoint) string { told := v.doubt; v.doubt = ""; return told }

func (v *view) tellLate(model.Endpoint) string { told := v.late; v.late = ""; return told }

// A town has processes that share a folder and its locks.
type town struct {
	dir     string
	locks   *locks
	through time.Time // when the server is through, as it shows itself
	stays   func()    // is called before a lock is tried; may be nil
	memory  *diary    // of who used a slot; may be nil
}

// kill has a process end without a word: the kernel frees its locks, and nothing of it runs on.
func (w *town) kill(name string) {
	w.locks.mu.Lock()
	defer w.locks.mu.Unlock()
	for lock, who := range w.locks.held {
		if who == name {
			delete(w.locks.held, lock)
		}
	}
}

func newTown(t *testing.T) *town {
	return &town{dir: t.TempDir(), locks: &locks{held: map[string]string{}}}
}

func (w *town) process(name string) (*slot.Slots, *view) {
	v := &view{through: w.through}
	try := w.locks.try(name)
	var memory slot.Memory
	if w.memory != nil {
		memory = w.memory
	}
	return slot.New(slot.Config{
		Memory: memory,
		TryLock: func(name string) (func(), string, error) {
			if w.stays != nil {
				w.stays()
			}
			return try(name)
		},
		Folder: w.dir, Gone: v.gone, Busy: v.busy, Doubt: v.tell, Late: v.tellLate,
		Remainder: func(model.Endpoint) model.Remainder { return v.remainder },
		Recall:    func(_ model.Endpoint, r model.Remainder) { v.remainder, v.late = r, "it may be late" },
	}), v
}

// asked gives, of a process's request, how long it waited and all that it was told. What is
// told of a wait that is over at once may be seen or not, and is left out.
func asked(t *testing.T, s *slot.Slots) (waited time.Duration, told string) {
	t.Helper()
	began, lines := time.Now(), []string{}
	_, ticket, err := s.Acquire(t.Context(), claim(model.LaneOwner, "a"), func(w hearth.Wait) {
		lines = append(lines, fmt.Sprint(w.Phase, ": ", w.Note, " ", w.ETA))
	})
	if err != nil {
		t.Fatal(err)
	}
	ticket.Done(true)
	waited = time.Since(began)
	if waited == 0 {
		lines = nil
	}
	if ticket.Notice != "" {
		lines = append(lines, "note: "+ticket.Notice)
	}
	return waited, strings.Join(lines, "\n")
}

// stop has a process ask, and stop it.
func stop(t *testing.T, s *slot.Slots, v *view, leaves model.Remainder) {
	t.Helper()
	_, ticket, err := s.Acquire(t.Context(), claim(model.LaneOwner, "a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	v.remainder = leaves
	ticket.Done(false)
}

// file gives the one that processes tell each other of the slot with.
func (w *town) file(t *testing.T) string {
	t.Helper()
	return filepath.Join(w.dir, "slot-http___127.0.0.1_1234-0.stopped")
}

// TestAnotherProcessWaitsForWhatOneStopped: a command that was stopped is over soon, and
// what it left its server with may not be.
func TestAnotherProcessWaitsForWhatOneStopped(t *testing.T) {
	const never = 24 * time.Hour
	rows := []struct {
		name    string
		reads   time.Duration // as the first process foresees it
		unsure  bool
		through time.Duration // as the server shows it
		killed  bool          // the first process, before it saw the end
		next    time.Duration // until the next one asks
		waits   time.Duration
		told    string // to that one
	}{
		{name: "the reading is foreseen", reads: 7 * time.Second, next: 3 * time.Second, waits: 4 * time.Second, told: "stopping: it still reads 4s"},
		{name: "it is over", reads: 7 * time.Second, next: 8 * time.Second},
		{name: "it takes longer than anybody waits", reads: time.Hour, next: 3 * time.Second, waits: 7 * time.Second,
			told: "stopping: it still reads 7s\nnote: the server may still be working on the request that was stopped; going on"},
		{name: "nobody has to wait any more, but it still reads", reads: time.Hour, next: 20 * time.Minute,
			told: "note: the server may still be working on the request that was stopped; going on"},
		{name: "nobody knows", unsure: true, next: 3 * time.Second, told: "note: it may still read"},
		{name: "nobody knows, and it was long ago", unsure: true, next: 31 * time.Minute},
		{name: "some of it is foreseen", unsure: true, reads: 7 * time.Second, next: 3 * time.Second, waits: 4 * time.Second,
			told: "stopping: it still reads 4s\nnote: it may still read"},
		{name: "the server shows its end", through: 7 * time.Second, next: 3 * time.Second, waits: 4 * time.Second, told: "stopping: until the server has dropped the request that was stopped 0s"},
		{name: "the server shows no end", through: never, next: 3 * time.Second, waits: 7 * time.Second,
			told: "stopping: until the server has dropped the request that was stopped 0s\nnote: the server may still be working on the request that was stopped; going on"},
		{name: "the server showed its end in time", through: time.Second, next: 3 * time.Second},
		{name: "the server showed no end, and it was long ago", through: never, next: time.Minute},
		{name: "killed while it waits", killed: true, through: time.Second, next: 3 * time.Second},
		{name: "killed, and the reading is foreseen", killed: true, reads: 7 * time.Second, next: 3 * time.Second, waits: 4 * time.Second, told: "stopping: it still reads 4s"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, began := newTown(t), time.Now()
				w.through = began.Add(row.through)
				leaves := model.Remainder{Unsure: row.unsure}
				if row.reads > 0 {
					leaves.Until = began.Add(row.reads)
				}
				first, v := w.process("first")
				stop(t, first, v, leaves)
				noted, err := os.ReadFile(w.file(t))
				if err != nil {
					t.Fatalf("nothing is written before the wait: %v", err)
				}
				first.Close()
				if row.killed {
					if err := os.WriteFile(w.file(t), noted, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(row.next - time.Since(began))
				for _, want := range []struct {
					who, told string
					waits     time.Duration
				}{{"the next one", row.told, row.waits}, {"the one after", "", 0}} {
					s, _ := w.process(want.who)
					waited, told := asked(t, s)
					s.Close()
					if waited.Round(goneEvery) != want.waits || told != want.told {
						t.Errorf("%s waited %v, was told %q; want %v, %q", want.who, waited, told, want.waits, want.told)
					}
				}
				if left, err := os.ReadDir(w.dir); err != nil || len(left) != 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
			})
		})
	}
}

// TestWhatIsWrittenOfAStopMayBeAnything: what no process of ours wrote, or wrote under
// another clock, costs nobody a wait, and is gone afterwards.
func TestWhatIsWrittenOfAStopMayBeAnything(t *testing.T) {
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339Nano) }
	rows := []struct {
		name, text string // of the file
		waits      time.Duration
		stays      bool
	}{
		{name: "nothing"},
		{name: "no JSON", text: "\x00\xff{"},
		{name: "a part", text: `{"at":"2000-01-`},
		{name: "other JSON", text: `[1,2,3]`},
		{name: "no time", text: `{"unsure":true}`},
		{name: "far too long", text: strings.Repeat(" ", 1<<20) + "{}"},
		{name: "it comes from another century", text: `{"at":"2126-01-01T00:00:00Z","until":"2127-01-01T00:00:00Z","unsure":true}`},
		{name: "it comes from a minute ahead", text: "minute"},
		{name: "it comes from a moment ahead", text: "soon", waits: 10 * time.Second},
		{name: "it was to end long after all of us", text: "ages", waits: 5 * time.Second},
		{name: "it is a folder", text: "folder", stays: true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTown(t)
				switch row.text {
				case "folder":
					if err := os.MkdirAll(filepath.Join(w.file(t), "full"), 0o700); err != nil {
						t.Fatal(err)
					}
				case "minute":
					row.text = `{"at":"` + at(time.Minute) + `","until":"` + at(time.Hour) + `"}`
				case "soon":
					row.text = `{"at":"` + at(2*time.Second) + `","until":"` + at(time.Hour) + `"}`
				case "ages":
					row.text = `{"at":"` + at(-5*time.Second) + `","until":"9999-01-01T00:00:00Z"}`
				}
				if row.text != "folder" {
					if err := os.WriteFile(w.file(t), []byte(row.text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				s, v := w.process("one")
				waited, _ := asked(t, s)
				if _, err := os.Stat(w.file(t)); (err == nil) != row.stays {
					t.Errorf("the file, after it was read: %v", err)
				}
				stop(t, s, v, model.Remainder{})
				s.Close()
				if waited.Round(goneEvery) != row.waits {
					t.Errorf("waited %v, want %v", waited, row.waits)
				}
				if _, err := os.Stat(w.file(t)); (err == nil) != row.stays {
					t.Errorf("the file, after a stop: %v", err)
				}
			})
		})
	}
}

// TestAStopIsToldOnce: whichever process asks next is told, the one that stopped it or
// another, and no other one.
func TestAStopIsToldOnce(t *testing.T) {
	const doubt, goingOn = "it may still read", "the server may still be working on the request that was stopped; going on"
	rows := []struct {
		name   string
		leaves time.Duration // 0 = nobody knows
		told   string
	}{{"nobody knows", 0, doubt}, {"it takes long", time.Hour, goingOn}}
	for _, row := range rows {
		for _, other := range []bool{false, true} {
			t.Run(fmt.Sprint(row.name, ", another process is next: ", other), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newTown(t)
					chat, v := w.process("chat")
					defer chat.Close()
					leaves := model.Remainder{Unsure: row.leaves == 0}
					if row.leaves > 0 {
						leaves.Until = time.Now().Add(row.leaves)
					}
					stop(t, chat, v, leaves)
					time.Sleep(time.Minute)
					agent, _ := w.process("agent")
					defer agent.Close()
					order := []*slot.Slots{chat, agent, chat}
					if other {
						order = []*slot.Slots{agent, chat, agent}
					}
					for i, s := range order {
						_, told := asked(t, s)
						if want := i == 0; strings.Contains(told, row.told) != want || !want && told != "" {
							t.Errorf("request %d is told %q", i, told)
						}
					}
				})
			})
		}
	}
}

// TestAnOldStopIsNotTold: a chat that was left alone has nothing to tell of it either.
func TestAnOldStopIsNotTold(t *testing.T) {
	for _, row := range []struct {
		reads time.Duration // 0 = nobody knows for how long
		idle  time.Duration
	}{{0, 31 * time.Minute}, {12 * time.Second, time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			w := newTown(t)
			chat, v := w.process("chat")
			defer chat.Close()
			leaves := model.Remainder{Unsure: row.reads == 0}
			if row.reads > 0 {
				leaves.Until = time.Now().Add(row.reads)
			}
			stop(t, chat, v, leaves)
			time.Sleep(row.idle)
			if waited, told := asked(t, chat); waited > 0 || told != "" {
				t.Errorf("waited %v, was told %q", waited, told)
			}
		})
	}
}

// TestAProcessThatWasKilledMayHaveLeftARequest: what it was at nobody knows, so the server is
// asked where it shows that, and else whoever is next is told.
func TestAProcessThatWasKilledMayHaveLeftARequest(t *testing.T) {
	const doubt = "note: it may still read"
	rows := []struct {
		name    string
		lane    model.Lane
		asks    func(t *testing.T, s *slot.Slots) // before it is killed
		next    time.Duration
		through time.Duration // as the server shows it, from when the next one asks
		waits   time.Duration
		told    string
	}{
		{name: "in the middle of a request", asks: acquire, told: doubt},
		{name: "some minutes ago", asks: acquire, next: 20 * time.Minute, told: doubt},
		{name: "long ago", asks: acquire, next: 31 * time.Minute},
		{name: "the server shows what it does", asks: acquire, next: 20 * time.Minute, through: 3 * time.Second, waits: 3 * time.Second,
			told: "stopping: until the server has dropped the request that was stopped 0s\n" + doubt},
		{name: "the server shows no end", asks: acquire, next: 20 * time.Minute, through: 24 * time.Hour, waits: 10 * time.Second,
			told: "stopping: until the server has dropped the request that was stopped 0s\nnote: the server may still be working on the request that was stopped; going on"},
		{name: "between two requests", asks: func(t *testing.T, s *slot.Slots) { asked(t, s) }},
		{name: "while its housekeeping makes room", asks: func(t *testing.T, s *slot.Slots) {
			_, ticket, err := s.Acquire(t.Context(), claim(model.LaneHousekeeping, "warm"), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ticket.GiveWay(ended(t), nil)
			if hearth.ReasonOf(err) != hearth.ReasonCancelled {
				t.Fatal(err)
			}
		}},
		{name: "after it gave housekeeping room", asks: func(t *testing.T, s *slot.Slots) {
			_, ticket, err := s.Acquire(t.Context(), claim(model.LaneHousekeeping, "warm"), nil)
			if err == nil {
				_, err = ticket.GiveWay(t.Context(), nil)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, told: doubt},
		{name: "it never asked", asks: func(*testing.T, *slot.Slots) {}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTown(t)
				w.memory = newDiary()
				first, _ := w.process("first")
				row.asks(t, first)
				w.kill("first")
				time.Sleep(row.next)
				w.through = time.Now().Add(row.through)
				for _, want := range []struct {
					who, told string
					waits     time.Duration
				}{{"the next one", row.told, row.waits}, {"the one after", "", 0}, {"the next one", "", 0}} {
					s, _ := w.process(want.who)
					waited, told := asked(t, s)
					s.Close()
					if waited.Round(goneEvery) != want.waits || told != want.told {
						t.Errorf("%s waited %v, was told %q; want %v, %q", want.who, waited, told, want.waits, want.told)
					}
				}
				if left, err := os.ReadDir(w.dir); err != nil || len(left) != 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
			})
		})
	}
}

func acquire(t *testing.T, s *slot.Slots) {
	t.Helper()
	if _, _, err := s.Acquire(t.Context(), claim(model.LaneOwner, "a"), nil); err != nil {
		t.Fatal(err)
	}
}

func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	end()
	return ctx
}

// TestWhatWasKilledIsNotForgottenByAnotherEnd: who found it may be stopped before it is told.
func TestWhatWasKilledIsNotForgottenByAnotherEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		w.memory = newDiary()
		first, _ := w.process("first")
		acquire(t, first)
		w.kill("first")
		w.through = time.Now().Add(5 * time.Second)
		second, _ := w.process("second")
		ctx, ctrlC := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, ctrlC)
		if _, _, err := second.Acquire(ctx, claim(model.LaneOwner, "b"), nil); hearth.ReasonOf(err) != hearth.ReasonCancelled {
			t.Fatalf("got %v", err)
		}
		second.Close()
		third, _ := w.process("third")
		defer third.Close()
		if waited, told := asked(t, third); waited.Round(goneEvery) != 4*time.Second || !strings.Contains(told, "note: it may still read") {
			t.Errorf("waited %v, was told %q", waited, told)
		}
	})
}

// TestNothingRunsOnAfterClose: whatever a stop left behind is over when Close returns.
func TestNothingRunsOnAfterClose(t *testing.T) {
	rows := []struct {
		name  string
		next  time.Duration // until another process asks; 0 = the one that stopped it is closed
		waits time.Duration // for Close
	}{
		{"its own stop", 0, 1800 * time.Millisecond},
		{"another's", 3 * time.Second, 0},
		{"another's, too late to wait for", 20 * time.Second, 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTown(t)
				var asking atomic.Int64 // questions under way
				var asked atomic.Int64
				process := func(name string) *slot.Slots {
					return slot.New(slot.Config{
						TryLock: w.locks.try(name), Folder: w.dir,
						Gone: func(ctx context.Context, _ model.Endpoint, _ int) bool {
							asked.Add(1)
							asking.Add(1)
							defer asking.Add(-1)
							<-ctx.Done()
							return false
						},
						Remainder: func(model.Endpoint) model.Remainder { return model.Remainder{Until: time.Now().Add(time.Hour)} },
					})
				}
				s := process("first")
				_, ticket, err := s.Acquire(t.Context(), claim(model.LaneOwner, "a"), nil)
				if err != nil {
					t.Fatal(err)
				}
				ticket.Done(false)
				synctest.Wait()
				if row.next > 0 {
					s.Close()
					time.Sleep(row.next)
					s = process("second")
					if _, _, err := s.Acquire(ended(t), claim(model.LaneOwner, "b"), nil); hearth.ReasonOf(err) != hearth.ReasonCancelled {
						t.Fatal(err)
					}
					ctx, ctrlC := context.WithCancel(t.Context())
					time.AfterFunc(time.Second, ctrlC)
					if _, _, err := s.Acquire(ctx, claim(model.LaneOwner, "b"), nil); hearth.ReasonOf(err) != hearth.ReasonCancelled {
						t.Fatal(err)
					}
				}
				if asking.Load() != 1 {
					t.Fatalf("%d questions are under way before it is closed", asking.Load())
				}
				began := time.Now()
				s.Close()
				if took := time.Since(began); took != row.waits || asking.Load() != 0 {
					t.Errorf("closed after %v with %d questions under way, want %v and none", took, asking.Load(), row.waits)
				}
				before := asked.Load()
				time.Sleep(time.Minute)
				if asked.Load() != before || len(w.locks.held) != 0 {
					t.Errorf("asked %d times after it was closed; locks %v", asked.Load()-before, w.locks.held)
				}
			})
		})
	}
}

// TestAUseThatCannotBeEnded keeps nobody from the model: a process deals with it once.
func TestAUseThatCannotBeEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		w.memory = newDiary()
		w.memory.stuck = true
		first, _ := w.process("first")
		asked(t, first)
		first.Close()
		second, _ := w.process("second")
		defer second.Close()
		for i := range 3 {
			if waited, told := asked(t, second); waited > 0 || (told != "") != (i == 0) {
				t.Errorf("request %d waited %v, was told %q", i, waited, told)
			}
		}
	})
}

// TestNothingIsLookedAtBetweenTwoTurns of a process that nobody shares its server with: a
// turn's own time is short.
func TestNothingIsLookedAtBetweenTwoTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		w.memory = newDiary()
		s, _ := w.process("one")
		defer s.Close()
		asked(t, s)
		looks := w.memory.looks
		for range 3 {
			asked(t, s)
		}
		if w.memory.looks != looks {
			t.Errorf("looked %d times", w.memory.looks-looks)
		}
		other, _ := w.process("other")
		asked(t, other)
		other.Close()
		asked(t, s)
		if w.memory.looks == looks {
			t.Error("nothing is looked at when another process had the slot")
		}
	})
}

// TestTheNextOneKnowsWhyItsServerMayBeLate: also where the reading should be over, in another
// process too.
func TestTheNextOneKnowsWhyItsServerMayBeLate(t *testing.T) {
	rows := []struct {
		name   string
		killed bool // the first process, and another is next
		next   time.Duration
		want   string
	}{
		{"the same process", false, time.Minute, "it may be late"},
		{"another, soon after", true, time.Minute, "it may be late"},
		{"another, long after", true, 31 * time.Minute, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTown(t)
				s, v := w.process("first")
				stop(t, s, v, model.Remainder{Until: time.Now().Add(3 * time.Second)})
				v.late = "it may be late"
				if row.killed {
					noted, err := os.ReadFile(w.file(t))
					if err != nil {
						t.Fatal(err)
					}
					s.Close()
					if err := os.WriteFile(w.file(t), noted, 0o600); err != nil {
						t.Fatal(err)
					}
					s, _ = w.process("second")
				}
				defer s.Close()
				time.Sleep(row.next)
				for i, want := range []string{row.want, ""} {
					_, ticket, err := s.Acquire(t.Context(), claim(model.LaneOwner, "a"), nil)
					if err != nil {
						t.Fatal(err)
					}
					ticket.Done(true)
					if ticket.Late != want || ticket.Notice != "" {
						t.Errorf("request %d: if it is late, told %q, want %q; at once %q", i, ticket.Late, want, ticket.Notice)
					}
				}
			})
		})
	}
}

// TestHousekeepingIsNotToldOfAStop: it has nobody to tell, so it is kept for who has.
func TestHousekeepingIsNotToldOfAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		first, v := w.process("first")
		stop(t, first, v, model.Remainder{Unsure: true})
		first.Close()
		for _, clean := range []bool{true, false} { // an end by itself, and one for somebody who comes
			s, v := w.process("warms")
			_, ticket, err := s.Acquire(t.Context(), claim(model.LaneHousekeeping, "warm"), nil)
			if err != nil || ticket.Notice != "" {
				t.Fatalf("told %q, %v", ticket.Notice, err)
			}
			v.remainder = model.Remainder{}
			ticket.Done(clean)
			s.Close()
		}
		s, _ := w.process("person")
		defer s.Close()
		if _, told := asked(t, s); !strings.Contains(told, "note: it may still read") {
			t.Errorf("the person is told %q", told)
		}
	})
}

// TestHousekeepingGivesWayToAStop: what was stopped meanwhile is not lost when housekeeping
// is stopped too.
func TestHousekeepingGivesWayToAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		chores, _ := w.process("chores")
		_, ticket, err := chores.Acquire(t.Context(), claim(model.LaneHousekeeping, "probe"), nil)
		if err != nil {
			t.Fatal(err)
		}
		var came sync.WaitGroup
		var gone atomic.Bool
		came.Go(func() {
			defer gone.Store(true)
			person, v := w.process("person")
			_, ticket, err := person.Acquire(t.Context(), claim(model.LaneOwner, "a"), nil)
			if err != nil {
				t.Error(err)
				return
			}
			v.remainder = model.Remainder{Unsure: true}
			ticket.Done(false)
			person.Close()
		})
		for !gone.Load() {
			if _, err := ticket.GiveWay(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
		came.Wait()
		ticket.Done(false)
		chores.Close()
		next, _ := w.process("next")
		defer next.Close()
		if _, told := asked(t, next); told != "note: it may still read" {
			t.Errorf("told %q", told)
		}
	})
}

// TestCtrlCWhileWaitingForAnotherProcesssStop ends at once, and leaves the wait to who
// comes then.
func TestCtrlCWhileWaitingForAnotherProcesssStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, began := newTown(t), time.Now()
		first, v := w.process("first")
		stop(t, first, v, model.Remainder{Until: began.Add(time.Hour)})
		first.Close()
		second, _ := w.process("second")
		ctx, ctrlC := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, ctrlC)
		at := time.Now()
		if _, _, err := second.Acquire(ctx, claim(model.LaneOwner, "b"), nil); hearth.ReasonOf(err) != hearth.ReasonCancelled {
			t.Fatalf("got %v", err)
		}
		second.Close()
		if took := time.Since(at); took != time.Second {
			t.Errorf("it took %v to end, want none after the second", took)
		}
		if told := second.Aftermaths(); len(told) != 0 || len(w.locks.held) != 0 {
			t.Errorf("told %q, locks %v", told, w.locks.held)
		}
		third, _ := w.process("third")
		defer third.Close()
		asked(t, third)
		if waited := time.Since(began).Round(goneEvery); waited != 10*time.Second {
			t.Errorf("the third got the slot %v after the stop, want 10 s", waited)
		}
	})
}

// TestWhoWaitsBehindAStopIsToldWhy: the other process still has the slot.
func TestWhoWaitsBehindAStopIsToldWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		chat, v := w.process("process 11 (hearth up)")
		defer chat.Close()
		stop(t, chat, v, model.Remainder{Until: time.Now().Add(4 * time.Second)})
		agent, _ := w.process("agent")
		defer agent.Close()
		var lines []string
		_, ticket, err := agent.Acquire(t.Context(), claim(model.LaneOwner, "b"), func(w hearth.Wait) {
			lines = append(lines, fmt.Sprint(w.Phase, " behind ", w.Behind, ": ", w.Note))
		})
		if err != nil {
			t.Fatal(err)
		}
		ticket.Done(true)
		if want := "queued behind process 11 (hearth up): until the server has dropped the request that was stopped"; lines[0] != want {
			t.Errorf("told %q, want %q", lines, want)
		}
	})
}

// TestAStopThatCannotBeWritten is known to its own process, as if there were no others.
func TestAStopThatCannotBeWritten(t *testing.T) {
	for name, dir := range map[string]string{"no folder": "none", "a file in its place": "file"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTown(t)
				if err := os.WriteFile(filepath.Join(w.dir, "file"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				w.dir = filepath.Join(w.dir, dir)
				s, v := w.process("one")
				defer s.Close()
				stop(t, s, v, model.Remainder{Unsure: true})
				if _, told := asked(t, s); !strings.Contains(told, "note: it may still read") {
					t.Errorf("told %q", told)
				}
			})
		})
	}
}

// TestAStopThatCannotBeRemoved keeps nobody from the model: each process deals with it once.
func TestAStopThatCannotBeRemoved(t *testing.T) {
	for _, unsure := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newTown(t)
			first, v := w.process("first")
			stop(t, first, v, model.Remainder{Unsure: unsure, Until: time.Now().Add(3 * time.Second)})
			first.Close()
			noted, err := os.ReadFile(w.file(t))
			if err != nil {
				t.Fatal(err)
			}
			w.stays = func() { // as if it had never gone
				if err := os.WriteFile(w.file(t), noted, 0o600); err != nil {
					t.Error(err)
				}
			}
			second, _ := w.process("second")
			defer second.Close()
			for i := range 3 {
				if waited, told := asked(t, second); (waited > 0 || told != "") != (i == 0) {
					t.Errorf("request %d waited %v, was told %q", i, waited, told)
				}
			}
		})
	}
}

// TestOnlyTheSlotOfAStopIsKept: another one is free, and of two servers the one that has
// nothing left to do is chosen.
func TestOnlyTheSlotOfAStopIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		first, v := w.process("first")
		first.SetSlots(server.Origin, 2)
		stop(t, first, v, model.Remainder{Until: time.Now().Add(time.Hour)})
		first.Close()
		second, _ := w.process("second")
		defer second.Close()
		second.SetSlots(server.Origin, 2)
		other := model.Endpoint{Origin: "http://127.0.0.1:1", Locality: hearth.LocalityMachine}
		for i := range 20 {
			if got := second.Choose(hearth.SessionID(fmt.Sprint("s", i)), []model.Endpoint{server, other}); got[0] != 1 {
				t.Fatalf("session s%d goes to the server that still reads", i)
			}
		}
		began := time.Now()
		_, ticket, err := second.Acquire(t.Context(), claim(model.LaneOwner, "b"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ticket.Done(true)
		if waited := time.Since(began); ticket.Slot != 1 || waited != 0 {
			t.Errorf("slot %d after %v, want the other one at once", ticket.Slot, waited)
		}
	})
}

// TestNoStopIsToldOfAVendorsServer: other processes do not share it.
func TestNoStopIsToldOfAVendorsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		s, v := w.process("one")
		defer s.Close()
		c := claim(model.LaneOwner, "a")
		c.Endpoint = model.Endpoint{Origin: "https://api.example.com", Locality: hearth.LocalityHosted}
		_, ticket, err := s.Acquire(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		v.remainder = model.Remainder{Unsure: true}
		ticket.Done(false)
		if left, err := os.ReadDir(w.dir); err != nil || len(left) != 0 {
			t.Errorf("written: %v, %v", left, err)
		}
	})
}
