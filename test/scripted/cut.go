package scripted

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	defaultChunk = 4
	shortest     = 2       // one byte is a token already
	stretch      = 48      // how far a chunk's length may stray from the wanted one
	patience     = 100_000 // attempts before a text counts as impossible to cut
)

// cutter splits one script into chunks that are unique over the vocabulary, by
// backtracking: a chunk that leaves the rest without a solution is taken back.
type cutter struct {
	known  map[string]bool
	texts  string // a chunk occurs once in them; none: wherever it likes
	script Script
	want   int
	local  map[string]bool
	chunks []string
	tries  int
}

// cut gives the script's chunks, about script.Chunk bytes each. Only the
// uniqueness makes the model's table of successors a function, so a script that
// cannot be cut (a text that repeats one short piece) is an error.
func cut(script Script, known map[string]bool, texts string) ([]string, error) {
	want := script.Chunk
	if want == 0 {
		want = defaultChunk
	}
	c := &cutter{known: known, texts: texts, script: script, want: max(want, shortest), local: map[string]bool{}}
	if !c.solve(script.Text) {
		return nil, fmt.Errorf("cut script %q: no split into unique pieces", script.Name)
	}
	return c.chunks, nil
}

func (c *cutter) solve(rest string) bool {
	if rest == "" {
		return true
	}
	if c.tries++; c.tries > patience {
		return false
	}
	for d := range stretch {
		if c.take(rest, c.want+d) || d > 0 && c.take(rest, c.want-d) {
			return true
		}
	}
	return false
}

// take tries a chunk of n bytes and whatever follows from it.
func (c *cutter) take(rest string, n int) bool {
	if n < shortest || n > len(rest) || len(rest)-n == 1 {
		return false
	}
	chunk := rest[:n]
	if c.known[chunk] || c.local[chunk] || !c.script.Split && !utf8.ValidString(chunk) {
		return false
	}
	if c.texts != "" && strings.Count(c.texts, chunk) != 1 {
		return false
	}
	c.local[chunk] = true
	c.chunks = append(c.chunks, chunk)
	if c.solve(rest[n:]) {
		return true
	}
	delete(c.local, chunk)
	c.chunks = c.chunks[:len(c.chunks)-1]
	return false
}
