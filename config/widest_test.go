package config

import "testing"

func TestTheWidestContextOfAllAgents(t *testing.T) {
	for _, row := range []struct {
		name     string
		defaults int
		agents   []int
		want     int
	}{
		{"nobody has a cap", 0, nil, 0},
		{"the defaults have one", 8000, nil, 8000},
		{"one of two has one", 0, []int{8000, 0}, 0},
		{"both have", 0, []int{8000, 16000}, 16000},
		{"one has the defaults'", 9000, []int{8000, 0}, 9000},
		{"the only one plans for less than the defaults", 9000, []int{8000}, 8000},
	} {
		var a Agents
		a.Defaults.ContextTokens = row.defaults
		for _, c := range row.agents {
			a.List = append(a.List, Agent{ContextTokens: c})
		}
		if got := a.WidestContext(); got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
}
