package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/prompt"
	"hearth/session"
)

// mend makes sure, once in a process, that what is live of a transcript can be sent. A
// damaged one (a row that is gone, there twice, empty, or unreadable) is repaired, and
// what came of that is appended, so that it is what is sent from now on and never looks
// different again; the damaged rows stay on disk. The notice is for the person.
func (a *Agent) mend(ctx context.Context, t session.Transcript, chain []model.Target) (*hearth.Notice, error) {
	id := t.Info().ID
	if len(chain) == 0 || !a.memo.unseen(id) {
		return nil, nil
	}
	d, err := a.damageOf(ctx, t, chain)
	if err == nil && d.found() {
		err = a.repair(ctx, t, chain, d)
	}
	if err != nil {
		return nil, err
	}
	a.memo.saw(id, true)
	if !d.found() {
		return nil, nil
	}
	text := fmt.Sprintf("the record of this conversation was damaged: %s. What is left was put in order and goes on", d)
	if d.reread {
		text += ", and the server reads it anew once"
	}
	return &hearth.Notice{Kind: "repair", Text: fmt.Sprintf("%s (hearth sessions show %s)", text, id)}, nil
}

// sound reports whether mend has nothing to do. It changes nothing, and knows the servers
// of chain no better than the caller.
func (a *Agent) sound(ctx context.Context, t session.Transcript, chain []model.Target) bool {
	id := t.Info().ID
	if !a.memo.unseen(id) {
		return true
	}
	if d, err := a.damageOf(ctx, t, chain); err != nil || d.found() {
		return false
	}
	a.memo.saw(id, true)
	return true
}

// damage is what is wrong with the live part of a transcript.
type damage struct {
	base     live // what is live of the conversation
	messages []hearth.Message
	sound    []hearth.Message         // what they become
	changed  bool                     // they are not the same
	unread   int                      // messages that are gone
	images   int                      // and images
	lost     map[hearth.ModelRef]bool // whose newest epochs are gone
	reread   bool                     // the repair does not begin as what was sent last
}

func (d *damage) found() bool { return d.changed || len(d.lost) > 0 }

// String says it to a person.
func (d *damage) String() string {
	var what []string
	if d.unread > 0 {
		what = append(what, fmt.Sprintf("%d of its messages cannot be read any more", d.unread))
	}
	if d.images > 0 {
		what = append(what, fmt.Sprintf("%d of its images cannot be read any more", d.images))
	}
	if len(d.lost) > 0 {
		what = append(what, "what its requests began with is gone")
	}
	if len(what) == 0 {
		what = append(what, "its messages did not fit together")
	}
	return strings.Join(what, ", and ")
}

func (a *Agent) damageOf(ctx context.Context, t session.Transcript, chain []model.Target) (*damage, error) {
	d := &damage{lost: map[hearth.ModelRef]bool{}}
	var err error
	if d.base, err = a.inUse(ctx, t, chain); err != nil {
		return nil, err
	}
	if d.messages, err = a.since(ctx, t, max(d.base.epoch.FirstSeq, 1)); err != nil {
		return nil, err
	}
	for i := range d.messages {
		if m := &d.messages[i]; m.ID == "" && len(m.Parts) == 0 {
			d.unread++
		}
	}
	shown, err := a.withoutLostImages(ctx, d)
	if err != nil {
		return nil, err
	}
	d.sound, d.changed = prompt.Repair(shown)
	d.changed = d.changed || d.images > 0
	reports, err := t.LastReports(ctx, reportsToSearch)
	if err != nil {
		return nil, err
	}
	for _, target := range chain {
		_, live, err := a.liveOrNew(ctx, t, target)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(reports, func(r hearth.Report) bool { return r.Target == target.Ref && r.EpochID > live.ID }) {
			d.lost[target.Ref] = true
		}
	}
	return d, nil
}

// withoutLostImages gives the messages with a sentence where an image was that the store
// does not have any more. A model that reads text only is sent none.
func (a *Agent) withoutLostImages(ctx context.Context, d *damage) ([]hearth.Message, error) {
	if a.cfg.Blob == nil || !d.base.plan.Capabilities.Vision {
		return d.messages, nil
	}
	out := d.messages
	for i := range d.messages {
		for j := range d.messages[i].Parts {
			blob := d.messages[i].Parts[j].Blob
			if blob == nil {
				continue
			}
			_, err := a.cfg.Blob(ctx, blob.Hash)
			if err == nil {
				continue
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			if d.images++; d.images == 1 {
				out = slices.Clone(d.messages)
			}
			out[i].Parts = slices.Clone(out[i].Parts)
			out[i].Parts[j] = hearth.Part{Text: "(An image is missing here.)", Provenance: hearth.FromGateway}
		}
	}
	return out, nil
}

// repair appends what a damaged transcript became, and begins the epochs that hold it.
func (a *Agent) repair(ctx context.Context, t session.Transcript, chain []model.Target, d *damage) error {
	from := max(d.base.epoch.FirstSeq, 1)
	commit := &session.Commit{}
	if d.changed {
		for _, m := range d.sound {
			m.ID = a.messageID()
			commit.Messages = append(commit.Messages, m)
		}
		d.sound, from = commit.Messages, from+session.Seq(len(d.messages))
	}
	detail, err := json.Marshal(map[string]string{"repaired": fmt.Sprintf("%s; %d messages became %d", d, len(d.messages), len(d.sound))})
	if err != nil {
		return fmt.Errorf("describe the repair: %w", err)
	}
	for i, target := range chain {
		plan, was, err := a.mended(ctx, t, target, d)
		if err != nil {
			return err
		}
		if i > 0 && was.ID == 0 && !d.lost[target.Ref] || !d.changed && !d.lost[target.Ref] {
			continue // a fallback that never answered begins where the primary does
		}
		next, err := a.newEpoch(plan, from, epochRepaired)
		if err != nil {
			return err
		}
		next.Detail = string(detail)
		before, err := a.sentLast(ctx, t, target.Ref)
		if err != nil {
			return err
		}
		req := prompt.Build(plan, d.sound)
		if err := (&run{Agent: a, t: t}).fillBlobs(ctx, req.Messages, plan); err != nil {
			return err
		}
		d.reread = cost(target, before, req, &next) || d.reread
		commit.Epoch = &next
		if _, err := t.Append(ctx, commit); err != nil {
			return err
		}
		commit = &session.Commit{}
	}
	return nil
}

// mended gives the plan with which a target goes on, and the epoch that it can still read.
// Whoever may have spoken in a message that is gone, it was not surely the owner.
func (a *Agent) mended(ctx context.Context, t session.Transcript, target model.Target, d *damage) (*prompt.Plan, session.Epoch, error) {
	old, was, err := a.liveOrNew(ctx, t, target)
	if err != nil {
		return nil, was, err
	}
	plan := *old // others share it
	if d.lost[target.Ref] && was.ID != 0 {
		next, err := a.renewed(target, old)
		if err != nil {
			return nil, was, err
		}
		plan = *next
	}
	if base := d.base; was.ID == 0 || was.FirstSeq != base.epoch.FirstSeq {
		// It goes on from the same messages, and so with the same summary.
		plan.GoOn(base.plan)
	}
	plan.Tainted = plan.Tainted || d.unread > 0
	return &plan, was, nil
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
