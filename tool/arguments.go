package tool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"hearth"
)

// Arguments reads the arguments of one call. It forgives what small models get wrong
// and a person would understand at once (a number in quotes, a known other name of a
// parameter, line breaks inside a JSON string, the object wrapped in a string) and
// keeps the first mistake that it cannot forgive. The stored call is never changed.
//
// Every method of a tool must read a call through the same code, so that what was
// shown and decided on is what runs.
type Arguments struct {
	fields map[string]json.RawMessage
	err    error
}

// ReadArguments parses the arguments of call. known are all parameter names, with
// their other names after a "=": "path=file_path,filename". Anything else is a mistake.
func ReadArguments(call hearth.ToolCall, known ...string) *Arguments {
	a := &Arguments{}
	given, err := parseObject(call.Arguments)
	if err != nil {
		a.err = err
		return a
	}
	a.fields = make(map[string]json.RawMessage, len(given))
	for _, k := range known {
		name, others, _ := strings.Cut(k, "=")
		for _, alias := range append([]string{name}, strings.Split(others, ",")...) {
			value, ok := given[alias]
			if alias == "" || !ok {
				continue
			}
			delete(given, alias)
			if string(value) == "null" {
				continue
			}
			if before, twice := a.fields[name]; twice && !bytes.Equal(before, value) {
				a.fail("%q is given twice with different values", name)
			}
			a.fields[name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if string(given[name]) != "null" {
			a.fail("unknown argument %q; %s takes %s", name, call.Name, names(known))
		}
	}
	return a
}

// Err is the first mistake in words for the model, or nil.
func (a *Arguments) Err() error { return a.err }

// Has reports whether an argument was given (and not null).
func (a *Arguments) Has(name string) bool { return a.fields[name] != nil }

// Text gives a string argument, "" where it is absent. A number or a truth value
// counts as its text.
func (a *Arguments) Text(name string) string {
	raw := a.fields[name]
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		return a.text(name, raw)
	case '{', '[':
		a.fail("%q must be a string, not %s; put it in quotes", name, kind(raw))
		return ""
	default:
		return string(raw)
	}
}

// RequiredText is Text for an argument that must be there.
func (a *Arguments) RequiredText(name string) string {
	if !a.Has(name) {
		a.fail("%q is missing", name)
	}
	return a.Text(name)
}

// Int gives a whole number, or otherwise where it is absent.
func (a *Arguments) Int(name string, otherwise int) int {
	raw := a.fields[name]
	if raw == nil {
		return otherwise
	}
	s := strings.TrimSpace(strings.Trim(string(raw), `"`))
	if s == "" {
		return otherwise
	}
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f == float64(int(f)) {
		return int(f)
	}
	a.fail("%q must be a whole number, not %s", name, brief(raw))
	return otherwise
}

// Bool gives a truth value, false where it is absent.
func (a *Arguments) Bool(name string) bool {
	raw := a.fields[name]
	if raw == nil {
		return false
	}
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "true", "yes", "1":
		return true
	case "false", "no", "0", "":
		return false
	}
	a.fail("%q must be true or false, not %s", name, brief(raw))
	return false
}

// TextMap gives an object whose values are strings, nil where it is absent. An array
// of NAME=value is understood too.
func (a *Arguments) TextMap(name string) map[string]string {
	raw := a.fields[name]
	if raw == nil {
		return nil
	}
	out := map[string]string{}
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		for _, item := range list {
			key, value, ok := strings.Cut(item, "=")
			if !ok {
				a.fail("%q must be an object, and %q is not NAME=value", name, item)
			}
			out[key] = value
		}
		return out
	}
	fields, err := parseObject(string(raw))
	if err != nil {
		a.fail("%q must be an object of strings, not %s", name, brief(raw))
		return nil
	}
	inner := &Arguments{fields: fields}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		out[key] = inner.Text(key)
	}
	if inner.err != nil {
		a.fail("%q: %w", name, inner.err)
	}
	return out
}

