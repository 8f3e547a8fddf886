package prompt

import (
	"encoding/json"
	"unicode/utf8"

	"hearth"
)

// A Weight is an amount of text: ASCII and other characters apart, because no tokenizer
// treats them alike. A letter weighs 1, a space between words nothing, and what tokenizers
// take in small pieces weighs more, so that one ratio holds for prose, code, logs and hashes.
// Pictures are a number of them, which no text tells anything of.
type Weight struct{ ASCII, Other, Pictures int }

// Add gives the sum.
func (w Weight) Add(v Weight) Weight {
	return Weight{w.ASCII + v.ASCII, w.Other + v.Other, w.Pictures + v.Pictures}
}

// Less gives what w is more than v, which is a part of it.
func (w Weight) Less(v Weight) Weight {
	return Weight{w.ASCII - v.ASCII, w.Other - v.Other, w.Pictures - v.Pictures}
}

// text is w without its pictures.
func (w Weight) text() Weight { return Weight{ASCII: w.ASCII, Other: w.Other} }

// Sum is the weight of both scripts together.
func (w Weight) Sum() int { return w.ASCII + w.Other }

// WeighText weighs a string, which is UTF-8.
func WeighText(s string) Weight { return weigh(s) }

// weigh looks everything up: all that is sent is weighed.
func weigh[T string | json.RawMessage](s T) Weight {
	var w Weight
	last := blank
	for i := range len(s) {
		now := classes[s[i]]
		w.ASCII += weights[last][now]
		if s[i] >= utf8.RuneSelf && utf8.RuneStart(s[i]) {
			w.Other++
		}
		last = now
	}
	return w
}

// class is what a tokenizer sees in a byte.
type class uint8

const (
	blank class = iota
	lower
	upper
	digit
	mark // all else in ASCII
	foreign
	numClasses
)

var classes = func() (of [256]class) {
	for b := range of {
		switch {
		case b >= utf8.RuneSelf:
			of[b] = foreign
		case b >= 'a' && b <= 'z':
			of[b] = lower
		case b >= 'A' && b <= 'Z':
			of[b] = upper
		case b >= '0' && b <= '9':
			of[b] = digit
		case b <= ' ':
			of[b] = blank
		default:
			of[b] = mark
		}
	}
	return of
}()

// What ASCII characters weigh more than 1, as tokenizers were seen to count prose, code, logs,
// tables, hashes and paths. Some take each digit by itself, others three at once.
const (
	digitMore = 2
	pieceMore = 3 // a mark, or a capital inside a word, begins another piece
	mixedMore = 1 // so does a digit behind a letter, or a letter behind a digit, mostly
)

// weights are what an ASCII character weighs behind another: weights[last][now].
var weights = func() (of [numClasses][numClasses]int) {
	for last := range numClasses {
		for now := range foreign {
			w := 1
			switch {
			case now == blank && last != blank: // it goes with the word that follows
				w = 0
			case now == mark && last != mark, now == upper && last == lower:
				w += pieceMore
			case now == digit && (last == lower || last == upper), last == digit && (now == lower || now == upper):
				w += mixedMore
			}
			if now == digit {
				w += digitMore
			}
			of[last][now] = w
		}
	}
	return of
}()

// messageFrame is what a chat template adds around a message, as a weight in ASCII.
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
	switch {
	case part.Call != nil:
		w := WeighText(part.Call.Arguments)
		w.ASCII += messageFrame
		return w.Add(WeighText(part.Call.Name))
	case part.Result != nil:
		w := WeighText(part.Result.Text)
		if p.Capabilities.Vision {
			w.Pictures = len(part.Result.Blobs)
		}
		return w
	case part.Blob != nil && !p.Capabilities.Vision:
		return Weight{ASCII: messageFrame} // the sentence that it was left out
	case part.Blob != nil:
		return Weight{Pictures: 1}
	case part.Thinking != "" && !p.Capabilities.ReplayThinking:
		return Weight{}
	default:
		return WeighText(part.Text).Add(WeighText(part.Thinking))
	}
}

// WeighHead weighs system text and tools.
func WeighHead(p *Plan) Weight { return WeighText(p.System).Add(weighTools(p.Tools)) }

func weighTools(tools []hearth.ToolSpec) (w Weight) {
	for _, t := range tools {
		w = w.Add(WeighText(t.Name)).Add(WeighText(t.Description)).Add(weigh(t.Schema))
		w.ASCII += 2 * messageFrame
	}
	return w
}

