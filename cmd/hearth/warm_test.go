package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/model/modeltest"
	"hearth/session"
	"hearth/session/sqlite"
)

// What is warmed must be what the conversation will send: who only looks at it sees the
// epoch that its owner goes on in.
func TestWhoLooksAtAConversationSeesTheEpochOfItsOwner(t *testing.T) {
	ref, other := hearth.ModelRef{Provider: "box", Model: "m"}, hearth.ModelRef{Provider: "box", Model: "other"}
	sound := session.Epoch{Model: ref, Plan: json.RawMessage(`{}`), Reason: "sound"}
	for _, c := range []struct {
		name   string
		epochs []session.Epoch
		want   string
	}{
		{"there is none", nil, ""},
		{"only another model has one", []session.Epoch{{Model: other, Plan: sound.Plan}}, ""},
		{"the newest counts", []session.Epoch{{Model: ref, Plan: sound.Plan, Reason: "older"}, sound}, "sound"},
		{"another model's newer one does not", []session.Epoch{sound, {Model: other, Plan: sound.Plan}}, "sound"},
		{"the newest is no JSON", []session.Epoch{sound, {Model: ref, Plan: json.RawMessage("{")}}, "sound"},
		{"the newest has another plan than it began with", []session.Epoch{sound, {Model: ref, Plan: sound.Plan, PlanHash: strings.Repeat("0", 64)}}, "sound"},
		{"the newest begins behind the end", []session.Epoch{sound, {Model: ref, Plan: sound.Plan, FirstSeq: 99}}, "sound"},
		{"none is sound", []session.Epoch{{Model: ref, Plan: json.RawMessage("{")}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hearth.db")
			key := session.Key{Agent: "main", Name: "main"}
			write := openStore(t, path)
			tr, release, err := write.Own(t.Context(), key, session.OwnOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.epochs {
				e := c.epochs[i]
				if _, err := tr.Append(t.Context(), &session.Commit{Epoch: &e}); err != nil {
					t.Fatal(err)
				}
			}
			release()
			later := openStore(t, path) // another process, which has none of it in memory
			owned, release, err := later.Own(t.Context(), key, session.OwnOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			r, err := later.View(t.Context(), owned.Info().ID)
			if err != nil {
				t.Fatal(err)
			}
			for who, of := range map[string]session.Transcript{"its owner": owned, "who looks at it": viewed{r}} {
				if e, ok, err := of.Epoch(t.Context(), ref); err != nil || e.Reason != c.want || ok != (c.want != "") {
					t.Errorf("%s sees %q, %t, %v; want %q", who, e.Reason, ok, err, c.want)
				}
			}
		})
	}
}

// away is a chat whose person stays away until what is done meanwhile has been done.
type awayScene struct {
	*testing.T
	ctx    context.Context //nolint:containedctx // the life of one test
	server *modeltest.Server
	k      *talk
	out    bytes.Buffer
	idle   chan struct{}
	person visitor
	config string
}

func newAwayScene(t *testing.T, answers modeltest.Behaviour) *awayScene {
	t.Setenv("HEARTH_DISCOVER", "off")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	s := &awayScene{T: t, ctx: ctx, server: modeltest.NewServer(t, modeltest.Config{Identity: modeltest.LlamaCpp, Window: 32768, Default: answers})}
	s.config = fmt.Sprintf(`{models: {providers: {box: {baseUrl: "%s/v1", models: [{id: "test-model"}]}}}, agents: {defaults: {workspace: %q}}}`, s.server.URL, t.TempDir())
	return s
}

// process begins a chat.
func (s *awayScene) process(a *app) *awayScene {
	s.Helper()
	a.io.out, a.io.err = &s.out, &s.out
	var err error
	if s.k, err = a.open(s.ctx, choice{}); err != nil {
		s.Fatal(err)
	}
	idle, never := make(chan struct{}, 99), make(chan time.Time)
	s.idle = idle
	s.k.after = func(time.Duration) <-chan time.Time { // what there was to do is done
		idle <- struct{}{}
		return never
	}
	return s
}

// does has the person write when nothing more is done while they are away.
func (s *awayScene) does(step func() string) {
	s.person = append(s.person, func() string {
		s.awaits(s.idle)
		return step()
	})
}

func (s *awayScene) says(text string) { s.does(func() string { return text }) }

// finds counts the calls so far.
func (s *awayScene) finds(calls int) {
	s.does(func() string {
		if got := len(s.server.Requests()); got != calls {
			s.Errorf("%d calls, want %d", got, calls)
		}
		return "/why"
	})
}

func (s *awayScene) awaits(event <-chan struct{}) {
	select {
	case <-event:
	case <-s.ctx.Done():
		s.Error("it never happens")
	}
}

func (s *awayScene) talks() {
	s.Helper()
	defer s.k.close()
	if err := (chat{s.k}).converse(s.ctx, &s.person); err != nil {
		s.Fatal(err)
	}
}

// A turn has its server read the conversation, also one that begins with a new config.
func TestWhatATurnHadReadIsNotWarmed(t *testing.T) {
	s := newAwayScene(t, modeltest.Say(modeltest.Reply{Text: "I see."}))
	s.process(scene(t, s.config))
	s.says("hello")
	s.does(func() string {
		edited := strings.Replace(s.config, "{models", "{tools: {loopDetection: {enabled: true}}, models", 1)
		if err := os.WriteFile(s.k.file.Path(), []byte(edited), 0o600); err != nil {
			t.Error(err)
		}
		return "go on"
	})
	s.finds(2)
	s.talks()
}

// A process that finds a conversation of another one has it read, and tells of that,
// whatever became of it.
func TestAWarmUpIsInTheLogAndInWhy(t *testing.T) {
	never := make(chan struct{})
	for _, row := range []struct {
		name string
		now  modeltest.Reply
		back bool // the person writes before it has ended
		why  string
	}{
		{"a word", modeltest.Reply{Text: "I"}, false, ""},
		{"a word that shows nothing", modeltest.Reply{Stop: hearth.StopLength, Usage: &hearth.Usage{Input: 800, Output: 1, Total: 801}}, false, ""},
		{"the person is back", modeltest.Reply{Before: never}, true, ": cancelled: ask box/test-model: made room for somebody who is waiting"},
	} {
		t.Run(row.name, func(t *testing.T) {
			warming := make(chan struct{}, 9)
			s := newAwayScene(t, func(x *modeltest.Exchange) {
				if bytes.Contains(x.Body, []byte(`"max_tokens":1,`)) {
					warming <- struct{}{}
					modeltest.Say(row.now)(x)
					return
				}
				modeltest.Say(modeltest.Reply{Text: "I see."})(x)
			})
			a := scene(t, s.config)
			s.process(a)
			s.says("hello")
			s.talks()
			if row.back {
				s.person = append(s.person, func() string { s.awaits(warming); return "/why" })
			} else {
				s.finds(2)
			}
			s.process(a)
			s.talks()
			if want := "housekeeping lane: a warm-up, so that the server has read the conversation before your next message" + row.why + "\n"; strings.Count(s.out.String(), want) != 1 {
				t.Errorf("/why has not %q:\n%s", want, s.out.String())
			}
			logs, err := filepath.Glob(filepath.Join(os.Getenv("HEARTH_HOME"), "logs", "*.jsonl"))
			if err != nil || len(logs) != 1 {
				t.Fatalf("%v, %v", logs, err)
			}
			log, err := os.ReadFile(logs[0])
			if err != nil || bytes.Count(log, []byte(`"lane":"housekeeping","purpose":"warm-up"`)) != 1 {
				t.Errorf("the log has not one warm-up (%v):\n%s", err, log)
			}
		})
	}
}

func openStore(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
