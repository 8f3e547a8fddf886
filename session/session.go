// Package session says what a conversation on disk is: an append-only transcript owned
// by one process at a time, and the epochs that fix what its requests begin with.
//
// Messages only accumulate. There is deliberately no update and no delete: the model
// server's prompt cache, and a person's trust, depend on what was written staying as it is.
package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"iter"
	"strconv"
	"time"

	"hearth"
)

// Seq orders the messages of one session, from 1, without gaps.
type Seq int64

// A Key says which conversation is meant. It is columns, never a parsed string. The
// current session of a key changes with /new; old ones stay readable.
type Key struct {
	Agent   string `json:"agent"`             // "main" unless the config names more agents
	Name    string `json:"name"`              // "main", or what --session gave
	Channel string `json:"channel,omitempty"` // empty for the terminal
	Account string `json:"account,omitempty"`
	Peer    string `json:"peer,omitempty"`
	Dir     string `json:"dir,omitempty"` // working directory, where sessions are per directory
}

// Info identifies a session.
type Info struct {
	ID       hearth.SessionID `json:"id"`
	Key      Key              `json:"key"`
	Created  time.Time        `json:"created"`
	Updated  time.Time        `json:"updated"`
	Messages int              `json:"messages"`
	Current  bool             `json:"current"` // the one its key points to
	// Renewed says, of an owned session, that its key meant another one before: a person
	// began anew.
	Renewed bool `json:"-"`
}

// An Entry is a message with its place. Lost says why one that was stored cannot be read,
// in a few words for a person; then there is no message.
type Entry struct {
	Seq     Seq
	Message hearth.Message
	Lost    string
}

// An Epoch fixes everything a request to one model has besides history. It belongs to
// (session, model): a fallback gets its own, and the primary's next request extends its
// own last one. Plan is prompt's own JSON and opaque here.
type Epoch struct {
	ID       int64           `json:"id"`
	Model    hearth.ModelRef `json:"model"`
	FirstSeq Seq             `json:"firstSeq"` // the first message its requests hold
	Began    time.Time       `json:"began"`
	Reason   string          `json:"reason"` // why it began: "first", "new" (a person began anew), "compaction", "refresh", "server-refused", "encoder-changed", "repaired"
	Plan     json.RawMessage `json:"plan"`
	PlanHash string          `json:"planHash"` // hex SHA-256 of Plan, by which a damaged one is known
	// Of the break that ended the epoch before, where there was one.
	FirstDiff  int    `json:"firstDiff"`  // first differing byte of the request; 0 = unknown or none
	TokensLost int    `json:"tokensLost"` // prompt tokens the server must read again
	Detail     string `json:"detail,omitempty"`
}

// Sound reports whether a conversation whose next message gets the Seq next can go on in
// an epoch as it was stored: somebody may have changed it, or the messages it begins with.
func (e *Epoch) Sound(next Seq) bool {
	if !json.Valid(e.Plan) || e.FirstSeq < 1 || e.FirstSeq > next {
		return false
	}
	sum := sha256.Sum256(e.Plan)
	return len(e.PlanHash) != 2*len(sum) || e.PlanHash == hex.EncodeToString(sum[:])
}

// A Commit is what one transaction adds. Every message must have an ID. Blobs must hold
// Data; they are stored once per hash.
type Commit struct {
	Messages []hearth.Message
	// Reports without an EpochID belong to Epoch when it is of their model.
	Reports []hearth.Report
	// Epoch begins here. Its ID is filled in; so are FirstSeq, where it is 0, with the first
	// message of this commit, and Began, where it is zero.
	Epoch *Epoch
	Blobs []hearth.Blob

	Flush time.Duration // filled in: how long the disk took to make it durable
}

// A Transcript is one session, owned by the caller until it is released. It is used by
// one goroutine at a time.
type Transcript interface {
	// Info identifies it. It does no I/O.
	Info() Info
	// Append makes c durable as one transaction and gives the Seq of the first message
	// (0 without messages). On error nothing was added. Errors have ReasonStorage.
	Append(ctx context.Context, c *Commit) (Seq, error)
	// Since yields the entries from Seq on, in order and without gaps: one that is gone or
	// damaged says so in Lost. A blob's Data is not filled. Messages are shared between
	// calls: copy a Part before changing it.
	Since(ctx context.Context, from Seq) iter.Seq2[Entry, error]
	// Epoch gives the live epoch of model: the newest that is sound. ok is false where
	// there is none.
	Epoch(ctx context.Context, model hearth.ModelRef) (e Epoch, ok bool, err error)
	// LastReports gives the newest n reports that can be read, newest last, with Added
	// filled. They are shared between calls and must not be changed.
	LastReports(ctx context.Context, n int) ([]hearth.Report, error)
}

// A Store keeps sessions. Its methods may be called from any goroutine.
type Store interface {
	// Own gives the current session of key, made if there is none, and the right to
	// write it. It fails with ReasonBusy and a *HeldError while another process or
	// goroutine owns it and ctx allows no more waiting. release gives it back; kill -9 does too.
	Own(ctx context.Context, key Key, opt OwnOptions) (t Transcript, release func(), err error)
	// List gives every session, newest first.
	List(ctx context.Context) ([]Info, error)
	// View reads a session without owning it.
	View(ctx context.Context, id hearth.SessionID) (Reader, error)
	// Blob gives the bytes stored under a hash. Where there are none, or others,
	// fs.ErrNotExist is in the chain.
	Blob(ctx context.Context, hash string) ([]byte, error)
	// Close waits for nothing: owners release first.
	Close() error
}

// OwnOptions says how to take a session. The zero value takes the current one and does
// not wait.
type OwnOptions struct {
	New  bool                // begin a new session and point the key at it
	Wait func(holder Holder) // called at most once a second while waiting; nil = do not wait
}

// A Holder is who owns a session or slot now.
type Holder struct {
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"`
}

// HeldError says who holds what was asked for.
type HeldError struct{ Holder Holder }

// Error names the holder.
func (e *HeldError) Error() string {
	return "held by process " + strconv.Itoa(e.Holder.PID) + " (" + e.Holder.Command + ")"
}

// A Reader reads one session: what sessions show, epochs and why print.
type Reader interface {
	Info() Info
	Since(ctx context.Context, from Seq) iter.Seq2[Entry, error]
	// Epochs gives all of them, damaged ones too, oldest first.
	Epochs(ctx context.Context) ([]Epoch, error)
	LastReports(ctx context.Context, n int) ([]hearth.Report, error)
}
