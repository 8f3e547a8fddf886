package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"hearth"
)

// errNewer says that the database was written by a later version of Hearth.
var errNewer = errors.New("a newer Hearth has written this database")

// errReleased says that a transcript was used after its release.
var errReleased = errors.New("this session was released")

// advice is what a person is told about a kind of failure.
type advice struct{ cause, try string }

// byCode says what SQLite's primary result codes mean to a person. FILE is the database.
var byCode = map[int]advice{
	lib.SQLITE_FULL:     {"The disk is full; nothing was saved.", "Free some space on the disk that holds FILE, then send the message again."},
	lib.SQLITE_READONLY: {"The database, its folder or the whole disk is read-only; nothing was saved.", "Make FILE and its folder writable for you."},
	lib.SQLITE_PERM:     {"This account may not use the database.", "Make FILE and its folder writable for you."},
	lib.SQLITE_CANTOPEN: {"The database cannot be opened.", "Check that the folder of FILE exists and that you may write there."},
	lib.SQLITE_BUSY:     {"Another program kept the database locked for a long time.", "Close other programs that have FILE open."},
	lib.SQLITE_IOERR:    {"The disk reported an error.", "Check the disk that holds FILE, and whether it is full."},
	lib.SQLITE_CORRUPT:  {"The database is damaged.", "Keep a copy of FILE, then put a backup in its place or move it away to begin anew."},
	lib.SQLITE_NOTADB:   {"The file is no SQLite database.", "Move FILE away, or name another state folder with HEARTH_HOME."},
}

// storageError gives err the Reason and the sentences a person sees. It keeps what is an
// *hearth.Error already.
func (s *Store) storageError(op string, err error) error {
	if _, done := errors.AsType[*hearth.Error](err); done || err == nil {
		return err
	}
	e := &hearth.Error{Op: op, Reason: hearth.ReasonStorage, Err: err}
	var told advice
	code, isSQLite := errors.AsType[*driver.Error](err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Reason = hearth.ReasonCancelled
		return e
	case errors.Is(err, errNewer):
		told = advice{"It was made by a later version, whose tables this one does not know.", "Use the newer hearth, or name another state folder with HEARTH_HOME."}
	case isSQLite:
		told = byCode[code.Code()&0xff]
		if code.Code() == lib.SQLITE_IOERR_SHMSIZE { // its shared memory file could not grow
			told = byCode[lib.SQLITE_FULL]
		}
	case isFull(err):
		told = byCode[lib.SQLITE_FULL]
	case errors.Is(err, fs.ErrPermission), isReadOnly(err):
		told = byCode[lib.SQLITE_READONLY]
	}
	e.Cause, e.Try = told.cause, strings.ReplaceAll(told.try, "FILE", s.path)
	return e
}
