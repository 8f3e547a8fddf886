package route

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"hearth"
	"hearth/model"
)

// Config says what a Router works with. The zero value has no queue, learns nothing
// and remembers no failures.
type Config struct {
	// Acquire claims a slot; nil = nothing queues.
	Acquire model.Acquire
	// Visible takes hidden markup out of a stream and finds calls written as text;
	// from is the target that speaks, tools are the names that may be called. nil = the
	// stream as it is.
	Visible func(from model.Target, deltas iter.Seq2[model.Delta, error], tools []string) iter.Seq2[model.Delta, error]
	// Prepare gets a server ready (starts it, loads the model) once the slot is held,
	// before the request goes out. An error counts as the attempt's. ctx ends when the slot
	// is given back. May be nil.
	Prepare func(ctx context.Context, lane model.Lane, t model.Target, req *model.Request, wait func(hearth.Wait)) error
	// Loaded reports whether a server, asked now, has the model in memory as a request wants
	// it, so that nothing is loaded for a Question that says Loaded. nil = nobody knows, and
	// such a question is never sent.
	Loaded func(ctx context.Context, t model.Target, req *model.Request) bool
	// Holds reports whether a server, asked now, is seen to still have what a session had it
	// read last. nil = nobody can tell, and a Question that says Had is sent.
	Holds func(ctx context.Context, t model.Target, had model.Reading) bool
	// Learn keeps a lesson that was answered. Its error is told to the person. May be nil.
	Learn func(ctx context.Context, t model.Target, r *model.Refusal) error
	// Overflowed is told the window that a server named when a request was too long for
	// it. May be nil.
	Overflowed func(ctx context.Context, t model.Target, window int) error
	// Left is told when a request was closed early, before its slot is given back. It does
	// not block. May be nil.
	Left func(t model.Target, req *model.Request, how model.Departure)
	// Listed gives the model ids that the target's server is known to have, nil where
	// nobody asked it. It does not block. May be nil.
	Listed   func(t model.Target) []string
	Cooldown Cooldown // may be nil
	Speeds   Speeds   // may be nil: then nobody is told how long reading will take
	Replicas Replicas // may be nil: then only the first place of a target is used
}

// A Cooldown remembers candidates that failed lately. Its methods do not block.
type Cooldown interface {
	// Until is when a candidate may be tried again; a time that has passed means now.
	Until(t model.Target) time.Time
	// Why says in a few words what its last failure was; "" where it had none.
	Why(t model.Target) string
	Failed(t model.Target, err error)
	Answered(t model.Target)
}

// Replicas chooses among the places that serve one model. slot.Slots implements it.
type Replicas interface {
	Choose(session hearth.SessionID, places []model.Endpoint) []int
	Lost(origin string)
	Reached(origin string)
}

// A Router answers questions. It may be used from several goroutines at once.
type Router struct {
	cfg Config

	mu    sync.Mutex          // guards the fields below
	told  map[string][]string // names that a server gave in place of a model's, as far as they were told
	last  map[lane]sent
	spoke map[hearth.SessionID]spoke
	// residents says when a model answered last.
	residents map[residence]time.Time
}

// New gives a Router.
func New(cfg Config) *Router {
	if cfg.Visible == nil {
		cfg.Visible = func(_ model.Target, d iter.Seq2[model.Delta, error], _ []string) iter.Seq2[model.Delta, error] {
			return d
		}
	}
	return &Router{cfg: cfg, told: make(map[string][]string), last: make(map[lane]sent), spoke: make(map[hearth.SessionID]spoke), residents: make(map[residence]time.Time)}
}

// Stream yields the answer of the first candidate that gives one.
//
// Each attempt begins with a Delta that holds Sent (unless it failed before) and ends
// with one that holds its Report; what was thought in a failed attempt is not part of
// the answer. Calls and opaque data are yielded only when their stream was whole. Of
// the answering attempt the Delta with Stop comes just before its Report. When no
// candidate answers, the sequence ends with an error, a *hearth.Error; text already
// yielded is then partial. Changes of the answering model, lessons and other things
// that the person should know come as Notices. Cancelling ctx ends everything with
// ReasonCancelled.
func (r *Router) Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		run := &run{Router: r, q: q, yield: yield}
		if err := run.chain(ctx); err != nil && !run.gone {
			yield(model.Delta{}, err)
		}
	}
}

// run is one call of Stream.
type run struct {
	*Router
	q       model.Question
	yield   func(model.Delta, error) bool
	gone    bool // the caller reads no more
	visible bool // a word of an answer reached the person
	changed bool // the person was told that another model is asked
	again   bool // the model being asked is back: that is told when it speaks
}

func (r *run) send(d model.Delta) bool {
	if !r.gone {
		r.gone = !r.yield(d, nil)
	}
	return !r.gone
}

func (r *run) notice(kind, format string, args ...any) {
	r.send(model.Delta{Notice: &hearth.Notice{Kind: kind, Text: fmt.Sprintf(format, args...)}})
}

