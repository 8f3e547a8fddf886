package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"hearth"
)

// errNewer says that the database was written by a later version of Hearth.
var errNewer = errors.New("a newer Hearth has written this database")

// errForeign says that the database is not one that Hearth has made, or no longer.
var errForeign = errors.New("the database is not one of Hearth's")

// errVersion says that our tables are there and somebody has changed the version.
var errVersion = errors.New("the database has lost its version")

// errOtherWriter says that messages have come that this process did not write.
var errOtherWriter = errors.New("another process has written to this session")

// errReleased says that a transcript was used after its release.
var errReleased = errors.New("this session was released")

// advice is what a person is told about a kind of failure.
type advice struct{ cause, try string }

// byCode says what SQLite's primary result codes mean to a person. FILE is the database.
var byCode = map[int]advice{
	lib.SQLITE_FULL:     {"The disk is full; nothing was saved.", "Free some space on the disk that holds FILE, then try again."},
	lib.SQLITE_READONLY: {"The database, its folder or the whole disk is read-only; nothing was saved.", "Make FILE and its folder writable for you, or name a folder of your own with HEARTH_HOME."},
	lib.SQLITE_PERM:     {"This account may not use the database.", "Make FILE and its folder writable for you, or name a folder of your own with HEARTH_HOME."},
	lib.SQLITE_CANTOPEN: {"The database cannot be opened.", "Check that FILE is a file, that its folder exists and that you may write there."},
	lib.SQLITE_BUSY:     {"Another program kept the database locked for a long time.", "Close other programs that have FILE open."},
	lib.SQLITE_IOERR:    {"The disk reported an error.", "Check the disk that holds FILE, and whether it is full."},
	lib.SQLITE_CORRUPT:  {"The database is damaged.", salvage},
	lib.SQLITE_NOTADB:   {"The file is no SQLite database, or its beginning is damaged.", salvage},
	lib.SQLITE_ERROR:    {"The database has not the tables that this version made in it; somebody has changed them.", salvage},
}

// salvage is what helps against a damaged file: nothing in it can be trusted to be whole.
const salvage = "Move FILE away, with the files beside it whose names begin like its own, and put a backup in its place or begin anew. What can still be read the program sqlite3 prints: sqlite3 FILE .recover"

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
	case errors.Is(err, errForeign):
		told = advice{"Another program made it.", "Move FILE away, or name another state folder with HEARTH_HOME."}
	case errors.Is(err, errVersion):
		told = advice{"Its tables are there, but somebody changed the number that says which Hearth made them.", fmt.Sprintf(`Keep a copy of FILE; if no other version of Hearth made it, give the number back: sqlite3 FILE "PRAGMA user_version = %d"`, len(migrations))}
	case errors.Is(err, errOtherWriter):
		told = advice{"Another program has changed this conversation meanwhile; nothing was saved.", "Close other programs that have FILE open, then start again."}
	case isSQLite:
		told = byCode[code.Code()&0xff]
		if code.Code() == lib.SQLITE_IOERR_SHMSIZE { // its shared memory file could not grow
			told = byCode[lib.SQLITE_FULL]
		}
	case isFull(err):
		told = byCode[lib.SQLITE_FULL]
	case errors.Is(err, fs.ErrPermission), isReadOnly(err):
		told = byCode[lib.SQLITE_READONLY]
	case isDamage(err):
		told = advice{"What is in the database cannot be read.", salvage}
	}
	e.Cause, e.Try = told.cause, strings.ReplaceAll(told.try, "FILE", s.path)
	return e
}

// isDamage reports whether a column held what its table does not allow. database/sql has
// no type for that, only these words. All else that is not SQLite's own (no more open
// files, a network disk without locks) says nothing about what is in the database.
func isDamage(err error) bool { return strings.Contains(err.Error(), "sql: Scan error on column") }
