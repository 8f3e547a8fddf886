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

// Learned puts what a refusal taught over what the server said before, and in place of what
// a probe once found: the model behind a name may be another one since.
func (l *Layers) Learned(lesson Layer) {
	l.Server, l.Probe = lesson.Over(l.Server), l.Probe.Without(lesson)
}

// Without gives a layer that says what l says, but for the values that other says too.
// Lists of what a server refused stay: they are gathered, and not measured.
func (l Layer) Without(other Layer) Layer {
	return l.without(reflect.ValueOf(other), func(at int) bool { return true })
}

// WithoutChanged gives a layer that says what l says, but for the values of which a server
// said one thing before and says another now.
func (l Layer) WithoutChanged(before, now Layer) Layer {
	had, has := reflect.ValueOf(before), reflect.ValueOf(now)
	return l.without(has, func(at int) bool {
		return !had.Field(at).IsNil() && !reflect.DeepEqual(had.Field(at).Interface(), has.Field(at).Interface())
	})
}

func (l Layer) without(said reflect.Value, gone func(field int) bool) Layer {
	into := reflect.ValueOf(&l).Elem()
	for at := range into.NumField() {
		switch into.Type().Field(at).Name {
		case "RefusedFields", "RefusedKeywords", "Evidence":
		default:
			if !said.Field(at).IsNil() && gone(at) {
				into.Field(at).SetZero()
			}
		}
	}
	return l
}

// joined gives each value of both lists once, sorted; nil where there is none.
func joined(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
