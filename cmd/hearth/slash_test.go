package main

import (
	"context"
	"testing"

	"hearth/model/modeltest"
	"hearth/prompt"
)

// When /new fails, the person goes on in the conversation that they have.
func TestAConversationStaysWhereNoNewOneCanBegin(t *testing.T) {
	t.Setenv("HEARTH_DISCOVER", "off")
	server := modeltest.NewServer(t, modeltest.Config{Window: 32768})
	a := scene(t, `{models: {providers: {box: {baseUrl: "`+server.URL+`/v1", models: [{id: "test-model"}]}}}}`)
	k, err := a.open(t.Context(), choice{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	old := k.t.Info().ID
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := (slash{k}).renew(stopped); err == nil {
		t.Fatal("a new conversation was begun after all")
	}
	out, err := k.say(t.Context(), prompt.Incoming{Text: "hello"}, false, nil)
	if err != nil || out.Answer == "" || k.t.Info().ID != old {
		t.Errorf("in %s, which was %s: %q, %v", k.t.Info().ID, old, out.Answer, err)
	}
	if err := (slash{k}).renew(t.Context()); err != nil || k.t.Info().ID == old {
		t.Errorf("a new one: %v", err)
	}
	if out, err = k.say(t.Context(), prompt.Incoming{Text: "hello"}, false, nil); err != nil || out.Answer == "" {
		t.Errorf("there: %q, %v", out.Answer, err)
	}
}
