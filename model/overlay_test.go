package model_test

import (
	"reflect"
	"slices"
	"testing"

	"hearth/model"
)

func TestALayerOverAnother(t *testing.T) {
	yes, no, window, smaller := true, false, 8192, 4096
	under := model.Layer{Window: &window, Vision: &yes, RefusedFields: []string{"store"}, Evidence: map[string]string{"Window": "GET /props", "Vision": "GET /props"}}
	over := model.Layer{Window: &smaller, StringContent: &yes, Vision: &no, RefusedFields: []string{"seed", "store"}, Evidence: map[string]string{"Window": "400"}}
	got := over.Over(under)
	if *got.Window != 4096 || *got.Vision || !*got.StringContent {
		t.Errorf("got %+v", got)
	}
	if !slices.Equal(got.RefusedFields, []string{"seed", "store"}) {
		t.Errorf("refused fields %v, want both lists", got.RefusedFields)
	}
	if got.Evidence["Window"] != "400" || got.Evidence["Vision"] != "GET /props" {
		t.Errorf("evidence %v", got.Evidence)
	}
	if under.Evidence["Window"] != "GET /props" || !slices.Equal(under.RefusedFields, []string{"store"}) {
		t.Error("the layer below was changed")
	}
	if empty := (model.Layer{}).Over(under); !reflect.DeepEqual(empty, under) {
		t.Errorf("an empty layer changed something: %+v", empty)
	}
}

// Over and Merge work field by field; a field that cannot be absent would break both.
func TestEveryFieldOfALayerCanBeAbsent(t *testing.T) {
	for f := range reflect.TypeFor[model.Layer]().Fields() {
		if k := f.Type.Kind(); k != reflect.Pointer && k != reflect.Slice && k != reflect.Map {
			t.Errorf("%s is a %s", f.Name, k)
		}
	}
}
