package main

import (
	"context"
	"fmt"
	"time"

	"hearth"
	"hearth/model"
)

// awayAfter is how long nothing was said when a person counts as away. It is less than
// the five minutes after which a server such as Ollama lets go of a model.
const awayAfter = 3 * time.Minute

// away is what is done for a conversation between two messages of its person: its prompt
// is read ahead, and when the person stays away, a filling window is made room in. It owns
// one goroutine, which ends with back; until then the conversation is the goroutine's.
type away struct {
	cancel  context.CancelCauseFunc
	done    chan struct{}
	notices []hearth.Notice // for the person, when they are back
}

// away begins when the person is asked for their next message.
func (k *talk) away(ctx context.Context) *away {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &away{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		k.warm(ctx)
		if k.tidied || !k.mayTidy() {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-k.after(awayAfter):
		}
		// What goes wrong now the next turn says, if it still is: it needs the model too.
		done, _ := k.agent.Tidy(ctx, k.t, func(e hearth.Event) {
			k.journal.happened(e)
			if e.Kind == hearth.EventNotice {
				w.notices = append(w.notices, e.Notice)
			}
		})
		k.tidied = ctx.Err() == nil
		if done {
			k.read = false
			k.warm(ctx)
		}
	}()
	return w
}

// back ends it, because the person wants the model now, and tells what was done.
func (w *away) back(k *talk) {
	w.cancel(model.ErrYield)
	<-w.done
	for _, n := range w.notices {
		fmt.Fprintf(k.io.err, "note: while you were away, %s\n", oneLine(n.Text))
	}
}

// mayTidy reports whether the owner lets conversations be shortened ahead of need.
func (k *talk) mayTidy() bool {
	on := k.file.Config.Agents.Defaults.Compaction.Background
	return on == nil || *on
}

// warm has the server read the conversation's prompt before the person's next message
// needs it, where that helps and the owner wants it.
func (k *talk) warm(ctx context.Context) {
	if k.read { // the server has read it in this process, and nothing changed since
		return
	}
	k.read = true
	if w := k.file.Config.Agents.Defaults.Warmup; w != nil && !*w {
		return
	}
	read, ok, err := k.agent.Warm(ctx, k.t)
	if err != nil || !ok { // the next turn says what is wrong, if anything is
		return
	}
	reports, _ := read(ctx) // what went wrong is in them
	k.journal.warmed(reports)
	_ = k.agent.Warmed(context.WithoutCancel(ctx), k.t, reports) // the log has what could not be kept
}
