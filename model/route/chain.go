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

// who is a candidate: a model, asked under one of the credentials that there may be.
type who struct {
	ref     hearth.ModelRef
	profile string
}

func whoOf(t *model.Target) who { return who{t.Ref, t.Profile} }

// beside names a candidate next to another: by its credential too, where they are one model.
func (w who) beside(other who) string {
	if w.ref == other.ref && w.profile != "" {
		return w.ref.String() + "@" + w.profile
	}
	return w.ref.String()
}

// spoke is who answered a session last, and in which turn.
type spoke struct {
	who
	turn hearth.TurnID
}

// failure is what became of one candidate.
type failure struct {
	who
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
	if resting != nil && before.who != whoOf(&candidates[0]) {
		what := "did not answer"
		if resting.Profile != "" { // one of several credentials: which of them were asked now matters
			what = "rests after a failure"
		}
		r.instead(whoOf(resting), what, cmp.Or(r.why(resting), "a moment ago"), whoOf(&candidates[0]))
	}
	var failed []failure
	for i := range candidates {
		t := &candidates[i]
		if i > 0 {
			last := &failed[len(failed)-1]
			if last.ref == t.Ref && !ofCredential(last.err) {
				continue // it would fare as badly under another credential
			}
			if r.changed || before.who != whoOf(t) {
				r.instead(last.who, "did not answer", briefly(last.err), whoOf(t))
			}
		}
		r.again = !r.changed && i == 0 && r.precedes(t.Ref, before.ref)
		err := r.candidate(ctx, t, behind(candidates[i:]))
		if err == nil || r.visible {
			r.speaks(whoOf(t))
		}
		if err == nil || r.gone {
			return nil
		}
		failed = append(failed, failure{whoOf(t), err})
		if r.visible || ctx.Err() != nil || !fallsBack(err) {
			break
		}
	}
	return combine(failed)
}

// instead tells that another candidate is asked.
func (r *run) instead(failed who, what, why string, now who) {
	r.notice("fallback", "%s %s (%s); asking %s instead", failed.beside(now), what, why, now.beside(failed))
	r.changed = true
}

// ofCredential reports whether a failure is one of the credential that was sent: another
// one of the same provider may do better.
func ofCredential(err error) bool {
	switch hearth.ReasonOf(err) {
	case hearth.ReasonAuth, hearth.ReasonNoCredential, hearth.ReasonBilling, hearth.ReasonRateLimit:
		return true
	default:
		return false
	}
}

// others says what is left when a candidate has failed.
type others struct {
	models      bool // another model
	credentials bool // the same one, under another credential
}

// behind gives what stands behind the first of some candidates.
func behind(candidates []model.Target) (left others) {
	for i := range candidates[1:] {
		if candidates[1+i].Ref == candidates[0].Ref {
			left.credentials = true
		} else {
			left.models = true
		}
	}
	return left
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

// candidates gives the chain, each model once under each credential, without those that rest after a failure,
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
	inTurn := r.q.Turn != "" && before.turn == r.q.Turn && slices.ContainsFunc(all, func(t model.Target) bool { return whoOf(&t) == before.who })
	now := time.Now()
	for _, t := range all {
		switch rests := r.cfg.Cooldown != nil && r.cfg.Cooldown.Until(t).After(now); {
		case inTurn && whoOf(&t) == before.who:
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
	case whoOf(&use[0]) != whoOf(&all[0]):
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
func (r *run) speaks(w who) {
	if r.chore() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.spoke) >= mostLanes {
		clear(r.spoke)
	}
	r.spoke[r.q.Session] = spoke{w, r.q.Turn}
}

func (r *Router) answered(session hearth.SessionID) spoke {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spoke[session]
}
