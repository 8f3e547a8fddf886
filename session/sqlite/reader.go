package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"iter"
	"slices"
	"time"

	"hearth"
	"hearth/session"
)

// reader reads one session.
type reader struct {
	store *Store
	n     int64
	info  session.Info
	next  session.Seq // of the message that comes next
}

var _ session.Reader = (*reader)(nil)

// Info is what was known when the session was opened.
func (r *reader) Info() session.Info { return r.info }

// Since yields the entries from Seq on. No transaction is open while the caller works.
func (r *reader) Since(ctx context.Context, from session.Seq) iter.Seq2[session.Entry, error] {
	return func(yield func(session.Entry, error) bool) {
		for e, err := range r.rows(ctx, from, maxSeq) {
			if !yield(e.Entry, err) {
				return
			}
		}
	}
}

const maxSeq session.Seq = 1<<63 - 1

// row is an entry with the length of its JSON.
type row struct {
	session.Entry
	bytes int
}

// page is how many messages are read at once (the statement says it too). Between pages
// the database is not held.
const page = 256

// rows yields the entries in [from, before) without gaps: what is gone or damaged takes its
// place and says so. Rows behind the end of the session that do not follow it are nobody's.
func (r *reader) rows(ctx context.Context, from, before session.Seq) iter.Seq2[row, error] {
	end := before // up to here every message has to be there
	if before == maxSeq {
		end = r.next
	}
	return func(yield func(row, error) bool) {
		next := max(from, 1)
		gone := func(to session.Seq) bool {
			for ; next < to; next++ {
				if !yield(row{Entry: session.Entry{Seq: next, Lost: "it is gone from the database"}}, nil) {
					return false
				}
			}
			return true
		}
		for e, err := range r.stored(ctx, next, before) {
			if err != nil {
				yield(row{}, r.store.storageError("read session", err))
				return
			}
			if !gone(min(e.Seq, end)) || e.Seq > next || !yield(e, nil) {
				return
			}
			next++
		}
		gone(end)
	}
}

// stored yields what there is of [from, before), in order and page by page.
func (r *reader) stored(ctx context.Context, from, before session.Seq) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		for from < before {
			rows, err := r.page(ctx, from, before)
			if err != nil {
				yield(row{}, err)
				return
			}
			begun := from
			for _, e := range rows {
				if e.Seq < from { // a damaged index gives it in another order
					continue
				}
				if !yield(e, nil) {
					return
				}
				from = e.Seq + 1
			}
			if len(rows) < page || from == begun {
				return
			}
		}
	}
}

func (r *reader) page(ctx context.Context, from, before session.Seq) (got []row, err error) {
	rows, err := r.store.stmt.since.QueryContext(ctx, r.n, int64(from), int64(before))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below says what went wrong
	for rows.Next() {
		var e row
		var body sql.RawBytes
		if err := rows.Scan(&e.Seq, &body); err != nil {
			return nil, err
		}
		e.bytes = len(body)
		if err := json.Unmarshal(body, &e.Message); err != nil {
			e.Message, e.Lost = hearth.Message{}, "it is damaged: "+err.Error()
		}
		got = append(got, e)
	}
	return got, rows.Err()
}

const selectEpoch = `SELECT id, provider, model, first_seq, began, reason, plan, plan_hash, first_diff, tokens_lost, detail FROM epochs WHERE session = ?`

func scanEpoch(scan func(...any) error) (e session.Epoch, err error) {
	var began int64
	var plan []byte
	err = scan(&e.ID, &e.Model.Provider, &e.Model.Model, &e.FirstSeq, &began, &e.Reason, &plan, &e.PlanHash, &e.FirstDiff, &e.TokensLost, &e.Detail)
	e.Began, e.Plan = time.Unix(0, began).UTC(), plan
	return e, err
}

// Epochs gives all of them, damaged ones too, oldest first.
func (r *reader) Epochs(ctx context.Context) ([]session.Epoch, error) {
	rows, err := r.store.read.QueryContext(ctx, selectEpoch+" ORDER BY id", r.n)
	if err != nil {
		return nil, r.store.storageError("read epochs", err)
	}
	defer func() { _ = rows.Close() }() // Err below says what went wrong
	var all []session.Epoch
	for rows.Next() {
		e, err := scanEpoch(rows.Scan)
		if err != nil {
			return nil, r.store.storageError("read epochs", err)
		}
		all = append(all, e)
	}
	return all, r.store.storageError("read epochs", rows.Err())
}

// LastReports gives the newest n reports, newest last.
func (r *reader) LastReports(ctx context.Context, n int) ([]hearth.Report, error) {
	all, err := r.lastReports(ctx, n)
	if err != nil {
		return nil, r.store.storageError("read reports", err)
	}
	slices.Reverse(all)
	return all, nil
}

func (r *reader) lastReports(ctx context.Context, n int) (all []hearth.Report, err error) {
	rows, err := r.store.stmt.reports.QueryContext(ctx, r.n, n)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below says what went wrong
	for rows.Next() {
		var report hearth.Report
		var body sql.RawBytes
		var added []byte
		if err := rows.Scan(&body, &added); err != nil {
			return nil, err
		}
		if json.Unmarshal(body, &report) != nil {
			continue // the conversation does without; nothing of it is in there
		}
		report.Added = added
		all = append(all, report)
	}
	return all, rows.Err()
}
