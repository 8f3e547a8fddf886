package route_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/route"
)

// chore asks what nobody waits for.
func chore(t *testing.T, r *route.Router, chain ...model.Target) outcome {
	t.Helper()
	return gather(r.Stream(t.Context(), model.Question{Chain: chain, Build: build, Session: "s", Turn: "t1", Lane: model.LaneHousekeeping}))
}

// TestAChoreThatFailsTakesNoModelAway: the person's next message is asked of the model that
// they chose, wherever that is served.
func TestAChoreThatFailsTakesNoModelAway(t *testing.T) {
	for _, reason := range []hearth.Reason{hearth.ReasonServer, hearth.ReasonRateLimit, hearth.ReasonAuth, hearth.ReasonUnreachable, hearth.ReasonModelNotFound, hearth.ReasonTimeout} {
		t.Run(string(reason), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				primary := &fake{calls: [][]step{{because(reason, "not now")}, fine}}
				other := &fake{calls: [][]step{{text("from elsewhere"), end(hearth.StopEnd)}}}
				rests, where := route.NewCooldowns(nil), &places{}
				r := route.New(route.Config{Cooldown: rests, Replicas: where})
				chain := []model.Target{target("a", primary), target("b", other)}
				chain[0].Replicas = []model.Replica{{Endpoint: model.Endpoint{Origin: "http://a2:1", Locality: hearth.LocalityMachine}, Provider: primary}}
				if o := chore(t, r, chain[0]); o.err == nil && primary.dialled < 2 {
					t.Fatal("the chore was answered")
				}
				if len(where.lost)+len(where.reached) > 0 || rests.Until(chain[0]).After(time.Now()) || rests.Why(chain[0]) != "" {
					t.Errorf("after the chore: lost %v, reached %v, rests until %v (%s)", where.lost, where.reached, rests.Until(chain[0]), rests.Why(chain[0]))
				}
				primary.calls = [][]step{fine}
				if o := ask(t, r, chain...); o.err != nil || o.text != "hello" || len(o.notices) > 0 {
					t.Errorf("the person got %q, %v, and was told %q", o.text, o.err, o.notices)
				}
			})
		})
	}
}

// TestWhatAChoreIsToldThePersonIsToldToo, since nobody reads what becomes of a chore.
func TestWhatAChoreIsToldThePersonIsToldToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		another := []step{{delta: model.Delta{Answered: "someone-else"}}, text("hello"), end(hearth.StopEnd)}
		r := route.New(route.Config{})
		tg := target("a", &fake{calls: [][]step{another}})
		for i, want := range []int{1, 1, 0} { // a chore, the person, the person again
			o := ask
			if i == 0 {
				o = chore
			}
			if got := o(t, r, tg); len(got.notices) != want || want > 0 && !strings.Contains(got.notices[0], "someone-else") {
				t.Errorf("request %d is told %q", i, got.notices)
			}
		}
		if got := chore(t, r, tg); len(got.notices) != 0 {
			t.Errorf("a chore is told what the person was told: %q", got.notices)
		}
	})
}

// TestACutThatOnlyAChoreSawIsTold when the person's request is cut as well.
func TestACutThatOnlyAChoreSawIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := func(n int) []step {
			return []step{text("hello"), usage(hearth.Usage{Input: n, Output: 1, CacheCounted: true}), end(hearth.StopEnd)}
		}
		p := &fake{calls: [][]step{counts(900), counts(500), counts(520)}}
		r := route.New(route.Config{})
		if o := ask(t, r, target("a", p)); len(o.notices) > 0 {
			t.Fatalf("told %q", o.notices)
		}
		chore(t, r, target("a", p))
		if o := ask(t, r, target("a", p)); len(o.notices) != 1 || !strings.HasPrefix(o.notices[0], "truncated") {
			t.Errorf("the person is told %q, want that the server cut", o.notices)
		}
	})
}

