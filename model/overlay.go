package model

import (
	"maps"
	"reflect"
	"slices"
)

// Over gives a layer that says what l says, and what under says where l does not.
// Lists of what a server refused are joined: a lesson never unlearns another.
func (l Layer) Over(under Layer) Layer {
	out := under
	over, into := reflect.ValueOf(l), reflect.ValueOf(&out).Elem()
	for i := range over.NumField() {
		if !over.Field(i).IsNil() {
			into.Field(i).Set(over.Field(i))
		}
	}
	out.RefusedFields = joined(under.RefusedFields, l.RefusedFields)
	out.RefusedKeywords = joined(under.RefusedKeywords, l.RefusedKeywords)
	out.Evidence = maps.Clone(under.Evidence)
	if out.Evidence == nil {
		out.Evidence = l.Evidence
	} else {
		maps.Copy(out.Evidence, l.Evidence)
	}
	return out
}

// joined gives each value of both lists once, sorted; nil where there is none.
func joined(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
