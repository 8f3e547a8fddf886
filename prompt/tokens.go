package prompt

import (
	"hearth"
)

// A Weight is an amount of text: ASCII bytes and other characters apart, because no
// tokenizer treats them alike.
type Weight struct{ ASCII, Other int }

// Add gives the sum.
func (w Weight) Add(v Weight) Weight { return Weight{w.ASCII + v.ASCII, w.Other + v.Other} }

// WeighText weighs a string.
func WeighText(s string) Weight {
	var w Weight
	for _, r := range s {
		if r < 0x80 {
			w.ASCII++
		} else {
			w.Other++
		}
	}
	return w
}

// messageFrame is what a chat template adds around a message, as ASCII bytes.
const messageFrame = 24

// Weigh weighs messages as a plan's model would read them.
func Weigh(p *Plan, messages []hearth.Message) Weight {
	var w Weight
	for i := range messages {
		m, ok := visible(p, &messages[i])
		if !ok {
			continue
		}
		w.ASCII += messageFrame
		for j := range m.Parts {
			w = w.Add(weighPart(p, &m.Parts[j]))
		}
	}
	return w
}

func weighPart(p *Plan, part *hearth.Part) Weight {
	const imageASCII = 3200 // about 800 tokens, what common vision models take for one picture
	switch {
	case part.Call != nil:
		w := WeighText(part.Call.Arguments)
		w.ASCII += len(part.Call.Name) + messageFrame
		return w
	case part.Result != nil:
		w := WeighText(part.Result.Text)
		w.ASCII += imageASCII * len(part.Result.Blobs)
		return w
	case part.Blob != nil:
		return Weight{ASCII: imageASCII}
	case part.Thinking != "" && !p.Capabilities.ReplayThinking:
		return Weight{}
	default:
		return WeighText(part.Text).Add(WeighText(part.Thinking))
	}
}

// WeighHead weighs what comes before the first message.
func WeighHead(p *Plan) Weight {
	w := WeighText(p.System).Add(WeighText(p.Summary))
	for _, t := range p.Tools {
		w.ASCII += len(t.Name) + len(t.Description) + len(t.Schema) + 2*messageFrame
	}
	return w
}

// A Ratio turns weight into tokens. The zero Ratio is not usable; start with UsualRatio.
type Ratio struct {
	ASCII float64 // tokens for one ASCII byte
	Other float64 // tokens for one other character
}

// UsualRatio is assumed of a tokenizer nobody has measured.
var UsualRatio = Ratio{ASCII: 1 / 3.7, Other: 0.75}

// Tokens estimates the tokens of a weight.
func (r Ratio) Tokens(w Weight) int {
	return int(r.ASCII*float64(w.ASCII) + r.Other*float64(w.Other) + 0.5)
}

// A Sample is what a server counted for a weight.
type Sample struct {
	Weight Weight
	Tokens int
}

// Learn fits the ratio to what a server counted: least squares for the two scripts, held
// to the usual ratio as far as the samples say nothing of a script.
func Learn(samples []Sample) Ratio {
	// The prior counts as much as a thousand characters of each script.
	const prior = 1000.0
	aa, oo, ao := prior*prior, prior*prior, 0.0
	at, ot := prior*prior*UsualRatio.ASCII, prior*prior*UsualRatio.Other
	for _, s := range samples {
		a, o, t := float64(s.Weight.ASCII), float64(s.Weight.Other), float64(s.Tokens)
		aa, oo, ao = aa+a*a, oo+o*o, ao+a*o
		at, ot = at+a*t, ot+o*t
	}
	det := aa*oo - ao*ao
	r := Ratio{ASCII: (at*oo - ot*ao) / det, Other: (ot*aa - at*ao) / det}
	r.ASCII = min(1.5, max(0.1, r.ASCII))
	r.Other = min(4, max(0.2, r.Other))
	return r
}
