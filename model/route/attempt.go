package route

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"hearth"
	"hearth/model"
)

// attempt is one request to one candidate.
type attempt struct {
	run    *run
	tries  *tries
	report hearth.Report
	clock  stopwatch
	body   string // hashes of what was sent; "" before
	bytes  int    // of its head and items
	had    int    // tokens of it that the server has read before, as far as we can tell
	unread int    // and those that it has to read
	late   string // why it may begin late

	ahead   span // what it had to read when it was last heard of
	told    bool // it said itself how far it is
	guessed bool // nothing like it was counted

	resident bool // the model is in the server's memory, as far as is known
	cold     bool // and was not when this was asked, so nothing came from a cache

	spoke    bool // a visible word arrived
	thought  bool
	full     bool          // the server said that the window was full
	kept     []model.Delta // calls and opaque data, until the stream is whole
	answered string
	timing   model.Timing
	before   sent // the request before to this model in this session
	extends  bool // and this one begins with it
	err      error
	halt     error // why reading stopped before the stream's end
}

// attempt asks once and yields the Report. Its error is a *hearth.Error unless Build
// gave another.
func (r *run) attempt(ctx context.Context, t *tries) error {
	a := &attempt{run: r, tries: t, report: hearth.Report{
		Turn: r.q.Turn, At: time.Now(), Target: t.target.Ref, Profile: t.target.Profile, Protocol: t.target.Protocol,
		Endpoint: t.target.Endpoint.Written(), Locality: t.target.Locality(), Lane: r.q.Lane.String(),
	}}
	a.err = a.explain(a.ask(ctx))
	if over, ok := errors.AsType[*model.Overflow](a.err); ok && over.Window > 0 && r.cfg.Overflowed != nil {
		a.overflowed(ctx, over.Window)
	}
	a.finish()
	return a.err
}

//go:noinline
func (a *attempt) overflowed(ctx context.Context, window int) {
	_ = a.run.cfg.Overflowed(ctx, a.tries.target, window) // the person has the larger error already
}

//go:noinline
func (a *attempt) build() (*model.Request, error) { return a.run.q.Build(a.tries.target) }

//go:noinline
func (a *attempt) left(req *model.Request) { a.run.cfg.Left(a.tries.target, req, a.departure()) }

func (a *attempt) ask(ctx context.Context) error {
	t := &a.tries.target
	req, err := a.build()
	if err != nil {
		return err
	}
	if t.Provider == nil {
		return &hearth.Error{Op: "ask " + t.Ref.String(), Reason: hearth.ReasonInternal, Err: errors.New("the target has no provider")}
	}
	held, ticket, err := a.acquire(ctx, req)
	if err != nil {
		return err
	}
	req = a.live(req)
	if c := &req.Capabilities; c.SlotChoice && c.Slots > 1 && ticket.Slot < c.Slots && req.Slot == nil {
		chosen := *req
		chosen.Slot = &ticket.Slot // the session's prompt is in that slot's cache
		req = &chosen
	}
	if a.holds(held, ticket) {
		err = &hearth.Error{Op: "ask " + t.Ref.String(), Reason: hearth.ReasonNoModel, Err: errors.New("the server has read it already")}
	} else {
		err = a.hold(held, req)
	}
	through := a.serverIsThrough(err)
	if a.run.cfg.Left != nil && !through {
		a.left(req)
	}
	ticket.Done(through)
	if err != nil {
		return err
	}
	return a.complete(ctx, req)
}

// acquire claims the slot. When the caller stops reading while we wait, so do we.
func (a *attempt) acquire(ctx context.Context, req *model.Request) (context.Context, *model.Ticket, error) {
	if a.run.cfg.Acquire == nil {
		ticket := &model.Ticket{Done: func(bool) {}}
		a.placed(ticket)
		return ctx, ticket, nil
	}
	a.clock.enter(hearth.PhaseQueued)
	wanted, stop := context.WithCancel(ctx)
	claim := model.Claim{Endpoint: a.tries.target.Endpoint, Lane: a.run.q.Lane, Session: a.run.q.Session, Model: req.Model}
	if !a.tries.held { // who was asked is asked again
		for i := range a.tries.places[1:] {
			claim.Or = append(claim.Or, a.tries.places[1+i].Endpoint)
		}
		if len(claim.Or) > 0 {
			claim.Stay = a.stay(req)
		}
	}
	held, ticket, err := a.run.cfg.Acquire(wanted, claim, func(w hearth.Wait) {
		if !a.run.send(model.Delta{Wait: &w}) {
			stop()
		}
	})
	if err != nil {
		stop()
		return nil, nil, err
	}
	a.placed(ticket)
	if ticket.Notice != "" {
		a.run.notice("stopping", "%s", ticket.Notice)
	}
	a.late = ticket.Late
	done := ticket.Done
	ticket.Done = func(clean bool) { done(clean); stop() }
	return held, ticket, nil
}

