package agent

import (
	"context"
	"encoding/json"
	"fmt"

	"hearth"
	"hearth/model"
	"hearth/prompt"
	"hearth/session"
)

// mend makes sure, once in a process, that what is live of a transcript can be sent. A
// damaged one (a row that is gone, there twice, or empty) is repaired, and what came of
// that is appended, so that it is what is sent from now on and never looks different
// again; the damaged rows stay on disk. The notice is for the person.
func (a *Agent) mend(ctx context.Context, t session.Transcript, chain []model.Target) (*hearth.Notice, error) {
	if len(chain) == 0 || !a.memo.unseen(t.Info().ID) {
		return nil, nil
	}
	base, err := a.inUse(ctx, t, chain)
	if err != nil {
		return nil, err
	}
	from := max(base.epoch.FirstSeq, 1)
	messages, err := a.since(ctx, t, from)
	if err != nil {
		return nil, err
	}
	sound, changed := prompt.Repair(messages)
	if !changed {
		return nil, nil
	}
	commit := &session.Commit{Messages: make([]hearth.Message, len(sound))}
	for i := range sound {
		commit.Messages[i] = sound[i]
		commit.Messages[i].ID = a.messageID()
	}
	first := from + session.Seq(len(messages))
	for i, target := range chain {
		plan, was, err := a.liveOrNew(ctx, t, target)
		if err != nil {
			return nil, err
		}
		if i > 0 && was.ID == 0 {
			continue // a fallback that never answered begins where the primary does
		}
		if was.ID == 0 || was.FirstSeq != base.epoch.FirstSeq {
			// It goes on from the same messages, and so with the same summary.
			own := *plan
			own.Summary, own.Trimmed, own.Tainted = base.plan.Summary, base.plan.Trimmed, plan.Tainted || base.plan.Tainted
			plan = &own
		}
		next := was
		next.ID, next.FirstSeq, next.Began, next.Reason = 0, first, a.cfg.Now(), "encoder-changed"
		if next.Plan, next.PlanHash, err = plan.Encode(); err != nil {
			return nil, err
		}
		detail, err := json.Marshal(map[string]string{"repaired": fmt.Sprintf("%d messages became %d", len(messages), len(sound))})
		if err != nil {
			return nil, fmt.Errorf("describe the repair: %w", err)
		}
		next.Detail, next.FirstDiff, next.TokensLost = string(detail), 0, 0
		commit.Epoch = &next
		if _, err := t.Append(ctx, commit); err != nil {
			return nil, err
		}
		commit = &session.Commit{}
	}
	return &hearth.Notice{Kind: "repair", Text: "the record of this conversation was damaged; what could be read of it was put in order, and what is missing is marked"}, nil
}

// inUse gives the epoch of the first candidate that has one: what is live of the
// conversation. A candidate that was never asked would begin at its very beginning.
func (a *Agent) inUse(ctx context.Context, t session.Transcript, chain []model.Target) (live, error) {
	var first live
	for i, target := range chain {
		plan, epoch, err := a.liveOrNew(ctx, t, target)
		if err != nil {
			return live{}, err
		}
		if i == 0 || epoch.ID != 0 {
			first = live{plan, epoch}
		}
		if epoch.ID != 0 {
			break
		}
	}
	return first, nil
}
