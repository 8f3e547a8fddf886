package slot_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

var server = model.Endpoint{Origin: "http://127.0.0.1:1234", Locality: hearth.LocalityMachine}

func claim(lane model.Lane, session string) model.Claim {
	return model.Claim{Endpoint: server, Lane: lane, Session: hearth.SessionID(session), Model: "qwen3"}
}

// house is a server with synthetic callers: it records who ran when.
type house struct {
	t     *testing.T
	slots *slot.Slots

	mu      sync.Mutex
	flying  int
	highest int
	order   []string
}

// run claims a slot, works for a while in virtual time, and gives it back.
func (h *house) run(name string, c model.Claim, work time.Duration) {
	held, ticket, err := h.slots.Acquire(h.t.Context(), c, nil)
	if err != nil {
		h.t.Errorf("%s: %v", name, err)
		return
	}
	h.mu.Lock()
	h.flying++
	h.highest = max(h.highest, h.flying)
	h.order = append(h.order, name)
	h.mu.Unlock()
	select {
	case <-time.After(work):
	case <-held.Done():
	}
	h.mu.Lock()
	h.flying--
	h.mu.Unlock()
	ticket.Done(true)
}

func TestOnePersonThreeSubagentsFiveJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, slots: slot.New(slot.Config{})}
		var callers sync.WaitGroup
		for i := range 3 {
			callers.Go(func() {
				for range 20 {
					h.run("subagent", claim(model.LaneSubagent, fmt.Sprint("sub", i)), 7*time.Second)
				}
			})
		}
		for i := range 5 {
			callers.Go(func() {
				for range 10 {
					h.run("job", claim(model.LaneSchedule, fmt.Sprint("job", i)), 11*time.Second)
				}
			})
		}
		callers.Go(func() {
			for i := range 10 {
				time.Sleep(time.Duration(13+i)*time.Second + time.Second/2) // never at the instant when a request of others ends
				h.mu.Lock()
				before := len(h.order)
				h.mu.Unlock()
				h.run("person", claim(model.LaneOwner, "main"), 5*time.Second)
				h.mu.Lock()
				if at := slices.Index(h.order[before:], "person"); at != 0 {
					t.Errorf("message %d: %d requests of others started before the person's", i, at)
				}
				h.mu.Unlock()
			}
		})
		callers.Wait()
		if h.highest != 1 {
			t.Errorf("max in flight %d, want 1", h.highest)
		}
		if got := len(h.order); got != 3*20+5*10+10 {
			t.Errorf("%d requests ran, want all 120", got)
		}
		lastSub := len(h.order) - 1 - slices.Index(reversed(h.order), "subagent")
		if jobs := count(h.order[:lastSub], "job"); jobs > 2 {
			t.Errorf("%d scheduled jobs ran before the last subagent, want only those that found the server free", jobs)
		}
	})
}

func reversed(s []string) []string { r := slices.Clone(s); slices.Reverse(r); return r }

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

func TestWithinALane(t *testing.T) {
	rows := []struct {
		name   string
		claims []string // session of each claim, in order of arrival, while the slot is taken; - leaves again
		want   []string
	}{
		{"one session is served in order", []string{"a1", "a2", "a3"}, []string{"a1", "a2", "a3"}},
		{"sessions take turns", []string{"a1", "a2", "a3", "b1", "c1", "b2"}, []string{"a1", "b1", "c1", "a2", "b2", "a3"}},
		{"a newcomer does not overtake who waits alone", []string{"a1", "b1", "c1"}, []string{"a1", "b1", "c1"}},
		{"who stopped waiting is not behind others for that", []string{"-a1", "-a2", "-a3", "a4", "b1"}, []string{"a4", "b1"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &house{t: t, slots: slot.New(slot.Config{})}
				var callers sync.WaitGroup
				callers.Go(func() { h.run("first", claim(model.LaneOwner, "z"), time.Minute) })
				synctest.Wait()
				for _, name := range row.claims {
					if session, leaves := strings.CutPrefix(name, "-"); leaves {
						ctx, stop := context.WithCancel(t.Context())
						callers.Go(func() {
							if _, _, err := h.slots.Acquire(ctx, claim(model.LaneSchedule, session[:1]), nil); err == nil {
								t.Errorf("%s got a slot", name)
							}
						})
						synctest.Wait()
						stop()
						synctest.Wait()
						continue
					}
					callers.Go(func() { h.run(name, claim(model.LaneSchedule, name[:1]), time.Second) })
					synctest.Wait()
				}
				callers.Wait()
				if got := h.order[1:]; !slices.Equal(got, row.want) {
					t.Errorf("served %v, want %v", got, row.want)
				}
			})
		})
	}
}

func TestHousekeepingMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slot.New(slot.Config{})
		s.SetSlots(server.Origin, 2)
		held, chore, err := s.Acquire(t.Context(), claim(model.LaneHousekeeping, "warm"), nil)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		go func() {
			<-held.Done()
			if cause := context.Cause(held); !errors.Is(cause, model.ErrYield) {
				t.Errorf("housekeeping ended by %v, want ErrYield", cause)
			}
			chore.Done(false)
		}()
		_, ticket, err := s.Acquire(t.Context(), claim(model.LaneSchedule, "job"), nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if held.Err() == nil {
			t.Error("housekeeping still runs beside a scheduled job")
		}
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("the job waited %v, want at most 1 s", waited)
		}

		granted := make(chan struct{})
		go func() {
			_, again, err := s.Acquire(t.Context(), claim(model.LaneHousekeeping, "warm"), nil)
			if err != nil {
				t.Error(err)
				return
			}
			again.Done(true)
			close(granted)
		}()
		synctest.Wait()
		select {
		case <-granted:
			t.Error("housekeeping began beside a running job, though a slot is free")
		default:
		}
		ticket.Done(true)
		<-granted
	})
}

func TestCancelWhileQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slot.New(slot.Config{})
		_, first, err := s.Acquire(t.Context(), claim(model.LaneOwner, "a"), nil)
		if err != nil {
			t.Fatal(err)
		}
		stop := errors.New("ctrl-c")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { time.Sleep(3 * time.Second); cancel(stop) }()
		began := time.Now()
		_, _, err = s.Acquire(ctx, claim(model.LaneOwner, "b"), nil)
		if hearth.ReasonOf(err) != hearth.ReasonCancelled || !errors.Is(err, stop) {
			t.Errorf("got %v, want a cancel that keeps its cause", err)
		}
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("left after %v, want at once", waited)
		}
		if running, waiting := s.Load(server.Origin); running != 1 || waiting != 0 {
			t.Errorf("%d running, %d waiting; want 1 and 0", running, waiting)
		}
		first.Done(true)
		_, again, err := s.Acquire(t.Context(), claim(model.LaneOwner, "c"), nil)
		if err != nil {
			t.Fatal(err)
		}
		again.Done(true)
		again.Done(true) // giving back twice gives back once
		if running, _ := s.Load(server.Origin); running != 0 {
			t.Errorf("%d running, want 0", running)
		}
	})
}

func TestSessionsKeepTheirSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slot.New(slot.Config{})
		s.SetSlots(server.Origin, 2)
		use := func(lane model.Lane, session string) (int, bool) {
			t.Helper()
			_, ticket, err := s.Acquire(t.Context(), claim(lane, session), nil)
			if err != nil {
				t.Fatal(err)
			}
			ticket.Done(true)
			return ticket.Slot, ticket.Own
		}
		steps := []struct {
			lane    model.Lane
			session string
			slot    int
			own     bool
		}{
			{model.LaneOwner, "chat", 0, false},
			{model.LaneSubagent, "sub", 1, false},
			{model.LaneOwner, "chat", 0, true},
			{model.LaneSubagent, "sub", 1, true},
			{model.LaneOwner, "chat", 0, true},
			{model.LaneSchedule, "job", 1, false}, // the subagent's prompt is worth less than the person's
			{model.LaneOwner, "chat", 0, true},
			{model.LaneOwner, "other", 1, false},
			{model.LaneOwner, "third", 0, false}, // longest unused
		}
		for i, step := range steps {
			if got, own := use(step.lane, step.session); got != step.slot || own != step.own {
				t.Errorf("step %d, %s: slot %d (own %v), want %d (own %v)", i, step.session, got, own, step.slot, step.own)
			}
		}
	})
}

