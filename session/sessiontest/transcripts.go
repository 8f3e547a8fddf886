package sessiontest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"hearth"
	"hearth/session"
)

func testIdentity(t *testing.T, b *bench) {
	tr, release := b.own(t, mainKey)
	before := tr.Info()
	if before.ID == "" || before.Key != mainKey || before.Messages != 0 || !before.Current || before.Created.IsZero() {
		t.Errorf("a new session is %+v", before)
	}
	add(t, tr, &session.Commit{Messages: []hearth.Message{say("1", "hi")}})
	if n := tr.Info().Messages; n != 1 {
		t.Errorf("after one message Info counts %d", n)
	}
	release()
	b.reopen(t)
	tr, release = b.own(t, mainKey)
	defer release()
	after := tr.Info()
	if after.ID != before.ID || after.Messages != 1 || !after.Created.Equal(before.Created) {
		t.Errorf("after a restart it is %+v, before it was %+v", after, before)
	}
}

func testKeyColumns(t *testing.T, b *bench) {
	keys := []session.Key{
		{}, mainKey, {Agent: "main", Name: "other"}, {Agent: "other", Name: "main"},
		{Agent: "main", Name: "main", Channel: "telegram"},
		{Agent: "main", Name: "main", Channel: "telegram", Account: "a"},
		{Agent: "main", Name: "main", Channel: "telegram", Account: "a", Peer: "p"},
		{Agent: "main", Name: "main", Dir: "/home/é'\";--"},
		{Agent: "main", Name: "main", Dir: `C:\Users\x`},
	}
	seen := map[hearth.SessionID]session.Key{}
	for _, key := range keys {
		tr, release := b.own(t, key)
		defer release()
		if other, dup := seen[tr.Info().ID]; dup {
			t.Errorf("%+v and %+v are one session", key, other)
		}
		if tr.Info().Key != key {
			t.Errorf("%+v came back as %+v", key, tr.Info().Key)
		}
		seen[tr.Info().ID] = key
	}
}

