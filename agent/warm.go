package agent

import (
	"context"
	"errors"

	"hearth"
	"hearth/model"
	"hearth/session"
)

// errWarmed ends a warm-up whose answer goes on and on: not every server heeds a limit of
// one token.
var errWarmed = errors.New("the prompt is read")

// enoughWords is how many pieces of an answer are waited for. A server that stops by itself
// also says what it has read.
const enoughWords = 8

// Warm prepares a request that has the server read this conversation before the person's
// next message needs it, for one token, in the housekeeping lane, where it makes room at
// once for anybody else: the next request, with a stop in place of the message that nobody
// has written yet. So a chat template leaves out what it will leave out then, such as
// earlier reasoning, and the answer is read as part of the conversation. ok is false when
// that would not help or would load a model that is not loaded now.
//
// Warm itself uses the transcript and must be called by its owner; read does not, and
// may run in a goroutine of its own. A server that is seen to have read it all already is
// not asked. The reports that read gives, also beside an error, are of what was sent; they
// are committed with Warmed.
func (a *Agent) Warm(ctx context.Context, t session.Transcript) (read func(context.Context) ([]hearth.Report, error), ok bool, err error) {
	chain, err := a.cfg.Targets(ctx)
	if err != nil || len(chain) == 0 {
		return nil, false, err
	}
	target := chain[0]
	if !atHand(target) {
		return nil, false, nil
	}
	st, primary, err := a.current(ctx, t, chain)
	if err != nil || primary.epoch.ID == 0 || !st.answered() || st.last == nil {
		return nil, false, err
	}
	r := a.outsideTurn(t, chain, st, primary)
	es, err := r.epochFor(ctx, target)
	if err != nil {
		return nil, false, err
	}
	next := r.message(st.turn, hearth.RoleUser)
	next.Parts = []hearth.Part{{Text: ".", Provenance: hearth.FromGateway}}
	req, _, err := r.request(ctx, es, next)
	if err != nil {
		return nil, false, err
	}
	req.MaxTokens = 1
	had, err := r.readLast(ctx, primary.epoch.ID)
	if err != nil {
		return nil, false, err
	}
	q := model.Question{Chain: []model.Target{target}, Lane: model.LaneHousekeeping, Session: t.Info().ID, Turn: st.turn, Once: true, Loaded: true, Had: had,
		Build: func(model.Target) (*model.Request, error) { return req, nil }}
	return func(ctx context.Context) ([]hearth.Report, error) { return a.warm(ctx, q, primary.epoch.ID) }, true, nil
}

// readLast gives what a server read of an epoch last, where that was the newest request of
// the conversation and nothing went wrong with it; nil = nobody can tell.
func (r *run) readLast(ctx context.Context, epoch int64) (*model.Reading, error) {
	reports, err := r.t.LastReports(ctx, 1)
	if err != nil || len(reports) == 0 {
		return nil, err
	}
	last := &reports[len(reports)-1]
	if last.EpochID != epoch || last.Reason != "" || last.Purpose == hearth.PurposeSummary || last.Usage.Input == 0 {
		return nil, nil
	}
	return &model.Reading{Origin: last.Endpoint, At: last.At, Prompt: last.Usage.Input, Answer: last.Usage.Output}, nil
}

// atHand reports whether a model may be used while nobody asked for anything: it is
// loaded already, as far as is known, and on the owner's own machines. Which of several
// servers would be asked, and what that one has in memory, is known when its slot is held.
func atHand(t model.Target) bool {
	return (len(t.Replicas) > 0 || t.Layers.Merge().Resident) && t.Locality() != hearth.LocalityHosted
}

// warm sends the request and forgets the answer. One without a word has done all it was
// for.
func (a *Agent) warm(ctx context.Context, q model.Question, epoch int64) (reports []hearth.Report, failed error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	heard := 0
	for d, err := range a.cfg.Router.Stream(ctx, q) {
		switch {
		case err != nil:
			failed = err
		case d.Report != nil && d.Report.Items > 0: // else nothing was sent
			r := *d.Report
			r.EpochID, r.Turn = epoch, q.Turn
			r.Purpose, r.Prefix, r.Through = hearth.PurposeWarmUp, "", 0 // it is not what the next request extends
			if r.Reason == hearth.ReasonEmpty || errors.Is(context.Cause(ctx), errWarmed) {
				r.Reason, r.Error = "", ""
			}
			reports = append(reports, r)
		case d.Text != "" || d.Thinking != "" || d.Call != nil:
			if heard++; heard == enoughWords {
				cancel(errWarmed)
			}
		}
	}
	if errors.Is(failed, errWarmed) || hearth.ReasonOf(failed) == hearth.ReasonEmpty {
		failed = nil
	}
	return reports, failed
}

// Warmed commits the reports of a warm-up, so that /why can tell of it.
func (a *Agent) Warmed(ctx context.Context, t session.Transcript, reports []hearth.Report) error {
	if len(reports) == 0 {
		return nil
	}
	_, err := t.Append(ctx, &session.Commit{Reports: reports})
	return err
}
