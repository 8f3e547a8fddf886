package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"hearth"
	"hearth/model"
	"hearth/session"
)

// rewarmed is how many conversations are looked at for the one to warm again.
const rewarmed = 5

// rewarm has a server with one slot read the conversation that will most likely go on
// next, after something else was asked of it: the newest one that this model answers. It
// may be open in a chat of another process, so it is only looked at.
func (pr prober) rewarm(ctx context.Context, t model.Target) {
	wanted := pr.file.Config.Agents.Defaults.Warmup
	if cmp.Or(t.Endpoint.Slots, t.Layers.Merge().Slots) > 1 || wanted != nil && !*wanted || ctx.Err() != nil {
		return
	}
	store, err := pr.archive.sessions(ctx)
	if err != nil {
		return
	}
	infos, err := store.List(ctx)
	if err != nil {
		return
	}
	infos = slices.DeleteFunc(infos, func(i session.Info) bool { return !i.Current })
	for _, info := range infos[:min(len(infos), rewarmed)] {
		r, err := store.View(ctx, info.ID)
		if err != nil {
			return
		}
		k := &talk{app: pr.app, t: viewed{r}, release: func() {}, choice: choice{agent: info.Key.Agent, session: info.Key.Name, model: t.Ref.String()}}
		if err := k.assemble(ctx); err != nil {
			return
		}
		read, ok, err := k.agent.Warm(ctx, k.t)
		if ok && err == nil {
			fmt.Fprintf(pr.io.err, "warming: the conversation %q\n", info.Key.Name)
			reports, _ := read(ctx) // what went wrong is in them
			pr.journal.warmed(reports)
			pr.told(context.WithoutCancel(ctx), info.Key, k, reports)
		}
		k.close()
		if ok {
			return
		}
	}
}

// told keeps the reports of a warm-up of a conversation that nobody has open.
func (pr prober) told(ctx context.Context, key session.Key, k *talk, reports []hearth.Report) {
	if len(reports) == 0 {
		return
	}
	t, release, err := pr.archive.store.Own(ctx, key, session.OwnOptions{})
	if err != nil {
		return
	}
	defer release()
	if t.Info().ID == k.t.Info().ID {
		_ = k.agent.Warmed(ctx, t, reports) // the log has what could not be kept
	}
}

// viewed is a conversation that is only read.
type viewed struct{ session.Reader }

func (v viewed) Append(context.Context, *session.Commit) (session.Seq, error) {
	return 0, &hearth.Error{Op: "write session", Reason: hearth.ReasonBusy, Err: errors.New("it is only looked at")}
}

// Epoch gives the live epoch of a model, as its owner would get it.
func (v viewed) Epoch(ctx context.Context, ref hearth.ModelRef) (session.Epoch, bool, error) {
	all, err := v.Epochs(ctx)
	if err != nil {
		return session.Epoch{}, false, err
	}
	for _, e := range slices.Backward(all) {
		if e.Model == ref && e.Sound(session.Seq(v.Info().Messages)+1) {
			return e, true, nil
		}
	}
	return session.Epoch{}, false, nil
}
