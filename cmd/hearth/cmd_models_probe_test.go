package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hearth"

	"hearth/config"
	"hearth/model"
)

func TestACompatBlockSaysWhatTheProbeFound(t *testing.T) {
	yes, no, native, format := true, false, model.ToolsNative, "openai"
	found := model.Layer{
		StringContent: &yes, DeveloperRole: &no, StreamUsage: &yes, ReplayThinking: &yes, Tools: &native, ThinkingFormat: &format, RefusedKeywords: []string{"pattern"},
	}
	block := compatOf(found)
	var compat config.Compat
	if err := json.Unmarshal([]byte(jsonText(block)), &compat); err != nil {
		t.Fatal(err)
	}
	var back model.Layer
	compatLayer(compat, &back)
	found.NeedsReasoning = &yes // a block says no less of it
	if !reflect.DeepEqual(back, found) {
		t.Errorf("written as %s, which reads as\n%+v, want\n%+v", jsonText(block), back, found)
	}
	if keys := compatOf(model.Layer{Vision: &yes, AlternateRoles: &yes}).keys(); len(keys) > 0 {
		t.Errorf("%v: a compat block has no such fields", keys)
	}
	text := model.ToolsText
	if keys := compatOf(model.Layer{Tools: &text}).keys(); len(keys) > 0 {
		t.Errorf("%v: calls in text are neither tools nor none", keys)
	}
}

func TestTheLayerThatDecidesIsNamed(t *testing.T) {
	yes, no := true, false
	layers := model.Layers{Config: model.Layer{StringContent: &no}, Server: model.Layer{Vision: &yes}}
	found := model.Layer{StringContent: &yes, StreamUsage: &yes}
	for field, want := range map[string]string{"stringContent": "config", "streamUsage": "probe", "vision": "probe"} {
		if got := deciding(layers, found, field); got != want {
			t.Errorf("%s is decided by %s, want %s", field, got, want)
		}
	}
}

func TestWhatHoldsInTwoPlacesIsWhatBothSay(t *testing.T) {
	yes, no := true, false
	a := compatBlock{SupportsTools: &yes, RequiresStringContent: &no, SupportsDeveloperRole: &yes, RefusedKeywords: []string{"enum"}}
	alike := false
	b := compatBlock{SupportsTools: &no, RequiresStringContent: &alike, SupportsUsageInStreaming: &yes, RefusedKeywords: []string{"enum", "items"}}
	want := compatBlock{RequiresStringContent: &no}
	if got := a.both(b); !reflect.DeepEqual(got, want) {
		t.Errorf("got %s, want %s", jsonText(got), jsonText(want))
	}
	if got := b.both(a); !reflect.DeepEqual(got, want) {
		t.Errorf("the other way round %s, want %s", jsonText(got), jsonText(want))
	}
}

func TestAWaitIsSaidOnceAndInOneWord(t *testing.T) {
	var out strings.Builder
	tell := tellWait(&out)
	for _, w := range []hearth.Wait{
		{Phase: hearth.PhaseQueued, Model: "m", Behind: "the chat"}, {Phase: hearth.PhaseQueued, Model: "m", Behind: "the chat"}, {Phase: hearth.PhaseConnecting, Model: "m"},
	} {
		tell(w)
	}
	if want := "waiting for a free slot behind the chat · 0 s\nwaiting: connecting to m · 0 s\n"; out.String() != want {
		t.Errorf("said %q, want %q", out.String(), want)
	}
}

func TestTheRowOfAModelIsItsPlaceInTheFile(t *testing.T) {
	for models, want := range map[string]int{
		`["x", {id: "other"}, {id: "fm"}]`:                  2,
		`[{id: ""}, null, {id: "fm"}]`:                      2,
		`[{name: "no id"}, {id: 7}, {id: "fm"}, {id:"fm"}]`: 2,
		`[{id: "other"}]`:                                   -1,
		`["fm"]`:                                            -1,
		`[]`:                                                -1,
	} {
		path := filepath.Join(t.TempDir(), "hearth.json")
		if err := os.WriteFile(path, []byte(`{models: {providers: {p: {baseUrl: "http://127.0.0.1:1/v1", models: `+models+`}}}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		file, _, err := config.Load(t.Context(), config.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := rowOf(file, "models.providers.p.models", "fm"); got != want || err != nil {
			t.Errorf("%s: got %d, %v; want %d", models, got, err, want)
		}
		if got, err := rowOf(file, "models.providers.q.models", "fm"); got != -1 || err != nil {
			t.Errorf("a provider without a list: got %d, %v", got, err)
		}
		if got, err := rowOf(file, "models.providers", "fm"); err == nil {
			t.Errorf("what is no list: got %d", got)
		}
	}
}
