package agent

import (
	"context"
	"time"

	"hearth/model"
	"hearth/prompt"
)

// Counts remembers how models count, from one conversation to the next: tokens for one
// ASCII byte, and for one other character. Its methods do not block for long and may be
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
	first, last := series[0].Weight, series[len(series)-1].Weight
	return last.ASCII+last.Other-first.ASCII-first.Other >= tellingWeight
}

// counted keeps what a conversation taught, for those that begin later.
func (r *run) counted(c *conversation) {
	if r.cfg.Counts != nil && c.telling {
		r.cfg.Counts.TokensCounted(c.target.Endpoint.Origin, c.target.Ref.Model, c.gauge.Ratio.ASCII, c.gauge.Ratio.Other)
	}
}
