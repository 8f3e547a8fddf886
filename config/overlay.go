package config

import (
	"slices"

	"hearth/internal/json5"
)

// overlay merges for --merge: objects key by key, a provider's models by id, anything
// else replaced.
func overlay(old, v *json5.Value, path string) *json5.Value {
	switch {
	case old.Kind == json5.Object && v.Kind == json5.Object:
		out := &json5.Value{Kind: json5.Object, Members: slices.Clone(old.Unique())}
		for _, m := range v.Unique() {
			i := slices.IndexFunc(out.Members, func(o json5.Member) bool { return o.Key == m.Key })
			if i < 0 {
				out.Members = append(out.Members, m)
				continue
			}
			out.Members[i].Value = overlay(out.Members[i].Value, m.Value, joinKey(path, m.Key))
		}
		return out
	case old.Kind == json5.Array && v.Kind == json5.Array && isModelList(path):
		out := &json5.Value{Kind: json5.Array, Elements: slices.Clone(old.Elements)}
		for _, e := range v.Elements {
			i := slices.IndexFunc(out.Elements, func(o *json5.Value) bool { return entryName(o) != "" && entryName(o) == entryName(e) })
			if i < 0 {
				out.Elements = append(out.Elements, e)
				continue
			}
			out.Elements[i] = overlay(out.Elements[i], e, formatIndex(path, i))
		}
		return out
	}
	return v
}

// isModelList reports whether a path is models.providers.<id>.models.
func isModelList(path string) bool {
	steps, err := ParsePath(path)
	return err == nil && matches(steps, []string{"models", "providers", "*", "models"})
}

func matches(steps []json5.Step, pattern []string) bool {
	if len(steps) != len(pattern) {
		return false
	}
	for i, s := range steps {
		key, ok := s.Key()
		if !ok || pattern[i] != "*" && pattern[i] != key {
			return false
		}
	}
	return true
}

// entryName is the id of an element.
func entryName(v *json5.Value) string {
	if id := v.Get("id"); id != nil && id.Kind == json5.String {
		return id.Text
	}
	return ""
}

// protected lists the maps and lists whose entries are not dropped by the way.
var protected = [][]string{
	{"agents", "defaults", "models"},
	{"agents", "entries"},
	{"models", "providers"},
	{"models", "providers", "*"},
	{"models", "providers", "*", "models"},
	{"plugins", "entries"},
	{"auth", "profiles"},
}

// lossOf reports the first protected map that loses entries, as a *ProtectedError.
func lossOf(before, after *json5.Value) error {
	for _, pattern := range protected {
		var err error
		eachMatch(before, pattern, nil, func(steps []json5.Step, old *json5.Value) {
			now := after.At(steps...)
			var lost []string
			for _, name := range entries(old) {
				if !slices.Contains(entries(now), name) {
					lost = append(lost, name)
				}
			}
			if len(lost) > 0 && err == nil {
				err = &ProtectedError{formatPath(steps), lost}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func entries(v *json5.Value) []string {
	if v == nil {
		return nil
	}
	var out []string
	for _, m := range v.Members {
		out = append(out, m.Key)
	}
	for _, e := range v.Elements {
		if name := entryName(e); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// eachMatch calls f for every value whose path matches a pattern.
func eachMatch(v *json5.Value, pattern []string, steps []json5.Step, f func([]json5.Step, *json5.Value)) {
	switch {
	case v == nil:
		return
	case len(pattern) == 0:
		f(steps, v)
		return
	case pattern[0] != "*":
		eachMatch(v.Get(pattern[0]), pattern[1:], append(slices.Clip(steps), json5.Key(pattern[0])), f)
		return
	}
	for _, m := range v.Unique() {
		eachMatch(m.Value, pattern[1:], append(slices.Clip(steps), json5.Key(m.Key)), f)
	}
}
