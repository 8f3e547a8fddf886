package route

import (
	"cmp"
	"time"

	"hearth"
	"hearth/model"
)

// Speeds remembers how fast servers read prompts: tokens a second for one model at one
// endpoint. Its methods do not block for long and may be called from any goroutine.
type Speeds interface {
	// ReadingSpeed is what was measured there; 0 = nothing yet.
	ReadingSpeed(origin, id string) float64
	// ReadingMeasured keeps a new value. It is best effort.
	ReadingMeasured(origin, id string, tokensPerSec float64)
}

const (
	tokensPerWord      = 2    // at most, of prose and code
	usualTokensPerByte = 0.25 // of a request's text, where nothing was counted yet
	leastMeasured      = 256  // tokens; the time for fewer is mostly overhead
	leastMeasuredTime  = 20 * time.Millisecond
	newestCounts       = 0.3             // of a measurement among the ones before
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
	if out.Total == 0 {
		out.Total = a.unread
	}
	if out.ETA == 0 && a.resident {
		out.ETA = a.timeFor(out.Total - out.Done)
	}
	return &out
}

func (a *attempt) timeFor(tokens int) time.Duration {
	if a.run.cfg.Speeds == nil || tokens <= 0 {
		return 0
	}
	speed := a.run.cfg.Speeds.ReadingSpeed(a.place())
	if speed <= 0 {
		return 0
	}
	return time.Duration(float64(tokens) / speed * float64(time.Second))
}

// departure says how far the server was when the request was closed. Only the owner's
// own servers are estimated, and only where the model is known to have been in memory:
// one that is loaded first may never begin to read.
func (a *attempt) departure() model.Departure {
	reading := a.clock.phase == hearth.PhaseReading
	out := model.Departure{Reading: reading && !a.run.chore(), Writing: a.clock.phase == hearth.PhaseWriting}
	if !reading || !local(&a.tries.target) || !a.resident {
		return out
	}
	if p := a.progress; p.Done > 0 && p.Done <= p.Total { // told lately; else the clock says it
		out.Unread = a.timeFor(p.Total - p.Done)
		return out
	}
	total := a.progress.Total
	if total == 0 {
		total = a.unread
	}
	out.Unread = max(0, a.timeFor(total)-time.Since(a.clock.since))
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
	tokens := float64(max(a.run.before(a.lane()).tokens, countWords(req)*tokensPerWord))
	stay := time.Duration(0)
	for i := range a.tries.places[1:] {
		other := &a.tries.places[1+i]
		if speed := a.run.cfg.Speeds.ReadingSpeed(other.Endpoint.Origin, other.Ref.Model); speed > 0 {
			if reads := time.Duration(tokens / speed * float64(time.Second)); stay == 0 || reads < stay {
				stay = reads
			}
		}
	}
	return cmp.Or(stay, usualStay)
}

// place names whose speed is measured.
func (a *attempt) place() (origin, id string) {
	return a.tries.target.Endpoint.Origin, a.tries.target.Ref.Model
}

// estimate gives how many tokens the server has not read yet: what was added since the
// request before, where that went to the same server, else everything.
func (a *attempt) estimate() int {
	perByte, fresh := usualTokensPerByte, a.bytes
	if a.before.tokens > 0 && a.before.bytes > 0 {
		perByte = float64(a.before.tokens) / float64(a.before.bytes)
	}
	if a.cached() {
		fresh -= a.before.bytes
	}
	return int(float64(fresh)*perByte + 0.5)
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
// tokens it really read.
func (a *attempt) measure(req *model.Request) {
	a.run.answersNow(a.place())
	speeds := a.run.cfg.Speeds
	if speeds == nil || !local(&a.tries.target) {
		return
	}
	known := speeds.ReadingSpeed(a.place())
	tokens, sure := a.tokensRead(req)
	took := time.Duration(a.timing.PromptMS * float64(time.Millisecond))
	if took == 0 {
		took = a.clock.times(a.timing).Read
	}
	if tokens < leastMeasured || took < leastMeasuredTime || known > 0 && !sure {
		return
	}
	speed := float64(tokens) / took.Seconds()
	if known > 0 {
		speed = known + newestCounts*(speed-known)
	}
	origin, id := a.place()
	speeds.ReadingMeasured(origin, id, speed)
}

// tokensRead is how many tokens the server evaluated for the prompt. It is not sure when
// some may have come from its cache and it does not say how many.
func (a *attempt) tokensRead(req *model.Request) (tokens int, sure bool) {
	u := a.report.Usage
	switch {
	case a.timing.PromptTokens > 0 && req.Capabilities.Server != "ollama" && a.tries.target.Protocol != "ollama":
		return a.timing.PromptTokens, true
	case u.CacheRead > 0:
		return u.Input - u.CacheRead, true
	case a.cached() && a.before.tokens > 0:
		return u.Input - a.before.tokens, true
	default:
		return u.Input, a.cold
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