// memory is what processes share, with a clock of its own.
type memory struct {
	last  map[string]hearth.SessionID
	at    map[string]time.Time
	clock time.Time
}

func (m *memory) Last(name string) (hearth.SessionID, time.Time, bool) {
	return m.last[name], m.at[name], true
}

func (m *memory) Ended(string) {}

func (m *memory) Used(name string, s hearth.SessionID) {
	m.clock = m.clock.Add(time.Second)
	m.last[name], m.at[name] = s, m.clock
}

// TestSessionsKeepTheirSlotBetweenProcesses: each use is a process of its own.
func TestSessionsKeepTheirSlotBetweenProcesses(t *testing.T) {
	shared := &memory{last: map[string]hearth.SessionID{}, at: map[string]time.Time{}}
	files := &locks{held: map[string]string{}}
	use := func(slots int, session string) (int, bool) {
		t.Helper()
		s := slot.New(slot.Config{Memory: shared, TryLock: files.try(session)})
		s.SetSlots(server.Origin, slots)
		_, ticket, err := s.Acquire(t.Context(), claim(model.LaneOwner, session), nil)
		if err != nil {
			t.Fatal(err)
		}
		ticket.Done(true)
		return ticket.Slot, ticket.Own
	}
	steps := []struct {
		session string
		slot    int
		own     bool
	}{
		{"a", 0, false}, {"b", 1, false}, {"a", 0, true}, {"b", 1, true}, {"a", 0, true},
		{"c", 1, false}, // longest unused
		{"a", 0, true},
		{"b", 1, false},
	}
	for i, step := range steps {
		if got, own := use(2, step.session); got != step.slot || own != step.own {
			t.Errorf("step %d, %s: slot %d (own %v), want %d (own %v)", i, step.session, got, own, step.slot, step.own)
		}
	}
}

// TestSessionsKeepTheirReplicaBetweenProcesses: a session whose home was lost stays, when
// that is back, where its prompt was read in the meantime.
func TestSessionsKeepTheirReplicaBetweenProcesses(t *testing.T) {
	shared := &memory{last: map[string]hearth.SessionID{}, at: map[string]time.Time{}}
	files := &locks{held: map[string]string{}}
	replicas := []model.Endpoint{{Origin: "http://10.0.0.1:8000", Locality: hearth.LocalityPrivate}, {Origin: "http://10.0.0.2:8000", Locality: hearth.LocalityPrivate}}
	process := func(session string, lost ...int) int {
		t.Helper()
		s := slot.New(slot.Config{Memory: shared, TryLock: files.try(session)})
		for _, l := range lost {
			s.Lost(replicas[l].Origin)
		}
		at := s.Choose(hearth.SessionID(session), replicas)[0]
		c := claim(model.LaneOwner, session)
		c.Endpoint = replicas[at]
		_, ticket, err := s.Acquire(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		ticket.Done(true)
		return at
	}
	home := process("a")
	away := process("a", home)
	if away == home {
		t.Fatal("a lost replica was chosen")
	}
	if got := process("a"); got != away {
		t.Error("the session went back to where its prompt was read longer ago")
	}
	if got := process("a", away); got != home {
		t.Error("a lost replica was chosen for what it has cached")
	}
	if got := process("a"); got != home {
		t.Error("the session went back to where its prompt was read longer ago")
	}
	for n := 0; ; n++ { // somebody else's prompt takes the place of it
		if other := fmt.Sprintf("b%d", n); process(other, away) == home {
			break
		}
	}
	if got := process("a"); got != away {
		t.Error("the session went where its prompt is cached no more")
	}
}

func TestSlotsAreLearnedAndConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := []struct {
			name                string
			learned, configured int
			want                int
		}{
			{"one when nobody says", 0, 0, 1},
			{"as the server says", 4, 0, 4},
			{"the config wins", 4, 2, 2},
			{"a server that says none has one", -1, 0, 1},
		}
		for _, row := range rows {
			h := &house{t: t, slots: slot.New(slot.Config{})}
			if row.learned != 0 {
				h.slots.SetSlots(server.Origin, row.learned)
			}
			c := claim(model.LaneOwner, "a")
			c.Endpoint.Slots = row.configured
			var callers sync.WaitGroup
			for range 8 {
				callers.Go(func() { h.run("r", c, time.Second) })
			}
			callers.Wait()
			if h.highest != row.want {
				t.Errorf("%s: %d at once, want %d", row.name, h.highest, row.want)
			}
		}
	})
}