// holds reports whether the server needs not be asked, since it has read all that the
// question is for, and nothing of ours since.
func (a *attempt) holds(ctx context.Context, ticket *model.Ticket) bool {
	had, t := a.run.q.Had, &a.tries.target
	return had != nil && a.run.cfg.Holds != nil && !a.run.gone && ticket.Own && had.Origin == t.Endpoint.Origin && a.run.cfg.Holds(ctx, *t, *had)
}

// placed goes on where the slot is that was got.
func (a *attempt) placed(ticket *model.Ticket) {
	t, had := a.tries, a.tries.target.Endpoint.Origin
	if ticket.Place > 0 {
		t.moveTo(ticket.Place)
		a.report.Endpoint, a.report.Locality = t.target.Endpoint.Origin, t.target.Locality()
	}
	switch now := t.target.Endpoint.Origin; {
	case t.failed != "":
		a.run.notice("replica", "%s; asking %s, which may have to read the conversation first", t.failed, now)
	case ticket.Moved:
		a.run.notice("replica", "%s is still busy; asking %s, which has to read the conversation first", had, now)
	}
	t.failed, t.held = "", true
}

// hold does what is done while the slot is ours.
func (a *attempt) hold(ctx context.Context, req *model.Request) error {
	if a.run.gone {
		return a.stopped(ctx)
	}
	t := &a.tries.target
	if a.run.q.Loaded && !a.loaded(ctx, req) {
		return &hearth.Error{Op: "ask " + t.Ref.String(), Reason: hearth.ReasonNoModel, Err: errors.New("the server would load it first")}
	}
	if a.run.cfg.Prepare != nil {
		a.clock.enter(hearth.PhaseLoading)
		if err := a.prepare(ctx, req); err != nil {
			return err
		}
	}
	a.clock.enter(hearth.PhaseConnecting)
	names := slices.Clone(req.Callable)
	for i := range req.Tools {
		names = append(names, req.Tools[i].Name)
	}
	for d, err := range a.deltas(ctx, req, names) {
		if err != nil {
			return named(err, t)
		}
		if !a.take(ctx, &d) {
			return a.halt
		}
	}
	if a.report.Stop == "" {
		return &hearth.Error{Op: "read the answer of " + t.Ref.String(), Reason: hearth.ReasonCut, Err: errors.New("the stream ended without a finish reason")}
	}
	return nil
}

// named has an error say which model was asked, in place of which protocol was spoken,
// and where the key that was refused comes from.
func named(err error, t *model.Target) error {
	if e, ok := err.(*hearth.Error); ok { //nolint:errorlint // one that something was added to says more already
		told := *e
		told.Op = "ask " + t.Ref.String()
		if t.Profile != "" && told.Reason == hearth.ReasonAuth {
			told.Try = fmt.Sprintf("Give the profile another key: hearth models auth paste-api-key --provider %s --profile-id %s", t.Ref.Provider, t.Profile)
		}
		return &told
	}
	return err
}

//go:noinline
func (a *attempt) loaded(ctx context.Context, req *model.Request) bool {
	return a.run.cfg.Loaded != nil && a.run.cfg.Loaded(ctx, a.tries.target, req)
}

//go:noinline
func (a *attempt) prepare(ctx context.Context, req *model.Request) error {
	return a.run.cfg.Prepare(ctx, a.run.q.Lane, a.tries.target, req, func(w hearth.Wait) { a.run.send(model.Delta{Wait: &w}) })
}

//go:noinline
func (a *attempt) deltas(ctx context.Context, req *model.Request, names []string) iter.Seq2[model.Delta, error] {
	return a.run.cfg.Visible(a.tries.target, a.tries.target.Provider.Stream(ctx, req), names)
}

func (a *attempt) stopped(ctx context.Context) error {
	return &hearth.Error{Op: "ask " + a.tries.target.Ref.String(), Reason: hearth.ReasonCancelled, Err: context.Cause(ctx)}
}

