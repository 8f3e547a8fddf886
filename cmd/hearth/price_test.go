package main

import (
	"math"
	"testing"

	"hearth"
)

func TestATurnCostsWhatThePricesSay(t *testing.T) {
	a := scene(t, `{models: {providers: {
		box: {baseUrl: "http://127.0.0.1:1/v1", models: [{id: "free", name: "F", cost: {input: 0, output: 0, cacheRead: 0, cacheWrite: 0}}, {id: "priced", name: "P", cost: {input: 2, output: 10, cacheRead: 0.5, cacheWrite: 4}}, {id: "unknown", name: "U"}]},
		anthropic: {baseUrl: "http://127.0.0.1:2/v1", models: []},
	}}}`)
	call := func(provider, model string) hearth.Report {
		return hearth.Report{Target: hearth.ModelRef{Provider: provider, Model: model}, Usage: hearth.Usage{Input: 1_000_000, CacheRead: 400_000, CacheWrite: 100_000, Output: 200_000, Total: 1_200_000}}
	}
	cut := func(model string) hearth.Report {
		return hearth.Report{Target: hearth.ModelRef{Provider: "box", Model: model}, Phases: hearth.PhaseTimes{Write: 1}, Reason: hearth.ReasonCut}
	}
	for _, row := range []struct {
		name  string
		calls []hearth.Report
		want  float64 // below 0: not known
	}{
		{"a machine of one's own", []hearth.Report{call("box", "free")}, 0},
		{"cached tokens have their own price", []hearth.Report{call("box", "priced")}, 2*0.5 + 0.5*0.4 + 4*0.1 + 10*0.2},
		{"all calls count", []hearth.Report{call("box", "free"), call("box", "priced")}, 3.6},
		{"nobody knows", []hearth.Report{call("box", "unknown")}, -1},
		{"one of them nobody knows", []hearth.Report{call("box", "priced"), call("box", "unknown")}, -1},
		{"the catalog's, at the vendor's own host", []hearth.Report{call("openai", "gpt-4o")}, 2.5*0.5 + 1.25*0.4 + 10*0.2},
		{"not the catalog's for a proxy of that name", []hearth.Report{call("anthropic", "claude-sonnet-4-5")}, -1},
		{"one that was cut off before it was counted", []hearth.Report{call("box", "priced"), cut("priced")}, -1},
		{"and one that costs nothing anyway", []hearth.Report{cut("free")}, 0},
		{"nobody was asked", nil, -1},
	} {
		got := -1.0
		if c := a.roster.costOf(row.calls); c != nil {
			got = *c
		}
		if math.Abs(got-row.want) > 1e-9 {
			t.Errorf("%s: %v dollars, want %v", row.name, got, row.want)
		}
	}
}
