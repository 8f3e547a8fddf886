package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"

	"hearth"
	"hearth/session"
)

// mostGone is how many messages may be missing at a session's end, or be there behind it,
// for its count to be believed beside its messages.
const mostGone = 65_536 // the statement says it too

// reader gives the reader of a session; sql.ErrNoRows where there is none.
func (s *Store) reader(ctx context.Context, id hearth.SessionID) (*reader, error) {
	n, info, err := scanInfo(s.read.QueryRowContext(ctx, selectInfo+" WHERE s.id = ?", string(id)).Scan)
	if err != nil {
		return nil, err
	}
	r := &reader{store: s, n: n, info: info, next: session.Seq(info.Messages) + 1}
	// Normally that is so. Otherwise somebody has deleted messages or changed the count.
	var last, count int
	if err := s.stmt.last.QueryRowContext(ctx, n, min(max(int64(info.Messages), 0), 1<<60)).Scan(&last); err != nil {
		return nil, err
	}
	if count = max(info.Messages, 0); last > count || count-last > mostGone {
		count = last
	}
	r.info.Messages, r.next = count, session.Seq(count)+1
	return r, nil
}

// recount has the session's row agree with its messages, so that they can go on.
func (s *Store) recount(ctx context.Context, r *reader) error {
	var was int
	if err := s.read.QueryRowContext(ctx, "SELECT messages FROM sessions WHERE n = ?", r.n).Scan(&was); err != nil || was == r.info.Messages {
		return err
	}
	return s.transact(ctx, nil, func(ctx context.Context, db *sql.Conn) error {
		_, err := db.ExecContext(ctx, "UPDATE sessions SET messages = ? WHERE n = ? AND messages = ?", r.info.Messages, r.n, was)
		return err
	})
}

// lost are the sessions with messages and without a row of their own. One step for each
// session, not for each message.
const lost = `WITH RECURSIVE s(n) AS (
	SELECT min(session) FROM messages UNION ALL
	SELECT (SELECT min(session) FROM messages WHERE session > s.n) FROM s WHERE s.n IS NOT NULL
) SELECT n FROM s WHERE n IS NOT NULL AND n NOT IN (SELECT n FROM sessions)`

// unnamed are the sessions whose key means no session any more.
const unnamed = `SELECT n FROM sessions s WHERE NOT EXISTS (SELECT 1 FROM pointers p JOIN sessions t ON t.n = p.session
	WHERE p.agent = s.agent AND p.name = s.name AND p.channel = s.channel AND p.account = s.account AND p.peer = s.peer AND p.dir = s.dir) ORDER BY n`

// relink puts back what leads to conversations, where somebody has deleted it: no message
// is lost because nothing names it.
func (s *Store) relink(ctx context.Context, mended func(string)) error {
	for _, part := range []struct {
		find, told string
		link       func(context.Context, *sql.Conn, int64) (name string, err error)
	}{
		{lost, "A conversation whose entry was gone from the database is listed again, as %q.", adopt},
		{unnamed, "The conversation %q, whose name led nowhere in the database, goes on.", point},
	} {
		found, err := numbers(ctx, s.read, part.find)
		if err != nil {
			return err
		}
		names := map[string]bool{}
		for _, n := range found {
			var name string
			err := s.transact(ctx, nil, func(ctx context.Context, db *sql.Conn) (err error) {
				name, err = part.link(ctx, db, n)
				return err
			})
			if err != nil {
				return err
			}
			if name != "" && !names[name] {
				names[name] = true
				mended(fmt.Sprintf(part.told, name))
			}
		}
	}
	return nil
}

// adopt gives messages without a session a row again: under the name that still leads
// there, or under one that says what it is. name is empty where another process was quicker.
func adopt(ctx context.Context, db *sql.Conn, n int64) (name string, err error) {
	res, err := db.ExecContext(ctx, `INSERT OR IGNORE INTO sessions (n, id, agent, name, channel, account, peer, dir, created, updated, messages)
		SELECT ?1, ?2, coalesce(p.agent, 'main'), coalesce(p.name, 'found-' || ?1), coalesce(p.channel, ''), coalesce(p.account, ''), coalesce(p.peer, ''), coalesce(p.dir, ''),
			(SELECT coalesce(min(began), 0) FROM epochs WHERE session = ?1), (SELECT coalesce(max(began), 0) FROM epochs WHERE session = ?1),
			(SELECT max(seq) FROM messages WHERE session = ?1)
		FROM (SELECT 1) LEFT JOIN (SELECT * FROM pointers WHERE session = ?1 LIMIT 1) p`, n, strings.ToLower(rand.Text()[:16]))
	if err != nil {
		return "", err
	}
	if rows, err := res.RowsAffected(); err != nil || rows == 0 {
		return "", err
	}
	err = db.QueryRowContext(ctx, "SELECT name FROM sessions WHERE n = ?", n).Scan(&name)
	if err == nil {
		_, err = point(ctx, db, n)
	}
	return name, err
}

// point has the key of a session mean it, unless it means one that is there.
func point(ctx context.Context, db *sql.Conn, n int64) (name string, err error) {
	if _, err := db.ExecContext(ctx, `INSERT INTO pointers (agent, name, channel, account, peer, dir, session)
		SELECT agent, name, channel, account, peer, dir, n FROM sessions WHERE n = ?1
		ON CONFLICT DO UPDATE SET session = excluded.session WHERE session NOT IN (SELECT n FROM sessions) OR session < excluded.session`, n); err != nil {
		return "", err
	}
	err = db.QueryRowContext(ctx, "SELECT name FROM sessions WHERE n = ?", n).Scan(&name)
	return name, err
}

func numbers(ctx context.Context, db *sql.DB, query string) (all []int64, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below says what went wrong
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, rows.Err()
}
