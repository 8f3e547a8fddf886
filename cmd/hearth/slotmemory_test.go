package main

import (
	"testing"
	"time"
)

func TestTheUseOfASlotIsKeptToTheInstant(t *testing.T) {
	m := slotMemory{t.TempDir()}
	for range 20 {
		before := time.Now().Truncate(time.Microsecond)
		m.Used("slot-a-0", "s")
		if who, at := m.Last("slot-a-0"); who != "s" || at.Before(before) {
			t.Fatalf("%s used it at %s, which is before %s", who, at, before)
		}
	}
}
