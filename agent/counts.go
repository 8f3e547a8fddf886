package agent

import (
	"context"
	"time"

	"hearth"
	"hearth/model"
	"hearth/prompt"
)

// Counts remembers how models count, from one conversation to the next: tokens for a weight
// of 1 (prompt.Weight) in ASCII and in other scripts. Its methods do not block for long and may be
// called from any goroutine.
type Counts interface {
	// TokenRatio is what was learned of a model at an endpoint; zeros = nothing yet.
	TokenRatio(origin, id string) (ascii, other float64)
	// TokensCounted keeps what a conversation taught. It is best effort.
	TokensCounted(origin, id string, ascii, other float64)
	// Tokenize has the server's own tokenizer count texts, and gives nil where it has
	// none, is not the owner's, or does not answer before ctx ends.
	Tokenize(ctx context.Context, t model.Target, texts []string) []int
}

// tokenizePatience is how long a turn waits for a tokenizer: an estimate is worth no more.
const tokenizePatience = 300 * time.Millisecond

// calibrate lets the server count what a first epoch begins with. plan is not stored yet.
func (a *Agent) calibrate(ctx context.Context, t model.Target, plan *prompt.Plan, said string) {
	if a.cfg.Counts == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tokenizePatience)
	defer cancel()
	plan.Gauge = plan.Calibrate(said, a.cfg.Counts.Tokenize(ctx, t, plan.Samples(said)))
}

// gauge is what an epoch begins with where its session knows nothing of the model yet.
func (a *Agent) gauge(t model.Target) prompt.Gauge {
	if a.cfg.Counts == nil {
		return prompt.Gauge{}
	}
	return prompt.NewGauge(a.cfg.Counts.TokenRatio(t.Endpoint.Origin, t.Ref.Model))
}

// count is a server's count of a request, which held everything up to a message.
type count struct {
	prompt.Sample
	through int64
	wrote   int // tokens of the answer that followed
}

// counts are those of an epoch that go together: each request holds all of the one before.
type counts struct {
	good []count
	odd  count // the newest, where it does not go with them; else its through is 0
}

// add takes the next count. One that does not go with those before changes nothing: a
// server has cut that request in silence, or a proxy has counted it twice. Two that go
// together replace them: the first was wrong, or another model answers by that name. A
// lower one shows nothing where it may leave out what was cached.
func (s *counts) add(c count, ofAll bool) {
	n := len(s.good)
	switch {
	case n == 0 || follows(&s.good[n-1], &c):
		s.good, s.odd = append(s.good, c), count{}
	case c.Tokens < s.good[n-1].Tokens && !ofAll:
	case s.odd.through > 0 && follows(&s.odd, &c):
		s.good, s.odd = append(s.good[:0], s.odd, c), count{}
	default:
		s.odd = c
	}
}

// sum gives the count of a whole request where c may be of what was new in it alone: some
// servers leave out what they had cached, and do not say how much that was. It is where it
// is about as much as what came since the count before, and not as all of it. answer is what
// the model wrote in between, unless that was cached as well; head is what requests begin
// with, by the usual ratio.
func (s *counts) sum(c count, answer prompt.Weight, head int) (all count, ok bool) {
	if len(s.good) == 0 || c.Tokens <= 0 {
		return c, false
	}
	const most, some, sure = 3, 32, 1.5 // no estimate is off by more; what templates add; to tell a part from all
	had := &s.good[len(s.good)-1]
	said := prompt.UsualRatio.Tokens(answer)
	came := prompt.UsualRatio.Tokens(c.Weight.Less(had.Weight)) - said
	if before := prompt.UsualRatio.Tokens(had.Weight); before > head { // how this model counts
		came = min(most*came, max(came/most, came*(had.Tokens-head)/before))
	}
	if had.wrote > 0 {
		said = min(had.wrote, most*said+some)
	}
	all, near := c, came
	all.Tokens += had.Tokens
	if ratio(c.Tokens, came) < ratio(c.Tokens, came+said) {
		all.Tokens += said // the server had it cached
	} else {
		near += said
	}
	isPart := c.Tokens < had.Tokens || ratio(c.Tokens, near)*sure < ratio(c.Tokens, had.Tokens+came+said)
	return all, isPart && c.Tokens <= most*near+some && near <= most*c.Tokens+some && follows(had, &all)
}

// ratio is how many times a number is another, or the other way round.
func ratio(a, b int) float64 { return float64(max(a, b, 1)) / float64(max(1, min(a, b))) }

// mostPicture is what one picture is at most, in tokens.
const mostPicture = 16_000

// follows reports whether a request can have grown from one count to the next by what came
// between, whatever the tokenizer, and pictures among it.
func follows(had, now *count) bool {
	const most, least, some = 4, 8, 16
	came := now.Weight.Less(had.Weight)
	usual := prompt.UsualRatio.Tokens(came)
	grown := now.Tokens - had.Tokens
	return grown >= 0 && grown >= usual/least-some && grown <= usual*most+some+came.Pictures*mostPicture
}

// series is what a gauge learns from.
func (s *counts) series() []prompt.Sample {
	out := make([]prompt.Sample, len(s.good))
	for i := range s.good {
		out[i] = s.good[i].Sample
	}
	return out
}

// ofAll reports whether a server's count can be that of a whole request, of so much: some
// leave out what they had cached, some make numbers up. It is no absurd number beside the
// usual; of pictures nobody knows what is usual.
func ofAll(rep *hearth.Report, n int, of prompt.Weight) bool {
	pictures := of.Pictures
	of.Pictures = 0
	usual := prompt.UsualRatio.Tokens(of)
	return n > rep.Items && n < rep.Bytes && n > usual/3 && n < usual*4+pictures*mostPicture
}

// tellingWeight is how many characters must have come between counts for them to say
// something of a model that is worth keeping.
const tellingWeight = 1_000

// telling reports whether a series of counts teaches something: what came between two of
// them, or one that is hardly more than what was said.
func telling(plan *prompt.Plan, series []prompt.Sample) bool {
	switch len(series) {
	case 0:
		return false
	case 1:
		return plan.Outweighed(series[0].Weight)
	}
	return series[len(series)-1].Weight.Less(series[0].Weight).Sum() >= tellingWeight
}

// worth reports whether texts that were counted teach something.
func worth(texts []prompt.Sample) bool {
	all := 0
	for i := range texts {
		all += texts[i].Weight.Sum()
	}
	return all >= tellingWeight
}

// counted keeps what a conversation taught, for those that begin later.
func (r *run) counted(c *conversation) {
	if r.cfg.Counts != nil && c.telling {
		r.cfg.Counts.TokensCounted(c.target.Endpoint.Origin, c.target.Ref.Model, c.gauge.Ratio.ASCII, c.gauge.Ratio.Other)
	}
}
