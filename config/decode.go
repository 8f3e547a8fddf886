package config

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"hearth/internal/json5"
)

// decodable is implemented by types that take more than one shape in the file.
// decode reports whether v could be used; it has told d why not.
type decodable interface {
	decode(d *decoder, path string, v *json5.Value) bool
}

// A finding is one thing about the file that a person may want to change.
type finding struct {
	kind Kind
	path string // as OpenClaw reports it: of the object, for an unknown key
	full string // of the value itself
	at   *json5.Value
	// strict is the message of config validate, soft that of a warning.
	strict, soft string
	unused       bool // in a part that Hearth does not use
}

// A decoder fills structs from a tree and collects findings. Nothing stops it: what
// cannot be used is left at its zero value.
type decoder struct {
	findings []finding
	unused   []string // roots of what OpenClaw uses and Hearth does not
	sub      *substitution
	keys     *keyNode
	fields   map[reflect.Type]map[string]field
}

type field struct {
	index []int
	enum  []string // other values are not taken
	known []string // other values are taken, and told
	least int64    // of a number; 0 takes any
	later bool     // nothing uses it yet
	more  []int    // where the rest goes when the value is a list; nil = it may not be one
}

func (d *decoder) report(f finding) { d.findings = append(d.findings, f) }

func (d *decoder) wrongType(path string, v *json5.Value, want string) {
	d.report(finding{
		kind: WrongType, path: path, full: path, at: v,
		strict: invalidInput(want, v),
		soft:   fmt.Sprintf("%s should be %s, but it is %s: the default is used", path, article(want), article(v.Kind.String())),
	})
}

// invalidInput is OpenClaw's sentence. Its schema asks for a number first, and only of a
// number that it be whole.
func invalidInput(want string, v *json5.Value) string {
	switch {
	case want == "integer" && v.Kind == json5.Number:
		want = "int"
	case want == "integer":
		want = "number"
	}
	return fmt.Sprintf("Invalid input: expected %s, received %s", want, v.Kind)
}

func article(noun string) string {
	switch {
	case noun == "null":
		return noun
	case strings.IndexByte("aeiou", noun[0]) >= 0:
		return "an " + noun
	}
	return "a " + noun
}

// structure fills the struct that dst points to from an object.
func (d *decoder) structure(path string, v *json5.Value, dst any) bool {
	return d.value(path, v, reflect.ValueOf(dst).Elem(), nil)
}

// value decodes v into dst. enum limits texts when it is not empty.
func (d *decoder) value(path string, v *json5.Value, dst reflect.Value, enum []string) bool {
	if own, ok := reflect.TypeAssert[decodable](dst.Addr()); ok {
		return own.decode(d, path, v)
	}
	if raw, ok := reflect.TypeAssert[*json.RawMessage](dst.Addr()); ok {
		return d.raw(path, v, raw)
	}
	switch dst.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(dst.Type().Elem())
		if !d.value(path, v, fresh.Elem(), enum) {
			return false
		}
		dst.Set(fresh)
		return true
	case reflect.Struct:
		return d.object(path, v, dst)
	case reflect.Map:
		return d.mapping(path, v, dst)
	case reflect.Slice:
		return d.list(path, v, dst, enum)
	default:
		return d.scalar(path, v, dst, enum)
	}
}

func (d *decoder) scalar(path string, v *json5.Value, dst reflect.Value, enum []string) bool {
	switch dst.Kind() {
	case reflect.String:
		if v.Kind != json5.String {
			d.wrongType(path, v, "string")
			return false
		}
		if len(enum) > 0 && !slices.Contains(enum, v.Text) {
			if d.sub != nil && d.sub.broken[v].name != "" {
				return false // the missing variable was told
			}
			d.notAnOption(path, v, enum)
			return false
		}
		dst.SetString(v.Text)
	case reflect.Bool:
		if v.Kind != json5.Bool {
			d.wrongType(path, v, "boolean")
			return false
		}
		dst.SetBool(v.Text == "true")
	case reflect.Int:
		n, ok := v.Int()
		if !ok || n > math.MaxInt || n < math.MinInt {
			want := "number"
			if v.Kind == json5.Number {
				want = "integer"
			}
			d.wrongType(path, v, want)
			return false
		}
		dst.SetInt(n)
	case reflect.Float64:
		if v.Kind != json5.Number {
			d.wrongType(path, v, "number")
			return false
		}
		dst.SetFloat(v.Float())
	default:
		panic("config: no decoding into " + dst.Type().String())
	}
	return true
}