func testNew(t *testing.T, b *bench) {
	old, release := b.own(t, mainKey)
	add(t, old, &session.Commit{Messages: []hearth.Message{say("old", "old")}})
	// The old session is still owned: that does not keep anybody from a new one.
	young, releaseYoung, err := b.store.Own(t.Context(), mainKey, session.OwnOptions{New: true})
	if err != nil {
		t.Fatal(err)
	}
	if young.Info().ID == old.Info().ID || young.Info().Messages != 0 || !young.Info().Renewed || old.Info().Renewed {
		t.Fatalf("the new session is %+v", young.Info())
	}
	add(t, young, &session.Commit{Messages: []hearth.Message{say("young", "young")}})
	release()
	releaseYoung()

	again, release := b.own(t, mainKey)
	defer release()
	if again.Info().ID != young.Info().ID || !again.Info().Renewed {
		t.Error("the key does not mean the new session")
	}
	view, err := b.store.View(t.Context(), old.Info().ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := collect(t, view.Since(t.Context(), 1), 1); len(got) != 1 || got[0].Message.Parts[0].Text != "old" || view.Info().Current {
		t.Errorf("the old session is %+v with %+v", view.Info(), got)
	}
}

// everything is a message with each field set.
func everything() hearth.Message {
	return hearth.Message{
		ID: "all", Turn: "t-1", Role: hearth.RoleAssistant, At: at,
		Sender: hearth.Sender{Channel: "telegram", ID: "1", Name: "Ann"},
		Model:  hearth.ModelRef{Provider: "p", Model: "a/b:c"}, Stop: hearth.StopToolCalls,
		Facts: []hearth.Fact{{Name: "AGENTS.md", Hash: "ab"}, {Name: "gone"}},
		Parts: []hearth.Part{
			{Text: "<b>&amp;</b>", Provenance: hearth.FromModel},
			{Thinking: "hm"},
			{Blob: &hearth.Blob{Hash: "00", MIME: "image/png", Name: "a.png", Bytes: 3, Width: 1, Height: 2}},
			{Call: &hearth.ToolCall{ID: "c", Name: "read", Arguments: `{"b": 1,"a":  "é"` /* not JSON */}},
			{Result: &hearth.ToolResult{CallID: "c", Name: "read", Text: "x", Failed: true, From: hearth.FromWeb, Detail: json.RawMessage(`{"z":1,"a":[2]}`)}},
			{Mark: &hearth.Mark{Kind: hearth.MarkAsked, Call: "c", Hash: "h", Until: at, Reason: "r"}},
			{Opaque: json.RawMessage(`{"signature":"abc==","n":12345678901234567890}`)},
		},
	}
}

func testRoundTrip(t *testing.T, b *bench) {
	want := everything()
	tr, release := b.own(t, mainKey)
	add(t, tr, &session.Commit{Messages: []hearth.Message{everything()}})
	check := func(when string) {
		t.Helper()
		got := collect(t, tr.Since(t.Context(), 1), 1)
		if len(got) != 1 {
			t.Fatalf("%s: %d messages", when, len(got))
		}
		m := got[0].Message
		if !m.At.Equal(want.At) || m.At.Format(time.RFC3339Nano) != want.At.Format(time.RFC3339Nano) {
			t.Errorf("%s: the time is %s, want %s", when, m.At, want.At)
		}
		m.At, m.Parts[5].Mark.Until = want.At, want.Parts[5].Mark.Until
		if !reflect.DeepEqual(m, want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", when, m, want)
		}
	}
	check("at once")
	release()
	b.reopen(t)
	tr, release = b.own(t, mainKey)
	defer release()
	check("after a restart")
}

func testUnicode(t *testing.T, b *bench) {
	texts := []string{
		"", " ", "\x00", "a\x00b", "é", "👩‍👩‍👧", "\u2028\u2029", "\ufeffbom", "\r\n\t\\\"", "</script>",
		"'; DROP TABLE messages; --", "%s%d?", strings.Repeat("漢", 100_000), "\U0010ffff", "ﷺ", "a\u0301",
	}
	tr, release := b.own(t, mainKey)
	for i, text := range texts {
		add(t, tr, &session.Commit{Messages: []hearth.Message{say(fmt.Sprintf("%d-%s", i, "🔑"), text)}})
	}
	release()
	b.reopen(t)
	tr, release = b.own(t, mainKey)
	defer release()
	for i, e := range collect(t, tr.Since(t.Context(), 1), 1) {
		if e.Message.Parts[0].Text != texts[i] {
			t.Errorf("%q came back as %q", texts[i], e.Message.Parts[0].Text)
		}
	}
	// What JSON cannot say is replaced, and is told the same before and after a restart.
	add(t, tr, &session.Commit{Messages: []hearth.Message{say("bad", "a\xffb")}})
	last := session.Seq(len(texts) + 1)
	if got := collect(t, tr.Since(t.Context(), last), last)[0].Message.Parts[0].Text; got != "a\ufffdb" {
		t.Errorf("invalid UTF-8 is told as %q at once", got)
	}
}

func testSince(t *testing.T, b *bench) {
	tr, release := b.own(t, mainKey)
	defer release()
	if got := collect(t, tr.Since(t.Context(), 1), 1); len(got) != 0 {
		t.Errorf("an empty session gave %v", got)
	}
	for i := range 5 {
		first := add(t, tr, &session.Commit{Messages: []hearth.Message{say(fmt.Sprint(2*i), "a"), say(fmt.Sprint(2*i+1), "b")}})
		if first != session.Seq(2*i+1) {
			t.Errorf("commit %d begins at %d", i, first)
		}
	}
	if seq := add(t, tr, &session.Commit{Reports: []hearth.Report{{Turn: "t"}}}); seq != 0 {
		t.Errorf("a commit without messages begins at %d", seq)
	}
	view, err := b.store.View(t.Context(), tr.Info().ID)
	if err != nil {
		t.Fatal(err)
	}
	for from := session.Seq(1); from <= 12; from++ {
		want := max(0, 11-int(from))
		if got := collect(t, tr.Since(t.Context(), from), from); len(got) != want {
			t.Errorf("since %d: %d entries, want %d", from, len(got), want)
		}
		if got := collect(t, view.Since(t.Context(), from), from); len(got) != want {
			t.Errorf("viewed since %d: %d entries, want %d", from, len(got), want)
		}
	}
	for from := range session.Seq(2) {
		if got := collect(t, tr.Since(t.Context(), from-1), 1); len(got) != 10 {
			t.Errorf("since %d: %d entries, want all", from-1, len(got))
		}
	}
	for e, err := range tr.Since(t.Context(), 1) {
		if err != nil || e.Seq != 1 {
			t.Errorf("the first is %d (%v)", e.Seq, err)
		}
		break // a reader may stop anywhere
	}
}

func testAtomic(t *testing.T, b *bench) {
	tr, release := b.own(t, mainKey)
	defer release()
	add(t, tr, &session.Commit{Messages: []hearth.Message{say("1", "hi")}})
	bad := hearth.Message{ID: "x", Parts: []hearth.Part{{Opaque: json.RawMessage("{")}}}
	for name, c := range map[string]*session.Commit{
		"a message id that is taken":      {Messages: []hearth.Message{say("2", "a"), say("1", "b")}},
		"a message without an id":         {Messages: []hearth.Message{say("2", "a"), say("", "b")}},
		"a message that JSON cannot hold": {Messages: []hearth.Message{say("2", "a"), bad}},
		"a blob with another hash":        {Messages: []hearth.Message{say("2", "a")}, Blobs: []hearth.Blob{{Hash: "00", Data: []byte("x")}}},
	} {
		c.Reports = []hearth.Report{{Turn: "lost"}}
		c.Epoch = &session.Epoch{Model: model, Plan: []byte("{}")}
		_, err := tr.Append(t.Context(), c)
		reason(t, err, hearth.ReasonStorage)
		if n := len(collect(t, tr.Since(t.Context(), 1), 1)); n != 1 || tr.Info().Messages != 1 {
			t.Errorf("%s: the session has %d messages and counts %d", name, n, tr.Info().Messages)
		}
		if c.Epoch.ID != 0 {
			t.Errorf("%s: the epoch got an id", name)
		}
	}
	if reports, err := tr.LastReports(t.Context(), 9); err != nil || len(reports) != 0 {
		t.Errorf("a report stayed: %v (%v)", reports, err)
	}
	if _, ok, err := tr.Epoch(t.Context(), model); err != nil || ok {
		t.Errorf("an epoch stayed (%v)", err)
	}
	if seq := add(t, tr, &session.Commit{Messages: []hearth.Message{say("2", "a")}}); seq != 2 {
		t.Errorf("the next message is number %d", seq)
	}
}

func testUniqueID(t *testing.T, b *bench) {
	one, release := b.own(t, mainKey)
	defer release()
	two, release := b.own(t, session.Key{Agent: "main", Name: "two"})
	defer release()
	add(t, one, &session.Commit{Messages: []hearth.Message{say("1", "hi")}})
	_, err := two.Append(t.Context(), &session.Commit{Messages: []hearth.Message{say("1", "hi")}})
	reason(t, err, hearth.ReasonStorage)
}

func testAppendWhileReading(t *testing.T, b *bench) {
	tr, release := b.own(t, mainKey)
	add(t, tr, triple(0))
	release()
	b.reopen(t)
	tr, release = b.own(t, mainKey)
	defer release()
	var seen int
	for e, err := range tr.Since(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; e.Seq != session.Seq(seen) {
			t.Fatalf("number %d comes as %d", seen, e.Seq)
		}
		if seen <= 3 {
			add(t, tr, triple(3*seen))
		}
	}
	if seen < 3 {
		t.Errorf("only %d entries", seen)
	}
	if got := len(collect(t, tr.Since(t.Context(), 1), 1)); got != 12 {
		t.Errorf("in the end there are %d", got)
	}
}

func testEpochs(t *testing.T, b *bench) {
	other := hearth.ModelRef{Provider: "ollama", Model: "other"}
	tr, release := b.own(t, mainKey)
	if _, ok, err := tr.Epoch(t.Context(), model); err != nil || ok {
		t.Fatalf("a new session has an epoch (%v)", err)
	}
	first := session.Epoch{Model: model, FirstSeq: 1, Began: at, Reason: "first", Plan: json.RawMessage(`{"b":1, "a":2}`), PlanHash: "h1"}
	add(t, tr, &session.Commit{Messages: []hearth.Message{say("1", "hi")}, Epoch: &first})
	add(t, tr, &session.Commit{Epoch: &session.Epoch{Model: other, Reason: "first", Plan: json.RawMessage(`{}`)}})
	second := session.Epoch{Model: model, Reason: "compaction", Plan: json.RawMessage(`{}`), PlanHash: "h2", FirstDiff: 7, TokensLost: 900, Detail: "why"}
	add(t, tr, &session.Commit{Messages: []hearth.Message{say("2", "summary"), say("3", "hi")}, Epoch: &second})
	if first.ID == 0 || second.ID <= first.ID || second.FirstSeq != 2 || second.Began.IsZero() {
		t.Errorf("filled in: %+v, %+v", first, second)
	}

	check := func(when string) {
		t.Helper()
		live, ok, err := tr.Epoch(t.Context(), model)
		if err != nil || !ok || !live.Began.Equal(second.Began) {
			t.Fatalf("%s: %+v %v %v", when, live, ok, err)
		}
		live.Began = second.Began
		if !reflect.DeepEqual(live, second) {
			t.Errorf("%s: the live epoch is\n%+v, want\n%+v", when, live, second)
		}
		if e, ok, err := tr.Epoch(t.Context(), other); err != nil || !ok || e.Reason != "first" {
			t.Errorf("%s: the other model's epoch is %+v %v %v", when, e, ok, err)
		}
	}
	check("at once")
	release()
	b.reopen(t)
	tr, release = b.own(t, mainKey)
	defer release()
	check("after a restart")

	view, err := b.store.View(t.Context(), tr.Info().ID)
	if err != nil {
		t.Fatal(err)
	}
	all, err := view.Epochs(t.Context())
	if err != nil || len(all) != 3 || all[0].ID != first.ID || string(all[0].Plan) != `{"b":1, "a":2}` || all[2].ID != second.ID {
		t.Errorf("all epochs: %+v (%v)", all, err)
	}
	elsewhere, release := b.own(t, session.Key{Agent: "main", Name: "elsewhere"})
	defer release()
	if _, ok, err := elsewhere.Epoch(t.Context(), model); err != nil || ok {
		t.Errorf("another session has the epoch too (%v)", err)
	}
}

func testReports(t *testing.T, b *bench) {
	tr, release := b.own(t, mainKey)
	defer release()
	for i := range 5 {
		add(t, tr, &session.Commit{Reports: []hearth.Report{{
			Turn: "t", At: at.UTC(), Target: model, Items: i, Added: []byte{0, 255, byte(i)}, Usage: hearth.Usage{Input: i},
			Phases: hearth.PhaseTimes{Read: time.Second}, Reason: hearth.ReasonServer, Error: "it \"broke\"",
		}, {Turn: "u", Items: i}}})
	}
	got, err := tr.LastReports(t.Context(), 3)
	if err != nil || len(got) != 3 || got[0].Turn != "u" || got[0].Items != 3 || got[1].Items != 4 || got[2].Turn != "u" {
		t.Fatalf("the last three are %+v (%v)", got, err)
	}
	want := hearth.Report{
		Turn: "t", At: at.UTC(), Target: model, Items: 4, Added: []byte{0, 255, 4}, Usage: hearth.Usage{Input: 4},
		Phases: hearth.PhaseTimes{Read: time.Second}, Reason: hearth.ReasonServer, Error: "it \"broke\"",
	}
	if !reflect.DeepEqual(got[1], want) {
		t.Errorf("came back as %+v, want %+v", got[1], want)
	}
	if all, err := tr.LastReports(t.Context(), 100); err != nil || len(all) != 10 {
		t.Errorf("%d reports (%v)", len(all), err)
	}
	view, err := b.store.View(t.Context(), tr.Info().ID)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := view.LastReports(t.Context(), 2); err != nil || len(all) != 2 || all[1].Items != 4 {
		t.Errorf("viewed: %+v (%v)", all, err)
	}
}

func testBlobs(t *testing.T, b *bench) {
	data := []byte("abc\x00\xff")
	blob := hearth.Blob{Hash: sum(data), MIME: "image/png", Bytes: len(data), Data: data}
	tr, release := b.own(t, mainKey)
	defer release()
	m := say("1", "")
	m.Parts = []hearth.Part{{Blob: &blob}}
	add(t, tr, &session.Commit{Messages: []hearth.Message{m}, Blobs: []hearth.Blob{blob, blob}})
	add(t, tr, &session.Commit{Blobs: []hearth.Blob{blob}})
	got, err := b.store.Blob(t.Context(), blob.Hash)
	if err != nil || string(got) != string(data) {
		t.Errorf("the blob is %q (%v)", got, err)
	}
	if e := collect(t, tr.Since(t.Context(), 1), 1)[0]; e.Message.Parts[0].Blob.Data != nil {
		t.Error("Since filled in the bytes")
	}
	_, err = b.store.Blob(t.Context(), sum([]byte("other")))
	reason(t, err, hearth.ReasonStorage)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unknown hash gives %v", err)
	}
}

