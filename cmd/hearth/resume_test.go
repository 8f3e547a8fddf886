package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"hearth"
	"hearth/agent"
	"hearth/model/modeltest"
	"hearth/prompt"
)

// A chat begins with what an earlier one left: a question that nobody answered is asked
// again, where there is somebody to ask; what was answered or failed is left alone.
func TestAChatBeginsWithWhatWasLeft(t *testing.T) {
	t.Setenv("HEARTH_DISCOVER", discoveryOff)
	server := modeltest.NewServer(t, modeltest.Config{})
	a := scene(t, fmt.Sprintf(`{models: {providers: {box: {baseUrl: %q, models: [{id: "test-model", contextWindow: 32768}]}}}}`, server.URL+"/v1"))
	var out, errs bytes.Buffer
	begin := func(ask asker) (*talk, string) {
		t.Helper()
		out.Reset()
		errs.Reset()
		a.io.out, a.io.err = &out, &errs
		k, err := a.open(t.Context(), choice{canAsk: true})
		if err != nil {
			t.Fatal(err)
		}
		chat{k}.resume(t.Context(), ask)
		return k, out.String()
	}
	asked := 0
	yes := func(_ context.Context, q agent.Approval) (bool, error) {
		asked++
		if !strings.Contains(q.Text, "echo fed") {
			t.Errorf("asked about %q", q.Text)
		}
		return true, nil
	}

	k, shown := begin(yes)
	if shown != "" || errs.Len() > 0 {
		t.Errorf("a new conversation begins with %q, %q", shown, &errs)
	}
	server.Script(modeltest.Say(modeltest.Reply{Calls: []hearth.ToolCall{{ID: "c1", Name: "exec", Arguments: `{"command":"echo fed"}`}}}))
	if o, err := k.say(t.Context(), prompt.Incoming{Text: "Feed the cat"}, false, nil); err != nil || o.Question == nil {
		t.Fatalf("got %+v, %v", o, err)
	}
	k.close()

	k, shown = begin(nil)
	k.close()
	if shown != "" || len(server.Requests()) != 1 {
		t.Errorf("with nobody to ask, the chat begins with %q", shown)
	}

	server.Script(modeltest.Say(modeltest.Reply{Text: "She is fed."}))
	k, shown = begin(yes)
	if shown != "She is fed.\n" || asked != 1 || !strings.Contains(errs.String(), `("Feed the cat") has no answer yet`) {
		t.Errorf("the chat begins with %q, %q; asked %d times", shown, &errs, asked)
	}
	server.Script(func(x *modeltest.Exchange) { x.Status(500, `{"error":"it broke"}`) })
	if _, err := k.say(t.Context(), prompt.Incoming{Text: "And the dog"}, false, nil); err == nil {
		t.Error("the broken server did not fail the turn")
	}
	k.close()

	k, shown = begin(yes)
	k.close()
	if shown != "" || len(server.Requests()) != 3 {
		t.Errorf("after an error that was told, the chat begins with %q", shown)
	}
}
