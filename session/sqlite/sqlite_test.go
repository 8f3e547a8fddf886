package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"hearth"
	"hearth/session"
)

var key = session.Key{Agent: "main", Name: "main"}

func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	if cfg.Path == "" {
		cfg.Path = filepath.Join(t.TempDir(), "state", "hearth.db")
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func own(t testing.TB, s *Store) *transcript {
	t.Helper()
	tr, release, err := s.Own(t.Context(), key, session.OwnOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return tr.(*transcript)
}

func commit(id int, text string) *session.Commit {
	return &session.Commit{Messages: []hearth.Message{{
		ID: hearth.MessageID(fmt.Sprint(id)), Role: hearth.RoleUser, Parts: []hearth.Part{{Text: text}},
	}}}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes; the profile folder keeps others out")
	}
	s := open(t, Config{})
	tr := own(t, s)
	if _, err := tr.Append(t.Context(), commit(1, "secret")); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(s.path)
	for path, want := range map[string]fs.FileMode{
		dir: 0o700, s.locks: 0o700, s.path: 0o600, s.path + "-wal": 0o600, s.path + "-shm": 0o600, tr.held.Path(): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
		} else if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(path), got, want)
		}
	}
	if err := os.Chmod(s.path, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, Config{Path: s.path})
	if info, err := os.Stat(s.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a database that others could read stays so: %v %v", info.Mode(), err)
	}
}

func TestConnectionsKeepTheirPromises(t *testing.T) {
	s := open(t, Config{})
	for pragma, want := range map[string]int{
		"synchronous": 2, "fullfsync": 1, "checkpoint_fullfsync": 1, "foreign_keys": 1, "busy_timeout": 10000, "user_version": len(migrations),
	} {
		var got int
		if err := s.writer.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %d, want %d (%v)", pragma, got, want, err)
		}
	}
	var mode string
	if err := s.writer.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("the journal mode is %s (%v)", mode, err)
	}
	if _, err := s.read.ExecContext(t.Context(), "DELETE FROM pointers"); err == nil {
		t.Error("a reading connection writes")
	}
}

