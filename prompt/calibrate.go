package prompt

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"hearth"
)

// mostSample is how much of a text a tokenizer is asked to count, in bytes; the rest is
// taken to be like it.
const mostSample = 16_000

// toolsPreamble is what chat templates tell a model about calling tools, in tokens.
const toolsPreamble = 80

// Samples are the texts of a plan that a server's own tokenizer should count before
// anything is sent: system text, tools as templates roughly render them, and, where
// nothing is known of how the model counts, what the person said. Empty ones are left
// out.
func (p *Plan) Samples(said string) []string {
	said = cutSample(said)
	if p.Gauge.Ratio != (Ratio{}) {
		said = ""
	}
	var out []string
	for _, s := range []string{cutSample(p.System), cutSample(renderTools(p.Tools)), said} {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Calibrate gives the gauge that follows from how many tokens each of the Samples is.
// A ratio that was learned from a conversation is not unlearned by it.
func (p *Plan) Calibrate(said string, tokens []int) Gauge {
	samples := p.Samples(said)
	if len(samples) != len(tokens) || len(samples) == 0 {
		return p.Gauge
	}
	g := Gauge{Ratio: p.Gauge.Ratio, Tokenizer: true}
	next := func(text string) (s Sample) {
		if text == "" {
			return s
		}
		s = Sample{Weight: WeighText(samples[0]), Tokens: tokens[0]}
		samples, tokens = samples[1:], tokens[1:]
		return s
	}
	tools := renderTools(p.Tools)
	system, called := next(p.System), next(tools)
	g.Head = scaled(system, p.System) + scaled(called, tools)
	if called.Tokens > 0 {
		g.Head += toolsPreamble
	}
	if g.Ratio == (Ratio{}) {
		own := Sample{}
		if len(samples) > 0 {
			own = next(samples[0])
		}
		g.Ratio = UsualRatio.fit(15, []Sample{system, own}) // exact counts outweigh a guess soon
	}
	return g
}

// scaled gives the tokens of a whole text from those of its sample.
func scaled(s Sample, text string) int {
	whole, part := UsualRatio.Tokens(WeighText(text)), UsualRatio.Tokens(s.Weight)
	if part == 0 {
		return s.Tokens
	}
	return s.Tokens * whole / part
}

// renderTools writes tools the way that most chat templates do.
func renderTools(tools []hearth.ToolSpec) string {
	type function struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters,omitempty"`
	}
	var b strings.Builder
	for _, t := range tools {
		row, err := json.Marshal(struct {
			Type     string   `json:"type"`
			Function function `json:"function"`
		}{"function", function{t.Name, t.Description, t.Schema}})
		if err != nil {
			row = []byte(t.Name + t.Description + string(t.Schema)) // no JSON, and as long
		}
		b.Write(row)
		b.WriteByte('\n')
	}
	return b.String()
}

// cutSample takes the beginning of a text, of whole characters.
func cutSample(s string) string {
	if len(s) <= mostSample {
		return s
	}
	at := mostSample
	for !utf8.RuneStart(s[at]) {
		at--
	}
	return s[:at]
}
