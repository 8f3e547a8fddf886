package sqlite

import (
	"context"
	"database/sql"
)

// statements are those of every turn, prepared once for each connection.
type statements struct {
	begin, commit, rollback           *sql.Stmt // of the writing connection, as the next ones
	grow, insertMessage, insertReport *sql.Stmt
	since, reports, last              *sql.Stmt
}

// preparer is a pool, or one connection.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

func (st *statements) prepare(ctx context.Context, s *Store) error {
	for _, p := range []struct {
		into **sql.Stmt
		db   preparer
		text string
	}{
		{&st.begin, s.writer, "BEGIN IMMEDIATE"},
		{&st.commit, s.writer, "COMMIT"},
		{&st.rollback, s.writer, "ROLLBACK"},
		{&st.grow, s.writer, "UPDATE sessions SET messages = messages + ?, updated = ? WHERE n = ? AND messages = ?"},
		{&st.insertMessage, s.writer, "INSERT INTO messages (session, seq, id, turn, role, body) VALUES (?,?,?,?,?,?)"},
		{&st.insertReport, s.writer, "INSERT INTO reports (session, turn, body, added) VALUES (?,?,?,?)"},
		{&st.since, s.read, "SELECT seq, body FROM messages WHERE session = ? AND seq >= ? AND seq < ? ORDER BY seq LIMIT 256"},
		{&st.last, s.read, "SELECT coalesce(max(seq), 0) FROM messages WHERE session = ?1 AND seq > 0 AND seq <= ?2 + 65536"},
		{&st.reports, s.read, "SELECT body, added FROM reports WHERE session = ? ORDER BY n DESC LIMIT ?"},
	} {
		stmt, err := p.db.PrepareContext(ctx, p.text) //nolint:sqlclosecheck // close does it, with the store
		if err != nil {
			return err
		}
		*p.into = stmt
	}
	return nil
}

func (st *statements) close(errs *[]error) {
	for _, stmt := range []*sql.Stmt{st.begin, st.commit, st.rollback, st.grow, st.insertMessage, st.insertReport, st.since, st.reports, st.last} {
		if stmt != nil {
			*errs = append(*errs, stmt.Close())
		}
	}
}