func TestTheDatabaseItselfIsAppendOnly(t *testing.T) {
	s := open(t, Config{})
	tr := own(t, s)
	c := commit(1, "stays")
	c.Epoch = &session.Epoch{Model: hearth.ModelRef{Provider: "p", Model: "m"}}
	c.Reports = []hearth.Report{{Turn: "t"}}
	c.Blobs = []hearth.Blob{{Hash: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", Data: []byte("abc")}}
	if _, err := tr.Append(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"messages", "epochs", "reports", "blobs"} {
		for _, text := range []string{"DELETE FROM " + table, "UPDATE " + table + " SET rowid = rowid + 1"} {
			if _, err := s.writer.ExecContext(t.Context(), text); err == nil || !strings.Contains(err.Error(), table+" are append-only") {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}

// told checks what a person is told.
func told(t *testing.T, err error, cause, try string) {
	t.Helper()
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok || e.Reason != hearth.ReasonStorage || !strings.Contains(e.Cause, cause) || !strings.Contains(e.Try, try) {
		t.Errorf("the person is told %v (%+v), want cause %q and try %q", err, e, cause, try)
	}
}

func TestFullDiskRefusesTheMessageAndSaysSo(t *testing.T) {
	s := open(t, Config{})
	tr := own(t, s)
	var pages int
	if err := s.writer.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages+1)); err != nil {
		t.Fatal(err)
	}
	_, err := tr.Append(t.Context(), commit(1, strings.Repeat("x", 100_000)))
	told(t, err, "The disk is full; nothing was saved.", "Free some space on the disk that holds "+s.path)
	if _, err := s.writer.ExecContext(t.Context(), "PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	seq, err := tr.Append(t.Context(), commit(1, strings.Repeat("x", 100_000)))
	if err != nil || seq != 1 {
		t.Errorf("after space was made: number %d, %v", seq, err)
	}
}

func TestReadOnlyDatabaseRefusesTheMessageAndSaysSo(t *testing.T) {
	s := open(t, Config{})
	tr := own(t, s)
	if _, err := s.writer.ExecContext(t.Context(), "PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	_, err := tr.Append(t.Context(), commit(1, "hi"))
	told(t, err, "read-only; nothing was saved", "writable")
}

func TestWhatTheOperatingSystemRefusesIsExplained(t *testing.T) {
	s := &Store{path: "/state/hearth.db"}
	wrap := func(err error) error { return fmt.Errorf("x: %w", &fs.PathError{Op: "open", Path: "p", Err: err}) }
	told(t, s.storageError("open", wrap(syscall.EACCES)), "read-only", "writable")
	if runtime.GOOS != "windows" {
		told(t, s.storageError("open", wrap(syscall.ENOSPC)), "full", "Free some space on the disk that holds /state/hearth.db")
		told(t, s.storageError("open", wrap(syscall.EROFS)), "read-only", "/state/hearth.db")
	}
}

// Whoever is told to move a database away that is whole loses it.
func TestWhatSaysNothingOfTheDatabaseAccusesItOfNothing(t *testing.T) {
	s := &Store{path: "/state/hearth.db"}
	dir := t.TempDir()
	locks := filepath.Join(dir, "locks")
	if err := os.WriteFile(locks, []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, noLocks := Open(t.Context(), Config{Path: filepath.Join(dir, "hearth.db"), Locks: locks})
	for name, err := range map[string]error{
		"no more open files":                 s.storageError("open", &fs.PathError{Op: "open", Path: "p", Err: syscall.EMFILE}),
		"a network disk without locks":       s.storageError("open", &fs.PathError{Op: "lock", Path: "p", Err: syscall.ENOLCK}),
		"the folder of the locks is a file":  noLocks,
		"a message that cannot be written":   s.storageError("save", errors.New("message 1 of the commit has no id")),
		"a store that was closed in between": s.storageError("list", errors.New("sql: database is closed")),
	} {
		e, ok := errors.AsType[*hearth.Error](err)
		if !ok || e.Reason != hearth.ReasonStorage || e.Cause != "" || e.Try != "" {
			t.Errorf("%s: the person is told %+v", name, e)
		}
	}
}

func TestFilesThatAreNoDatabaseOfOursAreRefusedAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hearth.db")
	text := strings.Repeat("this is a letter, not a database. ", 100)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{Path: path})
	told(t, err, "no SQLite database", "Move "+path+" away")
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("the file was changed (%v)", err)
	}

	s := open(t, Config{})
	if _, err := s.writer.ExecContext(t.Context(), "PRAGMA user_version = 999"); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), Config{Path: s.path})
	told(t, err, "made by a later version", "newer hearth")
}

func TestMigrationThatFailsLeavesTheVersionBefore(t *testing.T) {
	s := open(t, Config{})
	defer func(old []string) { migrations = old }(migrations)
	migrations = append(migrations[:1:1], "CREATE TABLE later (n INTEGER); INSERT INTO nowhere VALUES (1);")
	if _, err := Open(t.Context(), Config{Path: s.path}); err == nil {
		t.Fatal("a broken migration is no error")
	}
	migrations[1] = "CREATE TABLE later (n INTEGER);"
	again := open(t, Config{Path: s.path})
	if v, err := versionOf(t.Context(), again.writer); err != nil || v != 2 {
		t.Errorf("version %d (%v)", v, err)
	}
}

func TestTailIsBoundedAndTheRestIsReadFromTheDisk(t *testing.T) {
	s := open(t, Config{TailBytes: 10_000})
	tr := own(t, s)
	const total = 700
	for i := range total {
		if _, err := tr.Append(t.Context(), commit(i, strings.Repeat("x", i%500))); err != nil {
			t.Fatal(err)
		}
		if tr.tail.bytes > 10_000 {
			t.Fatalf("%d bytes in memory", tr.tail.bytes)
		}
	}
	for _, from := range []session.Seq{1, 2, 250, 257, total - 40, total - 1, total, total + 1, total + 9, 1} {
		next := from
		for e, err := range tr.Since(t.Context(), from) {
			if err != nil || e.Seq != next || e.Message.ID != hearth.MessageID(fmt.Sprint(next-1)) {
				t.Fatalf("since %d: %d where %d should be (%v)", from, e.Seq, next, err)
			}
			next++
		}
		if from <= total && next != total+1 {
			t.Errorf("since %d ends before %d", from, next)
		}
		if tr.tail.bytes > 10_000 || len(tr.tail.rows) == 0 {
			t.Errorf("after since %d: %d bytes and %d messages in memory", from, tr.tail.bytes, len(tr.tail.rows))
		}
	}
}

func TestWhatWasReadOnceStaysInMemory(t *testing.T) {
	s := open(t, Config{})
	tr := own(t, s)
	for i := range 9 {
		if _, err := tr.Append(t.Context(), commit(i, "x")); err != nil {
			t.Fatal(err)
		}
	}
	tr.release()
	tr = own(t, s)
	count := func(from session.Seq) (n int) {
		for _, err := range tr.Since(t.Context(), from) {
			if n++; err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	if n := count(4); n != 6 {
		t.Errorf("%d", n)
	}
	if err := s.read.Close(); err != nil {
		t.Fatal(err)
	}
	if n := count(4) + count(8); n != 8 {
		t.Errorf("without the disk there are %d", n)
	}
}

// A file system may only pretend to lock.
func TestSecondWriterIsNoticedWithoutALock(t *testing.T) {
	s := open(t, Config{})
	one := own(t, s)
	two := newTranscript(&reader{store: s, n: one.n, info: one.info, next: one.next}, one.held)
	if _, err := one.Append(t.Context(), commit(1, "")); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Append(t.Context(), commit(2, "")); err == nil || !strings.Contains(err.Error(), "another process has written") {
		t.Errorf("the second writer is told %v", err)
	}
}

func TestFlushTimeIsToldWithTheCommit(t *testing.T) {
	c := commit(1, "hi")
	begun := time.Now()
	if _, err := own(t, open(t, Config{})).Append(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if c.Flush <= 0 || c.Flush > time.Since(begun) {
		t.Errorf("flush took %v of %v", c.Flush, time.Since(begun))
	}
}

// modernc.org/sqlite is generated for exactly one version of its C library; another one
// corrupts memory (cznic/sqlite#177).
func TestDriverAndItsCLibraryFit(t *testing.T) {
	pairs := map[string]string{"v1.60.1": "v1.77.1"} // sqlite → libc, from the driver's own go.mod
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for line := range strings.Lines(string(mod)) {
		f := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(f) >= 2 {
			have[f[0]] = f[1]
		}
	}
	driver := have["modernc.org/sqlite"]
	if want := pairs[driver]; want == "" || have["modernc.org/libc"] != want {
		t.Errorf("driver %s with libc %s, want libc %q", driver, have["modernc.org/libc"], want)
	}
}

// What a turn costs beyond the disk: own-ns/op is without the flush.
func BenchmarkAppend(b *testing.B) {
	for _, before := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("after_%d", before), func(b *testing.B) {
			tr := filled(b, before)
			text := strings.Repeat("word ", 100)
			var flush time.Duration
			n := before
			for b.Loop() {
				c := commit(n, text)
				c.Reports = []hearth.Report{{Turn: "t", Added: []byte(text)}}
				if _, err := tr.Append(b.Context(), c); err != nil {
					b.Fatal(err)
				}
				flush += c.Flush
				n++
			}
			b.ReportMetric(float64((b.Elapsed()-flush).Nanoseconds())/float64(b.N), "own-ns/op")
			b.ReportMetric(float64(flush.Nanoseconds())/float64(b.N), "flush-ns/op")
		})
	}
}

// A live epoch of 20 messages, behind a short and a long transcript.
func BenchmarkSince(b *testing.B) {
	for _, before := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("after_%d", before), func(b *testing.B) {
			tr := filled(b, before+20)
			from := session.Seq(before + 1)
			for b.Loop() {
				n := 0
				for _, err := range tr.Since(b.Context(), from) {
					if n++; err != nil {
						b.Fatal(err)
					}
				}
				if n != 20 {
					b.Fatal(n)
				}
			}
		})
	}
}

