package hearth_test

import (
	"testing"

	"hearth"
)

func TestOneReadingOfArguments(t *testing.T) {
	for in, want := range map[string]string{
		"":                             `{}`,
		" null ":                       `{}`,
		`{"b": 1,"a":  [2]}`:           `{"b": 1,"a":  [2]}`,
		`"{\"a\": 1}"`:                 `{"a": 1}`,
		`"\"{\\\"a\\\": 1}\""`:         `{"a": 1}`,
		`""`:                           `{}`,
		"{\"a\":\"x\ny\"}":             `{"a":"x\u000ay"}`,
		`"\"\\\"{}\\\"\""`:             "", // three times is no habit of anybody's
		`[1]`:                          "",
		`{"a":`:                        "",
		"{\"a\":\"x\\\ny\"}":           "", // a backslash before a raw line break: two things may be meant
		`"not`:                         "",
		`{"a":1}{"b":2}`:               "",
		`"{\"path\": \"a` + "\n" + `"`: "",
	} {
		got, ok := (&hearth.ToolCall{Arguments: in}).Object()
		if ok != (want != "") || ok && got != want {
			t.Errorf("%s is read as %s (%t), want %s", in, got, ok, want)
		}
	}
}
