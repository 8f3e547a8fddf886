package agent

import (
	"context"

	"hearth"
	"hearth/model"
	"hearth/session"
)

// tidyPercent is how full the window is when a conversation is shortened ahead of need.
const tidyPercent = 60

// Tidy shortens a conversation whose window is filling up while its person is away, so
// that their next message does not wait for it. It makes at most one model call, in the
// housekeeping lane, where it makes room at once for anybody else, and only with a model
// that runs on the owner's machines and is loaded when its turn comes. done says that something was
// shortened; until then nothing has changed, and cancelling ctx loses nothing. The caller
// owns t and does nothing else with it meanwhile. emit may be nil.
func (a *Agent) Tidy(ctx context.Context, t session.Transcript, emit func(hearth.Event)) (done bool, err error) {
	if a.cfg.NoCompaction {
		return false, nil
	}
	chain, err := a.cfg.Targets(ctx)
	if err != nil || len(chain) == 0 || !atHand(chain[0]) {
		return false, err
	}
	st, primary, err := a.current(ctx, t, chain)
	if err != nil || primary.epoch.ID == 0 || !st.answered() || st.last == nil {
		return false, err
	}
	r := a.outsideTurn(t, chain, st, primary)
	r.emitTo, r.lane = emit, model.LaneHousekeeping
	c, err := r.conversation(ctx, chain[0])
	if err != nil || c.tokens*100 < c.es.plan.Window*tidyPercent || c.failures >= mostFailures {
		return false, err
	}
	err = r.shorten(ctx, c, wished)
	return err == nil && r.epochs[chain[0].Ref].epoch.ID != primary.epoch.ID, err
}
