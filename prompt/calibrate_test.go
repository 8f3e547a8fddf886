package prompt_test

import (
	"math"
	"strings"
	"testing"

	"hearth"
	"hearth/prompt"
)

// each counts texts with so much weight to a token.
func each(texts []string, weight float64) []int {
	counts := make([]int, len(texts))
	for i, s := range texts {
		counts[i] = int(float64(prompt.WeighText(s).Sum())/weight + 0.5)
	}
	return counts
}

func TestAPlanIsCalibratedByATokenizer(t *testing.T) {
	long := &prompt.Plan{System: strings.Repeat("All of this is said at the beginning. ", 2_000)}
	short := &prompt.Plan{System: strings.Repeat("Be kind. ", 100), Tools: []hearth.ToolSpec{spec("look")}}
	known := &prompt.Plan{System: short.System, Gauge: prompt.NewGauge(0.3, 0.3)}
	for name, c := range map[string]struct {
		plan       *prompt.Plan
		said       string
		characters float64
		head       int
		ascii      float64
		other      float64
	}{
		"English, and tools":                {short, "Hello.", 5, 200 + 25 + 80, 0.2, 0.75},
		"a message in another script":       {short, strings.Repeat("Привет ", 50), 5, 200 + 25 + 80, 0.2, 0.2},
		"a system text longer than is sent": {long, "Hello.", 4, 16_500, 0.25, 0.75},
		"a ratio that was learned":          {known, strings.Repeat("Привет ", 50), 5, 200, 0.3, 0.3},
	} {
		g := c.plan.Calibrate(c.said, each(c.plan.Samples(c.said), c.characters))
		if math.Abs(float64(g.Head-c.head)) > 0.02*float64(c.head) || math.Abs(g.Ratio.ASCII-c.ascii) > 0.02 || math.Abs(g.Ratio.Other-c.other) > 0.05 || !g.Tokenizer {
			t.Errorf("%s: %+v", name, g)
		}
		for _, s := range c.plan.Samples(c.said) {
			if len(s) > 16_000 {
				t.Errorf("%s: %d bytes are sent to be counted", name, len(s))
			}
		}
	}
	for name, counts := range map[string][]int{"no answer": nil, "half an answer": {12}} {
		if g := short.Calibrate("hi", counts); g != short.Gauge {
			t.Errorf("%s: %+v", name, g)
		}
	}
	if g := known.Calibrate("hi", nil); g != known.Gauge {
		t.Errorf("what was learned is lost: %+v", g)
	}
}
