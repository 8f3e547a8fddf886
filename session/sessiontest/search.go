package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"hearth"
	"hearth/session"
)

// testSearch looks through two agents' sessions, of which others are the owners: one of
// more messages than are read at once, with one that /new left behind, and one beside it.
func testSearch(t *testing.T, b *bench) {
	owner, err := b.suite.Open(t.Context(), b.place) // as another process
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := owner.Close(); err != nil {
			t.Error(err)
		}
	}()
	minute := 0
	say := func(tr session.Transcript, texts ...string) {
		t.Helper()
		c := session.Commit{}
		for _, text := range texts {
			m := say(fmt.Sprint(minute), text)
			m.At = at.Add(time.Duration(minute) * time.Minute)
			minute++
			c.Messages = append(c.Messages, m)
		}
		add(t, tr, &c)
	}
	own := func(k session.Key, opt session.OwnOptions) session.Transcript {
		t.Helper()
		tr, release, err := owner.Own(t.Context(), k, opt)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(release)
		return tr
	}
	say(own(mainKey, session.OwnOptions{}), "old KETTLE")
	long := own(mainKey, session.OwnOptions{New: true})
	say(long, "zeroth pot", "first kettle and pot")
	many := make([]string, 600)
	for i := range many {
		many[i] = fmt.Sprintf("cup %d", i)
	}
	say(long, many...)
	beside := own(session.Key{Agent: "cook", Name: "tea"}, session.OwnOptions{})
	say(beside, "beside kettle, no pot")
	say(long, "last kettle and pot")
	last := own(session.Key{Agent: "cook", Name: "main"}, session.OwnOptions{})
	say(last, "nothing", "of", "note")
	received(t, last, "a spoon", "a fork")
	lost(t, last, "a ladle")

	for _, row := range []struct {
		name   string
		search session.Search
		want   []string
		more   bool
	}{
		{"everywhere, newest first", session.Search{Words: []string{"Kettle"}}, []string{"last kettle and pot", "beside kettle, no pot", "first kettle and pot", "old KETTLE"}, false},
		{"no more than asked for", session.Search{Words: []string{"kettle"}, Limit: 3}, []string{"last kettle and pot", "beside kettle, no pot", "first kettle and pot"}, true},
		{"the newest, also of a session that was quiet before", session.Search{Words: []string{"pot"}, Limit: 2}, []string{"last kettle and pot", "beside kettle, no pot"}, true},
		{"exactly as many as there are", session.Search{Words: []string{"kettle"}, Limit: 4}, []string{"last kettle and pot", "beside kettle, no pot", "first kettle and pot", "old KETTLE"}, false},
		{"a name means all of its sessions", session.Search{Words: []string{"kettle"}, Session: "main"}, []string{"last kettle and pot", "first kettle and pot", "old KETTLE"}, false},
		{"an id means one", session.Search{Words: []string{"kettle"}, Session: string(long.Info().ID)}, []string{"last kettle and pot", "first kettle and pot"}, false},
		{"an agent's", session.Search{Words: []string{"kettle"}, Agent: "cook"}, []string{"beside kettle, no pot"}, false},
		{"all words", session.Search{Words: []string{"kettle", "last"}}, []string{"last kettle and pot"}, false},
		{"at every page's end", session.Search{Words: []string{"cup", "599"}}, []string{"cup 599"}, false},
		{"in its middle", session.Search{Words: []string{"cup", "345"}}, []string{"cup 345"}, false},
		{"words that wait to become a message", session.Search{Words: []string{"spoon"}}, []string{"a spoon"}, false},
		{"words that became one, once", session.Search{Words: []string{"fork"}}, []string{"a fork"}, false},
		{"words whose message is lost", session.Search{Words: []string{"ladle"}}, []string{"a ladle"}, false},
		{"nothing", session.Search{Words: []string{"kettle", "milk"}}, nil, false},
		{"not without words", session.Search{}, nil, false},
	} {
		hits, more, err := row.search.Run(t.Context(), b.store)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		var got []string
		for _, h := range hits {
			got = append(got, h.Lines[0].Text)
		}
		if !slices.Equal(got, row.want) || more != row.more {
			t.Errorf("%s: %q, more %v; want %q, %v", row.name, got, more, row.want, row.more)
		}
	}

	hits, more, err := session.Search{Words: []string{"cup"}}.Run(t.Context(), b.store)
	if err != nil || len(hits) != 20 || !more || hits[0].Lines[0].Text != "cup 599" || hits[19].Lines[0].Text != "cup 580" {
		t.Errorf("unsaid, the limit is 20: %d hits, more %v (%v)", len(hits), more, err)
	}
	h := hits[0]
	if h.Session.ID != long.Info().ID || h.Seq != 602 || h.ID != "602" || !h.At.Equal(at.Add(602*time.Minute)) || h.Role != hearth.RoleUser || h.Lines[0].From != hearth.FromOwner {
		t.Errorf("a hit says of itself %+v", h)
	}

	for _, words := range []string{"spoon", "fork"} {
		hits, _, err := session.Search{Words: []string{words}}.Run(t.Context(), b.store)
		if err != nil || len(hits) != 1 || hits[0].Role != hearth.RoleUser || hits[0].ID != hearth.MessageID("of a "+words) {
			t.Errorf("%s: %+v, %v", words, hits, err)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := (session.Search{Words: []string{"kettle"}}).Run(ctx, b.store); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// received adds words that wait to become a message, and some that became one.
func received(t *testing.T, tr session.Transcript, waits, came string) {
	t.Helper()
	m := say("of "+came, came)
	m.Turn = hearth.TurnID(came)
	add(t, tr, &session.Commit{Messages: []hearth.Message{mark(came), mark(waits), m}})
}

// lost adds what is left of a turn whose first message is gone.
func lost(t *testing.T, tr session.Transcript, words string) {
	t.Helper()
	later := say("later", "and stir")
	later.Turn = hearth.TurnID(words)
	add(t, tr, &session.Commit{Messages: []hearth.Message{mark(words), later}})
}

// mark is what keeps words that are to become a message.
func mark(words string) hearth.Message {
	return hearth.Message{ID: hearth.MessageID("mark of " + words), Turn: hearth.TurnID(words), Role: hearth.RoleMark, At: at,
		Parts: []hearth.Part{{Mark: &hearth.Mark{Kind: hearth.MarkReceived, Words: &hearth.Words{ID: hearth.MessageID("of " + words), Text: words, From: hearth.FromOwner}}}}}
}
