package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"hearth"
	"hearth/internal/filelock"
	"hearth/session"
)

// transcript is one owned session.
type transcript struct {
	*reader
	held     *filelock.Lock
	released atomic.Bool
	tail     tail
	epochs   map[hearth.ModelRef]session.Epoch // the live ones that were asked for; ID 0 = there is none
	recent   recent
}

var _ session.Transcript = (*transcript)(nil)

func newTranscript(r *reader, held *filelock.Lock) *transcript {
	return &transcript{
		reader: r, held: held,
		tail:   tail{limit: r.store.tail, next: r.next},
		epochs: make(map[hearth.ModelRef]session.Epoch),
	}
}

func (t *transcript) release() {
	t.released.Store(true)
	_ = t.held.Release() // a close that goes wrong frees the lock too
}

// Append makes c durable as one transaction.
func (t *transcript) Append(ctx context.Context, c *session.Commit) (session.Seq, error) {
	first, err := t.append(ctx, c)
	if err != nil {
		return 0, t.store.storageError("save", err)
	}
	return first, nil
}

func (t *transcript) append(ctx context.Context, c *session.Commit) (session.Seq, error) {
	if t.released.Load() {
		return 0, errReleased
	}
	if err := context.Cause(ctx); err != nil {
		return 0, &hearth.Error{Op: "save", Reason: hearth.ReasonCancelled, Err: err}
	}
	first := t.tail.next
	rows, err := encode(c.Messages, first)
	if err != nil {
		return 0, err
	}
	w := writing{transcript: t, commit: c, rows: rows, now: t.store.now()}
	if c.Epoch != nil {
		w.epoch = *c.Epoch
		if w.epoch.FirstSeq == 0 {
			w.epoch.FirstSeq = first
		}
		if w.epoch.Began.IsZero() {
			w.epoch.Began = w.now
		}
	}
	if err := w.run(ctx); err != nil {
		return 0, err
	}

	c.Flush = w.flush
	t.recent.add(c.Reports)
	t.info.Updated, t.info.Messages = w.now.UTC(), t.info.Messages+len(rows)
	for _, r := range rows {
		t.tail.push(r.row)
	}
	if c.Epoch != nil {
		*c.Epoch = w.epoch
		t.epochs[w.epoch.Model] = w.epoch
	}
	if len(rows) == 0 {
		return 0, nil
	}
	return first, nil
}

// encoded is a message as it is stored, and as it will be read.
type encoded struct {
	row
	body string
}

// encode writes every message down and reads it back, so that a transcript tells the same
// before and after a restart: invalid UTF-8, monotonic clocks and image bytes do not survive.
func encode(ms []hearth.Message, first session.Seq) ([]encoded, error) {
	rows := make([]encoded, len(ms))
	for i := range ms {
		if ms[i].ID == "" {
			return nil, fmt.Errorf("message %d of the commit has no id", i+1)
		}
		body, err := text(&ms[i])
		if err != nil {
			return nil, err
		}
		e := &rows[i]
		e.Seq, e.bytes, e.body = first+session.Seq(i), len(body), body
		if err := json.Unmarshal([]byte(body), &e.Message); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// text is v as JSON, with <, > and & left as they are.
func text(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// writing is one commit on its way to the disk.
type writing struct {
	*transcript
	commit *session.Commit
	rows   []encoded
	epoch  session.Epoch
	now    time.Time
	flush  time.Duration
}

func (w *writing) run(ctx context.Context) error {
	return w.store.transact(ctx, &w.flush, func(ctx context.Context, db *sql.Conn) error {
		if err := w.grow(ctx); err != nil {
			return err
		}
		for _, r := range w.rows {
			m := &r.Message
			if _, err := w.store.stmt.insertMessage.ExecContext(ctx, w.n, int64(r.Seq), string(m.ID), string(m.Turn), string(m.Role), r.body); err != nil {
				return err
			}
		}
		for _, b := range w.commit.Blobs {
			if err := w.blob(ctx, db, b); err != nil {
				return err
			}
		}
		if w.commit.Epoch != nil {
			if err := w.begin(ctx, db); err != nil {
				return err
			}
		}
		return w.reports(ctx)
	})
}

// grow counts the messages. That the count before is the one we know is a second fence
// behind the file lock, for file systems that only pretend to lock.
func (w *writing) grow(ctx context.Context) error {
	res, err := w.store.stmt.grow.ExecContext(ctx, len(w.rows), w.now.UnixNano(), w.n, w.info.Messages)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errOtherWriter, err)
	}
	return nil
}

func (w *writing) blob(ctx context.Context, db *sql.Conn, b hearth.Blob) error {
	if sum := sha256.Sum256(b.Data); b.Hash != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("blob %s holds other bytes", b.Hash)
	}
	_, err := db.ExecContext(ctx, "INSERT OR IGNORE INTO blobs (hash, mime, bytes, data) VALUES (?,?,?,?)", b.Hash, b.MIME, len(b.Data), b.Data)
	return err
}

