//go:build e2e && unix

package ollama

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/ollama"
	"hearth/model/probe"
	"hearth/model/route"
	"hearth/model/slot"
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
		d.Left(target, &model.Request{Model: Chat, Options: options}, model.Departure{Writing: true})
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

// slow has measured so slow a server that its reading outlasts every patience, however
// fast the one of this test is.
type slow struct{}

func (slow) ReadingTime(_, _ string, from, to int) (least, most time.Duration) {
	most = time.Duration(to-from) * 100 * time.Millisecond
	return most, most
}

func (slow) ReadingMeasured(string, string, int, int, time.Duration) {}

// What Hearth does about TestGoingAwayDoesNotStopTheReading: its slot stays taken for as
// long as the reading is likely to take, and whoever is next is told so.
func TestHearthWaitsForAReadingThatItLeft(t *testing.T) {
	at, err := model.ParseEndpoint(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := model.NewClient(model.ClientConfig{Endpoint: at})
	t.Cleanup(client.CloseIdle)
	d := probe.NewDescriber(probe.OpenCache(""), 0)
	slots := slot.New(slot.Config{Gone: d.Gone, Busy: d.Busy, Aftermath: d.Aftermath})
	t.Cleanup(slots.Close)
	routes := route.New(route.Config{Acquire: slots.Acquire, Speeds: slow{}, Left: d.Left})
	// ask gives what was told of the wait; it leaves as soon as leave says so.
	ask := func(text string, leave func(hearth.Wait) bool) (waits []hearth.Wait, err error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		target := model.Target{Ref: hearth.ModelRef{Provider: "ollama", Model: Chat}, Protocol: "ollama", Endpoint: at, Provider: ollama.New(ollama.Config{Client: client})}
		target.Layers = d.Describe(ctx, client, Chat, "ollama")
		target.Layers.Default = model.DefaultLayer()
		build := func(t model.Target) (*model.Request, error) {
			return &model.Request{Model: Chat, Capabilities: t.Layers.Merge(), MaxTokens: 1, Options: json.RawMessage(`{"num_thread":1}`),
				Messages: []hearth.Message{{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: text}}}}}, nil
		}
		for delta, err := range routes.Stream(ctx, model.Question{Chain: []model.Target{target}, Build: build, Session: "s"}) {
			if err != nil {
				return waits, err
			}
			if delta.Wait != nil {
				waits = append(waits, *delta.Wait)
				if leave != nil && leave(*delta.Wait) {
					cancel()
				}
			}
		}
		return waits, nil
	}
	for try := range 5 { // a machine may stand still for all of the ten seconds
		if _, err := ask(fmt.Sprint("@@plain ", try, " ", long(900)), nil); err != nil {
			t.Fatal(err)
		}
		reads := func(w hearth.Wait) bool { return w.Phase == hearth.PhaseReading }
		if _, err := ask(fmt.Sprint("@@plain other ", try, " ", long(1800)), reads); hearth.ReasonOf(err) != hearth.ReasonCancelled {
			t.Fatalf("got %v", err)
		}
		waits, err := ask("@@plain", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range waits {
			if w.Phase == hearth.PhaseStopping && w.Note == "the server still reads the request that was stopped" && w.ETA > 0 && w.ETA <= 10*time.Second {
				return
			}
		}
		t.Logf("try %d: told %+v", try, waits)
	}
	t.Error("nobody was told that the server still reads what was stopped")
}
