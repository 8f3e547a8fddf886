package route

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"hearth"
	"hearth/model"
)

// spoke is who answered a session last, and in which turn.
type spoke struct {
	ref  hearth.ModelRef
	turn hearth.TurnID
}

// failure is what became of one candidate.
type failure struct {
	ref hearth.ModelRef
	err error
}

// chain asks one candidate after the other. Each change of the answering model is told
// once: when the next one is asked, or when one that was passed over answers again.
func (r *run) chain(ctx context.Context) error {
	candidates, resting := r.candidates()
	if len(candidates) == 0 {
		return &hearth.Error{Op: "choose a model", Reason: hearth.ReasonNoModel, Err: errors.New("there is no model to ask")}
	}
	before := r.answered(r.q.Session)
	if resting != nil && before.ref != candidates[0].Ref {
		r.notice("fallback", "%s did not answer (%s); asking %s instead", resting.Ref, cmp.Or(r.why(resting), "a moment ago"), candidates[0].Ref)
		r.changed = true
	}
	var failed []failure
	for i := range candidates {
		t := &candidates[i]
		if i > 0 && (r.changed || before.ref != t.Ref) {
			last := failed[len(failed)-1]
			r.notice("fallback", "%s did not answer (%s); asking %s instead", last.ref, words(last.err), t.Ref)
			r.changed = true
		}
		r.again = !r.changed && i == 0 && r.precedes(t.Ref, before.ref)
		err := r.candidate(ctx, t, i == len(candidates)-1)
		if err == nil || r.visible {
			r.speaks(t.Ref)
		}
		if err == nil || r.gone {
			return nil
		}
		failed = append(failed, failure{t.Ref, err})
		if r.visible || ctx.Err() != nil || !fallsBack(err) {
			break
		}
	}
	return combine(failed)
}

// fallsBack reports whether the next candidate is asked after an answer of which no
// visible word was seen. A stream that broke off while the model was thinking is then
// what it would be without a word at all: a failure of the server, or a time-out.
func fallsBack(err error) bool {
	switch reason := hearth.ReasonOf(err); reason {
	case hearth.ReasonCut, hearth.ReasonStalled:
		return true
	default:
		return reason.FallsBack()
	}
}

// candidates gives the chain, each model once, without those that rest after a failure,
// unless all do. Within a turn the one that answered stays first: its server has read the
// conversation. resting is the first choice when it was passed over.
func (r *run) candidates() (use []model.Target, resting *model.Target) {
	var all, early []model.Target
	seen := make(map[string]bool)
	for _, t := range r.q.Chain {
		if key := t.Ref.String() + "@" + t.Profile; !seen[key] {
			seen[key] = true
			all = append(all, t)
		}
	}
	before := r.answered(r.q.Session)
	inTurn := r.q.Turn != "" && before.turn == r.q.Turn && slices.ContainsFunc(all, func(t model.Target) bool { return t.Ref == before.ref })
	now := time.Now()
	for _, t := range all {
		switch rests := r.cfg.Cooldown != nil && r.cfg.Cooldown.Until(t).After(now); {
		case inTurn && t.Ref == before.ref:
			inTurn = false
			use = append(use, t)
		case rests:
		case inTurn:
			early = append(early, t)
		default:
			use = append(use, t)
		}
	}
	use = append(use, early...)
	switch {
	case len(use) == 0:
		return all, nil
	case use[0].Ref != all[0].Ref:
		resting = &all[0]
	}
	return use, resting
}

// A target has 2.4 KB, and what a function passes by value lies on the stack of everything
// that it calls. The functions that are not inlined here keep it off the stack of an open
// stream, of which there may be a thousand.

//go:noinline
func (r *run) why(t *model.Target) string { return r.cfg.Cooldown.Why(*t) }

// precedes reports whether one model stands before another in the chain.
func (r *run) precedes(one, other hearth.ModelRef) bool {
	for _, t := range r.q.Chain {
		switch t.Ref {
		case one:
			return other != one && slices.ContainsFunc(r.q.Chain, func(t model.Target) bool { return t.Ref == other })
		case other:
			return false
		}
	}
	return false
}

// back tells, with the first thing that it says, that a model answers again after
// another stood in for it.
func (r *run) back(ref hearth.ModelRef) {
	if r.again {
		r.again = false
		r.notice("fallback", "%s answers again", ref)
	}
}

// speaks notes who answers the session. What nobody waits for changes nothing.
func (r *run) speaks(ref hearth.ModelRef) {
	if r.q.Lane == model.LaneHousekeeping {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.spoke) >= mostLanes {
		clear(r.spoke)
	}
	r.spoke[r.q.Session] = spoke{ref, r.q.Turn}
}

func (r *Router) answered(session hearth.SessionID) spoke {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spoke[session]
}
