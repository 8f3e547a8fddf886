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
	tokenCall   = regexp.MustCompile(`<\|(?:start\|>assistant|channel\|>(?:commentary|analysis))\s+to=(?:functions\.)?(?P<name>[\w.-]{1,120})` + // gpt-oss
		`|<\|tool_call(?:s_section)?_begin\|>\s*(?:<\|tool_call_begin\|>\s*)?(?:functions\.)?(?P<name>[\w.-]{0,120})` + // Kimi
		`|<｜tool▁calls?▁begin｜>\s*(?:<｜tool▁call▁begin｜>)?(?:function<｜tool▁sep｜>)?(?P<name>[\w.-]{0,120})` + // DeepSeek
		`|\[TOOL_CALLS\]\s*(?P<name>[\w.-]{0,120})` + // Mistral
		`|<\|(?:tool_call|tool_call_start|python_tag|action_start)\|>\s*(?:\[\s*)?(?P<name>[\w.-]{0,120})` +
		`|<｜DSML｜(?:function_calls|tool_calls|invoke)\b(?P<name>)`) // DeepSeek V3.2
	tokenName  = regexp.MustCompile(`"name"\s*:\s*"([^"]{1,120})"|<｜DSML｜invoke\s+name="([^"]{1,120})"`)
	pythonCall = regexp.MustCompile("(?m)^ {0,3}```tool_code[ \t\r]*\n\\s*(?:print\\()?([\\w.]{1,120})\\(" + // Gemma
		`|^\s*\[([A-Za-z_][\w.]{0,119})\(\s*(?:\w+\s*=[^\n]*)?\)\s*[\],]`) // Llama 4
	reactCall = regexp.MustCompile(`(?m)^\s*Action:[ \t]*(\S{1,120})[ \t\r]*\n\s*Action Input:`)
)

// findLookAlike gives the first pattern, in order, that text shows; zero when none.
func findLookAlike(text string) LookAlike {
	if at := tokenCall.FindStringSubmatchIndex(text); at != nil {
		return LookAlike{Pattern: "token_tool_call", Tool: tokenTool(text, at)}
	}
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
	if m := pythonCall.FindStringSubmatch(text); m != nil {
		return LookAlike{Pattern: "python_tool_call", Tool: m[1] + m[2]}
	}
	return LookAlike{}
}

// tokenTool gives the name in a call that tokenCall found, from where it begins.
func tokenTool(text string, at []int) string {
	for i := 2; i < len(at); i += 2 {
		if at[i] >= 0 && at[i] < at[i+1] {
			return text[at[i]:at[i+1]]
		}
	}
	if m := tokenName.FindStringSubmatch(text[at[0]:]); m != nil {
		return m[1] + m[2]
	}
	return ""
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
