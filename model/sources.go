package model

import (
	"reflect"
	"strings"
)

// Sources names the layer that decided each capability, by the field's JSON name;
// fields nobody speaks of are left out. The lists of what a server refused are joined
// from all layers and have no single source.
func (l Layers) Sources() map[string]string {
	out := map[string]string{}
	ls := l.ordered()
	for f := range reflect.TypeFor[Layer]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Name == "Evidence" || f.Name == "RefusedFields" || f.Name == "RefusedKeywords" {
			continue
		}
		for _, n := range ls {
			if !reflect.ValueOf(n.layer).Elem().FieldByIndex(f.Index).IsNil() {
				out[name] = n.name
				break
			}
		}
	}
	out["window"] = l.WindowSource()
	return out
}