// WeighSummary weighs what stands for the messages before the epoch.
func WeighSummary(p *Plan) Weight {
	if p.Summary == "" {
		return Weight{}
	}
	return Weigh(p, summaryMessages(p))
}

// A Ratio turns weight into tokens.
type Ratio struct {
	ASCII float64 `json:"ascii"` // tokens for a weight of 1 in ASCII
	Other float64 `json:"other"` // tokens for one other character
	// Picture is the tokens of one picture; 0 = the usual. Models and sizes differ manifold.
	Picture float64 `json:"picture,omitempty"`
}

// usualPicture is what common vision models take for a picture, in tokens; leastPicture and
// mostPicture are what any does.
const (
	usualPicture = 800
	leastPicture = 60
	mostPicture  = 16_000
)

func (r Ratio) picture() float64 {
	if r.Picture == 0 {
		return usualPicture
	}
	return r.Picture
}

// UsualRatio is assumed of a tokenizer nobody has measured.
var UsualRatio = Ratio{ASCII: 1.0 / 4, Other: 0.75}

// Tokens estimates the tokens of a weight.
func (r Ratio) Tokens(w Weight) int {
	return int(r.ASCII*float64(w.ASCII) + r.Other*float64(w.Other) + r.picture()*float64(w.Pictures) + 0.5)
}

// A Gauge is what is known of how a model counts. The zero Gauge knows nothing and
// assumes the usual.
type Gauge struct {
	Ratio Ratio `json:"ratio,omitzero"` // of what was said
	// Head is what system text and tools take, which servers render in ways of their own;
	// 0 = not counted yet.
	Head int `json:"head,omitempty"`
	// Tokenizer says that the server's own tokenizer counted before anything was sent.
	Tokenizer bool `json:"tokenizer,omitempty"`
}

// NewGauge is what is known before anything was counted: how the model counted elsewhere.
// Zeros, and what no tokenizer does, are nothing known.
func NewGauge(ascii, other float64) Gauge {
	r := Ratio{ASCII: ascii, Other: other}
	if r != r.plausible() {
		return Gauge{}
	}
	return Gauge{Ratio: r}
}

// plausible keeps a ratio to what tokenizers do.
func (r Ratio) plausible() Ratio {
	out := Ratio{ASCII: min(1.5, max(0.1, r.ASCII)), Other: min(4, max(0.2, r.Other))}
	if r.Picture != 0 {
		out.Picture = min(mostPicture, max(leastPicture, r.Picture))
	}
	return out
}

// Tokens estimates the tokens of a weight.
func (g Gauge) Tokens(w Weight) int { return g.known().Tokens(w) }

// known is the ratio in force.
func (g Gauge) known() Ratio {
	if g.Ratio == (Ratio{}) {
		return UsualRatio
	}
	return g.Ratio
}

// HeadTokens gives or estimates what system text and tools of a plan take.
func (g Gauge) HeadTokens(p *Plan) int {
	if g.Head > 0 {
		return g.Head
	}
	return UsualRatio.Tokens(WeighHead(p))
}

// A Sample is what a server counted for a request. Samples of one epoch are a series:
// each request holds all of the one before.
type Sample struct {
	Weight Weight // of its messages, summary included
	Tokens int
}

// firmness is how many characters of each script must have been counted to tell as much of
// a model as was known before.
const firmness = 150

// LearnTexts gives what is known after texts that a server counted by themselves.
func (g Gauge) LearnTexts(texts []Sample) Gauge {
	if len(texts) > 0 {
		g.Ratio = g.known().fit(firmness, texts)
	}
	return g
}

// Learn gives what is known after a series of counts was seen as well. The ratio is
// fitted to what came between two counts, for the two scripts apart, and held to what
// was known as far as the series says nothing of a script; what is left of the counts is
// the head. A count of one request alone tells its head from its words only where they
// outweigh it, as when a server counts nothing but what it refuses; else the ratio then
// stays as it was.
func (g Gauge) Learn(p *Plan, series []Sample) Gauge {
	if len(series) == 0 {
		return g
	}
	g.Ratio = g.known()
	came := make([]Sample, len(series)-1)
	for i, s := range series[1:] {
		had := series[i]
		came[i] = Sample{s.Weight.Less(had.Weight), s.Tokens - had.Tokens}
	}
	if len(came) == 0 && p.Outweighed(series[0].Weight) {
		came = []Sample{{series[0].Weight, series[0].Tokens - g.HeadTokens(p)}}
	}
	g.Ratio, g.Tokenizer = g.Ratio.fit(firmness, came), false
	newest := series[len(series)-1]
	usual := UsualRatio.Tokens(WeighHead(p))
	g.Head = min(max(newest.Tokens-g.Ratio.Tokens(newest.Weight), usual/3), usual*3)
	return g
}