// TestAQuestionThatMayLoadNothing is sent where the server that is chosen has it all in
// memory, as it says while the slot is held, and only there.
func TestAQuestionThatMayLoadNothing(t *testing.T) {
	for _, row := range []struct {
		name   string
		loaded map[string]bool // by origin; nil = nobody knows
		asked  int
	}{
		{"the chosen one has it", map[string]bool{"http://a2:1": true}, 1},
		{"only another one has it", map[string]bool{"http://a:1": true}, 0},
		{"nobody knows", nil, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, held, prepared := &fake{calls: [][]step{fine}}, false, 0
				cfg := route.Config{
					Replicas: &places{},
					Acquire: func(ctx context.Context, _ model.Claim, _ func(hearth.Wait)) (context.Context, *model.Ticket, error) {
						held = true
						return ctx, &model.Ticket{Done: func(clean bool) {
							if held = false; !clean {
								t.Error("a request that was not sent is waited for")
							}
						}}, nil
					},
					Prepare: func(context.Context, model.Lane, model.Target, *model.Request, func(hearth.Wait)) error {
						prepared++
						return nil
					},
				}
				if row.loaded != nil {
					cfg.Loaded = func(_ context.Context, at model.Target, req *model.Request) bool {
						if !held || req == nil {
							t.Error("it was looked at before the slot was held")
						}
						return row.loaded[at.Endpoint.Origin]
					}
				}
				tg := target("a", p)
				tg.Replicas = []model.Replica{{Endpoint: model.Endpoint{Origin: "http://a2:1", Locality: hearth.LocalityMachine}, Provider: p}}
				q := model.Question{Chain: []model.Target{tg}, Build: build, Session: "s", Lane: model.LaneHousekeeping, Loaded: true}
				o := gather(route.New(cfg).Stream(t.Context(), q))
				if p.dialled != row.asked || prepared != row.asked || (o.err == nil) != (row.asked == 1) {
					t.Errorf("asked %d times, prepared %d times, %v; want %d", p.dialled, prepared, o.err, row.asked)
				}
				if held {
					t.Error("the slot was kept")
				}
			})
		})
	}
}

// TestWhoStillHasWhatWasReadIsNotAsked: what has its server read is not sent where that was
// read last in the slot, and is seen to be there still.
func TestWhoStillHasWhatWasReadIsNotAsked(t *testing.T) {
	here, elsewhere := &model.Reading{Origin: "http://a:1", Prompt: 900}, &model.Reading{Origin: "http://b:1", Prompt: 900}
	for _, row := range []struct {
		name  string
		had   *model.Reading
		own   bool
		holds func(context.Context, model.Target, model.Reading) bool
		asked int
	}{
		{"it has it", here, true, holding(true), 0},
		{"it has not", here, true, holding(false), 1},
		{"another session used the slot since", here, false, holding(true), 1},
		{"another server read it", elsewhere, true, holding(true), 1},
		{"nobody knows what was read", nil, true, holding(true), 1},
		{"nobody can tell", here, true, nil, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				given := 0
				acquire := func(ctx context.Context, _ model.Claim, _ func(hearth.Wait)) (context.Context, *model.Ticket, error) {
					return ctx, &model.Ticket{Own: row.own, Done: func(clean bool) {
						if given++; !clean {
							t.Error("what was not sent is waited for")
						}
					}}, nil
				}
				loaded := func(context.Context, model.Target, *model.Request) bool { return true }
				p := &fake{calls: [][]step{fine}}
				r := route.New(route.Config{Acquire: acquire, Loaded: loaded, Holds: row.holds})
				q := model.Question{Chain: []model.Target{target("a", p), target("spare", p)}, Build: build, Session: "s", Lane: model.LaneHousekeeping, Loaded: true, Had: row.had}
				o := gather(r.Stream(t.Context(), q))
				if p.dialled != row.asked || given != 1 || (o.err == nil) != (row.asked == 1) {
					t.Errorf("asked %d times, %v; want %d; the slot was given back %d times", p.dialled, o.err, row.asked, given)
				}
			})
		})
	}
}