// chore reports whether nobody waits for the answer. What becomes of it then changes nothing
// for those who will: no rest, no lost replica, and nothing that counts as told.
func (r *run) chore() bool { return r.q.Lane == model.LaneHousekeeping }

// candidate asks one model under one credential, wherever it is served.
func (r *run) candidate(ctx context.Context, t *model.Target, left others) error {
	places := r.places(t)
	many, failed := len(places) > 1, ""
	var err error
	for len(places) > 0 {
		tries := newTries(places, left, failed)
		err = r.insist(ctx, tries)
		asked := tries.target.Endpoint.Origin
		if many || len(r.q.Chain) > 1 && local(t) {
			r.met(asked, err)
		}
		if err == nil || r.visible || r.gone || ctx.Err() != nil || !fallsBack(err) {
			break
		}
		places, failed = places[1:], asked+" did not answer ("+briefly(err)+")"
	}
	if r.cfg.Cooldown != nil && ctx.Err() == nil && !r.chore() {
		r.cooled(t, err)
	}
	return err
}

//go:noinline
func (r *run) cooled(t *model.Target, err error) {
	if err == nil {
		r.cfg.Cooldown.Answered(*t)
	} else {
		r.cfg.Cooldown.Failed(*t, err)
	}
}

// met tells the replicas what became of a request to one of them.
func (r *run) met(origin string, err error) {
	switch {
	case r.cfg.Replicas == nil, r.chore():
	case err == nil:
		r.cfg.Replicas.Reached(origin)
	case hearth.ReasonOf(err) == hearth.ReasonUnreachable:
		r.cfg.Replicas.Lost(origin)
	}
}

// places gives the target at each of its replicas, best first. Whose slot is got first may
// be asked before one that stands before it.
func (r *run) places(t *model.Target) []model.Target {
	if r.cfg.Replicas == nil || len(t.Replicas) == 0 {
		return []model.Target{*t}
	}
	all := append([]model.Replica{{Endpoint: t.Endpoint, Provider: t.Provider}}, t.Replicas...)
	endpoints := make([]model.Endpoint, len(all))
	for i, p := range all {
		endpoints[i] = p.Endpoint
	}
	var out []model.Target
	for _, i := range r.cfg.Replicas.Choose(r.q.Session, endpoints) {
		place := *t
		place.Endpoint, place.Provider = all[i].Endpoint, all[i].Provider
		out = append(out, place)
	}
	return out
}

// combine makes one error of what became of the candidates. The first one's cause and
// advice count most: it is the model that the person chose.
func combine(failed []failure) error {
	if len(failed) == 1 {
		return asError(failed[0].err)
	}
	texts, models := make([]string, len(failed)), map[hearth.ModelRef]int{}
	for _, f := range failed {
		models[f.ref]++
	}
	all := make([]error, len(failed))
	for i, f := range failed {
		texts[i] = f.ref.String() + ": " + briefly(f.err)
		if models[f.ref] > 1 {
			texts[i] = f.beside(f.who) + ": " + briefly(f.err)
		}
		all[i] = f.err
	}
	first, last := asError(failed[0].err), asError(failed[len(failed)-1].err)
	op := fmt.Sprintf("ask %d models", len(models))
	if len(models) == 1 {
		op = "ask " + failed[0].ref.String()
	}
	e := &hearth.Error{
		Op: op, Reason: last.Reason,
		HTTPStatus: last.HTTPStatus, RetryAfter: last.RetryAfter,
		Err:   &several{strings.Join(texts, "; "), all},
		Cause: first.Cause, Try: first.Try,
	}
	for _, err := range all {
		one := asError(err)
		if one.HTTPStatus != last.HTTPStatus {
			e.HTTPStatus = 0 // it would be said of them all
		}
		if one.Reason != last.Reason && len(models) == 1 { // one model under several credentials
			e.Cause = "No credential of provider " + failed[0].ref.Provider + " is of use now, each for a reason of its own."
			e.Try = "See which there are: hearth models auth list"
		}
	}
	return e
}

// several keeps all errors findable behind one line.
type several struct {
	text string
	all  []error
}

func (s *several) Error() string   { return s.text }
func (s *several) Unwrap() []error { return s.all }

// asError gives err as a *hearth.Error.
func asError(err error) *hearth.Error {
	if e, ok := errors.AsType[*hearth.Error](err); ok {
		return e
	}
	return &hearth.Error{Op: "ask the model", Reason: hearth.ReasonOf(err), Err: err}
}

// briefly gives the shortest account of an error: the server's own words where there are any.
func briefly(err error) string {
	e, ok := errors.AsType[*hearth.Error](err)
	switch {
	case !ok:
		return err.Error()
	case e.Err != nil:
		return e.Err.Error()
	default:
		return strings.ReplaceAll(string(e.Reason), "_", " ")
	}
}
