//go:build unix

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/agent"
	"hearth/model/modeltest"
	"hearth/session"
)

// Ctrl-C while hearth looks at a server that takes its time is no sign that the server is
// gone: the command ends there and then, and has done nothing.
func TestStoppedWhileAServerIsLookedAt(t *testing.T) {
	for _, row := range []struct {
		args, told string
		fresh      bool // without a config
	}{
		{"models list --refresh", "hearth: ask the servers: interrupted", false},
		{"up", "hearth: up: interrupted", false},
		{"up --message hello", "Your message is kept.", false},
		{"agent --message hello", "Your message is kept.", false},
		{"onboard --non-interactive --custom-model-id test-model --custom-base-url URL/v1", "hearth: onboard: interrupted", true},
	} {
		t.Run(row.args, func(t *testing.T) {
			asked := make(chan struct{}, 1)
			silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				select {
				case asked <- struct{}{}:
				default: // it asks more than once
				}
				<-r.Context().Done()
			}))
			t.Cleanup(silent.Close)
			h := newHousehold(t)
			if !row.fresh {
				h.configured(t, &modeltest.Server{URL: silent.URL})
			}
			p := h.sit(t, nil, strings.Fields(strings.ReplaceAll(row.args, "URL", silent.URL))...)
			select {
			case <-asked:
			case <-time.After(guard):
				t.Fatalf("it asks nothing; the screen is:\n%s", p.screen())
			}
			p.types(t, ctrlC)
			p.sees(t, row.told)
			p.leaves(t, 130)
			if text, err := os.ReadFile(h.state("hearth.json")); row.fresh && err == nil {
				t.Errorf("it wrote %s", text)
			}
		})
	}
}

// Somebody who waits for a conversation that another process has can stop that, and is
// told who has it and that their words are in no conversation.
func TestStoppedWhileAConversationIsHeld(t *testing.T) {
	h, _, first := chatting(t)
	const who, lost = "It is in use by process", "The message was not kept."
	for _, row := range []struct {
		args, key string
		code      int
		told      string
	}{
		{"up", ctrlC, 130, who},
		{"up --message hello", ctrlC, 130, lost},
		{"agent --message hello", ctrlC, 130, lost},
		{"up", ctrlD, 0, ""},
	} {
		if row.key == ctrlD && runtime.GOOS != "linux" {
			continue
		}
		p := h.sit(t, nil, strings.Fields(row.args)...)
		p.sees(t, "waiting: this conversation is in use")
		p.types(t, row.key)
		p.sees(t, row.told)
		p.leaves(t, row.code)
		if row.told == lost && !strings.Contains(p.screen(), who) {
			t.Errorf("%s: the screen is\n%s", row.args, p.screen())
		}
	}
	first.types(t, ctrlD)
	first.leaves(t, 0)
}

// --timeout that ran out there says what took the time.
func TestOutOfTimeWhileAConversationIsHeld(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errTimeout)
	held := &hearth.Error{Reason: hearth.ReasonBusy, Err: &session.HeldError{Holder: session.Holder{PID: 7, Command: "hearth up"}}}
	var screen strings.Builder
	err := partial(agent.Outcome{}, notKept(partial(agent.Outcome{}, waitedInVain(ctx, held))))
	tell(&screen, err)
	want := `hearth: wait for the conversation: the time of --timeout is over
  cause: It is in use by process 7 (hearth up). The message was not kept.
  try:   Close that one, or talk in another conversation: hearth agent --session NAME.
`
	if screen.String() != want || hearth.ReasonOf(err) != hearth.ReasonTimeout {
		t.Errorf("%s\n%s", hearth.ReasonOf(err), &screen)
	}
}
