package main

import (
	"fmt"
	"testing"
	"time"

	"hearth/agent"
)

func TestTheTimeoutOfACommandStandsOverTheConfigs(t *testing.T) {
	for _, c := range []struct {
		flag, config string
		want         agent.Limits
	}{
		{"", "{}", agent.Limits{}},
		{"", "{timeoutSeconds: 4}", agent.Limits{Turn: -1, Total: 4 * time.Second}},
		{"", "{timeoutSeconds: 0}", agent.Limits{Turn: -1}},
		{"0", "{timeoutSeconds: 4}", agent.Limits{Turn: -1}},
		{"9s", "{timeoutSeconds: 2}", agent.Limits{Turn: -1}}, // and 9 s for the whole command
		{"0", "{}", agent.Limits{Turn: -1}},
		{"2h", "{}", agent.Limits{Turn: -1}},
	} {
		t.Run(fmt.Sprintf("--timeout %q and %s", c.flag, c.config), func(t *testing.T) {
			a := scene(t, "{agents: {defaults: "+c.config+"}}")
			ask := choice{workspace: t.TempDir()}
			if c.flag != "" {
				if err := ask.timeout.Set(c.flag); err != nil {
					t.Fatal(err)
				}
			}
			kit, err := a.toolbox.toolkit(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			defer kit.close()
			if got := a.agentConfig(ask, kit).Limits; got != c.want {
				t.Errorf("the limits are %+v, want %+v", got, c.want)
			}
		})
	}
}
