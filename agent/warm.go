package agent

import (
	"context"
	"errors"

	"hearth"
	"hearth/model"
	"hearth/session"
)

// errWarmed ends a warm-up: one token is enough, and the rest of the answer is nobody's.
var errWarmed = errors.New("the prompt is read")

// Warm prepares a request that has the server read this conversation's prompt before
// the person's next message needs it: the last request once more, for one token, in the
// housekeeping lane, where it makes room at once for anybody else. ok is false when that
// would not help or would load a model that is not loaded now.
//
// Warm itself uses the transcript and must be called by its owner; read does not, and
// may run in a goroutine of its own. The report it gives is committed with Warmed.
func (a *Agent) Warm(ctx context.Context, t session.Transcript) (read func(context.Context) (hearth.Report, error), ok bool, err error) {
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
	req, err := a.outsideTurn(t, chain, st, primary).build(ctx, target)
	if err != nil {
		return nil, false, err
	}
	// What follows the newest message of a person is the model's own and short; a request
	// that ends with it would be taken for one to continue.
	for len(req.Messages) > 0 && req.Messages[len(req.Messages)-1].Role != hearth.RoleUser {
		req.Messages = req.Messages[:len(req.Messages)-1]
	}
	if len(req.Messages) == 0 {
		return nil, false, nil
	}
	req.MaxTokens, req.Encoded = 1, nil // the cache belongs to the owner's goroutine
	q := model.Question{Chain: []model.Target{target}, Lane: model.LaneHousekeeping, Session: t.Info().ID, Turn: st.turn, Loaded: true,
		Build: func(model.Target) (*model.Request, error) { return req, nil }}
	return func(ctx context.Context) (hearth.Report, error) { return a.warm(ctx, q, primary.epoch.ID) }, true, nil
}

// atHand reports whether a model may be used while nobody asked for anything: it is
// loaded already, as far as is known, and on the owner's own machines. Which of several
// servers would be asked, and what that one has in memory, is known when its slot is held.
func atHand(t model.Target) bool {
	return (len(t.Replicas) > 0 || t.Layers.Merge().Resident) && t.Locality() != hearth.LocalityHosted
}

// warm sends the request and forgets the answer.
func (a *Agent) warm(ctx context.Context, q model.Question, epoch int64) (hearth.Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var report hearth.Report
	for d, err := range a.cfg.Router.Stream(ctx, q) {
		switch {
		case err != nil && !errors.Is(err, errWarmed):
			return report, err
		case d.Report != nil:
			report = *d.Report
			report.EpochID, report.Turn = epoch, q.Turn
			report.Purpose, report.Prefix, report.Through = hearth.PurposeWarmUp, "", 0 // it is not what the next request extends
		case d.Text != "" || d.Thinking != "" || d.Call != nil:
			cancel(errWarmed)
		}
	}
	return report, nil
}

// Warmed commits the report of a warm-up, so that /why can tell of it.
func (a *Agent) Warmed(ctx context.Context, t session.Transcript, r hearth.Report) error {
	_, err := t.Append(ctx, &session.Commit{Reports: []hearth.Report{r}})
	return err
}