// TestStoppedRequest: after a request was closed early, the slot stays taken until the
// server has dropped it, and at most 10 s.
func TestStoppedRequest(t *testing.T) {
	rows := []struct {
		name   string
		gone   time.Duration // after the close; negative: never
		waited time.Duration
		busy   string // what it is known to be at
		says   string
	}{
		{"the server drops it at once", 0, 0, "", ""}, // whoever is next may come too late to see it wait
		{"the server finishes its prefill first", 3 * time.Second, 3 * time.Second, "", "until the server has dropped"},
		{"the server never says", -1, 10 * time.Second, "", "the server may still be working"},
		{"it is known what it does", 3 * time.Second, 3 * time.Second, "it still reads", "stopping: it still reads 3s"},
		{"nobody knows", 0, 0, "", "it may still read"},
		{"and for how long", -1, 10 * time.Second, "it still reads", "stopping: it still reads 10s"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var closed time.Time
				s := slot.New(slot.Config{Gone: func(context.Context, model.Endpoint, int) bool {
					return row.gone >= 0 && time.Since(closed) >= row.gone
				}, Busy: func(model.Endpoint) (string, time.Duration) {
					left := row.gone
					if left < 0 {
						left = time.Hour // but nobody waits as long
					}
					return row.busy, left
				}, Doubt: func(model.Endpoint) string {
					if row.name == "nobody knows" {
						return "it may still read"
					}
					return ""
				}})
				defer s.Close()
				_, first, err := s.Acquire(t.Context(), claim(model.LaneOwner, "a"), nil)
				if err != nil {
					t.Fatal(err)
				}
				closed = time.Now()
				first.Done(false)
				var said []string
				_, second, err := s.Acquire(t.Context(), claim(model.LaneOwner, "a"), func(w hearth.Wait) {
					said = append(said, fmt.Sprint(w.Phase, ": ", w.Note, " ", w.ETA))
				})
				if err != nil {
					t.Fatal(err)
				}
				defer second.Done(true)
				if waited := time.Since(closed); waited.Truncate(goneEvery) != row.waited {
					t.Errorf("waited %v, want %v", waited, row.waited)
				}
				if all := strings.Join(append(said, second.Notice), "\n"); !strings.Contains(all, row.says) {
					t.Errorf("said %q, want %q", all, row.says)
				}
			})
		})
	}
}

// TestAProcessThatEndsLooksOnceMore: the slot stays its own meanwhile, so that nobody else's
// request is taken for the stopped one.
func TestAProcessThatEndsLooksOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := &locks{held: map[string]string{}}
		var had []time.Duration // time left, at each question
		s := slot.New(slot.Config{
			TryLock: files.try("me"),
			Gone: func(ctx context.Context, _ model.Endpoint, _ int) bool {
				end, _ := ctx.Deadline()
				had = append(had, time.Until(end))
				if len(files.held) != 1 {
					t.Error("the lock was given up before the server had let go")
				}
				<-ctx.Done()
				return false
			},
			Aftermath: func(model.Endpoint) string { return "it was unloaded" },
			Doubt:     func(model.Endpoint) string { return "for whoever is next" },
		})
		_, ticket, err := s.Acquire(t.Context(), claim(model.LaneOwner, "a"), nil)
		if err != nil {
			t.Fatal(err)
		}
		ticket.Done(false)
		synctest.Wait()
		s.Close()
		if want := []time.Duration{10 * time.Second, 1800 * time.Millisecond}; !slices.Equal(had, want) {
			t.Errorf("asked with %v left, want %v", had, want)
		}
		if told := s.Aftermaths(); !slices.Equal(told, []string{"it was unloaded"}) || len(s.Aftermaths()) != 0 || len(files.held) != 0 {
			t.Errorf("told %q, locks %v", told, files.held)
		}
	})
}

