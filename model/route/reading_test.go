package route_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/route"
)

// speeds keeps what was measured last; one server, one model.
type speeds struct {
	now   float64 // tokens a second
	worst float64 // how many times as long it may take; 0 = it takes just as long
	from  int     // of what was measured last
}

func (s *speeds) ReadingTime(_, _ string, from, to int) (least, most time.Duration) {
	if s.now == 0 {
		return 0, 0
	}
	least = time.Duration(float64(to-from) / s.now * float64(time.Second))
	return least, time.Duration(max(1, s.worst) * float64(least))
}

func (s *speeds) ReadingMeasured(_, _ string, from, to int, took time.Duration) {
	s.now, s.from = float64(to-from)/took.Seconds(), from
}

// reader is a server that reads a prompt of items and then answers.
type reader struct {
	items  []string
	reads  time.Duration
	writes time.Duration // from its first word to its second
	usage  hearth.Usage
	timing *model.Timing
	tells  *hearth.Wait // of its progress
}

func (s *reader) Stream(ctx context.Context, _ *model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		sent := &model.Sent{Body: []byte(strings.Join(s.items, "")), Head: []byte(s.items[0])}
		for _, item := range s.items[1:] {
			sent.Items = append(sent.Items, []byte(item))
		}
		deltas := []model.Delta{{Sent: sent}, {Wait: &hearth.Wait{Phase: hearth.PhaseReading, Model: "m-a"}}}
		if s.tells != nil {
			deltas = append(deltas, model.Delta{Wait: s.tells})
		}
		for _, d := range deltas {
			if !yield(d, nil) {
				return
			}
		}
		if !s.takes(ctx, s.reads, yield) {
			return
		}
		deltas = []model.Delta{{Text: "hello"}, {Usage: &s.usage}}
		if s.writes > 0 && (!yield(deltas[0], nil) || !s.takes(ctx, s.writes, yield)) {
			return
		}
		if s.timing != nil {
			deltas = append(deltas, model.Delta{Timing: s.timing})
		}
		for _, d := range append(deltas, model.Delta{Stop: hearth.StopEnd}) {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// takes lets time pass, unless the client leaves.
func (s *reader) takes(ctx context.Context, long time.Duration, yield func(model.Delta, error) bool) bool {
	if long == 0 {
		return true
	}
	select {
	case <-time.After(long):
		return true
	case <-ctx.Done():
		yield(model.Delta{}, &hearth.Error{Op: "read", Reason: hearth.ReasonCancelled, Err: context.Cause(ctx)})
		return false
	}
}

func TestHowLongReadingTakes(t *testing.T) {
	counted := func(in, cached int) hearth.Usage {
		return hearth.Usage{Input: in, CacheRead: cached, Output: 1, CacheCounted: true}
	}
	head, first := strings.Repeat("h ", 4000), strings.Repeat("i ", 4000) // 16,000 bytes
	type step struct {
		server reader
		total  int // told while it reads
		eta    time.Duration
		speed  float64 // known afterwards
	}
	rows := []struct {
		name     string
		where    hearth.Locality
		passed   bool // on, to a vendor
		resident bool
		protocol string
		known    float64
		worst    float64
		late     string // why it may begin late
		steps    []step
	}{
		{name: "measured by ourselves, and then only what is new is read", resident: true, steps: []step{
			{reader{items: []string{head, first}, reads: 10 * time.Second, usage: counted(8000, 1000)}, 4000, 0, 700},
			{reader{items: []string{head, first, strings.Repeat("n ", 1400)}, reads: time.Second, usage: counted(9400, 8000)}, 1400, 2 * time.Second, 1400},
		}},
		{name: "measured by the server", resident: true, steps: []step{
			{reader{items: []string{head, first}, reads: 10 * time.Second, usage: counted(8000, 0),
				timing: &model.Timing{PromptTokens: 500, CachedTokens: 7500, PromptMS: 1000}}, 4000, 0, 500},
		}},
		{name: "a server that tells its progress is believed", resident: true, known: 100, steps: []step{
			{reader{items: []string{head, first}, tells: &hearth.Wait{Phase: hearth.PhaseReading, Done: 500, Total: 1000}, usage: counted(1000, 999)}, 1000, 5 * time.Second, 100},
		}},
		{name: "while a model is loaded nobody knows when reading begins", known: 100, steps: []step{
			{reader{items: []string{head, first}, usage: counted(8000, 7999)}, 4000, 0, 100},
			{reader{items: []string{head, first}, usage: counted(8000, 7999)}, 0, 0, 100},
		}},
		{name: "too little to tell anything", resident: true, steps: []step{
			{reader{items: []string{head, first}, reads: time.Second, usage: counted(8000, 7900)}, 4000, 0, 0},
		}},
		{name: "a count that may hold what was cached is better than nothing, once", resident: true, protocol: "ollama", steps: []step{
			{reader{items: []string{head, first}, reads: time.Second, usage: hearth.Usage{Input: 8000}, timing: &model.Timing{PromptTokens: 8000, PromptMS: 1000}}, 4000, 0, 8000},
			{reader{items: []string{"other", first}, reads: time.Second, usage: hearth.Usage{Input: 9000}, timing: &model.Timing{PromptTokens: 9000, PromptMS: 1}}, 2001, 250 * time.Millisecond, 8000},
		}},
		{name: "a count that may hold what was cached counts where it was slow even so", resident: true, protocol: "ollama", steps: []step{
			{reader{items: []string{head, first}, reads: time.Second, usage: hearth.Usage{Input: 8000}}, 4000, 0, 8000},
			{reader{items: []string{"other", first}, reads: 3 * time.Second, usage: hearth.Usage{Input: 9000}}, 2001, 250 * time.Millisecond, 3000},
		}},
		{name: "a time that may be twice as long is told as the middle", resident: true, known: 1000, worst: 2, steps: []step{
			{reader{items: []string{head, first}, usage: counted(8000, 7999)}, 4000, 6 * time.Second, 1000},
		}},
		{name: "one that may be longer is not told", resident: true, known: 1000, worst: 2.1, steps: []step{
			{reader{items: []string{head, first}, usage: counted(8000, 7999)}, 4000, 0, 1000},
		}},
		{name: "what may be spent on a request that was stopped is not measured", resident: true, late: "it may still read", steps: []step{
			{reader{items: []string{head, first}, reads: 10 * time.Second, usage: counted(8000, 1000)}, 4000, 0, 0},
		}},
		{name: "unless the server measures", resident: true, late: "it may still read", steps: []step{
			{reader{items: []string{head, first}, reads: 10 * time.Second, usage: counted(8000, 0),
				timing: &model.Timing{PromptTokens: 500, CachedTokens: 7500, PromptMS: 1000}}, 4000, 0, 500},
		}},
		{name: "nobody is told of a vendor's reading", where: hearth.LocalityHosted, resident: true, known: 100, steps: []step{
			{reader{items: []string{head, first}, reads: time.Second, usage: counted(8000, 0)}, 0, 0, 100},
		}},
		{name: "nobody is told of a vendor's reading behind a server at home", passed: true, resident: true, known: 100, steps: []step{
			{reader{items: []string{head, first}, reads: time.Second, usage: counted(8000, 0)}, 0, 0, 100},
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kept := &speeds{now: row.known, worst: row.worst}
				r := route.New(route.Config{Speeds: kept, Acquire: func(ctx context.Context, _ model.Claim, _ func(hearth.Wait)) (context.Context, *model.Ticket, error) {
					return ctx, &model.Ticket{Late: row.late, Done: func(bool) {}}, nil
				}})
				for i, s := range row.steps {
					tg := target("a", &s.server)
					tg.Layers.Server.Resident = &row.resident
					if row.where != "" {
						tg.Endpoint.Locality = row.where
					}
					if row.passed {
						hosted := hearth.LocalityHosted
						tg.Layers.Server.Locality = &hosted
					}
					if row.protocol != "" {
						tg.Protocol = row.protocol
					}
					var told hearth.Wait
					for d, err := range r.Stream(t.Context(), model.Question{Chain: []model.Target{tg}, Build: build, Session: "s"}) {
						if err != nil {
							t.Fatal(err)
						}
						if d.Wait != nil {
							told = *d.Wait
						}
					}
					if told.Late != row.late {
						t.Errorf("step %d: if it is late, told %q, want %q", i, told.Late, row.late)
					}
					if told.Total != s.total || told.ETA.Round(10*time.Millisecond) != s.eta || kept.now != s.speed {
						t.Errorf("step %d: told %d tokens, %v; %v tokens/s known; want %d, %v, %v", i, told.Total, told.ETA, kept.now, s.total, s.eta, s.speed)
					}
				}
			})
		})
	}
}

