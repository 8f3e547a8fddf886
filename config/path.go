package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"hearth/internal/json5"
)

// ParsePath reads a config path: keys with dots between them, and brackets for an
// index or for a key that holds dots or brackets itself: a.b[0].c, a["x/y"]. The error is
// a *PathError.
func ParsePath(path string) ([]json5.Step, error) {
	segs, err := splitPath(path)
	if err != nil {
		return nil, err
	}
	steps := make([]json5.Step, len(segs))
	for i, s := range segs {
		steps[i] = s.step
	}
	return steps, nil
}

// A PathError says why a text is no config path.
type PathError struct{ Path, Why string }

// Error names the path and what is wrong with it.
func (e *PathError) Error() string { return fmt.Sprintf("config path %q: %s", e.Path, e.Why) }

// segment is a step and whether it was written bare, so that a dot may have cut it.
type segment struct {
	step json5.Step
	bare bool
}

func splitPath(path string) ([]segment, error) {
	bad := func(why string) ([]segment, error) {
		return nil, &PathError{path, why}
	}
	var segs []segment
	rest := path
	for rest != "" {
		switch rest[0] {
		case '[':
			seg, tail, err := bracket(rest)
			if err != nil {
				return bad(err.Error())
			}
			segs, rest = append(segs, seg), tail
			if rest != "" && rest[0] == '.' {
				if rest = rest[1:]; rest == "" {
					return bad("it ends with a dot")
				}
			}
		default:
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return bad("a key is missing before a dot")
			}
			segs = append(segs, segment{json5.Key(rest[:end]), true})
			rest = rest[end:]
			if strings.HasPrefix(rest, ".") {
				if rest = rest[1:]; rest == "" {
					return bad("it ends with a dot")
				}
			}
		}
	}
	if len(segs) == 0 {
		return bad("it is empty")
	}
	if !utf8.ValidString(path) {
		return bad("it is not UTF-8")
	}
	return segs, nil
}

// bracket reads [0], ["key"] or ['key'] at the start of s.
func bracket(s string) (segment, string, error) {
	if len(s) > 1 && (s[1] == '"' || s[1] == '\'') {
		for end := 2; end < len(s); end++ {
			if s[end] == '\\' {
				end++
				continue
			}
			if s[end] != s[1] {
				continue
			}
			d, err := json5.Parse("", []byte(s[1:end+1]))
			if err != nil || !strings.HasPrefix(s[end+1:], "]") {
				break
			}
			return segment{json5.Key(d.Root.Text), false}, s[end+2:], nil
		}
		return segment{}, "", fmt.Errorf("a quoted key in brackets has no end")
	}
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return segment{}, "", fmt.Errorf("a bracket has no end")
	}
	inner := s[1:end]
	if n, err := strconv.Atoi(inner); err == nil && n >= 0 {
		return segment{json5.Index(n), false}, s[end+1:], nil
	}
	if inner == "" {
		return segment{}, "", fmt.Errorf("an index is missing between the brackets")
	}
	return segment{json5.Key(inner), false}, s[end+1:], nil
}

// joinKey appends a key to a path, in brackets when it needs them.
func joinKey(path, key string) string {
	if key == "" || strings.ContainsAny(key, ".[]\"'\\ \t\n\r") {
		quoted, _ := (&json5.Value{Kind: json5.String, Text: key}).AppendJSON(nil) // a text cannot fail
		return path + "[" + string(quoted) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// formatPath writes steps as ParsePath reads them.
func formatPath(steps []json5.Step) string {
	out := ""
	for _, s := range steps {
		if key, ok := s.Key(); ok {
			out = joinKey(out, key)
			continue
		}
		i, _ := s.Index()
		out = formatIndex(out, i)
	}
	return out
}

func formatIndex(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
