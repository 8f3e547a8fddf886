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

func TestWhatALayerNoLongerSays(t *testing.T) {
	found := model.Layer{Vision: new(true), StringContent: new(false), RefusedFields: []string{"seed"}, Evidence: map[string]string{"vision": "saw a square"}}
	if left := found.Without(model.Layer{StringContent: new(true), Window: new(4096), RefusedFields: []string{"store"}}); left.StringContent != nil || left.Vision == nil || !slices.Equal(left.RefusedFields, []string{"seed"}) {
		t.Errorf("without what another says: %+v", left)
	}
	for what, row := range map[string]struct {
		before, now *bool
		stays       bool
	}{
		"said otherwise":                {new(true), new(false), false},
		"said again":                    {new(true), new(true), true},
		"said for the first time":       {nil, new(false), true},
		"not said any more":             {new(true), nil, true},
		"said otherwise than was found": {new(false), new(false), true},
	} {
		if left := found.WithoutChanged(model.Layer{Vision: row.before}, model.Layer{Vision: row.now}); (left.Vision != nil) != row.stays || left.StringContent == nil {
			t.Errorf("%s: %+v", what, left)
		}
	}
	if found.Vision == nil || found.StringContent == nil {
		t.Error("the layer itself was changed")
	}
}