// Objects gives a list of objects, each read with known as in ReadArguments. One
// object instead of a list counts as a list of one, and a list in a string as a list.
func (a *Arguments) Objects(name string, known ...string) []*Arguments {
	raw := a.fields[name]
	if raw == nil {
		return nil
	}
	if raw[0] == '"' {
		raw = json.RawMessage(strings.TrimSpace(a.text(name, raw)))
	}
	var items []json.RawMessage
	if trimmed := bytes.TrimSpace(raw); len(trimmed) > 0 && trimmed[0] == '{' {
		items = []json.RawMessage{raw}
	} else if err := json.Unmarshal(raw, &items); err != nil {
		a.fail("%q must be a list of objects, not %s", name, brief(raw))
		return nil
	}
	out := make([]*Arguments, 0, len(items))
	for i, item := range items {
		entry := ReadArguments(hearth.ToolCall{Name: fmt.Sprintf("%s[%d]", name, i), Arguments: string(item)}, known...)
		if entry.err != nil {
			a.fail("%s[%d]: %w", name, i, entry.err)
		}
		out = append(out, entry)
	}
	return out
}

// Refuse records a mistake that the tool itself found.
func (a *Arguments) Refuse(format string, args ...any) { a.fail(format, args...) }

// Absorb takes over the first mistake of an argument's own arguments.
func (a *Arguments) Absorb(where string, inner *Arguments) {
	if inner.err != nil {
		a.fail("%s: %w", where, inner.err)
	}
}

func (a *Arguments) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, args...)
	}
}

// text decodes a JSON string. The decoder puts U+FFFD where half of a UTF-16 pair or
// an invalid byte stood; writing that to a file would lose what was meant in silence.
func (a *Arguments) text(name string, raw json.RawMessage) string {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		a.fail("%q is not a valid JSON string: %w", name, err)
		return ""
	}
	if strings.ContainsRune(s, utf8.RuneError) && !bytes.Contains(raw, []byte("\uFFFD")) && !bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`)) {
		a.fail("%q holds half of a \\u pair or a byte that is not UTF-8", name)
	}
	return s
}

func names(known []string) string {
	out := make([]string, len(known))
	for i, k := range known {
		out[i], _, _ = strings.Cut(k, "=")
	}
	return strings.Join(out, ", ")
}

// parseObject gives the fields of what a call's arguments were meant to be.
func parseObject(text string) (map[string]json.RawMessage, error) {
	object, ok := (&hearth.ToolCall{Arguments: text}).Object()
	var fields map[string]json.RawMessage
	err := json.Unmarshal([]byte(object), &fields)
	if ok && err == nil {
		return fields, nil
	}
	if wrong, typed := errors.AsType[*json.UnmarshalTypeError](err); typed {
		return nil, fmt.Errorf("the arguments must be a JSON object, not a JSON %s", wrong.Value)
	}
	return nil, fmt.Errorf("the arguments are not valid JSON: %s", jsonMistake(object, err))
}

// jsonMistake says where JSON broke, with the text around the place.
func jsonMistake(text string, err error) string {
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return err.Error()
	}
	at := min(int(syntax.Offset), len(text))
	from := max(0, at-30)
	near := strings.ToValidUTF8(text[from:at], "")
	if at == len(text) {
		return fmt.Sprintf("%s after %q (%d bytes; was it cut off?)", syntax.Error(), near, len(text))
	}
	return fmt.Sprintf("%s at byte %d, after %q", syntax.Error(), at, near)
}

func kind(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "empty text"
	}
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "a truth value"
	default:
		return "a number"
	}
}

func brief(raw json.RawMessage) string {
	if len(raw) == 0 || len(raw) > 40 || raw[0] == '{' || raw[0] == '[' {
		return kind(raw)
	}
	return string(raw)
}
