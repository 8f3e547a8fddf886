package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hearth"
	"hearth/session"
)

// damaged is a store with a session of five messages, in which somebody has then changed
// things by hand. told is what opening it said.
func damaged(t *testing.T, statements ...string) (s *Store, told []string) {
	t.Helper()
	s = open(t, Config{})
	tr := own(t, s)
	for i := range 5 {
		c := commit(i+1, fmt.Sprintf("words %d", i+1))
		if i == 0 {
			c.Epoch = &session.Epoch{Model: hearth.ModelRef{Provider: "p", Model: "m"}, Plan: []byte(`{}`)}
		}
		c.Reports = []hearth.Report{{Turn: "t", Items: i + 1}}
		if _, err := tr.Append(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	tr.release()
	for _, table := range []string{"messages", "epochs", "reports", "blobs"} {
		statements = append([]string{"DROP TRIGGER " + table + "_stay", "DROP TRIGGER " + table + "_keep"}, statements...)
	}
	for _, text := range append([]string{"PRAGMA foreign_keys = off"}, statements...) {
		if _, err := s.writer.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return open(t, Config{Path: s.path, Mended: func(text string) { told = append(told, text) }}), told
}

// seen is what a reader yields: a message's words, or that there is none.
func seen(t *testing.T, s *Store, tr *transcript) (all string) {
	t.Helper()
	viewed, err := s.View(t.Context(), tr.Info().ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []session.Reader{viewed, session.Reader(tr.reader)} {
		next, now := session.Seq(1), ""
		for e, err := range r.Since(t.Context(), 1) {
			if err != nil || e.Seq != next {
				t.Fatalf("message %d where %d should be: %v", e.Seq, next, err)
			}
			next++
			switch {
			case e.Lost != "":
				now += "-"
			case len(e.Message.Parts) == 1:
				now += strings.TrimPrefix(e.Message.Parts[0].Text, "words ")
			default:
				now += "?"
			}
		}
		if all != "" && now != all {
			t.Errorf("who owns the session sees %s, others %s", now, all)
		}
		all = now
	}
	return all
}

func TestWhatIsLeftOfADamagedSessionIsReadAndGoesOn(t *testing.T) {
	for _, c := range []struct{ name, sql, want string }{
		{"the first message is gone", "DELETE FROM messages WHERE seq = 1", "-2345"},
		{"one in the middle", "DELETE FROM messages WHERE seq = 3", "12-45"},
		{"the last two", "DELETE FROM messages WHERE seq > 3", "123--"},
		{"all of them", "DELETE FROM messages", "-----"},
		{"one is no JSON", "UPDATE messages SET body = '{oops' WHERE seq = 2", "1-345"},
		{"one is JSON of another shape", "UPDATE messages SET body = '[1]' WHERE seq = 2", "1-345"},
		{"one says nothing", "UPDATE messages SET body = 'null' WHERE seq = 2", "1?345"},
		{"one has a number far away", "UPDATE messages SET seq = 9223372036854775807 WHERE seq = 2", "1-345"},
		{"one has a number below all", "UPDATE messages SET seq = -7 WHERE seq = 2", "1-345"},
		{"one has moved behind the end", "UPDATE messages SET seq = 7 WHERE seq = 2", "1-345-2"},
		{"the count is too small", "UPDATE sessions SET messages = 2", "12345"},
		{"the count is absurd", "UPDATE sessions SET messages = 9223372036854775807", "12345"},
		{"the count is below nothing", "UPDATE sessions SET messages = -9223372036854775808", "12345"},
		{"the session's row is gone", "DELETE FROM sessions", "12345"},
		{"what its key means is gone", "DELETE FROM pointers", "12345"},
		{"its key leads nowhere", "UPDATE pointers SET session = 99", "12345"},
		{"its reports are no JSON", "UPDATE reports SET body = 'x'", "12345"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := damaged(t, c.sql)
			for n := range 2 { // the second time nothing is found any more
				tr := own(t, s)
				if got := seen(t, s, tr); got != c.want+strings.Repeat("n", n) {
					t.Errorf("read %s, want %s", got, c.want)
				}
				if _, err := tr.Append(t.Context(), &session.Commit{Messages: []hearth.Message{{ID: hearth.MessageID(fmt.Sprint("new", n)), Parts: []hearth.Part{{Text: "n"}}}}}); err != nil {
					t.Errorf("it does not go on: %v", err)
				}
				if _, err := tr.LastReports(t.Context(), 10); err != nil {
					t.Error(err)
				}
				tr.release()
			}
		})
	}
}

func TestTheOwnerIsToldWhatOpeningPutRight(t *testing.T) {
	for _, c := range []struct{ name, sql, told, sessions string }{
		{"nothing was wrong", "SELECT 1", "", "main"},
		{"a session's row was gone", "DELETE FROM sessions", `listed again, as "main"`, "main"},
		{"its name too", "DELETE FROM sessions; DELETE FROM pointers", `listed again, as "found-1"`, "found-1"},
		{"its key led nowhere", "UPDATE pointers SET session = 99", `"main", whose name led nowhere`, "main"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, told := damaged(t, c.sql)
			if got := strings.Join(told, "; "); !strings.Contains(got, c.told) || len(told) != min(len(c.told), 1) {
				t.Errorf("told %q, want %q once", told, c.told)
			}
			all, err := s.List(t.Context())
			if err != nil || len(all) != 1 || all[0].Key.Name != c.sessions || !all[0].Current || all[0].Messages != 5 {
				t.Errorf("listed %+v, %v", all, err)
			}
			open(t, Config{Path: s.path, Mended: func(text string) { t.Errorf("told again: %s", text) }})
		})
	}
}

// What a deleted session left behind must not become the next one's.
func TestANewSessionTakesNothingOfADeletedOne(t *testing.T) {
	s, _ := damaged(t, "DELETE FROM sessions", "DELETE FROM messages")
	tr := own(t, s)
	if _, ok, err := tr.Epoch(t.Context(), hearth.ModelRef{Provider: "p", Model: "m"}); ok || err != nil || tr.Info().Messages != 0 {
		t.Errorf("an epoch %t, %v, %d messages", ok, err, tr.Info().Messages)
	}
}

func TestADamagedEpochIsPassedOver(t *testing.T) {
	const sum = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" // of {}
	for _, c := range []struct {
		name, sql string
		want      int64
	}{
		{"the newest is sound", "SELECT 1", 2},
		{"its plan is no JSON", "UPDATE epochs SET plan = x'00' WHERE id = 2", 1},
		{"its plan is another one", "UPDATE epochs SET plan = cast('{ }' AS BLOB), plan_hash = '" + sum + "' WHERE id = 2", 1},
		{"it begins behind the end", "UPDATE epochs SET first_seq = 99 WHERE id = 2", 1},
		{"it begins before everything", "UPDATE epochs SET first_seq = -1 WHERE id = 2", 1},
		{"it is gone", "DELETE FROM epochs WHERE id = 2", 1},
		{"all are", "DELETE FROM epochs", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := damaged(t, "INSERT INTO epochs SELECT 2, session, provider, model, first_seq, began, reason, plan, '"+sum+"', first_diff, tokens_lost, detail FROM epochs", c.sql)
			e, ok, err := own(t, s).Epoch(t.Context(), hearth.ModelRef{Provider: "p", Model: "m"})
			if err != nil || e.ID != c.want || ok != (c.want != 0) {
				t.Errorf("epoch %d, %t, %v; want %d", e.ID, ok, err, c.want)
			}
		})
	}
}

func TestABlobWithOtherBytesIsNone(t *testing.T) {
	s := open(t, Config{})
	const hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if _, err := own(t, s).Append(t.Context(), &session.Commit{Blobs: []hearth.Blob{{Hash: hash, Data: []byte("abc")}}}); err != nil {
		t.Fatal(err)
	}
	if data, err := s.Blob(t.Context(), hash); err != nil || string(data) != "abc" {
		t.Errorf("%q, %v", data, err)
	}
	for _, text := range []string{"DROP TRIGGER blobs_keep", "UPDATE blobs SET data = x'00'"} {
		if _, err := s.writer.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Blob(t.Context(), hash); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a damaged one gives %v", err)
	}
}

func TestAFileThatCannotBeUsedIsToldTrulyAndKept(t *testing.T) {
	for _, c := range []struct {
		name       string
		sql        string // or
		damage     func([]byte) []byte
		cause, try string
	}{
		{name: "half of it", damage: func(b []byte) []byte { return b[:len(b)/2] }, cause: "The database is damaged.", try: "sqlite3 FILE .recover"},
		{name: "its first bytes", damage: func(b []byte) []byte { return b[:100] }, cause: "The database is damaged.", try: "Move FILE away"},
		{name: "other bytes at its beginning", damage: func(b []byte) []byte { copy(b, "garbage"); return b }, cause: "its beginning is damaged", try: "sqlite3 FILE .recover"},
		{name: "a table less", sql: "DROP TABLE reports", cause: "somebody has changed them", try: "Move FILE away"},
		{name: "a column of another name", sql: "ALTER TABLE messages RENAME COLUMN body TO text", cause: "somebody has changed them", try: "Move FILE away"},
		{name: "no version", sql: "PRAGMA user_version = 0", cause: "changed the number", try: "PRAGMA user_version = 1"},
		{name: "a version below all", sql: "PRAGMA user_version = -3", cause: "changed the number", try: "PRAGMA user_version = 1"},
		{name: "a later version", sql: "PRAGMA user_version = 77", cause: "later version", try: "newer hearth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hearth.db")
			s, err := Open(t.Context(), Config{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.writer.ExecContext(t.Context(), c.sql); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if c.damage != nil {
				before = c.damage(before)
			}
			if err := os.WriteFile(path, before, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = Open(t.Context(), Config{Path: path, Mended: func(text string) { t.Errorf("told %s", text) }})
			told(t, err, c.cause, strings.ReplaceAll(c.try, "FILE", path))
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "hearth.db")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{Path: path})
	told(t, err, "cannot be opened", "Check that "+path+" is a file")
}

func TestAColumnThatHoldsWhatItMayNotIsDamage(t *testing.T) {
	for _, c := range []struct{ name, table, sql string }{
		{"a session's time is a word", "sessions", "UPDATE sessions SET created = 'yesterday'"},
		{"an epoch's time is a word", "epochs", "UPDATE epochs SET began = 'yesterday'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := damaged(t, "PRAGMA writable_schema = on", "UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name = '"+c.table+"'", "PRAGMA writable_schema = reset", c.sql)
			_, err := s.List(t.Context())
			if c.table == "epochs" {
				_, err = own(t, s).Epochs(t.Context())
			}
			told(t, err, "What is in the database cannot be read.", "Move "+s.path+" away")
		})
	}
}

func TestAFileThatWasEmptiedBeginsAnewAndThatIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hearth.db")
	told := 0
	tell := func(string) { told++ }
	s, err := Open(t.Context(), Config{Path: path, Mended: tell})
	if err != nil {
		t.Fatal(err)
	}
	if told != 0 {
		t.Error("told of a file that was never there")
	}
	own(t, s).release()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		again, err := Open(t.Context(), Config{Path: path, Mended: tell})
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}