func testList(t *testing.T, b *bench) {
	if all, err := b.store.List(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("an empty store lists %v (%v)", all, err)
	}
	var ids []hearth.SessionID
	for i, name := range []string{"a", "b", "c"} {
		tr, release := b.own(t, session.Key{Agent: "main", Name: name})
		add(t, tr, &session.Commit{Messages: []hearth.Message{say(name, name)}})
		ids = append(ids, tr.Info().ID)
		release()
		if i == 2 {
			tr, release := b.own(t, session.Key{Agent: "main", Name: "a"})
			add(t, tr, &session.Commit{Messages: []hearth.Message{say("a2", "")}})
			release()
		}
	}
	all, err := b.store.List(t.Context())
	if err != nil || len(all) != 3 {
		t.Fatalf("%v (%v)", all, err)
	}
	if all[0].ID != ids[0] || all[1].ID != ids[2] || all[2].ID != ids[1] {
		t.Errorf("the order is %v, %v, %v", all[0].Key.Name, all[1].Key.Name, all[2].Key.Name)
	}
	if all[0].Messages != 2 || !all[0].Current || all[0].Updated.Before(all[0].Created) {
		t.Errorf("the first is %+v", all[0])
	}
}

func testViewUnknown(t *testing.T, b *bench) {
	_, err := b.store.View(t.Context(), "nobody")
	reason(t, err, hearth.ReasonStorage)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func testConcurrentReaders(t *testing.T, b *bench) {
	tr, release := b.own(t, mainKey)
	defer release()
	add(t, tr, triple(0))
	id := tr.Info().ID // a transcript is for one goroutine
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				view, err := b.store.View(t.Context(), id)
				if err != nil {
					t.Error(err)
					return
				}
				n := 0
				for e, err := range view.Since(t.Context(), 1) {
					if n++; err != nil || e.Seq != session.Seq(n) {
						t.Errorf("entry %d is number %d (%v)", n, e.Seq, err)
						return
					}
				}
				if n%3 != 0 {
					t.Errorf("a reader saw %d messages: a part of a commit", n)
				}
			}
		})
	}
	for i := 1; i < 60; i++ {
		add(t, tr, triple(3*i))
	}
	stop()
	wg.Wait()
}

