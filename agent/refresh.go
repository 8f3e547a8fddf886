package agent

import (
	"context"

	"hearth"
	"hearth/model"
	"hearth/prompt"
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
		if epoch.ID == 0 || plan.Params.Thinking == target.Params.Thinking && len(plan.Waiting(target, a.specs)) == 0 {
			continue
		}
		if err := a.refresh(ctx, t, target, live{plan, epoch}); err != nil {
			return ended, err
		}
		ended = true
	}
	return ended, nil
}

func (a *Agent) refresh(ctx context.Context, t session.Transcript, target model.Target, old live) error {
	house, err := a.house()
	if err != nil {
		return err
	}
	plan := prompt.NewPlan(target, house, a.specs)
	plan.Summary, plan.Tainted, plan.Trimmed = old.plan.Summary, plan.Tainted || old.plan.Tainted, old.plan.Trimmed
	plan.Gauge.Ratio = old.plan.Gauge.Ratio
	epoch, err := a.newEpoch(plan, old.epoch.FirstSeq, "refresh")
	if err != nil {
		return err
	}
	next := &epochState{live: live{plan, epoch}}
	r := &run{Agent: a, t: t, chain: []model.Target{target}, epochs: map[hearth.ModelRef]*epochState{}}
	if err := r.measure(ctx, target, &epochState{live: old}, next); err != nil {
		return err
	}
	_, err = t.Append(ctx, &session.Commit{Epoch: &next.epoch})
	return err
}
