package main

import (
	"strings"
	"testing"

	"hearth/prompt"
)

// What a streamed token allocates, from the socket to the screen, was tokenAllocations
// when it was last looked at; a change that makes it a fifth more must say why, and write
// the new number here. It is the difference of a long answer and a short one, so that
// the rest of a turn is not in it.
func TestATokenAllocatesLittle(t *testing.T) {
	const tokenAllocations, short, long = 15.0, 100, 1100
	allocations := func(tokens int) uint64 {
		k := chatWith(t, startServer(t, "-text", strings.Repeat("token ", tokens)))
		least := ^uint64(0)
		for range 3 { // the first fills caches; what else the runtime does only adds
			before := allocated()
			out, err := k.say(t.Context(), prompt.Incoming{Text: "hi"}, false, nil)
			if err != nil || len(out.Answer) != len("token ")*tokens {
				t.Fatalf("%d bytes, %v", len(out.Answer), err)
			}
			least = min(least, allocated()-before)
		}
		return least
	}
	each := float64(allocations(long)-allocations(short)) / (long - short)
	t.Logf("%.2f allocations for each token", each)
	if each > tokenAllocations*1.2 {
		t.Errorf("a token makes %.2f allocations, more than a fifth over the %.0f that it did", each, tokenAllocations)
	}
}
