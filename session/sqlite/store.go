package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the database driver

	"hearth"
	"hearth/internal/filelock"
	"hearth/session"
)

// Config says where a store is. Path must be set; the zero value of the rest is the default.
type Config struct {
	Path    string           // the database; made with mode 0600, its folder with 0700
	Locks   string           // folder of the lock files; "locks" beside the database
	Command string           // what a waiting process is told about this one: "hearth up"
	Now     func() time.Time // time.Now
	// TailBytes bounds the newest messages that one owned session keeps decoded in
	// memory; 16 MiB. Older ones are read from the disk each time.
	TailBytes int
	// Mended is told, in a sentence for a person, what was found damaged and put right. It
	// is called by Open only, and may be nil.
	Mended func(told string)
}

// Store is the session.Store of one database file. Several processes may have the same
// file open.
type Store struct {
	path    string
	locks   string
	command string
	now     func() time.Time
	tail    int

	write  *sql.DB       // one connection, which is writer
	writer *sql.Conn     // used by whoever has the turn
	turn   chan struct{} // holds one while somebody writes: writers of this process queue in Go
	read   *sql.DB       // a few, which never block the writer
	stmt   statements
}

var _ session.Store = (*Store)(nil)

// readers is the size of the read pool.
const readers = 4

// Open opens or makes the database and brings it to the current version.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("open sessions: %w", err)
	}
	s := &Store{path: path, locks: cfg.Locks, command: cfg.Command, now: cfg.Now, tail: cfg.TailBytes, turn: make(chan struct{}, 1)}
	if s.locks == "" {
		s.locks = filepath.Join(filepath.Dir(path), "locks")
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.tail == 0 {
		s.tail = 16 << 20
	}
	if err := s.open(ctx, cfg.Mended); err != nil {
		return nil, errors.Join(s.storageError("open sessions", err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, mended func(string)) error {
	if mended == nil {
		mended = func(string) {}
	}
	if err := s.prepareFiles(); err != nil {
		return err
	}
	var err error
	// A commit reaches the disk before it is acknowledged. fullfsync makes that true on
	// macOS, where fsync only reaches the drive's own cache; elsewhere it does nothing.
	const durable = "&_pragma=synchronous(full)&_pragma=fullfsync(1)&_pragma=checkpoint_fullfsync(1)"
	if s.write, err = s.connect("_txlock=immediate&_pragma=foreign_keys(1)"+durable, 1); err != nil {
		return err
	}
	if err := s.connectWriter(ctx, mended); err != nil {
		return err
	}
	if s.read, err = s.connect("_pragma=query_only(1)", readers); err != nil {
		return err
	}
	if err := s.stmt.prepare(ctx, s); err != nil {
		return err
	}
	return s.relink(ctx, mended)
}

// connectWriter connects the writer to a database of the current version.
func (s *Store) connectWriter(ctx context.Context, mended func(string)) (err error) {
	info, statErr := os.Stat(s.path)
	if statErr == nil && info.Size() > 0 {
		if s.writer, err = s.write.Conn(ctx); err != nil {
			return err
		}
		if ok, err := ready(ctx, s.writer); ok || err != nil {
			return err
		}
	}
	// Alone, because switching to the write-ahead log does not wait for a busy database; and
	// because a file that is there and holds nothing is damage only if nobody is making it.
	l, err := filelock.Wait(ctx, filepath.Join(s.locks, "database.lock"), s.me(), nil)
	if err != nil {
		return err
	}
	return errors.Join(s.create(ctx, mended), l.Release())
}

// create makes the database, or brings it to the current version. The caller keeps other
// processes out.
func (s *Store) create(ctx context.Context, mended func(string)) error {
	_, err := os.Stat(s.path)
	there := err == nil
	if !there {
		f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	if s.writer == nil {
		if s.writer, err = s.write.Conn(ctx); err != nil {
			return err
		}
	}
	was, err := migrate(ctx, s.writer)
	if err == nil && there && was == 0 {
		mended(s.path + " was there and held nothing: somebody emptied it, or removed the file " + filepath.Base(s.path) + "-wal that belonged to it. Conversations begin anew.")
	}
	return err
}

// prepareFiles makes the folders, and gives an existing database a mode that keeps others
// out. SQLite gives its own files beside the database the mode of the database.
func (s *Store) prepareFiles() error {
	for _, dir := range []string{filepath.Dir(s.path), s.locks} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	// An existing database is not opened here: closing a second descriptor of it would
	// drop the locks that SQLite holds in this process.
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		_ = os.Chmod(s.path, 0o600) // the owner may have reasons and rights of their own
	}
	return err
}

// connect opens a pool. Its first connection is made by its first use.
func (s *Store) connect(params string, most int) (*sql.DB, error) {
	// The path is escaped, because everything behind a "?" would be SQL.
	path := filepath.ToSlash(s.path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/Users → file:///C:/Users
	}
	dsn := "file://" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(10000)&" + params
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

// Close gives the database back.
func (s *Store) Close() error {
	var errs []error
	s.stmt.close(&errs)
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return s.storageError("close sessions", errors.Join(errs...))
}

// List gives every session, newest first.
func (s *Store) List(ctx context.Context) ([]session.Info, error) {
	rows, err := s.read.QueryContext(ctx, selectInfo+" ORDER BY s.updated DESC, s.n DESC")
	if err != nil {
		return nil, s.storageError("list sessions", err)
	}
	defer func() { _ = rows.Close() }() // Err below says what went wrong
	var all []session.Info
	for rows.Next() {
		_, info, err := scanInfo(rows.Scan)
		if err != nil {
			return nil, s.storageError("list sessions", err)
		}
		all = append(all, info)
	}
	return all, s.storageError("list sessions", rows.Err())
}

// Said counts the messages of people and of models in every session that has any: without
// marks, results of tools, and what the gateway wrote in a model's place. It reads them all.
func (s *Store) Said(ctx context.Context) (map[hearth.SessionID]int, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT s.id, COUNT(*) FROM messages m JOIN sessions s ON s.n = m.session
		WHERE m.role = 'user' OR m.role = 'assistant' AND instr(m.body, '"from":"gateway"') = 0 GROUP BY s.id`)
	if err != nil {
		return nil, s.storageError("count messages", err)
	}
	defer func() { _ = rows.Close() }() // Err below says what went wrong
	said := map[hearth.SessionID]int{}
	for rows.Next() {
		var id hearth.SessionID
		var n int
		if err := rows.Scan(&id, &n); err != nil {
			return nil, s.storageError("count messages", err)
		}
		said[id] = n
	}
	return said, s.storageError("count messages", rows.Err())
}

// View reads a session without owning it. An unknown id gives fs.ErrNotExist in the chain.
func (s *Store) View(ctx context.Context, id hearth.SessionID) (session.Reader, error) {
	r, err := s.reader(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("no session %s: %w", id, fs.ErrNotExist)
	}
	if err != nil {
		return nil, s.storageError("view session", err)
	}
	return r, nil
}

// Blob gives the bytes stored under a hash; fs.ErrNotExist is in the chain where there
// are none, or others.
func (s *Store) Blob(ctx context.Context, hash string) ([]byte, error) {
	var data []byte
	err := s.read.QueryRowContext(ctx, "SELECT data FROM blobs WHERE hash = ?", hash).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("no blob %s: %w", hash, fs.ErrNotExist)
	}
	if sum := sha256.Sum256(data); err == nil && hash != hex.EncodeToString(sum[:]) {
		err = fmt.Errorf("blob %s is damaged: %w", hash, fs.ErrNotExist)
	}
	return data, s.storageError("read blob", err)
}

const selectInfo = `SELECT s.n, s.id, s.agent, s.name, s.channel, s.account, s.peer, s.dir,
	s.created, s.updated, s.messages, EXISTS (SELECT 1 FROM pointers p WHERE p.session = s.n)
	FROM sessions s`

func scanInfo(scan func(...any) error) (n int64, info session.Info, err error) {
	var created, updated int64
	k := &info.Key
	err = scan(&n, &info.ID, &k.Agent, &k.Name, &k.Channel, &k.Account, &k.Peer, &k.Dir,
		&created, &updated, &info.Messages, &info.Current)
	info.Created, info.Updated = time.Unix(0, created).UTC(), time.Unix(0, updated).UTC()
	return n, info, err
}

func (s *Store) me() filelock.Holder {
	return filelock.Holder{PID: os.Getpid(), Since: s.now(), Command: s.command}
}
