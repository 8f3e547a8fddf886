package sessiontest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"testing"

	"hearth"
	"hearth/session"
)

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// held checks that err says that process pid has the session.
func held(t *testing.T, err error, pid int) {
	t.Helper()
	reason(t, err, hearth.ReasonBusy)
	who, ok := errors.AsType[*session.HeldError](err)
	if !ok || who.Holder.PID != pid || who.Holder.Since.IsZero() {
		t.Errorf("the error is %v, want one that names process %d", err, pid)
	}
	if e, ok := errors.AsType[*hearth.Error](err); !ok || e.Cause == "" || e.Try == "" {
		t.Errorf("the person is told no cause or nothing to try: %+v", err)
	}
}

func testOwnedHere(t *testing.T, b *bench) {
	_, release := b.own(t, mainKey)
	_, _, err := b.store.Own(t.Context(), mainKey, session.OwnOptions{})
	held(t, err, os.Getpid())
	other, err := b.suite.Open(t.Context(), b.place)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = other.Own(t.Context(), mainKey, session.OwnOptions{})
	held(t, err, os.Getpid())
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	release()
	_, release = b.own(t, mainKey)
	release()
}

func testWaits(t *testing.T, b *bench) {
	tr, release := b.own(t, mainKey)
	var who session.Holder
	again, releaseAgain, err := b.store.Own(t.Context(), mainKey, session.OwnOptions{Wait: func(h session.Holder) {
		who = h
		add(t, tr, triple(0))
		release()
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer releaseAgain()
	if who.PID != os.Getpid() {
		t.Errorf("it was told of %+v", who)
	}
	if again.Info().Messages != 3 {
		t.Errorf("it got the session as it was before the wait: %+v", again.Info())
	}
}

func testWaitEnds(t *testing.T, b *bench) {
	_, release := b.own(t, mainKey)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err := b.store.Own(ctx, mainKey, session.OwnOptions{Wait: func(session.Holder) { cancel() }})
	held(t, err, os.Getpid())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error does not say why the wait ended: %v", err)
	}
}

func testWaitedPastNew(t *testing.T, b *bench) {
	old, release := b.own(t, mainKey)
	var young session.Transcript
	got, releaseGot, err := b.store.Own(t.Context(), mainKey, session.OwnOptions{Wait: func(session.Holder) {
		if young != nil {
			return
		}
		var releaseYoung func()
		var err error
		young, releaseYoung, err = b.store.Own(t.Context(), mainKey, session.OwnOptions{New: true})
		if err != nil {
			t.Error(err)
			return
		}
		releaseYoung()
		release()
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer releaseGot()
	if got.Info().ID == old.Info().ID || got.Info().ID != young.Info().ID {
		t.Error("it got the session that its key no longer means")
	}
}

func testOwnedElsewhere(t *testing.T, b *bench) {
	c := b.start(t, "own")
	if said := c.line(t); said != "owned" {
		t.Fatal(said)
	}
	_, _, err := b.store.Own(t.Context(), mainKey, session.OwnOptions{})
	held(t, err, c.Process.Pid)
	second := b.start(t, "own")
	if said := second.line(t); said != "refused: session_busy" {
		t.Errorf("a third process: %s", said)
	}
	_, release, err := b.store.Own(t.Context(), mainKey, session.OwnOptions{Wait: func(h session.Holder) {
		if h.PID == c.Process.Pid {
			c.kill(t)
		}
	}})
	if err != nil {
		t.Fatalf("after kill -9 of the owner: %v", err)
	}
	release()
}

// testKilled kills a process that writes without pause, each time a little later.
func testKilled(t *testing.T, b *bench) {
	for round := range 6 {
		c := b.start(t, "write")
		acknowledged := 0
		for range 1 + 7*round {
			n, err := strconv.Atoi(c.line(t))
			if err != nil {
				t.Fatal(err)
			}
			acknowledged = n
		}
		c.kill(t)
		for c.out.Scan() { // what it said before it died counts
			if n, err := strconv.Atoi(c.out.Text()); err == nil {
				acknowledged = n
			}
		}
		b.reopen(t)
		tr, release := b.own(t, mainKey)
		all := collect(t, tr.Since(t.Context(), 1), 1)
		if len(all) < acknowledged || len(all)%3 != 0 || len(all) != tr.Info().Messages {
			t.Fatalf("%d messages were acknowledged, %d are there, %d counted", acknowledged, len(all), tr.Info().Messages)
		}
		for i := 0; i < len(all); i += 3 {
			for j, m := range triple(i).Messages {
				if got := all[i+j].Message; got.ID != m.ID || got.Parts[0].Text != m.Parts[0].Text {
					t.Fatalf("message %d is %+v", i+j+1, got)
				}
			}
		}
		e, ok, err := tr.Epoch(t.Context(), model)
		if err != nil || !ok || e.FirstSeq != session.Seq(len(all)-2) {
			t.Errorf("the live epoch is %+v %v %v", e, ok, err)
		}
		reports, err := tr.LastReports(t.Context(), 1)
		if err != nil || len(reports) != 1 || reports[0].Items != len(all)-3 {
			t.Errorf("the last report is %+v (%v)", reports, err)
		}
		release()
	}
}

func testOpenRace(t *testing.T, b *bench) {
	b.place = b.suite.Place(t)
	var cs []*child
	for range 4 {
		cs = append(cs, b.start(t, "open"))
	}
	for _, c := range cs {
		if said := c.line(t); said != "opened" {
			t.Error(said)
		}
	}
}
