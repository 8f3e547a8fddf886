package model

import (
	"fmt"
	"reflect"
	"strings"
)

// named pairs a layer with its name.
type named struct {
	name  string
	layer *Layer
}

func (l *Layers) ordered() []named {
	return []named{{"config", &l.Config}, {"probe", &l.Probe}, {"server", &l.Server}, {"catalog", &l.Catalog}, {"default", &l.Default}}
}

// Sources names the layer that decided each capability, by the field's JSON name;
// fields nobody speaks of are left out. The lists of what a server refused are joined
// from all layers and have no single source.
func (l Layers) Sources() map[string]string {
	out := map[string]string{}
	ls := l.ordered()
	for f := range reflect.TypeFor[Layer]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Name == "Evidence" || f.Name == "WindowRefused" || f.Name == "RefusedFields" || f.Name == "RefusedKeywords" {
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

// A Row is one capability as it is in force.
type Row struct {
	Field    string // the JSON name in a Layer
	Value    string
	Source   string // the layer that decided
	Evidence string // what the layer rests on; "" where it does not say
}

// Table lists the capabilities that any layer speaks of, in the order of Layer's fields.
func (l Layers) Table() []Row {
	var out []Row
	sources, window := l.Sources(), l.Merge().Window
	for f := range reflect.TypeFor[Layer]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		for _, n := range l.ordered() {
			if n.name != sources[name] {
				continue
			}
			row := Row{Field: name, Source: n.name, Evidence: n.layer.Evidence[name]}
			if v := reflect.ValueOf(n.layer).Elem().FieldByIndex(f.Index); name == "window" {
				row.Value = fmt.Sprint(window) // the config only caps what the server says
			} else if v.Kind() == reflect.Pointer {
				row.Value = fmt.Sprint(v.Elem().Interface())
			} else {
				row.Value = fmt.Sprint(v.Interface())
			}
			out = append(out, row)
		}
	}
	return out
}
