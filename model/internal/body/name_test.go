package body

import (
	"strings"
	"testing"

	"hearth"
)

func TestToolNamed(t *testing.T) {
	tools := []hearth.ToolSpec{{Name: "read"}, {Name: "getWeather"}, {Name: "list-a"}, {Name: "list_a"}}
	for name, want := range map[string]string{
		"read": "read", "functions.read": "read", "tools.read": "read", "get_weather": "getWeather", "functions.get_weather": "getWeather",
		"list.a": "list.a", "list_a": "list_a", "nobody": "nobody", "": "",
	} {
		if got := ToolNamed(name, tools); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestCallNameIsOneThatEveryServerTakes(t *testing.T) {
	for in, want := range map[string]string{
		"read":                      "read",
		"mcp__box-1":                "mcp__box-1",
		"":                          "unnamed",
		"read file":                 "read_file",
		"read<|channel|>comment":    "read__channel__comment",
		"lés":                       "l_s",
		strings.Repeat("ab", 40):    strings.Repeat("ab", 32),
		"functions.read\n\x00quick": "functions_read__quick",
	} {
		if got := CallName(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
