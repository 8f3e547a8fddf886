package prompt_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"hearth/model"
	"hearth/prompt"
)

// stored is a plan as a conversation keeps it.
func stored(t *testing.T, target model.Target) *prompt.Plan {
	t.Helper()
	b, err := json.Marshal(prompt.NewPlan(target, prompt.House{}, nil))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := prompt.DecodePlan(b)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// Whatever the config may say of a model: if the plan has it otherwise, it waits, and the
// owner is told. A field that is new is looked at too.
func TestWhatTheConfigDeclaresAnewWaits(t *testing.T) {
	elsewhere := []string{ // told by something else, or in no request
		"Window", "WindowRefused", "TrainedMax", "MaxTokens", "Tools", "Slots", "Locality", "Server", "Build", "Resident", "ParamsB", "Embedding", "Evidence",
	}
	for f := range reflect.TypeFor[model.Layer]().Fields() {
		t.Run(f.Name, func(t *testing.T) {
			var now model.Layer
			field := reflect.ValueOf(&now).Elem().FieldByIndex(f.Index)
			switch f.Type.Kind() {
			case reflect.Pointer:
				field.Set(reflect.New(f.Type.Elem()))
				switch v := field.Elem(); v.Kind() {
				case reflect.Bool:
					v.SetBool(f.Name != "StreamUsage" && f.Name != "ProxyLike") // which are assumed
				case reflect.String:
					v.SetString("another")
				case reflect.Int:
					v.SetInt(4321)
				case reflect.Float64:
					v.SetFloat(7)
				default:
					t.Fatalf("a %s", v.Kind())
				}
			case reflect.Slice:
				field.Set(reflect.MakeSlice(f.Type, 1, 1))
			case reflect.Map:
				field.Set(reflect.MakeMap(f.Type))
			default:
				t.Fatalf("a %s", f.Type)
			}
			had, again := stored(t, target(model.Layer{})), stored(t, target(now))
			if !slices.Contains(elsewhere, f.Name) && len(had.Waiting(target(now), nil)) != 1 {
				t.Errorf("nothing waits")
			}
			if waits := again.Waiting(target(now), nil); len(waits) > 0 {
				t.Errorf("a plan that has it waits for %q", waits)
			}
		})
	}
}

func TestWhatAServerRefusedDoesNotWait(t *testing.T) {
	yes, lesson := true, model.Layer{RefusedFields: []string{"seed"}, RefusedKeywords: []string{"pattern"}, StringContent: new(true)}
	for _, c := range []struct {
		name           string
		config, server model.Layer
		waits          bool
	}{
		{"a lesson of now", model.Layer{}, lesson, false},
		{"a lesson beside what the config says", model.Layer{RefusedFields: []string{"temperature"}}, lesson, true},
		{"what the config says too", model.Layer{StringContent: &yes}, lesson, true},
		{"nothing but an empty list", model.Layer{Efforts: []string{}, VisibleDetails: []string{}, RefusedFields: []string{}}, model.Layer{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := target(c.config)
			now.Layers.Server = c.server
			if waits := stored(t, target(model.Layer{})).Waiting(now, nil); (len(waits) > 0) != c.waits {
				t.Errorf("%q waits, want %t", waits, c.waits)
			}
			if waits := stored(t, now).Waiting(target(c.config), nil); len(waits) > 0 {
				t.Errorf("a plan that learned more waits for %q", waits)
			}
		})
	}
}
