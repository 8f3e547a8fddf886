package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hearth"
	"hearth/model"
	"hearth/policy"
	"hearth/prompt"
	"hearth/session"
)

// The causes of a context that ran out of the turn's own time, and out of all the time
// that its owner gave it.
var (
	errTurnTime  = errors.New("the turn's time limit")
	errTurnTotal = errors.New("the time allowed for a whole turn")
)

// Turn does what the transcript says is still to be done: it answers the newest message,
// goes on after a crash, or continues after an approval. It returns when there is an
// answer, a question, or an error; what was produced until then is in the transcript and
// in the Outcome. emit is called from this goroutine only and may be nil. Cancelling ctx
// stops the turn; its cause becomes the recorded reason.
func (a *Agent) Turn(ctx context.Context, t session.Transcript, emit func(hearth.Event)) (Outcome, error) {
	if a.limits.Total > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, a.limits.Total, errTurnTotal)
		defer cancel()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	clock := startClock(a.limits.Turn, cancel)
	defer clock.end()
	r, err := a.begin(ctx, t, emit)
	if err != nil {
		return Outcome{}, a.unbegun(ctx, t, err)
	}
	r.clock = clock
	if err = r.loop(ctx); err != nil {
		err = r.recordStop(ctx, t, r.st, r.cause(ctx, err))
	}
	r.emit(hearth.Event{Kind: hearth.EventDone})
	return r.out, err
}

// begin asks the servers what they are, mends what is damaged, and freezes the words that
// wait for that.
func (a *Agent) begin(ctx context.Context, t session.Transcript, emit func(hearth.Event)) (*run, error) {
	chain, err := a.cfg.Targets(ctx)
	if err != nil {
		return nil, err
	}
	r := &run{Agent: a, t: t, emitTo: emit, st: newState(), chain: chain, lane: a.cfg.Lane}
	var notices []hearth.Notice
	defer func() { // what was done is told where the turn gets no further, too: nobody looks again
		for _, n := range notices {
			r.emit(hearth.Event{Kind: hearth.EventNotice, Notice: n})
		}
	}()
	mended, err := a.mend(ctx, t, chain)
	if err != nil {
		return nil, err
	}
	if mended != nil {
		notices = append(notices, *mended)
	}
	st, primary, err := a.current(ctx, t, chain)
	if err != nil {
		return nil, err
	}
	if len(st.received) > 0 {
		told, err := a.admit(ctx, t, chain, entering{st: st, now: primary})
		if err != nil {
			return nil, err
		}
		notices = append(notices, told...)
		if st, primary, err = a.current(ctx, t, chain); err != nil {
			return nil, err
		}
	}
	r.st, r.epochs = st, map[hearth.ModelRef]*epochState{chain[0].Ref: {live: primary}}
	r.out.Turn, r.out.Target = st.turn, chain[0].Ref
	r.offered(primary.plan)
	return r, nil
}

// unbegun records why a turn ended before its model could be asked, and gives the error a
// person sees.
func (a *Agent) unbegun(ctx context.Context, t session.Transcript, err error) error {
	err = a.cause(ctx, err)
	if hearth.ReasonOf(err) == hearth.ReasonStorage {
		return err
	}
	return a.recordStop(ctx, t, nil, err)
}

// offered notes in the outcome what a plan gives its model.
func (r *run) offered(p *prompt.Plan) {
	r.out.Window, r.out.Tools, r.out.Catalogue = p.Window, p.ToolNames(), nil
	if p.Indexed {
		r.out.Catalogue = r.toolNames()
	}
}

// Stop ends a turn at its question, which nobody answered, and gives the error a person
// sees: cause, or that it could not be recorded. Turn does this itself when its context
// ends.
func (a *Agent) Stop(ctx context.Context, t session.Transcript, cause error) error {
	return a.recordStop(ctx, t, nil, halted(cause))
}

// run is one call of Turn.
type run struct {
	*Agent
	t      session.Transcript
	emitTo func(hearth.Event)
	seq    int
	st     *state
	chain  []model.Target
	asked  model.Target // of them, in the newest model call
	lane   model.Lane
	clock  *turnClock // nil where nothing bounds the turn
	epochs map[hearth.ModelRef]*epochState
	out    Outcome
	done   []policy.Step // calls of this turn with their results, for the loop stop
	// fits says what was done, before the answer that is being asked for, so that it fits.
	fits    map[hearth.ModelRef]*fitting
	asksFor int         // the tokens that an answer may have at most; 0 = nothing is said of it
	through session.Seq // the newest message in the request being built
}

// outsideTurn gives a run of a conversation as it stands, without what a turn warns of when
// it begins.
func (a *Agent) outsideTurn(t session.Transcript, chain []model.Target, st *state, primary live) *run {
	return &run{Agent: a, t: t, st: st, chain: chain, lane: a.cfg.Lane,
		epochs: map[hearth.ModelRef]*epochState{chain[0].Ref: {live: primary, checked: true}}}
}

func (r *run) loop(ctx context.Context) error {
	for !r.st.answered() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(r.st.open) > 0 {
			if err := r.runCalls(ctx); err != nil || r.out.Question != nil {
				return err
			}
		}
		if err := r.acceptPending(ctx); err != nil {
			return err
		}
		if r.st.steps >= r.limits.Steps {
			return r.tooManySteps()
		}
		if err := r.ask(ctx); err != nil {
			return err
		}
	}
	return nil
}

