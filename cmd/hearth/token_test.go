package main

import (
	"strings"
	"testing"

	"hearth/prompt"
)

// What a turn and a streamed token allocate, from a person's line to the screen, when
// that was last looked at. A change that makes it a fifth more must say why, and write
// the new number here. The race detector's own come on top, some fifty a turn.
const (
	turnAllocations  = 660.0 // fifteen of them keep the counts that an estimate rests on
	tokenAllocations = 1.1
)

func TestATurnAndATokenAllocateLittle(t *testing.T) {
	const short, long = 1, 1001
	allocations := func(tokens int) float64 {
		k := chatWith(t, startServer(t, "-text", strings.Repeat("token ", tokens)))
		least := ^uint64(0)
		for range 5 { // the first fills caches; what else the runtime does only adds
			before := allocated()
			out, err := k.say(t.Context(), prompt.Incoming{Text: "hi"}, false, nil)
			if err != nil || len(out.Answer) != len("token ")*tokens {
				t.Fatalf("%d bytes, %v", len(out.Answer), err)
			}
			least = min(least, allocated()-before)
		}
		return float64(least)
	}
	turn := allocations(short)
	token := (allocations(long) - turn) / (long - short)
	t.Logf("%.0f allocations for a turn, %.2f for each token", turn, token)
	if turn > turnAllocations*1.2 {
		t.Errorf("a turn makes %.0f allocations, more than a fifth over the %.0f that it did", turn, turnAllocations)
	}
	if token > tokenAllocations*1.2 {
		t.Errorf("a token makes %.2f allocations, more than a fifth over the %.1f that it did", token, tokenAllocations)
	}
}
