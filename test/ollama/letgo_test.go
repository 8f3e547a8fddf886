//go:build e2e && unix

package ollama

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/probe"
)

// What Hearth does about TestGoingAwayFreesTheSlotOrAnUnloadDoes: after
// each departure the model is free, in one way or the other; looking whether it is neither
// loads it anew nor takes anything out of its cache.
func TestHearthFreesAModelThatItLeft(t *testing.T) {
	at, err := model.ParseEndpoint(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := model.NewClient(model.ClientConfig{Endpoint: at})
	t.Cleanup(client.CloseIdle)
	d := probe.NewDescriber(probe.OpenCache(""), 0)
	target := model.Target{Ref: hearth.ModelRef{Provider: "ollama", Model: Chat}, Protocol: "ollama", Endpoint: at}
	options := json.RawMessage(`{"num_thread":1}`) // as the model was made
	look := func() (told string) {
		t.Helper()
		if _, err := d.Host(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		d.Left(target, &model.Request{Model: Chat, Options: options})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		gone := d.Gone(ctx, at, 0)
		if told = d.Aftermath(at); !gone || told != "" && !strings.Contains(told, "it was told to unload it") {
			t.Fatalf("gone: %v, told %q", gone, told)
		}
		return told
	}
	history := []message{{role: "system", text: long(300)}, {role: "user", text: "@@plain"}}
	native.ask(t, ask{model: Chat, history: history, stream: true})
	before := lastEvaluation(t)
	look()
	native.ask(t, ask{model: Chat, history: append(history, message{role: "assistant", text: "Yes."}, message{role: "user", text: "@@plain"}), stream: true})
	if now := lastEvaluation(t); now.Cached < before.Prompt {
		t.Errorf("after looking, %d of %d tokens were cached; the request before had %d", now.Cached, now.Prompt, before.Prompt)
	}
	stuck := 0
	for range 25 {
		native.ask(t, ask{model: Chat, history: user("@@plain"), stream: true})
		before := logged(t)
		goAway(t, native)
		told := look()
		if told != "" {
			stuck++
		}
		if !answersWithin(t, native, 30*time.Second) {
			t.Fatalf("the model does not answer; told %q", told)
		}
		if loads := strings.Count(logged(t)[len(before):], "starting runner"); told == "" && loads != 0 {
			t.Errorf("looking whether it is free loaded it %d times", loads)
		}
	}
	t.Logf("stuck after %d of 25 departures", stuck)
}
