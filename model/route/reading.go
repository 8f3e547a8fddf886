package route

import (
	"cmp"
	"time"

	"hearth"
	"hearth/model"
)

// Speeds remembers how fast servers read prompts, for one model at one endpoint. Its
// methods do not block for long and may be called from any goroutine.
type Speeds interface {
	// ReadingTime is how long reading a prompt takes from one token of it to another, at least
	// and at most, by what was measured there; zeros = nothing was yet. The two are far apart
	// where nothing like it was measured.
	ReadingTime(origin, id string, from, to int) (least, most time.Duration)
	// ReadingMeasured keeps how long it took. It is best effort.
	ReadingMeasured(origin, id string, from, to int, took time.Duration)
}

const (
	tokensPerWord      = 2    // at most, of prose and code
	usualTokensPerByte = 0.25 // of a request's text, where nothing was counted yet
	leastMeasured      = 256  // tokens; the time for fewer is mostly overhead
	leastMeasuredTime  = 20 * time.Millisecond
	doubtful           = 2 * time.Second // of waiting, before a person is told of it anyway
	staysResident      = 2 * time.Minute // after an answer; servers keep a model for five at least
)

// reading says how much of a prompt the server has to read, and how long that will take.
// A server that tells its progress is believed; of the others it is an estimate, made
// only for the owner's own servers: a vendor's wait is not for reading.
func (a *attempt) reading(w *hearth.Wait) *hearth.Wait {
	if w.Phase != hearth.PhaseReading || !local(&a.tries.target) {
		return w
	}
	out := *w
	out.Late = a.late
	a.ahead, a.told, a.guessed = span{w.Done, w.Total}, w.Done > 0, false
	if out.Total == 0 {
		out.Total = a.unread
		a.ahead, a.guessed = span{a.had, a.had + a.unread}, a.before.tokens == 0
	}
	if out.ETA == 0 && a.resident {
		out.ETA = eta(a.timeFor(a.ahead))
	}
	return &out
}

// span is a part of a prompt, in tokens.
type span struct{ from, to int }

func (s span) tokens() int { return s.to - s.from }

// eta is what is said of a time that is known to lie between two. Nothing is, where they
// are far apart: a server that was seen to read short prompts only may take ten times as
// long for each token of a long one.
func eta(least, most time.Duration) time.Duration {
	if most > 2*least {
		return 0
	}
	return (least + most) / 2
}

func (a *attempt) timeFor(s span) (least, most time.Duration) {
	if a.run.cfg.Speeds == nil || s.tokens() <= 0 {
		return 0, 0
	}
	origin, id := a.place()
	return a.run.cfg.Speeds.ReadingTime(origin, id, s.from, s.to)
}

// departure says how far the server was when the request was closed. Only the owner's
// own servers are estimated, and only where the model is known to have been in memory:
// one that is loaded first may never begin to read. A prompt of which nothing was counted
// may have twice as many tokens as usual.
func (a *attempt) departure() model.Departure {
	reading := a.clock.phase == hearth.PhaseReading
	out := model.Departure{Reading: reading && !a.run.chore(), Writing: a.clock.phase == hearth.PhaseWriting}
	out.Unsure = out.Reading
	if !reading || !local(&a.tries.target) || !a.resident {
		return out
	}
	least, most := a.timeFor(a.ahead)
	if a.guessed {
		_, most = a.timeFor(span{a.ahead.from, a.ahead.to + a.ahead.tokens()})
	}
	if !a.told { // else it was lately
		past := time.Since(a.clock.since)
		least, most = max(0, least-past), max(0, most-past)
	}
	switch {
	case most == 0: // nothing is known, or it took longer than was foreseen
	case most-least > doubtful:
		out.Unread = least
	default:
		out.Unread, out.Unsure = most, false
	}
	return out
}

// usualStay is for how long a session waits for the server that has read it, where nobody
// knows for how long another one would read.
const usualStay = 5 * time.Second

// stay is for how long a session waits for nobody but the server that has read it: for as
// long as another one would have to read. Whoever waits longer than that has lost no more by
// the wait than by the reading.
func (a *attempt) stay(req *model.Request) time.Duration {
	if a.run.cfg.Speeds == nil {
		return usualStay
	}
	tokens := max(a.run.before(a.lane()).tokens, countWords(req)*tokensPerWord)
	stay := time.Duration(0)
	for i := range a.tries.places[1:] {
		other := &a.tries.places[1+i]
		reads, _ := a.run.cfg.Speeds.ReadingTime(other.Endpoint.Origin, other.Ref.Model, 0, tokens)
		if reads > 0 && (stay == 0 || reads < stay) {
			stay = reads
		}
	}
	return cmp.Or(stay, usualStay)
}

