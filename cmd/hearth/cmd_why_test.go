package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/config"
	"hearth/session"
	"hearth/tool"
)

func TestWhyNamesTheBreaks(t *testing.T) {
	var b strings.Builder
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.Local)
	whyJSON{Breaks: []epochBreak{{Epoch: 4, Model: hearth.ModelRef{Provider: "p", Model: "m"}, Began: at, Reason: "compaction", FirstDiff: 812, TokensLost: 90, Detail: "the window\nwas full"}}}.print(&b)
	if want := "break       epoch 4 of p/m, 2026-05-01 12:00: compaction, differs at byte 812, 90 tokens read again (the window was full)\n"; b.String() != want {
		t.Errorf("got %q\nwant %q", b.String(), want)
	}
}

// A call that answered nobody says what it was for.
func TestWhySaysWhatACallWasFor(t *testing.T) {
	for purpose, want := range map[hearth.Purpose][]string{
		"":                    {"p/m at http://box, owner lane\n", "  sent      900 bytes in 3 messages; 4 bytes that the request before did not have\n"},
		hearth.PurposeWarmUp:  {"p/m at http://box, owner lane: a warm-up, so that the server has read the conversation before your next message\n", "  sent      900 bytes in 3 messages\n"},
		hearth.PurposeSummary: {"p/m at http://box, owner lane: a summary of what leaves the context window\n", "  sent      900 bytes in 3 messages\n"},
	} {
		var b strings.Builder
		printReport(&b, &hearth.Report{Target: hearth.ModelRef{Provider: "p", Model: "m"}, Endpoint: "http://box", Lane: "owner", Purpose: purpose, Bytes: 900, Items: 3, Added: []byte("four")})
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%q: got %q, want %q", purpose, b.String(), w)
			}
		}
	}
}

// A warm-up bears the name of the turn before it, and nobody waited for it.
func TestWhyCountsNoWarmUpIntoATurn(t *testing.T) {
	began := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	said := func(role hearth.Role, after time.Duration) hearth.Message {
		return hearth.Message{ID: hearth.MessageID(role), Turn: "t", Role: role, At: began.Add(after), Parts: []hearth.Part{{Text: "x", Provenance: hearth.FromOwner}}}
	}
	store := openStore(t, filepath.Join(t.TempDir(), "hearth.db"))
	tr, release, err := store.Own(t.Context(), session.Key{Agent: "main", Name: "main"}, session.OwnOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if _, err := tr.Append(t.Context(), &session.Commit{Messages: []hearth.Message{said(hearth.RoleUser, 0), said(hearth.RoleAssistant, 3*time.Second)}}); err != nil {
		t.Fatal(err)
	}
	r, err := store.View(t.Context(), tr.Info().ID)
	if err != nil {
		t.Fatal(err)
	}
	got, err := spentIn(t.Context(), r, "t", 1, []hearth.Report{
		{Turn: "t", Lane: "owner", Phases: hearth.PhaseTimes{Read: 2 * time.Second}},
		{Turn: "t", Lane: "housekeeping", Purpose: hearth.PurposeWarmUp, Phases: hearth.PhaseTimes{Read: time.Hour}},
	})
	if want := (spent{WallMS: 3000, ModelMS: 2000, OtherMS: 1000}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestLocalModelLeanLeavesToolsOut(t *testing.T) {
	lean := true
	a := compose(&home{file: &config.File{Config: config.Config{}}})
	tools := []tool.Tool{named("read"), named("browser"), named("cron"), named("message")}
	if got := strings.Join(a.toolbox.surface(choice{}, tools), " "); got != "read browser cron message" {
		t.Errorf("unasked: %s", got)
	}
	a.file.Config.Agents.Defaults.Experimental.LocalModelLean = &lean
	if got := strings.Join(a.toolbox.surface(choice{}, tools), " "); got != "read" {
		t.Errorf("lean: %s", got)
	}
}

// named is a tool of which only the name matters.
type named string

func (n named) Spec() hearth.ToolSpec              { return hearth.ToolSpec{Name: string(n)} }
func (named) Effect(hearth.ToolCall) hearth.Effect { return hearth.EffectRead }
func (named) Run(context.Context, hearth.ToolCall) (hearth.ToolResult, error) {
	return hearth.ToolResult{}, nil
}
