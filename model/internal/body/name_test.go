package body

import (
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