func (d *decoder) notAnOption(path string, v *json5.Value, enum []string) {
	d.report(finding{
		kind: WrongType, path: path, full: path, at: v,
		strict: "Invalid option: expected one of " + options(enum),
		soft:   fmt.Sprintf("%s cannot be %q, only %s: the default is used", path, v.Text, options(enum)),
	})
}

func options(enum []string) string { return `"` + strings.Join(enum, `"|"`) + `"` }

// unusual tells a text that is none of the known ones.
func (d *decoder) unusual(path string, v *json5.Value, known []string) {
	if len(known) == 0 || v.Kind != json5.String || slices.Contains(known, v.Text) || d.sub != nil && d.sub.broken[v].name != "" {
		return
	}
	soft := fmt.Sprintf("%s is %q, which Hearth does not know", path, v.Text)
	if near := nearest(v.Text, known); near != "" {
		soft += ": did you mean " + near + "?"
	}
	d.report(finding{
		kind: WrongType, path: path, full: path, at: v,
		strict: "Invalid option: expected one of " + options(known), soft: soft,
	})
}

// tooSmall tells a number that is less than can be meant, and leaves it out.
func (d *decoder) tooSmall(path string, v *json5.Value, dst reflect.Value, least int64) {
	if n, ok := v.Int(); least == 0 || !ok || n >= least {
		return
	}
	dst.SetZero()
	d.report(finding{
		kind: WrongType, path: path, full: path, at: v,
		strict: fmt.Sprintf("Too small: expected number to be >=%d", least),
		soft:   fmt.Sprintf("%s is %s and cannot be less than %d: the default is used", path, v.Text, least),
	})
}

func (d *decoder) raw(path string, v *json5.Value, dst *json.RawMessage) bool {
	b, err := v.AppendJSON(nil)
	if err != nil {
		d.report(finding{
			kind: WrongType, path: path, full: path, at: v, strict: err.Error(),
			soft: path + " is left out: " + err.Error(),
		})
		return false
	}
	*dst = b
	return true
}

func (d *decoder) list(path string, v *json5.Value, dst reflect.Value, enum []string) bool {
	if v.Kind != json5.Array {
		d.wrongType(path, v, "array")
		return false
	}
	out := reflect.MakeSlice(dst.Type(), 0, len(v.Elements))
	for i, e := range v.Elements {
		item := reflect.New(dst.Type().Elem()).Elem()
		if d.value(formatIndex(path, i), e, item, enum) {
			out = reflect.Append(out, item)
		}
	}
	dst.Set(out)
	return true
}

func (d *decoder) mapping(path string, v *json5.Value, dst reflect.Value) bool {
	if v.Kind != json5.Object {
		d.wrongType(path, v, "object")
		return false
	}
	out := reflect.MakeMapWithSize(dst.Type(), len(v.Members))
	elem := dst.Type().Elem()
	for _, m := range v.Unique() {
		item := reflect.New(elem).Elem()
		null := m.Value.Kind == json5.Null && elem.Kind() == reflect.Pointer
		if null || d.value(joinKey(path, m.Key), m.Value, item, nil) {
			out.SetMapIndex(reflect.ValueOf(m.Key), item)
		}
	}
	d.duplicates(path, v)
	dst.Set(out)
	return true
}

