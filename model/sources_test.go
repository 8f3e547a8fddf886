package model_test

import (
	"testing"

	"hearth/model"
)

func TestSourcesNameTheLayerThatDecided(t *testing.T) {
	big, small, yes := 100_000, 8192, true
	l := model.Layers{
		Config:  model.Layer{Window: &big, StringContent: &yes},
		Server:  model.Layer{Window: &small, Vision: &yes},
		Default: model.DefaultLayer(),
	}
	got := l.Sources()
	for field, want := range map[string]string{"window": "server", "stringContent": "config", "vision": "server", "streamUsage": "default"} {
		if got[field] != want {
			t.Errorf("%s comes from %q, want %q", field, got[field], want)
		}
	}
	if _, ok := got["build"]; ok {
		t.Error("a field nobody speaks of has a source")
	}
}
