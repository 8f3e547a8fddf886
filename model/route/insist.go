package route

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hearth"
	"hearth/model"
)

// How long a candidate is given before the next one is asked, and before the person is
// told. A server at home that answers "loading" is alive, and silence is not death: where
// there is no other model, it is waited for as long as it says so.
const (
	busyPatience     = 10 * time.Minute // for one that has no room, without another candidate
	loadPatienceElse = time.Minute      // with one
	shortestWait     = time.Second      // whatever the server asks for: each request is a row of the transcript
	longestRetry     = time.Minute      // a Retry-After above this is not waited for
	longestRetryElse = 5 * time.Second
	mostRetries      = 3
)

// tries is what was tried with one candidate.
type tries struct {
	target  model.Target
	places  []model.Target // where it can be asked; the first is where it is
	failed  string         // what became of the place before
	held    bool           // a slot was held at this place
	last    bool           // there is no other model to ask
	spare   bool           // there is another credential for this one
	more    bool           // the same model is served in another place, which was not asked yet
	taught  bool
	empty   bool             // it was asked again after an empty answer
	again   bool             // and after a failure of the model's own
	retries int              // after "too many requests" and the like
	loading time.Time        // since when it is waited for a server that says it is not ready
	overdue bool             // and its owner's limit for that is over
	refused map[string]error // bodies that got a deterministic no, by their hashes
}

// newTries begins to ask a candidate at the first of the places that were not asked yet.
func newTries(places []model.Target, left others, failed string) *tries {
	more := len(places) > 1
	return &tries{target: places[0], places: places, failed: failed, last: !left.models && !more, more: more, spare: left.credentials, refused: make(map[string]error)}
}

// moveTo asks another of the places: its slot was free first.
func (t *tries) moveTo(number int) {
	t.places[0], t.places[number] = t.places[number], t.places[0]
	t.target.Endpoint, t.target.Provider = t.places[0].Endpoint, t.places[0].Provider
}

// insist asks one candidate until it answers or asking again would not help.
func (r *run) insist(ctx context.Context, t *tries) error {
	for {
		err := r.attempt(ctx, t)
		if err == nil || r.gone || r.visible || ctx.Err() != nil || !r.worthAnother(ctx, t, err) {
			return t.explain(err)
		}
	}
}

// worthAnother decides whether the same candidate is asked once more, and waits where
// that is what the server asked for.
func (r *run) worthAnother(ctx context.Context, t *tries, err error) bool {
	e := asError(err)
	if refusal, ok := errors.AsType[*model.Refusal](err); ok {
		return t.teach(refusal)
	}
	switch {
	case e.Again && !t.again && !r.q.Once:
		t.again = true
		r.notice("again", "%s wrote something that its own server could not read (%s); asking once more", t.target.Ref, briefly(err))
		return true
	case e.Reason == hearth.ReasonEmpty && !t.empty && !r.q.Once:
		t.empty = true
		r.notice("again", "%s did not answer (%s); asking once more", t.target.Ref, briefly(err))
		return true
	case t.more && (e.Reason == hearth.ReasonOverloaded || e.Reason == hearth.ReasonRateLimit):
		return false // another place is sooner than any wait
	case t.spare && e.Reason == hearth.ReasonRateLimit:
		return false // so is another credential
	case e.Reason == hearth.ReasonOverloaded && (local(&t.target) && t.last || t.target.Endpoint.Locality.Own() && e.Loading):
		return r.waitLoading(ctx, t, e)
	case e.Reason == hearth.ReasonRateLimit, e.Reason == hearth.ReasonOverloaded:
		return r.waitRetry(ctx, t, e)
	case e.Reason == hearth.ReasonServer && t.target.Locality() == hearth.LocalityHosted && t.last:
		return t.retries == 0 && r.waitRetry(ctx, t, e)
	default:
		return false
	}
}

// inTime reports whether a pause leaves anything of the owner's limit for this server.
func (t *tries) inTime(pause time.Duration) bool {
	now := time.Now()
	if t.loading.IsZero() {
		t.loading = now
	}
	t.overdue = t.target.Within > 0 && now.Sub(t.loading)+pause >= t.target.Within
	return !t.overdue
}

// explain names the limit that ended the wait for a server, where one did.
func (t *tries) explain(err error) error {
	if !t.overdue {
		return err
	}
	out := *asError(err)
	key := fmt.Sprintf("models.providers.%s.timeoutSeconds", t.target.Ref.Provider)
	out.Cause = fmt.Sprintf("The server was not ready within %s, which is the limit that %s sets.", t.target.Within, key)
	out.Try = fmt.Sprintf("Raise %s, or remove it: a server of your own is then waited for as long as it is alive.", key)
	return &out
}

// teach has the request built again with the lesson, once.
func (t *tries) teach(refusal *model.Refusal) bool {
	if t.taught {
		return false
	}
	t.taught = true
	t.target.Refused = refusal
	t.target.Layers.Learned(refusal.Teach())
	return true
}

// waitLoading waits for a local server that says it is loading or busy.
func (r *run) waitLoading(ctx context.Context, t *tries, e *hearth.Error) bool {
	t.retries++
	pause := min(time.Duration(t.retries)*time.Second, 5*time.Second)
	if e.RetryAfter > 0 {
		pause = max(shortestWait, min(e.RetryAfter, longestRetry))
	}
	if !t.inTime(pause) || t.outOfPatience(e) {
		return false
	}
	r.send(model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseLoading, Model: t.target.Ref.Model, Note: "the server says: " + briefly(e)}})
	return sleep(ctx, pause)
}

// outOfPatience reports whether a server was waited for long enough.
func (t *tries) outOfPatience(e *hearth.Error) bool {
	waited := time.Since(t.loading)
	return !t.last && waited >= loadPatienceElse || !e.Loading && waited >= busyPatience
}

// waitRetry waits as long as a server asked for, if that is short.
func (r *run) waitRetry(ctx context.Context, t *tries, e *hearth.Error) bool {
	if e.TooLarge {
		return false
	}
	longest, most := longestRetry, mostRetries
	if !t.last {
		longest, most = longestRetryElse, 1
	}
	pause, note := e.RetryAfter, "the server asks to wait %s: %s"
	if pause == 0 {
		if !t.last {
			return false // the next candidate is sooner than a guess
		}
		pause, note = time.Second<<t.retries, "asking again in %s, because the server says: %s"
	}
	if pause > longest || t.retries >= most || !t.inTime(pause) {
		return false
	}
	t.retries++
	r.send(model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseQueued, Model: t.target.Ref.Model,
		Note: fmt.Sprintf(note, pause.Round(time.Second/10), briefly(e))}})
	return sleep(ctx, pause)
}

// sleep waits; it reports whether the time passed before ctx was done.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