// tooManySteps is the error of a turn without an end. A server that is told to require a
// tool call at every step never lets the model answer.
func (r *run) tooManySteps() error {
	err := r.limit("it made %d model calls without an answer", r.st.steps)
	target := r.chain[0]
	var body struct {
		ToolChoice json.RawMessage `json:"tool_choice"`
	}
	_ = json.Unmarshal(target.Params.ExtraBody, &body) // nothing there is nothing required
	if string(body.ToolChoice) == `"required"` {
		err.Cause = `params.extra_body of ` + target.Ref.String() + ` has tool_choice "required", so the model must call a tool at every step and can never answer.`
		err.Try = "Take tool_choice out of it in the config."
	}
	return err
}

// limit is the error of a turn that one of our own limits stopped.
func (a *Agent) limit(format string, args ...any) *hearth.Error {
	return &hearth.Error{Op: "turn", Reason: hearth.ReasonLimit, Err: fmt.Errorf(format, args...),
		Cause: "The model went round in circles, or the task is larger than one turn may be.",
		Try:   "Say \"go on\" to continue from here, or ask for a smaller step."}
}

// recordStop marks the newest turn as ended by err, where it has no answer, so that the
// next message can say so to the model, and gives err, which a person sees. st may be nil:
// it is read then. It is one small commit, which a cancelled ctx does not stop.
func (a *Agent) recordStop(ctx context.Context, t session.Transcript, st *state, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if st == nil {
		var stErr error
		if st, stErr = a.standing(ctx, t); stErr != nil {
			return errors.Join(err, stErr)
		}
	}
	if st.answered() {
		return err
	}
	if markErr := a.mark(ctx, t, st.newest(), hearth.Mark{Kind: hearth.MarkStopped, Reason: shortReason(err)}); markErr != nil {
		return errors.Join(err, markErr)
	}
	return err
}

// cause gives the error of a turn whose context ended, by what ended it; else err.
func (a *Agent) cause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case cause == nil:
		return err
	case errors.Is(cause, errTurnTime):
		return a.limit("its tools and answers took longer than %s", a.limits.Turn)
	case errors.Is(cause, errTurnTotal):
		late := a.limit("it took longer than %s", a.limits.Total)
		late.Cause = "agents.defaults.timeoutSeconds bounds a whole turn, what it waits for included."
		late.Try = "Say \"go on\" to continue from here, or raise that setting; without it a living local server is waited for."
		return late
	case hearth.ReasonOf(err) == hearth.ReasonStorage:
		return err
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		cause = overtime{cause}
	}
	return halted(cause)
}

// overtime is the cause of a turn that ran out of the time that its caller gave it.
type overtime struct{ error }

func (o overtime) Unwrap() error { return o.error }

// halted is the error of a turn that its person stopped.
func halted(cause error) *hearth.Error {
	return &hearth.Error{Op: "turn", Reason: hearth.ReasonCancelled, Err: cause,
		Cause: "It was stopped before it was done. Your message is kept.", Try: `Say "go on" to continue from here.`}
}

// shortReason is one clause for the model: why its predecessor gave no answer.
func shortReason(err error) string {
	switch hearth.ReasonOf(err) {
	case hearth.ReasonCancelled:
		if _, late := errors.AsType[overtime](err); late {
			return "the time allowed for it was over"
		}
		return "the person stopped it"
	case hearth.ReasonLimit:
		return "a limit of the gateway stopped it"
	case hearth.ReasonContextOverflow:
		return "the request did not fit the context window"
	case hearth.ReasonEmpty:
		return "nothing was written for the person"
	case hearth.ReasonUnreachable:
		return "the model server could not be reached"
	case hearth.ReasonNoModel, hearth.ReasonUnknownProvider, hearth.ReasonConfig, hearth.ReasonNoCredential,
		hearth.ReasonNotTrusted, hearth.ReasonWindowTooSmall, hearth.ReasonStorage, hearth.ReasonInternal:
		return "the gateway could not ask a model"
	default:
		return "the model server gave an error"
	}
}

// acceptPending appends what people wrote while tools ran.
func (r *run) acceptPending(ctx context.Context) error {
	if r.cfg.Pending == nil {
		return nil
	}
	for _, in := range r.cfg.Pending() {
		if there, err := has(ctx, r.t, in.ID); err != nil {
			return err
		} else if there {
			continue
		}
		in.Turn = r.st.turn
		into, err := r.freezer(ctx, r.t, r.epochs[r.chain[0].Ref].live)
		if err != nil {
			return err
		}
		m, notices := into.freeze(r.complete(in))
		if err := r.append(ctx, &session.Commit{Messages: []hearth.Message{m}, Blobs: in.Images}); err != nil {
			return err
		}
		for _, n := range notices {
			r.emit(hearth.Event{Kind: hearth.EventNotice, Notice: n})
		}
	}
	return nil
}

// append makes messages durable and takes them into account.
func (r *run) append(ctx context.Context, c *session.Commit) error {
	if _, err := r.t.Append(ctx, c); err != nil {
		return err
	}
	for i := range c.Messages {
		r.st.add(&c.Messages[i])
	}
	for i := range c.Reports {
		c.Reports[i].Flush = c.Flush
		r.out.Reports = append(r.out.Reports, c.Reports[i])
		r.emit(hearth.Event{Kind: hearth.EventReport, Report: &c.Reports[i]})
	}
	return nil
}

func (r *run) emit(e hearth.Event) {
	if r.emitTo == nil {
		return
	}
	r.seq++
	e.Seq, e.Turn, e.At = r.seq, r.st.turn, r.cfg.Now()
	r.emitTo(e)
}
