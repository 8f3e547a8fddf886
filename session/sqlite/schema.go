package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"hearth/session"
)

// migrations bring a database from version i to i+1; the version is PRAGMA user_version.
// A migration that has been released never changes: a new one follows it.
var migrations = []string{
	`
CREATE TABLE sessions (
	n        INTEGER PRIMARY KEY,
	id       TEXT NOT NULL UNIQUE,
	agent    TEXT NOT NULL,
	name     TEXT NOT NULL,
	channel  TEXT NOT NULL,
	account  TEXT NOT NULL,
	peer     TEXT NOT NULL,
	dir      TEXT NOT NULL,
	created  INTEGER NOT NULL, -- times are nanoseconds since 1970, UTC
	updated  INTEGER NOT NULL,
	messages INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The session that a key means now. /new moves the pointer.
CREATE TABLE pointers (
	agent   TEXT NOT NULL,
	name    TEXT NOT NULL,
	channel TEXT NOT NULL,
	account TEXT NOT NULL,
	peer    TEXT NOT NULL,
	dir     TEXT NOT NULL,
	session INTEGER NOT NULL REFERENCES sessions(n),
	PRIMARY KEY (agent, name, channel, account, peer, dir)
) STRICT, WITHOUT ROWID;
CREATE INDEX pointers_by_session ON pointers(session);

CREATE TABLE messages (
	session INTEGER NOT NULL REFERENCES sessions(n),
	seq     INTEGER NOT NULL,
	id      TEXT NOT NULL UNIQUE,
	turn    TEXT NOT NULL,
	role    TEXT NOT NULL,
	body    TEXT NOT NULL, -- the whole message as JSON
	PRIMARY KEY (session, seq)
) STRICT;
CREATE INDEX messages_by_turn ON messages(turn);

CREATE TABLE epochs (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	session     INTEGER NOT NULL REFERENCES sessions(n),
	provider    TEXT NOT NULL,
	model       TEXT NOT NULL,
	first_seq   INTEGER NOT NULL,
	began       INTEGER NOT NULL,
	reason      TEXT NOT NULL,
	plan        BLOB NOT NULL,
	plan_hash   TEXT NOT NULL,
	first_diff  INTEGER NOT NULL,
	tokens_lost INTEGER NOT NULL,
	detail      TEXT NOT NULL
) STRICT;
CREATE INDEX epochs_by_model ON epochs(session, provider, model, id);

CREATE TABLE reports (
	n       INTEGER PRIMARY KEY AUTOINCREMENT,
	session INTEGER NOT NULL REFERENCES sessions(n),
	turn    TEXT NOT NULL,
	body    TEXT NOT NULL, -- the report as JSON
	added   BLOB           -- and the bytes it does not hold
) STRICT;
CREATE INDEX reports_by_session ON reports(session, n);

CREATE TABLE blobs (
	hash  TEXT PRIMARY KEY, -- SHA-256 of data, in hexadecimal
	mime  TEXT NOT NULL,
	bytes INTEGER NOT NULL,
	data  BLOB NOT NULL
) STRICT;
` + appendOnly("messages") + appendOnly("epochs") + appendOnly("reports") + appendOnly("blobs"),
}

// appendOnly has the database itself refuse what no code of ours does.
func appendOnly(table string) string {
	return fmt.Sprintf(`
CREATE TRIGGER %[1]s_stay BEFORE DELETE ON %[1]s BEGIN SELECT RAISE(ABORT, '%[1]s are append-only'); END;
CREATE TRIGGER %[1]s_keep BEFORE UPDATE ON %[1]s BEGIN SELECT RAISE(ABORT, '%[1]s are append-only'); END;
`, table)
}

// ready reports whether the database needs nothing done before it is used. It fails
// when a newer Hearth has written it.
func ready(ctx context.Context, db *sql.Conn) (bool, error) {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return false, err
	}
	version, err := versionOf(ctx, db)
	return mode == "wal" && version == len(migrations), err
}

func versionOf(ctx context.Context, db *sql.Conn) (int, error) {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, err
	}
	if version > len(migrations) {
		return version, fmt.Errorf("%w: its version is %d, this one knows %d", errNewer, version, len(migrations))
	}
	return version, nil
}

// migrate makes the database ready, and gives the version it had. The caller keeps other
// processes out.
func migrate(ctx context.Context, db *sql.Conn) (was int, err error) {
	if was, err = versionOf(ctx, db); err != nil {
		return was, err
	}
	if was <= 0 { // nothing of ours is in it, and so nothing at all may be
		var tables, ours int
		if err := db.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(name IN ('sessions', 'messages', 'epochs')), 0) FROM sqlite_schema").Scan(&tables, &ours); err != nil {
			return was, err
		}
		switch {
		case ours == 3:
			return was, fmt.Errorf("%w: it is %d", errVersion, was)
		case tables > 0 || was < 0:
			return was, fmt.Errorf("%w: its version is %d", errForeign, was)
		}
	}
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = wal").Scan(&mode); err != nil {
		return was, err
	}
	if mode != "wal" {
		return was, fmt.Errorf("the file system allows no write-ahead log (journal mode %s)", mode)
	}
	return was, bring(ctx, db, was)
}

// bring runs the migrations that follow a version.
func bring(ctx context.Context, db *sql.Conn, version int) error {
	for ; version < len(migrations); version++ {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, migrations[version])
		if err == nil {
			_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version+1))
		}
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			_ = tx.Rollback() // the first error is the one that says something
			return fmt.Errorf("migrate from version %d: %w", version, err)
		}
	}
	return nil
}

// keyColumns is a key in the order of the tables.
func keyColumns(k session.Key) []any {
	return []any{k.Agent, k.Name, k.Channel, k.Account, k.Peer, k.Dir}
}