func TestAProcessThatEndsGivesTheServerAMomentToLetGo(t *testing.T) {
	for _, row := range []struct {
		after time.Duration // the server lets go
		waits time.Duration
		says  []string
	}{
		{time.Second, time.Second, nil},
		{time.Minute, 1800 * time.Millisecond, []string{"the server may still be working on the request that was stopped"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			s := slot.New(slot.Config{Gone: func(context.Context, model.Endpoint, int) bool { return time.Since(began) >= row.after }})
			_, ticket, err := s.Acquire(t.Context(), claim(model.LaneOwner, "a"), nil)
			if err != nil {
				t.Fatal(err)
			}
			ticket.Done(false)
			s.Close()
			if took := time.Since(began); took != row.waits {
				t.Errorf("took %v, want %v", took, row.waits)
			}
			if told := s.Aftermaths(); !slices.Equal(told, row.says) {
				t.Errorf("told %q, want %q", told, row.says)
			}
		})
	}
}

const goneEvery = 250 * time.Millisecond

// locks is a lock file as another process sees it.
type locks struct {
	mu   sync.Mutex
	held map[string]string
	last map[string]string // who had it last
}

func (l *locks) try(me string) func(string) (func(), string, error) {
	return func(name string) (func(), string, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if holder, taken := l.held[name]; taken {
			return nil, holder, nil
		}
		before := l.last[name]
		if l.last == nil {
			l.last = map[string]string{}
		}
		if before == me {
			before = ""
		}
		l.held[name], l.last[name] = me, me
		return func() { l.mu.Lock(); delete(l.held, name); l.mu.Unlock() }, before, nil
	}
}

func TestTwoProcessesShareAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := &locks{held: map[string]string{}}
		one := slot.New(slot.Config{TryLock: files.try("process 11 (hearth up)")})
		two := slot.New(slot.Config{TryLock: files.try("process 22 (hearth agent)")})
		_, first, err := one.Acquire(t.Context(), claim(model.LaneOwner, "a"), nil)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		wait := func(w hearth.Wait) { said = append(said, w.Behind) }

		stop := errors.New("ctrl-c")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { time.Sleep(time.Second); cancel(stop) }()
		if _, _, err := two.Acquire(ctx, claim(model.LaneOwner, "b"), wait); !errors.Is(err, stop) {
			t.Errorf("got %v, want the cancel", err)
		}
		if !slices.Equal(said, []string{"process 11 (hearth up)"}) {
			t.Errorf("said %q, want the holder, once", said)
		}

		go func() { time.Sleep(2 * time.Second); first.Done(true) }()
		began := time.Now()
		_, second, err := two.Acquire(t.Context(), claim(model.LaneOwner, "b"), wait)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited > 2*time.Second+50*time.Millisecond {
			t.Errorf("waited %v, want at most 50 ms after the other process", waited)
		}
		second.Done(true)
		if len(files.held) != 0 {
			t.Errorf("locks left: %v", files.held)
		}
	})
}

