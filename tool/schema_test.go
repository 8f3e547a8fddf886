package tool_test

import (
	"encoding/json"
	"strings"
	"testing"

	"hearth"
	"hearth/tool"
)

const richSchema = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","additionalProperties":false,"required":["to"],"properties":{
	"to":{"type":"string","pattern":"^[a-z]+@home$"},
	"copies":{"type":"integer","minimum":1,"maximum":9},
	"mode":{"enum":["slow","fast"]},
	"when":{"anyOf":[{"type":"integer"},{"$ref":"#/$defs/hour"}]},
	"files":{"type":"array","maxItems":2,"items":{"type":"object","properties":{"a/b":{"type":"string","minLength":2}}}}},
	"$defs":{"hour":{"type":"string","pattern":"^[0-9]+h$"}}}`

func TestArgumentsThatBreakARuleAreToldWithPlaceAndRule(t *testing.T) {
	for _, row := range []struct{ arguments, want string }{
		{`{"to":"ann@home"}`, ""},
		{`{"to":"ann@home","copies":9,"mode":"fast","when":"3h","files":[{"a/b":"xy"},{}]}`, ""},
		{`{"to":"ann@home","copies":2.0}`, ""},
		{`{}`, `the arguments break a rule of the tool: required: missing properties: ["to"]`},
		{`{"to":"ann"}`, `argument to breaks a rule of the tool: pattern: "ann" does not match regular expression "^[a-z]+@home$"`},
		{`{"to":7}`, `argument to breaks a rule of the tool: type: 7 has type "integer", want "string"`},
		{`{"to":"ann@home","copies":0}`, `argument copies breaks a rule of the tool: minimum: 0/1 is less than 1.000000`},
		{`{"to":"ann@home","copies":"3"}`, `argument copies breaks a rule of the tool: type: 3 has type "string", want "integer"`},
		{`{"to":"ann@home","mode":"idle"}`, `argument mode breaks a rule of the tool: enum: idle does not equal any of: [slow fast]`},
		{`{"to":"ann@home","cc":"x"}`, `the arguments break a rule of the tool: unexpected additional properties ["cc"]`},
		{`{"to":"ann@home","files":[{"a/b":"xy"},{"a/b":"x"}]}`, `argument files[].a/b breaks a rule of the tool: minLength: "x" contains 1 Unicode code points, fewer than 2`},
		{`{"to":"ann@home","files":[{},{},{}]}`, `argument files breaks a rule of the tool: maxItems: array length 3 is greater than 2`},
		{`[1]`, `the arguments are not a JSON object: json: cannot unmarshal array into Go value of type map[string]interface {}`},
	} {
		got := ""
		if err := tool.Fits(hearth.ToolSpec{Name: "send", Schema: json.RawMessage(richSchema)}, row.arguments); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s\ngot  %s\nwant %s", row.arguments, got, row.want)
		}
	}
}

func TestASchemaThatNobodyCanReadHasNoRules(t *testing.T) {
	for _, schema := range []string{``, `{`, `{"type":7}`, `{"$ref":"https://example.com/other.json"}`, `{"properties":{"a":{"pattern":"(?=x)"}}}`} {
		if err := tool.Fits(hearth.ToolSpec{Schema: json.RawMessage(schema)}, `{"a":"y"}`); err != nil {
			t.Errorf("%s: %v", schema, err)
		}
	}
}

func TestASchemaOfAnotherVersionIsReadAsTheNewest(t *testing.T) {
	if err := tool.Fits(hearth.ToolSpec{Schema: json.RawMessage(`{"$schema":"https://example.com/own","required":["b"]}`)}, `{}`); err == nil {
		t.Error("its rules are forgotten")
	}
}

func TestAComplaintIsShort(t *testing.T) {
	err := tool.Fits(hearth.ToolSpec{Schema: json.RawMessage(`{"properties":{"a":{"enum":["x"]}}}`)}, `{"a":"`+strings.Repeat("ü", 10_000)+`"}`)
	if err == nil || len(err.Error()) > 400 {
		t.Errorf("%.500v", err)
	}
}