// filled gives a session as it is after a restart.
func filled(b *testing.B, messages int) *transcript {
	b.Helper()
	s := open(b, Config{})
	tr := own(b, s)
	for n := 0; n < messages; n += 100 {
		c := &session.Commit{}
		for i := n; i < min(n+100, messages); i++ {
			c.Messages = append(c.Messages, commit(i, strings.Repeat("word ", 100)).Messages...)
		}
		if _, err := tr.Append(context.WithoutCancel(b.Context()), c); err != nil {
			b.Fatal(err)
		}
	}
	tr.release()
	return own(b, s)
}

func TestWhatWasSaidIsCountedAlone(t *testing.T) {
	s := open(t, Config{})
	tr := own(t, s)
	messages := []hearth.Message{
		{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "hi", Provenance: hearth.FromOwner}}},
		{Role: hearth.RoleMark, Parts: []hearth.Part{{Mark: &hearth.Mark{}}}},
		{Role: hearth.RoleAssistant, Parts: []hearth.Part{{Text: `it says "from":"gateway"`, Provenance: hearth.FromModel}}},
		{Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{Text: "42"}}}},
		{Role: hearth.RoleAssistant, Parts: []hearth.Part{{Text: "(No answer was given.)", Provenance: hearth.FromGateway}}},
	}
	for i := range messages {
		messages[i].ID = hearth.MessageID(fmt.Sprint("said", i))
	}
	if _, err := tr.Append(t.Context(), &session.Commit{Messages: messages}); err != nil {
		t.Fatal(err)
	}
	said, err := s.Said(t.Context())
	if err != nil || len(said) != 1 || said[tr.Info().ID] != 2 {
		t.Errorf("counted %v, %v; want 2 in one session", said, err)
	}
}