// Outweighed reports whether messages are so much more than what they follow that a count
// of all is as good as one of them: an error in the head then hardly shows.
func (p *Plan) Outweighed(messages Weight) bool {
	return UsualRatio.Tokens(messages) > 4*UsualRatio.Tokens(WeighHead(p)) && messages.Sum() >= 1_000
}

// Raise gives the gauge by which a request of a plan that was estimated to have so many
// tokens has as many as a server said. One that is lower changes nothing.
func (g Gauge) Raise(p *Plan, estimate, tokens int) Gauge {
	head := g.HeadTokens(p)
	if tokens <= estimate || estimate <= head {
		return g
	}
	g.Ratio = g.known()
	more := float64(tokens-head) / float64(estimate-head)
	g.Ratio = Ratio{ASCII: g.Ratio.ASCII * more, Other: g.Ratio.Other * more, Picture: g.Ratio.Picture * more}.plausible()
	return g
}

// RaisePictures is Raise where so many pictures were never counted: they were a guess, and
// are to blame before any word.
func (g Gauge) RaisePictures(pictures, estimate, tokens int) Gauge {
	if tokens <= estimate || pictures <= 0 {
		return g
	}
	g.Ratio = g.known()
	g.Ratio.Picture = g.Ratio.picture() + float64(tokens-estimate)/float64(pictures)
	g.Ratio = g.Ratio.plausible()
	return g
}

// fit gives the ratio that texts were counted with, held to r as far as they say nothing
// of a script: it counts as much as known characters of each, and as more of the lesser
// one where the two come in the same proportion in all texts, which tells their sum only.
func (r Ratio) fit(known float64, texts []Sample) Ratio {
	var ascii, other, aa, oo, ao, at, ot float64
	for _, s := range texts {
		if s.Weight.Pictures > 0 { // it says something of them first
			continue
		}
		a, o, t := float64(s.Weight.ASCII), float64(s.Weight.Other), float64(s.Tokens)
		if a+o <= 0 || t <= 0 || t > 4*(a+o) {
			continue
		}
		// The error of a count grows with what is counted, so long messages do not outvote
		// short ones by more than their length.
		aa, oo, ao = aa+a*a/(a+o), oo+o*o/(a+o), ao+a*o/(a+o)
		at, ot = at+a*t/(a+o), ot+o*t/(a+o)
		ascii, other = ascii+a, other+o
	}
	heldASCII, heldOther := known, known
	if ao > 0 && ascii > 0 && other > 0 {
		alike := ao * ao / (aa * oo) // 1 = one proportion in all
		ofASCII, ofOther := hold(ascii, other)
		heldASCII, heldOther = known*(1+alike*(ofASCII-1)), known*(1+alike*(ofOther-1))
	}
	aa, at = aa+heldASCII, at+heldASCII*r.ASCII
	oo, ot = oo+heldOther, ot+heldOther*r.Other
	det := aa*oo - ao*ao
	return Ratio{ASCII: (at*oo - ot*ao) / det, Other: (ot*aa - at*ao) / det, Picture: r.Picture}.plausible().fitPictures(texts)
}

// fitPictures gives the ratio with what one picture was counted as, by what is left of the
// counts of those texts that have some.
func (r Ratio) fitPictures(texts []Sample) Ratio {
	tokens, pictures := 0, 0
	for _, s := range texts {
		if s.Weight.Pictures > 0 && s.Tokens > 0 {
			tokens += s.Tokens - r.Tokens(s.Weight.text())
			pictures += s.Weight.Pictures
		}
	}
	if pictures > 0 {
		r.Picture = max(leastPicture, float64(tokens)/float64(pictures))
	}
	return r.plausible()
}

// hold gives how firmly each script is held to what was known, as factors, where texts
// tell the sum of both only: the lesser more firmly, and the other so much less that the
// sum is learned as fast as ever.
func hold(ascii, other float64) (ofASCII, ofOther float64) {
	// Of ASCII more is known beforehand: tokenizers differ twofold there, and manifold in
	// other scripts.
	const asciiIsKnown = 4
	aa, oo := ascii*ascii, other*other
	lesser := asciiIsKnown * oo / aa
	ofASCII, ofOther = max(1, lesser), max(1, 1/lesser)
	same := (aa/ofASCII + oo/ofOther) / (aa + oo)
	return same * ofASCII, same * ofOther
}