// TestHousekeepingGivesWayToAnotherProcess: whoever waits in another process comes after
// the one request that is under way, however many more the housekeeping has.
func TestHousekeepingGivesWayToAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := &locks{held: map[string]string{}}
		house := slot.New(slot.Config{TryLock: files.try("process 11 (hearth models)")})
		person := slot.New(slot.Config{TryLock: files.try("process 22 (hearth agent)")})
		held, ticket, err := house.Acquire(t.Context(), claim(model.LaneHousekeeping, "probe"), nil)
		if err != nil {
			t.Fatal(err)
		}
		began, answered := time.Now(), make(chan time.Duration, 1)
		go func() {
			time.Sleep(time.Second)
			_, mine, err := person.Acquire(t.Context(), claim(model.LaneOwner, "a"), nil)
			if err != nil {
				t.Error(err)
				return
			}
			time.Sleep(10 * time.Second)
			mine.Done(true)
			answered <- time.Since(began)
		}()
		var said []string
		var between []bool
		for range 4 {
			others, err := ticket.GiveWay(held, func(w hearth.Wait) { said = append(said, w.Behind) })
			if err != nil {
				t.Fatal(err)
			}
			if len(files.held) != 1 {
				t.Fatalf("%d locks are held during a request", len(files.held))
			}
			between = append(between, others)
			time.Sleep(4 * time.Second)
		}
		ticket.Done(true)
		if took := <-answered; took > 15*time.Second {
			t.Errorf("answered after %v: it came later than after the request under way", took)
		}
		if !slices.Equal(between, []bool{false, true, false, false}) || !slices.Equal(said, []string{"process 22 (hearth agent)"}) {
			t.Errorf("others in between: %v, said %q", between, said)
		}
		if len(files.held) != 0 {
			t.Errorf("locks left: %v", files.held)
		}
	})
}

func TestHousekeepingThatGaveWayCanBeStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := &locks{held: map[string]string{}}
		s := slot.New(slot.Config{TryLock: files.try("process 11 (hearth models)")})
		held, ticket, err := s.Acquire(t.Context(), claim(model.LaneHousekeeping, "probe"), nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() { // somebody of this process
			time.Sleep(10 * time.Millisecond)
			if _, mine, err := s.Acquire(t.Context(), claim(model.LaneOwner, "a"), nil); err == nil {
				mine.Done(true)
			}
		}()
		if _, err := ticket.GiveWay(held, nil); !errors.Is(err, model.ErrYield) {
			t.Errorf("got %v, want that it has to make room", err)
		}
		ticket.Done(true)
		synctest.Wait()
		if len(files.held) != 0 {
			t.Errorf("locks left: %v", files.held)
		}
	})
}

func TestLocksAreForOwnServersOnly(t *testing.T) {
	rows := []struct {
		where hearth.Locality
		locks int
	}{
		{hearth.LocalityMachine, 1}, {hearth.LocalityPrivate, 1},
		{hearth.LocalityHosted, 0}, {hearth.LocalityUnknown, 0},
	}
	for _, row := range rows {
		files := &locks{held: map[string]string{}}
		s := slot.New(slot.Config{TryLock: files.try("me")})
		c := claim(model.LaneOwner, "a")
		c.Endpoint.Locality = row.where
		_, ticket, err := s.Acquire(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(files.held) != row.locks {
			t.Errorf("%s: %d locks, want %d", row.where, len(files.held), row.locks)
		}
		for name := range files.held {
			if name != "slot-http___127.0.0.1_1234-0" {
				t.Errorf("the lock is called %q", name)
			}
		}
		ticket.Done(true)
	}
}

func TestABrokenLockKeepsNobodyOut(t *testing.T) {
	s := slot.New(slot.Config{TryLock: func(string) (func(), string, error) {
		return nil, "", errors.New("read-only file system")
	}})
	_, ticket, err := s.Acquire(t.Context(), claim(model.LaneOwner, "a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	ticket.Done(true)
}

func TestTheWaitLineNamesWhoIsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slot.New(slot.Config{})
		c := claim(model.LaneSubagent, "sub")
		c.Model = "llama3"
		_, first, err := s.Acquire(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		var job, person []hearth.Wait
		var callers sync.WaitGroup
		queue := func(c model.Claim, into *[]hearth.Wait) {
			callers.Go(func() {
				_, ticket, err := s.Acquire(t.Context(), c, func(w hearth.Wait) { *into = append(*into, w) })
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Second)
				ticket.Done(true)
			})
			synctest.Wait()
		}
		queue(claim(model.LaneSchedule, "job"), &job)
		queue(claim(model.LaneOwner, "main"), &person)
		first.Done(true)
		callers.Wait()

		queued := func(behind, note string) hearth.Wait {
			return hearth.Wait{Phase: hearth.PhaseQueued, Model: "qwen3", Behind: behind, Note: note}
		}
		wantJob := []hearth.Wait{
			queued("a subagent using llama3", ""),
			queued("a subagent using llama3", "1 more ahead: another conversation"),
			queued("another conversation", ""),
		}
		if !slices.Equal(job, wantJob) {
			t.Errorf("the job was told\n%+v\nwant\n%+v", job, wantJob)
		}
		if want := []hearth.Wait{queued("a subagent using llama3", "")}; !slices.Equal(person, want) {
			t.Errorf("the person was told\n%+v\nwant\n%+v", person, want)
		}
	})
}

func TestReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		replicas := []model.Endpoint{{Origin: "http://10.0.0.1:8000"}, {Origin: "http://10.0.0.2:8000"}, {Origin: "http://10.0.0.3:8000"}}
		s := slot.New(slot.Config{})
		homes := map[int]int{}
		for i := range 300 {
			homes[s.Choose(hearth.SessionID(fmt.Sprint("s", i)), replicas)[0]]++
		}
		for i := range replicas {
			if homes[i] < 60 {
				t.Errorf("replica %d is home to %d of 300 sessions", i, homes[i])
			}
		}
		again := slot.New(slot.Config{})
		if a, b := s.Choose("x", replicas), again.Choose("x", replicas); !slices.Equal(a, b) {
			t.Errorf("another process chooses %v, this one %v", b, a)
		}

		home := s.Choose("x", replicas)[0]
		use := func(at int, session hearth.SessionID) *model.Ticket {
			_, ticket, err := s.Acquire(t.Context(), model.Claim{Endpoint: replicas[at], Session: session}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return ticket
		}
		away := (home + 1) % 3
		use(away, "x").Done(true)
		if got := s.Choose("x", replicas)[0]; got != away {
			t.Errorf("chose %d, want %d, which has the prompt in its cache", got, away)
		}
		busy := use(away, "x")
		if got := s.Choose("x", replicas)[0]; got != away {
			t.Errorf("chose %d, want to wait for one request at %d", got, away)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, _, _ = s.Acquire(ctx, model.Claim{Endpoint: replicas[away], Session: "y"}, nil) // waits until it is cancelled
		}()
		synctest.Wait()
		if got := s.Choose("x", replicas)[0]; got == away {
			t.Error("a whole round waits there, and it was chosen all the same")
		}
		cancel()
		synctest.Wait()
		busy.Done(true)

		s.Lost(replicas[away].Origin)
		if order := s.Choose("x", replicas); order[2] != away {
			t.Errorf("order %v, want the dead replica %d last", order, away)
		}
		time.Sleep(time.Second)
		if got := s.Choose("x", replicas)[0]; got != away {
			t.Error("the dead replica did not return by itself")
		}
		for range 10 {
			s.Lost(replicas[away].Origin)
		}
		time.Sleep(29 * time.Second)
		if got := s.Choose("x", replicas)[0]; got == away {
			t.Error("ten failures keep it out for less than 30 s")
		}
		time.Sleep(time.Second)
		if got := s.Choose("x", replicas)[0]; got != away {
			t.Error("ten failures keep it out for more than 30 s")
		}
		s.Lost(replicas[away].Origin)
		s.Reached(replicas[away].Origin)
		if got := s.Choose("x", replicas)[0]; got != away {
			t.Error("a replica that answered is still out")
		}
	})
}