// take uses one delta and passes it on. It gives false to stop reading; a.halt says why.
func (a *attempt) take(ctx context.Context, d *model.Delta) bool {
	switch {
	case d.Sent != nil:
		if a.halt = a.sent(d.Sent); a.halt != nil {
			return false
		}
	case d.Text != "":
		a.clock.enter(hearth.PhaseWriting)
		if strings.TrimSpace(d.Text) != "" {
			a.spoke, a.run.visible = true, true
		}
	case d.Thinking != "":
		a.clock.enter(hearth.PhaseWriting)
		a.thought = true
	case d.Call != nil, d.Opaque != nil:
		a.clock.enter(hearth.PhaseWriting)
		kept := *d
		kept.Stop = ""
		a.kept = append(a.kept, kept)
		if d.Stop != "" {
			a.report.Stop = d.Stop
		}
		return true
	case d.Usage != nil:
		a.report.Usage = *d.Usage
	case d.Timing != nil:
		a.timing = *d.Timing
	case d.Wait != nil:
		a.clock.enter(d.Wait.Phase)
		told := *d
		told.Wait = a.reading(d.Wait)
		d = &told
	case d.Report != nil:
		return true // only we report
	}
	a.full = a.full || d.WindowFull
	if d.Text != "" || d.Thinking != "" {
		a.run.back(a.tries.target.Ref)
	}
	if d.Answered != "" {
		a.answered = d.Answered
	}
	if d.TextWasThinking {
		a.spoke, a.thought = false, true
	}
	out := *d
	out.Stop = "" // it is passed on when the answer has been looked at as a whole
	if (d.Stop == "" || says(&out)) && !a.run.send(out) {
		a.halt = a.stopped(ctx)
		return false
	}
	if d.Stop != "" {
		a.report.Stop = d.Stop
	}
	return true
}

// says reports whether a delta that also stops tells anything else.
func says(d *model.Delta) bool {
	return d.Text+d.Thinking+d.Answered != "" || d.Usage != nil || d.Timing != nil || d.Notice != nil || d.TextWasThinking
}

// sent notes what goes out. Nothing has been dialled yet, so a body that was refused
// before goes no further.
func (a *attempt) sent(s *model.Sent) error {
	params := sha256.Sum256(s.Params)
	prefix, rest := s.Prefix(len(s.Items)), hex.EncodeToString(params[:])
	if before, refused := a.tries.refused[prefix+rest]; refused {
		return before
	}
	a.body = prefix + rest // between them they hash every byte
	a.report.Items, a.report.Bytes = len(s.Items), len(s.Body)
	a.report.Prefix, a.report.Params = prefix, rest
	a.before = a.run.before(a.lane())
	a.extends = a.before.items > 0 && a.before.items <= len(s.Items) && s.Prefix(a.before.items) == a.before.prefix
	a.bytes = len(s.Head)
	for _, item := range s.Items {
		a.bytes += len(item)
	}
	a.had, a.unread = a.estimate()
	return nil
}

// serverIsThrough reports whether the server can have nothing of ours left to do.
func (a *attempt) serverIsThrough(err error) bool {
	switch {
	case a.body == "":
		return true // nothing went out
	case errors.Is(err, model.ErrLeft):
		return false
	}
	switch hearth.ReasonOf(err) {
	case hearth.ReasonCancelled, hearth.ReasonTimeout, hearth.ReasonStalled:
		return false
	default:
		return true
	}
}

// complete looks at a whole answer, and passes on what had to wait for its end.
func (a *attempt) complete(ctx context.Context, req *model.Request) error {
	if !a.spoke && !a.hasCall() {
		return a.emptiness(req)
	}
	a.run.back(a.tries.target.Ref) // an answer of calls alone
	a.notices(ctx, req)
	a.measure(req)
	for _, d := range a.kept {
		a.run.send(d)
	}
	a.run.send(model.Delta{Stop: a.report.Stop})
	return nil
}

func (a *attempt) hasCall() bool {
	for i := range a.kept {
		if a.kept[i].Call != nil {
			return true
		}
	}
	return false
}

// deterministic reports whether the same bytes would get the same no.
func deterministic(reason hearth.Reason) bool {
	switch reason {
	case hearth.ReasonBadRequest, hearth.ReasonToolsRefused, hearth.ReasonContextOverflow:
		return true
	default:
		return false
	}
}

// finish completes and yields the Report.
func (a *attempt) finish() {
	a.report.Phases = a.clock.times(a.timing)
	if a.err != nil {
		e := asError(a.err)
		a.report.Reason, a.report.Error = e.Reason, e.Error()
		if o, ok := errors.AsType[*model.Overflow](e); ok && o.Exact {
			a.report.Refused = o.Prompt
		}
		if a.report.Stop == "" && e.Reason == hearth.ReasonCancelled {
			a.report.Stop = hearth.StopCancelled
		}
		if a.report.Stop == "" && e.Reason == hearth.ReasonCut {
			a.report.Stop = hearth.StopCut
		}
		if deterministic(e.Reason) && !e.Again && a.body != "" {
			a.tries.refused[a.body] = a.err
		}
	}
	report := a.report
	a.run.send(model.Delta{Report: &report})
}