// TestADepartureSaysHowMuchWasUnread: a server that shows nothing of itself is given the
// time that it would still have read.
func TestADepartureSaysHowMuchWasUnread(t *testing.T) {
	items := []string{strings.Repeat("h ", 2000), strings.Repeat("i ", 2000), strings.Repeat("j ", 4000)} // 4,000 tokens
	rows := []struct {
		name    string
		server  reader
		where   hearth.Locality
		cold    bool
		known   float64 // tokens a second
		worst   float64 // times as long as that
		counted bool    // the first half of the prompt, which it has read before
		after   time.Duration
		departs model.Departure
		lane    model.Lane
		never   bool // told of no departure
	}{
		{name: "in the middle of the prompt", server: reader{items: items, reads: time.Hour}, known: 100, counted: true, after: 10 * time.Second,
			departs: model.Departure{Reading: true, Unread: 10 * time.Second}},
		{name: "in the middle of one whose tokens nobody counted", server: reader{items: items, reads: time.Hour}, known: 100, after: 10 * time.Second,
			departs: model.Departure{Reading: true, Unread: 30 * time.Second, Unsure: true}},
		{name: "later than foreseen", server: reader{items: items, reads: time.Hour}, known: 100, after: 81 * time.Second, departs: model.Departure{Reading: true, Unsure: true}},
		{name: "nothing as long was measured", server: reader{items: items, reads: time.Hour}, known: 100, worst: 10, counted: true, after: 10 * time.Second,
			departs: model.Departure{Reading: true, Unread: 10 * time.Second, Unsure: true}},
		{name: "nor as long, and it has taken the least it can", server: reader{items: items, reads: time.Hour}, known: 100, worst: 10, counted: true, after: time.Minute,
			departs: model.Departure{Reading: true, Unsure: true}},
		{name: "what is not known is too little to speak of", server: reader{items: items, reads: time.Hour}, known: 4000, worst: 3, counted: true, after: 250 * time.Millisecond,
			departs: model.Departure{Reading: true, Unread: 1250 * time.Millisecond}},
		{name: "its own progress counts", server: reader{items: items, reads: time.Hour, tells: &hearth.Wait{Phase: hearth.PhaseReading, Done: 500, Total: 1000}},
			known: 100, after: time.Minute, departs: model.Departure{Reading: true, Unread: 5 * time.Second}},
		{name: "nobody measured how fast it reads", server: reader{items: items, reads: time.Hour}, after: time.Second, departs: model.Departure{Reading: true, Unsure: true}},
		{name: "its model is loaded first", server: reader{items: items, reads: time.Hour}, cold: true, known: 100, after: time.Second, departs: model.Departure{Reading: true, Unsure: true}},
		{name: "a vendor's", server: reader{items: items, reads: time.Hour}, where: hearth.LocalityHosted, known: 100, after: time.Second, departs: model.Departure{Reading: true, Unsure: true}},
		{name: "nobody waited for it", server: reader{items: items, reads: time.Hour}, known: 100, after: 10 * time.Second, lane: model.LaneHousekeeping,
			departs: model.Departure{Unread: 30 * time.Second}},
		{name: "in the middle of the answer", server: reader{items: items, reads: time.Second, writes: time.Hour}, known: 100, after: 5 * time.Second,
			departs: model.Departure{Writing: true}},
		{name: "an answer that is whole", server: reader{items: items, reads: time.Second}, known: 100, after: 5 * time.Second, never: true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told []model.Departure
				r := route.New(route.Config{Speeds: &speeds{now: row.known, worst: row.worst}, Left: func(_ model.Target, _ *model.Request, how model.Departure) { told = append(told, how) }})
				tg, resident := target("a", &row.server), !row.cold
				tg.Layers.Server.Resident = &resident
				if row.counted {
					half := target("a", &reader{items: items[:2], usage: hearth.Usage{Input: 2000, CacheCounted: true}})
					if out := gather(r.Stream(t.Context(), model.Question{Chain: []model.Target{half}, Build: build, Session: "s"})); out.err != nil {
						t.Fatal(out.err)
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(row.after, cancel)
				if row.where != "" {
					tg.Endpoint.Locality = row.where
				}
				out := gather(r.Stream(ctx, model.Question{Chain: []model.Target{tg}, Build: build, Session: "s", Lane: row.lane}))
				switch {
				case row.never && (len(told) != 0 || out.err != nil):
					t.Errorf("told %+v, %v", told, out.err)
				case !row.never && (len(told) != 1 || told[0] != row.departs || hearth.ReasonOf(out.err) != hearth.ReasonCancelled):
					t.Errorf("told %+v, %v; want %+v", told, out.err, row.departs)
				}
			})
		})
	}
}