func (d *decoder) object(path string, v *json5.Value, dst reflect.Value) bool {
	if v.Kind != json5.Object {
		d.wrongType(path, v, "object")
		return false
	}
	fields := d.fieldsOf(dst.Type())
	for _, m := range v.Unique() {
		f, ok := fields[m.Key]
		if ok && f.more != nil && m.Value.Kind == json5.Array {
			d.several(joinKey(path, m.Key), m.Value, dst.FieldByIndex(f.index), dst.FieldByIndex(f.more))
			continue
		}
		if ok {
			d.value(joinKey(path, m.Key), m.Value, dst.FieldByIndex(f.index), f.enum)
			d.unusual(joinKey(path, m.Key), m.Value, f.known)
			d.tooSmall(joinKey(path, m.Key), m.Value, dst.FieldByIndex(f.index), f.least)
			if f.later {
				d.unused = append(d.unused, joinKey(path, m.Key))
			}
			continue
		}
		if rest, ok := fields["*"]; ok && m.Value.Kind != json5.Object {
			d.restOf(path, m, dst.FieldByIndex(rest.index))
			continue
		}
		d.extra(path, m, fields)
	}
	d.duplicates(path, v)
	return true
}

// several puts the first element of a list into one field and adds the others to another.
func (d *decoder) several(path string, v *json5.Value, first, others reflect.Value) {
	all := reflect.New(others.Type()).Elem()
	if !d.list(path, v, all, nil) || all.Len() == 0 {
		return
	}
	first.Set(all.Index(0))
	others.Set(reflect.AppendSlice(all.Slice(1, all.Len()), others))
}

// restOf puts a member that has no field of its own into the field tagged "*".
func (d *decoder) restOf(path string, m json5.Member, dst reflect.Value) {
	item := reflect.New(dst.Type().Elem()).Elem()
	if !d.value(joinKey(path, m.Key), m.Value, item, nil) {
		return
	}
	if dst.IsNil() {
		dst.Set(reflect.MakeMap(dst.Type()))
	}
	dst.SetMapIndex(reflect.ValueOf(m.Key), item)
}

func (d *decoder) duplicates(path string, v *json5.Value) {
	seen := make(map[string]bool, len(v.Members))
	for _, m := range v.Members {
		if seen[m.Key] {
			p := joinKey(path, m.Key)
			d.report(finding{
				kind: Duplicate, path: p, full: p, at: m.Value,
				strict: "Duplicate key", soft: p + " is written twice: the last one counts",
			})
		}
		seen[m.Key] = true
	}
}

// fieldsOf lists the keys of a struct type, embedded structs and aliases included.
func (d *decoder) fieldsOf(t reflect.Type) map[string]field {
	if known := d.fields[t]; known != nil {
		return known
	}
	out := map[string]field{}
	for _, f := range reflect.VisibleFields(t) {
		name := f.Tag.Get("json")
		if f.Anonymous || name == "-" || name == "" {
			continue
		}
		out[name] = field{index: f.Index, enum: listed(f.Tag.Get("enum")), known: listed(f.Tag.Get("known")), later: f.Tag.Get("unused") != ""}
		if n, err := strconv.ParseInt(f.Tag.Get("least"), 10, 64); err == nil {
			own := out[name]
			own.least = n
			out[name] = own
		}
		if more, ok := t.FieldByName(f.Tag.Get("more")); ok {
			own := out[name]
			own.more = more.Index
			out[name] = own
		}
		if alias := f.Tag.Get("alias"); alias != "" {
			out[alias] = out[name]
		}
	}
	if d.fields == nil {
		d.fields = map[reflect.Type]map[string]field{}
	}
	d.fields[t] = out
	return out
}

func listed(tag string) []string {
	if tag == "" {
		return nil
	}
	return strings.Split(tag, "|")
}

// decode takes a ref, or an object.
func (c *ModelChoice) decode(d *decoder, path string, v *json5.Value) bool {
	type object ModelChoice // without this method
	switch v.Kind {
	case json5.String:
		*c = ModelChoice{Primary: v.Text}
		return true
	case json5.Object:
		return d.structure(path, v, (*object)(c))
	default:
		d.wrongType(path, v, "string or object")
		return false
	}
}
