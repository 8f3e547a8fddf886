package main

import (
	"context"
	"fmt"
	"log/slog"

	"hearth"
	"hearth/session"
	"hearth/session/sqlite"
)

// archive holds the conversations that were ever had. Its database is opened when a
// command first needs one of them.
type archive struct {
	*home
	journal *journal
	store   *sqlite.Store
}

// sessions opens the store.
func (a *archive) sessions(ctx context.Context) (session.Store, error) {
	if a.store != nil {
		return a.store, nil
	}
	store, err := sqlite.Open(ctx, sqlite.Config{Path: a.state("hearth.db"), Locks: a.state("locks"), Command: commandName(), Mended: a.mended})
	if err != nil {
		return nil, err
	}
	a.store = store
	return store, nil
}

// mended says what was found damaged in the database and put right.
func (a *archive) mended(told string) {
	fmt.Fprintf(a.io.err, "note: %s\n", oneLine(told))
	a.journal.logger().Warn("database", slog.String("run", a.journal.run), slog.String("text", told))
}

// view opens a session by its id, or the current one of a name.
func (a *archive) view(ctx context.Context, word string) (session.Reader, error) {
	store, err := a.sessions(ctx)
	if err != nil {
		return nil, err
	}
	infos, err := store.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, i := range infos {
		if string(i.ID) == word || i.Current && i.Key.Name == word {
			return store.View(ctx, i.ID)
		}
	}
	return nil, noSession(word)
}

func (a *archive) close() {
	if a.store != nil {
		if err := a.store.Close(); err != nil {
			fmt.Fprintf(a.io.err, "note: %s\n", oneLine(err.Error()))
		}
	}
}

func noSession(word string) error {
	return &hearth.Error{Op: "sessions", Reason: hearth.ReasonUsage, Err: fmt.Errorf("there is no session %q", word),
		Cause: "Sessions are named by their id, or by the name given with --session.", Try: "Run hearth sessions list."}
}
