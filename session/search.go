package session

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hearth"
)

// A Search finds messages by their words, in everything that was ever said: also what a
// summary took out of the requests, and what /new left behind.
type Search struct {
	// Words must all be in a message: in what a person or a model said, or in what a tool
	// gave. Case is ignored in every script, and a word also counts within a longer one,
	// since not every language parts its words. None of them may be empty or hold a space.
	Words []string
	// Session is the id of one session, or the name of several; empty = all.
	Session string
	Agent   string // only this agent's; empty = all
	Limit   int    // how many messages at most; 0 means 20
}

// A Hit is a message that holds the words.
type Hit struct {
	Session Info             `json:"session"`
	Seq     Seq              `json:"seq"`
	ID      hearth.MessageID `json:"id"`
	At      time.Time        `json:"at"`
	Role    hearth.Role      `json:"role"`
	Sender  hearth.Sender    `json:"sender,omitzero"`
	Model   hearth.ModelRef  `json:"model,omitzero"`
	Lines   []HitLine        `json:"lines"`
}

// A HitLine is a line of a hit in which at least one word is. Of a long line there is
// what stands around the words, with … for the rest. It is not escaped.
type HitLine struct {
	From hearth.Provenance `json:"from,omitempty"`
	Tool string            `json:"tool,omitempty"` // whose result it is
	Text string            `json:"text"`
}

// defaultHits is how many messages a search gives that does not say.
const defaultHits = 20

// Run looks through the sessions of a store, without owning any, and gives the newest
// hits first. more says that older ones were left out. It reads from the newest message
// back, one page at a time; errors are the store's.
func (q Search) Run(ctx context.Context, store Store) (hits []Hit, more bool, err error) {
	limit := cmp.Or(q.Limit, defaultHits)
	all, err := store.List(ctx)
	if err != nil {
		return nil, false, err
	}
	words := make([]string, len(q.Words))
	for i, w := range q.Words {
		words[i] = fold(w)
	}
	slices.Sort(words)
	words = slices.Compact(words) // the order means nothing
	for _, info := range all {    // newest first
		if !q.Covers(info) {
			continue
		}
		if len(hits) > limit && hits[limit].At.After(info.Updated) {
			break // whatever else there is is older
		}
		found, err := searchOne(ctx, store, info.ID, words, limit+1)
		if err != nil {
			return nil, false, err
		}
		hits = append(hits, found...)
		slices.SortStableFunc(hits, func(a, b Hit) int { return b.At.Compare(a.At) })
		hits = hits[:min(len(hits), limit+1)]
	}
	more = len(hits) > limit
	return hits[:min(len(hits), limit)], more, nil
}

// Covers reports whether a session is one of those that are searched.
func (q Search) Covers(i Info) bool {
	return (q.Session == "" || q.Session == i.Key.Name || q.Session == string(i.ID)) && (q.Agent == "" || q.Agent == i.Key.Agent)
}

func searchOne(ctx context.Context, store Store, id hearth.SessionID, words []string, limit int) (hits []Hit, err error) {
	r, err := store.View(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("search sessions: %w", err)
	}
	// Words that were received are looked at where the message that they became is not
	// there: it is yet to be made, or lost.
	there := map[hearth.MessageID]bool{}
	for e, err := range backward(ctx, r) {
		if err != nil {
			return nil, fmt.Errorf("search session %s: %w", id, err)
		}
		m := &e.Message
		if m.Role == hearth.RoleUser {
			there[m.ID] = true
		} else if words, ok := m.Received(); ok && !there[words.ID] {
			m = &words
		}
		lines := find(m, words)
		if len(lines) == 0 {
			continue
		}
		hits = append(hits, Hit{Session: r.Info(), Seq: e.Seq, ID: m.ID, At: m.At, Role: m.Role, Sender: m.Sender, Model: m.Model, Lines: lines})
		if len(hits) == limit {
			break
		}
	}
	return hits, nil
}

// backPage is how many messages are in memory at once while a session is read backward.
const backPage = 256

// backward yields the entries that a session had when it was opened, newest first.
func backward(ctx context.Context, r Reader) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		var page []Entry
		for last := Seq(r.Info().Messages); last > 0; last -= backPage {
			page = page[:0]
			for e, err := range r.Since(ctx, max(1, last-backPage+1)) {
				if err != nil {
					yield(Entry{}, err)
					return
				}
				page = append(page, e)
				if e.Seq >= last {
					break
				}
			}
			for _, e := range slices.Backward(page) {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// find gives the lines of a message that show the words, none where one of them is missing.
func find(m *hearth.Message, words []string) []HitLine {
	var texts []HitLine
	var folded []string
	missing := words
	for _, p := range m.Parts {
		t := HitLine{From: p.Provenance, Text: p.Text}
		if p.Result != nil {
			t = HitLine{From: p.Result.From, Tool: p.Result.Name, Text: p.Result.Text}
		}
		if t.Text == "" {
			continue
		}
		f := fold(t.Text)
		texts, folded = append(texts, t), append(folded, f)
		missing = without(missing, f)
	}
	if len(missing) > 0 || len(words) == 0 {
		return nil
	}
	return pick(texts, folded, words)
}

// pick chooses the fewest lines it can that hold all words: each time the one with most
// of those that are not shown yet.
func pick(texts []HitLine, folded []string, words []string) (shown []HitLine) {
	for len(words) > 0 {
		left := words
		var best HitLine
		var at string
		for i, t := range texts {
			line := strings.Split(t.Text, "\n")
			for j, f := range strings.Split(folded[i], "\n") { // fold keeps every line's end
				if rest := without(words, f); len(rest) < len(left) {
					left, at = rest, f
					best = HitLine{From: t.From, Tool: t.Tool, Text: line[j]}
				}
			}
		}
		if at == "" { // a word that holds a line's end is in no line
			break
		}
		best.Text = around(best.Text, at, words)
		shown, words = append(shown, best), left
	}
	return shown
}

// without gives the words that are not in a folded text.
func without(words []string, folded string) []string {
	if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(folded, w) }) {
		return words
	}
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.Contains(folded, w) })
}

const (
	wholeLine  = 160 // characters that a line may have to be shown whole
	aroundWord = 50  // characters shown on both sides of a word in a longer one
)

// around cuts a long line down to what stands around the first place of each word.
func around(line, folded string, words []string) string {
	line = strings.TrimRight(line, "\r")
	text := []rune(line)
	if len(text) <= wholeLine {
		return strings.TrimSpace(line)
	}
	type span struct{ from, to int }
	var spans []span
	for _, w := range words {
		if before, _, found := strings.Cut(folded, w); found {
			from := utf8.RuneCountInString(before)
			spans = append(spans, span{max(0, from-aroundWord), min(len(text), from+utf8.RuneCountInString(w)+aroundWord)})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(a.from-b.from, a.to-b.to) })
	var b strings.Builder
	end := 0
	for _, s := range spans {
		if s.from > end {
			b.WriteString("…")
		}
		if s.to > end {
			b.WriteString(string(text[max(s.from, end):s.to]))
			end = s.to
		}
	}
	if end < len(text) {
		b.WriteString("…")
	}
	return strings.TrimSpace(b.String())
}

// fold makes letters of one kind the same, character by character, so that places in the
// folded text are places in the text. Up and then down again: ς and σ, K and the Kelvin
// sign, ẞ and ß differ only one of the two ways.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case r < utf8.RuneSelf:
			return r
		}
		return unicode.ToLower(unicode.ToUpper(r))
	}, s)
}