func (w *writing) begin(ctx context.Context, db *sql.Conn) error {
	e := &w.epoch
	res, err := db.ExecContext(ctx, "INSERT INTO epochs (session, provider, model, first_seq, began, reason, plan, plan_hash, first_diff, tokens_lost, detail) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
		w.n, e.Model.Provider, e.Model.Model, int64(e.FirstSeq), e.Began.UnixNano(), e.Reason, append([]byte{}, e.Plan...), e.PlanHash, e.FirstDiff, e.TokensLost, e.Detail)
	if err == nil {
		e.ID, err = res.LastInsertId()
	}
	return err
}

func (w *writing) reports(ctx context.Context) error {
	for i := range w.commit.Reports {
		r := &w.commit.Reports[i]
		if w.commit.Epoch != nil && r.EpochID == 0 && r.Target == w.epoch.Model {
			r.EpochID = w.epoch.ID // it answered under the epoch that begins here
		}
		body, err := text(r)
		if err != nil {
			return err
		}
		if _, err := w.store.stmt.insertReport.ExecContext(ctx, w.n, string(r.Turn), body, r.Added); err != nil {
			return err
		}
	}
	return nil
}

// Since yields the entries from Seq on; those that this process has seen come from memory.
// They are shared: who wants to change a Part copies it.
func (t *transcript) Since(ctx context.Context, from session.Seq) iter.Seq2[session.Entry, error] {
	return func(yield func(session.Entry, error) bool) {
		older := tail{limit: t.tail.limit, next: max(from, 1)}
		for older.next < t.tail.begin() { // again when an Append of the caller has pushed it on
			for r, err := range t.rows(ctx, older.next, t.tail.begin()) {
				if !yield(r.Entry, err) || err != nil {
					return
				}
				older.push(r)
			}
		}
		rest := t.tail.since(older.next)
		if len(older.rows) > 0 {
			for _, r := range rest {
				older.push(r)
			}
			t.tail = older
		}
		for _, r := range rest {
			if !yield(r.Entry, nil) {
				return
			}
		}
	}
}

// Epoch gives the live epoch of model: a damaged one is passed over.
func (t *transcript) Epoch(ctx context.Context, model hearth.ModelRef) (session.Epoch, bool, error) {
	e, known := t.epochs[model]
	if known {
		return e, e.ID != 0, nil
	}
	e, err := t.newestSound(ctx, model)
	if err != nil {
		return session.Epoch{}, false, t.store.storageError("read epoch", err)
	}
	t.epochs[model] = e
	return e, e.ID != 0, nil
}

func (t *transcript) newestSound(ctx context.Context, model hearth.ModelRef) (session.Epoch, error) {
	rows, err := t.store.read.QueryContext(ctx, selectEpoch+" AND provider = ? AND model = ? ORDER BY id DESC", t.n, model.Provider, model.Model)
	if err != nil {
		return session.Epoch{}, err
	}
	defer func() { _ = rows.Close() }() // Err below says what went wrong
	for rows.Next() {
		e, err := scanEpoch(rows.Scan)
		if err != nil {
			return session.Epoch{}, err
		}
		if e.Sound(t.tail.next) {
			return e, nil
		}
	}
	return session.Epoch{}, rows.Err()
}
