package main

import (
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/model/probe"
)

func TestWhatAServerLacksIsNamedWithOneThingToDo(t *testing.T) {
	for _, c := range []struct {
		name      string
		host      probe.Host
		what, try string
		reason    hearth.Reason
	}{
		{"Ollama without a model", probe.Host{Kind: probe.KindOllama}, "has no model yet", "ollama pull", hearth.ReasonNoModel},
		{"Ollama with models of its vendor's cloud", probe.Host{Kind: probe.KindOllama, Models: []probe.Model{{ID: "big:cloud", Cloud: true}, {ID: "nomic", Embedding: true}}}, "only models that run elsewhere: big:cloud", "ollama pull", hearth.ReasonNoModel},
		{"Ollama with models that cannot chat", probe.Host{Kind: probe.KindOllama, Models: []probe.Model{{ID: "nomic", Embedding: true}}}, "no model that can be used", "Load a model", hearth.ReasonNoModel},
		{"LM Studio without a model", probe.Host{Kind: probe.KindLMStudio}, "has no model", "Load a model", hearth.ReasonNoModel},
		{"LiteLLM", probe.Host{Kind: probe.KindLiteLLM, Root: "http://127.0.0.1:4000", Models: []probe.Model{{ID: "gpt-x"}}}, "is not taken by itself", "hearth onboard --auth-choice litellm-api-key --custom-base-url http://127.0.0.1:4000 --custom-model-id gpt-x", hearth.ReasonNoModel},
		{"a server that wants a key", probe.Host{Kind: probe.KindVLLM, NeedsKey: true}, "wants a key", "hearth onboard", hearth.ReasonNoCredential},
		{"a port that says nothing", probe.Host{Kind: probe.KindUnknown, Root: "http://127.0.0.1:1234", Mute: true}, "something at http://127.0.0.1:1234 takes connections, and has said nothing yet", "Wait until it is through", hearth.ReasonNoModel},
		{"a server that loads", probe.Host{Kind: probe.KindLlamaCpp, Loading: true}, "still loading", "Wait", hearth.ReasonOverloaded},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := lacking("look", []probe.Host{c.host})
			if e.Reason != c.reason || !strings.Contains(e.Error(), c.what) || !strings.Contains(e.Try, c.try) || e.Cause == "" {
				t.Errorf("got %+v", e)
			}
			if both := lacking("look", []probe.Host{{Kind: probe.KindLiteLLM, Root: c.host.Root, Models: c.host.Models}, c.host}); both.Error() != e.Error() {
				t.Errorf("beside LiteLLM it says %v", both)
			}
		})
	}
}

func TestTheDemoModelSaysWhatTheServerThatIsThereLacks(t *testing.T) {
	target := demoTarget([]probe.Host{{Kind: probe.KindOllama, Root: "http://127.0.0.1:11434"}})
	var text string
	req := &model.Request{Messages: bare("hello", nil)}
	for d, err := range target.Provider.Stream(t.Context(), req) {
		if err != nil {
			t.Fatal(err)
		}
		text += d.Text
	}
	if !strings.Contains(text, "Ollama at http://127.0.0.1:11434 answers, but has no model yet.\nFetch one, for example: ollama pull") || strings.Contains(text, "Install") {
		t.Errorf("got %q", text)
	}
}
