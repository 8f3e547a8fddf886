package tool

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"hearth"
)

// Fits says where a call's arguments break a rule of the tool's own schema, in words for
// the model, or nil. A server is sent a reduced schema, so the model may not have been
// told of the rule: the words name the place and the rule. It is for tools that are no
// Checker; a Checker knows its arguments better, and forgives more. A schema that cannot
// be read, or refers to another document, has no rules.
func Fits(spec hearth.ToolSpec, arguments string) error {
	var schema jsonschema.Schema
	if len(spec.Schema) == 0 || json.Unmarshal(spec.Schema, &schema) != nil {
		return nil
	}
	if !strings.Contains(schema.Schema, "draft-07") {
		schema.Schema = "" // the library refuses to read any other version than the newest
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		return nil //nolint:nilerr // its author's mistake, which no argument can mend
	}
	var value map[string]any // what a schema is about has no other type
	if err := json.Unmarshal([]byte(arguments), &value); err != nil {
		return fmt.Errorf("the arguments are not a JSON object: %w", err)
	}
	if err := resolved.Validate(value); err != nil {
		return broken(err.Error())
	}
	return nil
}

// place is where the library says a rule was broken: a path through the schema.
var place = regexp.MustCompile(`validating (root|/[^:\s]*): `)

// broken turns the library's words into a path through the arguments, and the rule.
func broken(message string) error {
	const most = 300
	path := ""
	for _, m := range place.FindAllStringSubmatchIndex(message, -1) {
		path = message[m[2]:m[3]]
	}
	rule := place.ReplaceAllString(message, "")
	if len(rule) > most {
		rule = strings.ToValidUTF8(rule[:most], "") + "…"
	}
	if where := argumentPath(path); where != "" {
		return fmt.Errorf("argument %s breaks a rule of the tool: %s", where, rule)
	}
	return fmt.Errorf("the arguments break a rule of the tool: %s", rule)
}

// argumentPath turns /properties/edits/items/properties/path into edits[].path.
func argumentPath(schemaPath string) string {
	steps := strings.Split(strings.TrimPrefix(schemaPath, "/"), "/")
	var b strings.Builder
	for i := 0; i < len(steps); i++ {
		switch steps[i] {
		case "properties":
			if i++; i < len(steps) {
				if b.Len() > 0 {
					b.WriteByte('.')
				}
				b.WriteString(strings.NewReplacer("~1", "/", "~0", "~").Replace(steps[i]))
			}
		case "items":
			b.WriteString("[]")
		}
	}
	return b.String()
}
