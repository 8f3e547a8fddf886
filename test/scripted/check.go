package scripted

import (
	"fmt"
	"math"
)

// leastMargin is the lead the right token must have over the second best, in
// logits: with temperature 2 the second best is then e^-20 as likely.
const leastMargin = 40.0

// check runs every transition of the model on the network without rounding or
// noise in the attention, and gives the smallest lead it saw.
func (n *network) check() (margin float64, err error) {
	margin = math.Inf(1)
	expect := func(x []float64, want int, what string) error {
		got, lead := n.best(x)
		if got != want {
			return fmt.Errorf("check network: %s: says %q, not %q", what, n.tokens[got].text, n.tokens[want].text)
		}
		if lead < leastMargin {
			return fmt.Errorf("check network: %s: leads by %.1f only", what, lead)
		}
		margin = min(margin, lead)
		return nil
	}
	for _, t := range n.promptSample() {
		for script, s := range n.spec.Scripts {
			if s.Trigger == n.spec.Default {
				if err := expect(n.state(t, -1), n.first[script], "start without a trigger"); err != nil {
					return 0, err
				}
			}
			if err := expect(n.state(t, script), n.first[script], "start of "+s.Name); err != nil {
				return 0, err
			}
		}
	}
	for t, successor := range n.next {
		for _, script := range []int{-1, t % len(n.triggers)} {
			if err := expect(n.state(t, script), successor, fmt.Sprintf("after %q", n.tokens[t].text)); err != nil {
				return 0, err
			}
		}
	}
	return margin, nil
}

// promptSample gives tokens a prompt may end with. Outside the scripts all tokens
// are alike but for their random code, so a sample is enough.
func (n *network) promptSample() []int {
	sample := []int{'\n', '"', n.end - 2, n.end - 1, n.end}
	for t := 0; t < n.end; t += 40 {
		sample = append(sample, t)
	}
	return sample
}

// state is what the last layer sees at token t once the head has found the trigger
// of a script; -1 is none.
func (n *network) state(t, script int) []float64 {
	x := make([]float64, width)
	for i, v := range row(n.embed, t) {
		x[i] = float64(v)
	}
	if script >= 0 {
		x[dimTrigger+script] += slotGain
	}
	return x
}

// best gives the token with the largest logit and its lead over the next.
func (n *network) best(x []float64) (token int, lead float64) {
	squares := 0.0
	for _, v := range x {
		squares += v * v
	}
	scale := math.Sqrt(width / squares)
	first, second := math.Inf(-1), math.Inf(-1)
	for t := range n.tokens {
		logit := 0.0
		for i, w := range row(n.unembed, t) {
			logit += float64(w) * x[i]
		}
		switch logit *= scale; {
		case logit > first:
			first, second, token = logit, first, t
		case logit > second:
			second = logit
		}
	}
	return token, first - second
}
