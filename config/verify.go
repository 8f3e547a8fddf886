package config

import (
	"slices"

	"hearth/internal/json5"
)

// onlyDiffersAt reports whether b is a with v at steps (without steps, when v is nil)
// and nothing else. Objects on the way may be new, or may have come empty.
func onlyDiffersAt(a, b *json5.Value, steps []json5.Step, v *json5.Value) bool {
	if len(steps) == 0 {
		return v != nil && b != nil && json5.Equal(b, v) || v == nil && b == nil
	}
	if a == nil || b == nil || a.Kind != b.Kind {
		// A parent that was made on the way, or that a backup did not have yet.
		return (a == nil || a.Kind == json5.Null) && v != nil && holdsOnly(b, steps, v) ||
			b == nil && v == nil && holdsOnly(a, steps, a.At(steps...))
	}
	if index, ok := steps[0].Index(); ok {
		rest, left := slices.Clone(a.Elements), slices.Clone(b.Elements)
		if len(steps) == 1 && v == nil {
			return slices.EqualFunc(slices.Delete(rest, index, index+1), left, json5.Equal)
		}
		if index >= len(left) || !slices.EqualFunc(slices.Delete(left, index, index+1), slices.Delete(rest, min(index, len(rest)), min(index+1, len(rest))), json5.Equal) {
			return false
		}
		return onlyDiffersAt(a.At(steps[0]), b.Elements[index], steps[1:], v)
	}
	key, _ := steps[0].Key()
	for _, pair := range [][2]*json5.Value{{a, b}, {b, a}} {
		for _, m := range pair[0].Unique() {
			if other := pair[1].Get(m.Key); m.Key != key && (other == nil || !json5.Equal(m.Value, other)) {
				return false
			}
		}
	}
	return onlyDiffersAt(a.Get(key), b.Get(key), steps[1:], v)
}

// holdsOnly reports whether a value is nothing but the containers on a path to v.
func holdsOnly(at *json5.Value, steps []json5.Step, v *json5.Value) bool {
	for _, s := range steps {
		if at == nil || len(at.Members)+len(at.Elements) != 1 {
			return false
		}
		at = at.At(s)
	}
	return at != nil && json5.Equal(at, v)
}
