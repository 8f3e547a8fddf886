package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"hearth"
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