func testManyWriters(t *testing.T, b *bench) {
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			tr, release, err := b.store.Own(t.Context(), session.Key{Agent: "main", Name: fmt.Sprint(w)}, session.OwnOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			for i := range 20 {
				m := say(fmt.Sprintf("%d-%d", w, i), "x")
				if _, err := tr.Append(t.Context(), &session.Commit{Messages: []hearth.Message{m}}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	all, err := b.store.List(t.Context())
	if err != nil || len(all) != 8 {
		t.Fatalf("%d sessions (%v)", len(all), err)
	}
	for _, info := range all {
		if info.Messages != 20 {
			t.Errorf("%s has %d messages", info.Key.Name, info.Messages)
		}
	}
}

func testLong(t *testing.T, b *bench) {
	const total, batch = 10_000, 500
	tr, release := b.own(t, mainKey)
	for n := 0; n < total; n += batch {
		c := &session.Commit{}
		for i := range batch {
			c.Messages = append(c.Messages, say(fmt.Sprint(n+i+1), fmt.Sprintf("message %d", n+i+1)))
		}
		add(t, tr, c)
	}
	check := func() {
		t.Helper()
		all := collect(t, tr.Since(t.Context(), 1), 1)
		if len(all) != total || all[total-1].Message.Parts[0].Text != fmt.Sprintf("message %d", total) {
			t.Errorf("%d messages came back", len(all))
		}
	}
	check()
	release()
	b.reopen(t)
	tr, release = b.own(t, mainKey)
	defer release()
	if got := collect(t, tr.Since(t.Context(), total-9), total-9); len(got) != 10 {
		t.Errorf("the last ten are %d", len(got))
	}
	check()
	check()
}

func testCancelled(t *testing.T, b *bench) {
	tr, release := b.own(t, mainKey)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := tr.Append(ctx, triple(0))
	reason(t, err, hearth.ReasonCancelled)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	add(t, tr, triple(0))
}

func testReleased(t *testing.T, b *bench) {
	tr, release := b.own(t, mainKey)
	release()
	release() // twice does no harm
	_, err := tr.Append(t.Context(), triple(0))
	reason(t, err, hearth.ReasonStorage)
}