// place names whose speed is measured.
func (a *attempt) place() (origin, id string) {
	return a.tries.target.Endpoint.Origin, a.tries.target.Ref.Model
}

// estimate gives how many tokens the server has read before, of the request that this one
// extends where that went to the same server, and how many it has not.
func (a *attempt) estimate() (had, unread int) {
	perByte, before := usualTokensPerByte, 0
	if a.before.tokens > 0 && a.before.bytes > 0 {
		perByte = float64(a.before.tokens) / float64(a.before.bytes)
	}
	if a.cached() {
		before = a.before.bytes
	}
	tokens := func(bytes int) int { return int(float64(bytes)*perByte + 0.5) }
	return tokens(before), tokens(a.bytes - before)
}

// cached reports whether the server has read all of the request before this one.
func (a *attempt) cached() bool {
	return a.extends && a.before.origin == a.tries.target.Endpoint.Origin
}

// live puts what is known now in place of what the plan knew, of things that reach no byte
// of the prompt: whether the model is in memory, which slots there are, what window is asked
// for.
func (a *attempt) live(req *model.Request) *model.Request {
	a.resident = req.Capabilities.Resident
	if now := a.tries.target.Layers.Server.Resident; now != nil {
		a.resident = *now
	}
	if a.run.answeredLately(a.place()) {
		a.resident = true
	}
	a.cold = !a.resident
	out := *req
	out.Capabilities.Resident = a.resident
	if said := &a.tries.target.Layers.Server; said.SlotChoice != nil && said.Slots != nil {
		out.Capabilities.SlotChoice, out.Capabilities.Slots = *said.SlotChoice, *said.Slots
	}
	a.askWindow(&out)
	return &out
}

// askWindow has an old conversation ask for the window that a new one asks for: a server
// would load the model anew at each change from one to the other. What its owner wrote
// counts; else a conversation keeps the room that it was planned with.
func (a *attempt) askWindow(req *model.Request) {
	t := &a.tries.target
	now := t.Layers.Merge()
	if !now.WindowAsked {
		req.Capabilities.Served = cmp.Or(now.Served, req.Capabilities.Served)
		return
	}
	req.Options = model.WithWindowOf(req.Options, t.Params.Options)
	switch had := req.Capabilities.InForce(); {
	case now.Served == 0:
	case t.Layers.ServedSource() == "config":
		req.Capabilities.Served = now.Served
	default:
		req.Capabilities.Served = max(now.Served, had)
	}
}

// measure keeps how fast the server read this prompt, where it can be told how many
// tokens it really read. Where that is not sure, it counts when it was slow even so.
func (a *attempt) measure(req *model.Request) {
	a.run.answersNow(a.place())
	speeds := a.run.cfg.Speeds
	if speeds == nil || !local(&a.tries.target) {
		return
	}
	read, sure := a.tokensRead(req)
	took := time.Duration(a.timing.PromptMS * float64(time.Millisecond))
	if took == 0 {
		if a.late != "" {
			return // it may have read something else first
		}
		took = a.clock.times(a.timing).Read
	}
	if read.tokens() < leastMeasured || took < leastMeasuredTime {
		return
	}
	origin, id := a.place()
	if least, _ := speeds.ReadingTime(origin, id, read.from, read.to); !sure && took < least {
		return
	}
	speeds.ReadingMeasured(origin, id, read.from, read.to, took)
}

// tokensRead is what the server evaluated of the prompt. It is not sure when some more may
// have come from its cache and it does not say how much.
func (a *attempt) tokensRead(req *model.Request) (read span, sure bool) {
	u := a.report.Usage
	switch n := a.timing.PromptTokens; {
	case n > 0 && req.Capabilities.Server != "ollama" && a.tries.target.Protocol != "ollama":
		cached := max(0, a.timing.CachedTokens, u.Input-n)
		return span{cached, cached + n}, true
	case u.CacheRead > 0:
		return span{u.CacheRead, u.Input}, true
	case a.cached() && a.before.tokens > 0:
		return span{a.before.tokens, u.Input}, true
	default:
		return span{0, u.Input}, a.cold
	}
}

// residence names a model at an endpoint.
type residence struct{ origin, id string }

// answersNow notes that a model is in its server's memory.
func (r *Router) answersNow(origin, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.residents[residence{origin, id}] = time.Now()
}

func (r *Router) answeredLately(origin, id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.residents[residence{origin, id}]
	return ok && time.Since(at) < staysResident
}
