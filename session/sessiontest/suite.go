package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"testing"
	"time"

	"hearth"
	"hearth/session"
)

// A Suite says how to get the store under test.
type Suite struct {
	// Place makes room for one store and gives a word that Open finds it by, in this
	// process and in others: a folder, a connection string.
	Place func(t testing.TB) string
	// Open gives the store at place; again and again, also while it is open elsewhere.
	Open func(ctx context.Context, place string) (session.Store, error)
}

// Test runs the suite.
func (s Suite) Test(t *testing.T) {
	for _, row := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"a new key gets a session, and the same one after a restart", testIdentity},
		{"every column of a key counts", testKeyColumns},
		{"New begins a session and keeps the old one readable", testNew},
		{"what is appended comes back the same, before and after a restart", testRoundTrip},
		{"text of every kind survives", testUnicode},
		{"numbers run from 1 without gaps and Since begins anywhere", testSince},
		{"a commit is whole or nothing", testAtomic},
		{"a message id is used once in a store", testUniqueID},
		{"appending while reading is allowed", testAppendWhileReading},
		{"an epoch belongs to a session and a model", testEpochs},
		{"reports come back newest last, with the bytes they added", testReports},
		{"blobs are stored once, checked, and found by hash", testBlobs},
		{"List tells what there is, newest first", testList},
		{"words are found in every session, owned ones too, newest first", testSearch},
		{"View of an unknown session says that it does not exist", testViewUnknown},
		{"readers see whole commits while a writer writes", testConcurrentReaders},
		{"many sessions are written at once", testManyWriters},
		{"10,000 messages are no trouble", testLong},
		{"a cancelled context adds nothing", testCancelled},
		{"a released transcript writes no more", testReleased},
		{"a second owner in the same process is told who holds it", testOwnedHere},
		{"a second owner waits, is told, and gets the session", testWaits},
		{"waiting ends with the context", testWaitEnds},
		{"who waited for a session gets the one its key means then", testWaitedPastNew},
		{"a session is owned across processes until its owner is killed", testOwnedElsewhere},
		{"what was acknowledged survives kill -9, and commits stay whole", testKilled},
		{"processes that open an empty place at once all succeed", testOpenRace},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.test(t, newBench(t, s))
		})
	}
}

// bench is what a test works with: one place, and a store opened on it.
type bench struct {
	suite Suite
	place string
	store session.Store
}

func newBench(t *testing.T, s Suite) *bench {
	t.Helper()
	b := &bench{suite: s, place: s.Place(t)}
	b.reopen(t)
	t.Cleanup(func() {
		if err := b.store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// reopen is a restart.
func (b *bench) reopen(t *testing.T) {
	t.Helper()
	if b.store != nil {
		if err := b.store.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	var err error
	if b.store, err = b.suite.Open(t.Context(), b.place); err != nil {
		t.Fatalf("open: %v", err)
	}
}

var mainKey = session.Key{Agent: "main", Name: "main"}

// own takes a session; the test fails when it cannot.
func (b *bench) own(t *testing.T, key session.Key) (session.Transcript, func()) {
	t.Helper()
	tr, release, err := b.store.Own(t.Context(), key, session.OwnOptions{})
	if err != nil {
		t.Fatalf("own %+v: %v", key, err)
	}
	return tr, release
}

// say makes a message with a text.
func say(id, text string) hearth.Message {
	return hearth.Message{
		ID: hearth.MessageID(id), Turn: "turn", Role: hearth.RoleUser, At: at,
		Parts: []hearth.Part{{Text: text, Provenance: hearth.FromOwner}},
	}
}

var at = time.Date(2026, 3, 28, 23, 59, 59, 123456789, time.FixedZone("CET", 3600))

func add(t *testing.T, tr session.Transcript, c *session.Commit) session.Seq {
	t.Helper()
	seq, err := tr.Append(t.Context(), c)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return seq
}

// collect reads from Seq on and checks that the numbers run without gaps.
func collect(t *testing.T, since iter.Seq2[session.Entry, error], from session.Seq) []session.Entry {
	t.Helper()
	var all []session.Entry
	for e, err := range since {
		if err != nil {
			t.Fatalf("since %d: %v", from, err)
		}
		if e.Seq != from+session.Seq(len(all)) {
			t.Fatalf("after %d entries from %d comes number %d", len(all), from, e.Seq)
		}
		all = append(all, e)
	}
	return all
}

// reason checks what an error says of itself.
func reason(t *testing.T, err error, want hearth.Reason) {
	t.Helper()
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok || e.Reason != want {
		t.Fatalf("the error is %v, want one with reason %s", err, want)
	}
}

// Main is for TestMain: in a process that Test started it plays its role and gives the
// exit code; in any other, played is false.
func (s Suite) Main() (code int, played bool) {
	role, place := os.Getenv(roleVar), os.Getenv(placeVar)
	if role == "" {
		return 0, false
	}
	if err := s.play(os.Stdout, role, place); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}
