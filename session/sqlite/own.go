package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"hearth"
	"hearth/internal/filelock"
	"hearth/session"
)

// Own gives the current session of key and the right to write it: the lock of that one
// session, so that a new session of the same key can be begun while the old one is busy.
func (s *Store) Own(ctx context.Context, key session.Key, opt session.OwnOptions) (session.Transcript, func(), error) {
	for {
		t, err := s.tryOwn(ctx, key, opt)
		if err != nil {
			return nil, nil, s.storageError("open session", err)
		}
		if t != nil {
			return t, t.release, nil
		}
	}
}

// tryOwn gives nil when the key came to mean another session while this one was taken.
func (s *Store) tryOwn(ctx context.Context, key session.Key, opt session.OwnOptions) (*transcript, error) {
	id, found, err := s.pointer(ctx, key)
	if err != nil {
		return nil, err
	}
	if opt.New || !found {
		// The lock comes before the row: nobody can take a session that nobody can see.
		id = hearth.SessionID(strings.ToLower(rand.Text()[:16]))
	}
	l, err := s.lock(ctx, id, opt.Wait)
	if err != nil {
		return nil, err
	}
	var ok bool
	if opt.New || !found {
		ok, err = s.begin(ctx, id, key, opt.New)
	} else {
		var now hearth.SessionID
		now, found, err = s.pointer(ctx, key)
		ok = found && now == id
	}
	if !ok || err != nil {
		return nil, errors.Join(err, l.Release())
	}
	r, err := s.reader(ctx, id)
	if err == nil {
		r.info.Renewed, err = s.renewed(ctx, r.n, key)
	}
	if err == nil {
		err = s.recount(ctx, r)
	}
	if err != nil {
		return nil, errors.Join(err, l.Release())
	}
	return newTranscript(r, l), nil
}

// renewed reports whether key meant another session before the one in row n.
func (s *Store) renewed(ctx context.Context, n int64, key session.Key) (yes bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sessions
		WHERE n < ? AND agent = ? AND name = ? AND channel = ? AND account = ? AND peer = ? AND dir = ?)`, append([]any{n}, keyColumns(key)...)...).Scan(&yes)
	return yes, err
}

// pointer gives the session that key means now.
func (s *Store) pointer(ctx context.Context, key session.Key) (id hearth.SessionID, found bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT id FROM sessions WHERE n = (SELECT session FROM pointers
		WHERE agent = ? AND name = ? AND channel = ? AND account = ? AND peer = ? AND dir = ?)`, keyColumns(key)...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return id, err == nil, err
}

// begin makes a session and points its key at it; without replace, only where the key
// means none yet.
func (s *Store) begin(ctx context.Context, id hearth.SessionID, key session.Key, replace bool) (done bool, err error) {
	err = s.transact(ctx, nil, func(ctx context.Context, db *sql.Conn) error {
		now := s.now().UnixNano()
		if _, err := db.ExecContext(ctx, `DELETE FROM pointers WHERE session NOT IN (SELECT n FROM sessions) AND
			agent = ? AND name = ? AND channel = ? AND account = ? AND peer = ? AND dir = ?`, keyColumns(key)...); err != nil {
			return err // one that leads nowhere is damage
		}
		res, err := db.ExecContext(ctx, "INSERT INTO sessions (n, id, agent, name, channel, account, peer, dir, created, updated) VALUES ("+unused+",?,?,?,?,?,?,?,?,?)",
			append(append([]any{string(id)}, keyColumns(key)...), now, now)...)
		if err != nil {
			return err
		}
		n, err := res.LastInsertId()
		if err != nil {
			return err
		}
		onConflict := "NOTHING"
		if replace {
			onConflict = "UPDATE SET session = excluded.session"
		}
		res, err = db.ExecContext(ctx, "INSERT INTO pointers (agent, name, channel, account, peer, dir, session) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO "+onConflict,
			append(keyColumns(key), n)...)
		if err != nil {
			return err
		}
		rows, err := res.RowsAffected()
		if err == nil && rows == 0 {
			return errTaken // and the row of the session is rolled back
		}
		return err
	})
	if errors.Is(err, errTaken) {
		return false, nil
	}
	return err == nil, err
}

// unused is a number that no session has, nor anything that a deleted one left behind.
const unused = `1 + max((SELECT coalesce(max(n), 0) FROM sessions), (SELECT coalesce(max(session), 0) FROM messages),
	(SELECT coalesce(max(session), 0) FROM epochs), (SELECT coalesce(max(session), 0) FROM reports))`

// errTaken says that another process has begun a session for the key meanwhile.
var errTaken = errors.New("the key has a session already")

// lock takes the file lock of a session.
func (s *Store) lock(ctx context.Context, id hearth.SessionID, wait func(session.Holder)) (*filelock.Lock, error) {
	path := filepath.Join(s.locks, "session-"+string(id)+".lock")
	var l *filelock.Lock
	var err error
	if wait == nil {
		l, err = filelock.Try(path, s.me())
	} else {
		var told time.Time
		l, err = filelock.Wait(ctx, path, s.me(), func(h filelock.Holder) {
			if now := s.now(); told.IsZero() || now.Sub(told) >= time.Second {
				told = now
				wait(session.Holder(h))
			}
		})
	}
	held, busy := errors.AsType[*filelock.HeldError](err)
	if !busy {
		return l, err
	}
	is := &session.HeldError{Holder: session.Holder(held.Holder)}
	return nil, &hearth.Error{
		Op: "open session", Reason: hearth.ReasonBusy, Err: errors.Join(is, context.Cause(ctx)),
		Cause: "another hearth is in this conversation",
		Try:   "close that one, or take another conversation with --session NAME",
	}
}

// transact runs do in one transaction of the one writing connection. Waiting for the
// connection ends with ctx; what has begun is finished, so that nobody has to guess
// whether a cancelled commit happened.
// flush, which may be nil, gets how long the disk took.
//
// The statements are said here and not by a sql.Tx, which starts a goroutine to watch its
// context each time: waking a sleeping core for it costs more than the insert.
func (s *Store) transact(ctx context.Context, flush *time.Duration, do func(context.Context, *sql.Conn) error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx = context.WithoutCancel(ctx)
	if _, err := s.stmt.begin.ExecContext(ctx); err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed { // SQLite itself may have rolled back already, and then says so
			_, _ = s.stmt.rollback.ExecContext(ctx)
		}
	}()
	if err := do(ctx, s.writer); err != nil {
		return err
	}
	begun := time.Now()
	_, err := s.stmt.commit.ExecContext(ctx)
	if flush != nil {
		*flush = time.Since(begun)
	}
	committed = err == nil
	return err
}