// TestALostReplicaIsBackWhenItAcceptsConnections: nobody has to send it a request to
// find out.
func TestALostReplicaIsBackWhenItAcceptsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		replicas := []model.Endpoint{{Origin: "http://10.0.0.1:8000"}, {Origin: "http://10.0.0.2:8000"}}
		var alive atomic.Bool
		var looks []time.Duration
		began := time.Now()
		s := slot.New(slot.Config{Accepts: func(_ context.Context, origin string) bool {
			looks = append(looks, time.Since(began))
			return alive.Load()
		}})
		defer s.Close()
		home := s.Choose("x", replicas)[0]
		use := func() {
			t.Helper()
			_, ticket, err := s.Acquire(t.Context(), model.Claim{Endpoint: replicas[s.Choose("x", replicas)[0]], Session: "x"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			ticket.Done(true)
		}
		use()
		s.Lost(replicas[home].Origin)
		synctest.Wait()               // until it is known when to look first
		s.Lost(replicas[home].Origin) // by a second request; it is watched once
		if got := s.Choose("x", replicas)[0]; got == home {
			t.Error("a lost replica is chosen")
		}
		use() // elsewhere
		time.Sleep(61 * time.Second)
		if got := s.Choose("y", replicas); got[1] != home {
			t.Error("it is chosen though it accepts no connection")
		}
		alive.Store(true)
		time.Sleep(30 * time.Second)
		s.Close() // nobody looks at it any more
		want := []time.Duration{1 * time.Second, 5 * time.Second, 13 * time.Second, 29 * time.Second, 59 * time.Second, 89 * time.Second}
		if !slices.Equal(looks, want) {
			t.Errorf("looked after %v, want %v", looks, want)
		}
		if got := s.Choose("x", replicas)[0]; got == home {
			t.Error("the session left the replica that read its prompt last")
		}
		returned := 0
		for i := range 100 {
			if s.Choose(hearth.SessionID(fmt.Sprint("new", i)), replicas)[0] == home {
				returned++
			}
		}
		if returned < 20 {
			t.Errorf("%d of 100 new sessions go to the replica that is back", returned)
		}
	})
}

func TestWhatOtherProcessesDoCounts(t *testing.T) {
	files := &locks{held: map[string]string{}}
	mine := slot.New(slot.Config{TryLock: files.try("me")})
	other := slot.New(slot.Config{TryLock: files.try("other")})
	replicas := []model.Endpoint{
		{Origin: "http://10.0.0.1:8000", Locality: hearth.LocalityPrivate}, {Origin: "http://10.0.0.2:8000", Locality: hearth.LocalityPrivate},
	}
	home := mine.Choose("x", replicas)[0]
	_, theirs, err := other.Acquire(t.Context(), model.Claim{Endpoint: replicas[home], Session: "y"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := mine.Choose("x", replicas)[0]; got == home {
		t.Error("chose the replica that another process uses, and the other one is free")
	}
	theirs.Done(true)
	if got := mine.Choose("x", replicas)[0]; got != home {
		t.Error("the other process is through, and its replica is still avoided")
	}
	if len(files.held) != 0 {
		t.Errorf("looking left locks: %v", files.held)
	}
}

// TestManyClaims is for the race detector: claims that come, wait, give up and end.
func TestManyClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := &locks{held: map[string]string{}}
		s := slot.New(slot.Config{TryLock: files.try("me"), Gone: func(context.Context, model.Endpoint, int) bool { return true }})
		var callers sync.WaitGroup
		for i := range 200 {
			callers.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%50+1)*time.Second)
				defer cancel()
				time.Sleep(time.Duration(i%7) * time.Second)
				held, ticket, err := s.Acquire(ctx, claim(model.Lane(i%5), fmt.Sprint("s", i%9)), func(hearth.Wait) {})
				if err != nil {
					return
				}
				// Never After(0): two goroutines of a bubble that find a timer due at once
				// crash the race detector (runtime of Go 1.26.8, timer.maybeRunChan).
				select {
				case <-time.After(time.Duration(i%3+1) * time.Second):
				case <-held.Done():
				}
				ticket.Done(i%4 == 0)
			})
		}
		callers.Wait()
		s.Close()
		if running, waiting := s.Load(server.Origin); running != 0 || waiting != 0 || len(files.held) != 0 {
			t.Errorf("%d running, %d waiting, locks %v", running, waiting, files.held)
		}
	})
}
