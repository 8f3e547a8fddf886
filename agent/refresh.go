package agent

import (
	"context"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/session"
)

// Refresh applies another level of thinking, and what else waits for the end of an epoch
// (prompt.Plan.Waiting), because its owner asks for it now: each model of the chain for
// which something waits begins a new epoch with the same messages, and its server reads
// the conversation anew once. ended says that there was one. Between turns only, by the
// transcript's owner.
func (a *Agent) Refresh(ctx context.Context, t session.Transcript) (ended bool, err error) {
	chain, err := a.cfg.Targets(ctx)
	if err != nil {
		return false, err
	}
	for _, target := range chain {
		plan, epoch, err := a.liveOrNew(ctx, t, target)
		if err != nil {
			return ended, err
		}
		why := plan.Waiting(target, a.specs)
		if had, now := plan.Params.Thinking, target.Params.Thinking; had != now && now == "" {
			why = append(why, "the thinking level (as the model likes)")
		}
		if epoch.ID == 0 || len(why) == 0 {
			continue
		}
		if err := a.refresh(ctx, t, target, live{plan, epoch}, "applied: "+strings.Join(why, "; ")); err != nil {
			return ended, err
		}
		ended = true
	}
	return ended, nil
}

func (a *Agent) refresh(ctx context.Context, t session.Transcript, target model.Target, old live, why string) error {
	r := &run{Agent: a, t: t, st: newState(), chain: []model.Target{target}, epochs: map[hearth.ModelRef]*epochState{}}
	next, err := r.follow(ctx, target, &epochState{live: old}, ending{reason: epochRefresh, detail: why})
	if err != nil {
		return err
	}
	_, err = t.Append(ctx, &session.Commit{Epoch: &next.epoch})
	return err
}
