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
		if who, at := m.Last("slot-a-0"); who != "s" || at.Before(before) {
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
			if who, _ := m.Last("slot-a-0"); who != row.session {
				t.Errorf("got %q, want %q", who, row.session)
			}
		}
	}
}

func TestWhatIsNoMemoryOfASlotCountsAsNone(t *testing.T) {
	m := newSlotMemory(t.TempDir())
	for _, text := range []string{"", "s", "12 s", "x s\n", "\n"} {
		if err := os.WriteFile(m.path("slot-a-0"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if who, at := m.Last("slot-a-0"); who != "" || !at.IsZero() {
			t.Errorf("%q: got %q at %s", text, who, at)
		}
	}
}
