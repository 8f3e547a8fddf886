package main

import (
	"os"
	"testing"
	"time"

	"hearth"
)

func TestTheUseOfASlotIsKeptToTheInstant(t *testing.T) {
	m := newSlotMemory(t.TempDir())
	defer m.close()
	for range 20 {
		before := time.Now().Truncate(time.Microsecond)
		m.Used("slot-a-0", "s")
		if who, at, _ := m.Last("slot-a-0"); who != "s" || at.Before(before) {
			t.Fatalf("%s used it at %s, which is before %s", who, at, before)
		}
	}
}

func TestWhoUsedASlotIsReadByOtherProcesses(t *testing.T) {
	dir := t.TempDir()
	mine, theirs := newSlotMemory(dir), newSlotMemory(dir)
	defer mine.close()
	defer theirs.close()
	for _, row := range []struct {
		by      *slotMemory
		session hearth.SessionID
	}{{mine, "a-session-with-a-long-name"}, {theirs, "short"}, {mine, "a-third"}} {
		row.by.Used("slot-a-0", row.session)
		for _, m := range []*slotMemory{mine, theirs} {
			if who, _, _ := m.Last("slot-a-0"); who != row.session {
				t.Errorf("got %q, want %q", who, row.session)
			}
		}
	}
}

func TestWhatIsNoMemoryOfASlotCountsAsNone(t *testing.T) {
	m := newSlotMemory(t.TempDir())
	for _, text := range []string{"", "s", "+", "+12 s", "+x s\n", "12 s\n", "*12 s\n", "-\n", "\n"} {
		if err := os.WriteFile(m.path("slot-a-0"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if who, at, _ := m.Last("slot-a-0"); who != "" || !at.IsZero() {
			t.Errorf("%q: got %q at %s", text, who, at)
		}
	}
}

// TestAUseOfASlotThatNeverEndedIsKnown: only a process that was killed leaves one.
func TestAUseOfASlotThatNeverEndedIsKnown(t *testing.T) {
	dir := t.TempDir()
	mine, theirs, next := newSlotMemory(dir), newSlotMemory(dir), newSlotMemory(dir)
	defer mine.close()
	defer theirs.close()
	defer next.close()
	theirs.Ended("slot-a-0") // which it never had
	for _, step := range []struct {
		does  func()
		ended bool
	}{
		{func() { mine.Used("slot-a-0", "a-session-with-a-long-name") }, false},
		{func() { mine.Ended("slot-a-0") }, true},
		{func() { mine.Ended("slot-a-0") }, true},
		{func() { mine.Used("slot-a-0", "short") }, false},
		{func() { next.Ended("slot-a-0") }, true}, // by who found what a killed one left
	} {
		step.does()
		if _, at, ended := theirs.Last("slot-a-0"); ended != step.ended || at.IsZero() {
			t.Errorf("ended %v, want %v; used at %v", ended, step.ended, at)
		}
	}
}
