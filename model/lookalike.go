package model

import (
	"encoding/json"
	"regexp"
	"strings"
)

// Bounds of the search (runtime facts 4.10): a log line is not worth more.
const (
	maxSample     = 20_000
	maxCandidates = 20
	maxCandidate  = 8_000
)

var (
	bracketCall = regexp.MustCompile(`(?m)^ {0,3}\[([A-Za-z0-9_-]{1,120})\][ \t\r]*\n\s*\{`)
	xmlCall     = regexp.MustCompile(`<(?:tool_calls?|function_calls?|tool_use|invoke|function)(?:[\s>=]|$)`)
	xmlName     = regexp.MustCompile(`<(?:invoke|function|tool_call)[^>]*?\bname="([^"]{1,120})"|<function=([^>\s]{1,120})>|"name"\s*:\s*"([^"]{1,120})"`)
	reactCall   = regexp.MustCompile(`(?m)^\s*Action:[ \t]*(\S{1,120})[ \t\r]*\n\s*Action Input:`)
)

// findLookAlike gives the first pattern, in order, that text shows; zero when none.
func findLookAlike(text string) LookAlike {
	if m := bracketCall.FindStringSubmatch(text); m != nil {
		return LookAlike{Pattern: "bracketed_tool_call", Tool: m[1]}
	}
	if at := xmlCall.FindStringIndex(text); at != nil {
		look := LookAlike{Pattern: "xml_tool_call"}
		if m := xmlName.FindStringSubmatch(text[at[0]:]); m != nil {
			look.Tool = m[1] + m[2] + m[3]
		}
		return look
	}
	if tool, ok := jsonCall(text); ok {
		return LookAlike{Pattern: "json_tool_call", Tool: tool}
	}
	if m := reactCall.FindStringSubmatch(text); m != nil {
		return LookAlike{Pattern: "react_action", Tool: m[1]}
	}
	return LookAlike{}
}

// jsonCall finds an object that names a tool and holds arguments.
func jsonCall(text string) (tool string, ok bool) {
	for range maxCandidates {
		at := strings.IndexByte(text, '{')
		if at < 0 {
			return "", false
		}
		text = text[at:]
		if tool, ok := callObject(text[:min(len(text), maxCandidate)]); ok {
			return tool, true
		}
		text = text[1:]
	}
	return "", false
}

// callObject reads the JSON object that text begins with.
func callObject(text string) (tool string, ok bool) {
	var object map[string]json.RawMessage
	if json.NewDecoder(strings.NewReader(text)).Decode(&object) != nil {
		return "", false
	}
	args := false
	for _, key := range []string{"arguments", "parameters", "args", "params", "input", "action_input", "tool_input"} {
		args = args || object[key] != nil
	}
	for _, key := range []string{"name", "tool", "tool_name", "function", "action"} {
		var name string
		if args && json.Unmarshal(object[key], &name) == nil && name != "" {
			return name, true
		}
	}
	return "", false
}