func holding(yes bool) func(context.Context, model.Target, model.Reading) bool {
	return func(_ context.Context, t model.Target, had model.Reading) bool {
		return yes && t.Endpoint.Origin == "http://a:1" && had.Prompt == 900
	}
}

// TestWhatReachesNoPromptIsAsItIsNow, whatever the plan of an old conversation says: the
// slots, and the window that is asked for.
func TestWhatReachesNoPromptIsAsItIsNow(t *testing.T) {
	yes, two, one := true, 2, 1
	number := func(n int) *int { return &n }
	asks := func(window *int) model.Layers {
		return model.Layers{Catalog: model.Layer{Window: window, WindowAsked: &yes}, Default: model.DefaultLayer()}
	}
	written := asks(number(16384))
	written.Config.Window = number(12000)
	for _, row := range []struct {
		name    string
		planned model.Capabilities
		options string
		now     model.Layers
		params  string
		want    string // slot, window
	}{
		{"the server has more slots than it had", model.Capabilities{SlotChoice: true, Slots: 1}, "",
			model.Layers{Server: model.Layer{SlotChoice: &yes, Slots: &two}}, "", "1 0"},
		{"it has fewer", model.Capabilities{SlotChoice: true, Slots: 2}, "",
			model.Layers{Server: model.Layer{SlotChoice: &yes, Slots: &one}}, "", "none 0"},
		{"nobody knows now", model.Capabilities{SlotChoice: true, Slots: 2}, "", model.Layers{}, "", "1 0"},
		{"another agent plans for less", model.Capabilities{Window: 8000, WindowKnown: true, WindowAsked: true}, "", asks(number(16384)), "", "1 16384"},
		{"the config asks for less now", model.Capabilities{Window: 16384, Served: 16384, WindowAsked: true}, "", written, "", "1 12000"},
		{"it was loaded with more when this was planned", model.Capabilities{Window: 32768, Served: 32768, WindowAsked: true}, "", asks(number(16384)), "", "1 32768"},
		{"it has more now", model.Capabilities{Window: 16384, Served: 16384, WindowAsked: true}, "", asks(number(32768)), "", "1 32768"},
		{"params ask for another one now", model.Capabilities{WindowAsked: true}, `{"num_ctx":4096,"seed":1}`, asks(number(16384)), `{"num_ctx":9000}`, "1 9000"},
		{"params ask for none any more", model.Capabilities{WindowAsked: true}, `{"num_ctx":4096,"seed":1}`, asks(number(16384)), `{"top_k":1}`, "1 16384"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &fake{calls: [][]step{fine}, encode: func(r *model.Request) string {
					slot, window := "none", 0
					if r.Slot != nil {
						slot = fmt.Sprint(*r.Slot)
					}
					if r.Capabilities.WindowAsked {
						slot, window = "1", r.AskedWindow()
					}
					return fmt.Sprint(slot, " ", window)
				}}
				tg := target("a", p)
				tg.Layers, tg.Params.Options = row.now, []byte(row.params)
				acquire := func(ctx context.Context, _ model.Claim, _ func(hearth.Wait)) (context.Context, *model.Ticket, error) {
					return ctx, &model.Ticket{Slot: 1, Done: func(bool) {}}, nil
				}
				q := model.Question{Chain: []model.Target{tg}, Session: "s", Build: func(model.Target) (*model.Request, error) {
					return &model.Request{Model: "m", Capabilities: row.planned, Options: []byte(row.options),
						Messages: []hearth.Message{{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "hi"}}}}}, nil
				}}
				if o := gather(route.New(route.Config{Acquire: acquire}).Stream(t.Context(), q)); o.err != nil || p.bodies[0] != row.want {
					t.Errorf("asked %q, want %q (%v)", p.bodies, row.want, o.err)
				}
			})
		})
	}
}
