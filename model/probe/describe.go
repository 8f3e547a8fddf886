package probe

import (
	"context"
	"errors"
	"sync"
	"time"

	"hearth"
	"hearth/model"
)

// defaultNumCtx is asked of an Ollama that nobody configured: its own default is cut to
// 4,096 tokens where video memory is short, which no agent fits into.
const defaultNumCtx = 16384

// A Describer asks servers about their models and remembers what they said. Its methods
// may be called from any goroutine.
type Describer struct {
	// Lock keeps whoever loads models into one server apart, here and in other processes;
	// its error is ctx's. It is set before first use; nil keeps nobody apart.
	Lock func(ctx context.Context, name string) (release func(), err error)

	cache *Cache
	fresh time.Duration

	mu         sync.Mutex // guards the fields below
	known      map[string]*known
	left       map[residence]leaving
	reading    map[string]time.Time // by origin: until when it may read what was left
	unsure     map[string]bool      // by origin: it may read what was left, and nobody knows for how long
	lingers    map[string]time.Time // by origin: until when what was left is a reason for being late
	aftermaths map[string]string    // by origin
	doubts     map[string]string    // by origin
	others     map[string]count     // by origin: before the last request of ours went out
	counts     map[string]float64   // by origin: requests, when one that was left was first looked for
	tasks      map[place]int        // what a slot worked on then
	mute       map[string]bool      // origins whose tokenizer gave no answer
}

// known is one endpoint.
type known struct {
	asking sync.Mutex // held while the server is asked: others wait for the same answer

	mu     sync.Mutex // guards the fields below, and is never held for long
	client *model.Client
	host   Host
	err    error
	silent bool // nobody so much as refused: the machine is off, or its queue is full
	at     time.Time
	kept   map[string]bool // the models of which the cache holds what host says
}

// silenceHolds is how long nobody is asked who did not answer at all, so that a turn waits
// once for a machine that is off. A refusal costs nothing and is never remembered: the
// server may be there the next moment.
const silenceHolds = 5 * time.Second

// NewDescriber gives a Describer that keeps what it learns in cache and asks a server
// again when the last answer is older than fresh; 0 means a minute.
func NewDescriber(cache *Cache, fresh time.Duration) *Describer {
	if fresh == 0 {
		fresh = time.Minute
	}
	return &Describer{cache: cache, fresh: fresh, known: make(map[string]*known), left: make(map[residence]leaving), reading: make(map[string]time.Time), unsure: make(map[string]bool), lingers: make(map[string]time.Time), aftermaths: make(map[string]string), doubts: make(map[string]string), others: make(map[string]count), counts: make(map[string]float64), tasks: make(map[place]int), mute: make(map[string]bool)}
}

// Describe gives what is known of a model behind c, spoken to by protocol: the server's
// layer, with the lessons it taught; what a probe found; and what stands beneath the
// config. The server is asked unless it was lately, or is a vendor's; when it does not
// answer, what it said last time counts. It takes a few milliseconds on a living local
// server, and at most some seconds.
func (d *Describer) Describe(ctx context.Context, c *model.Client, id, protocol string) model.Layers {
	at := c.Endpoint()
	if at.Locality != hearth.LocalityHosted {
		d.keep(ctx, c, id)
	}
	out := d.Remembered(at.Origin, id, protocol)
	if client, h := d.at(at.Origin); client != nil {
		if m := h.find(id); m != nil {
			out.Server.Resident = m.Resident
		}
	}
	return out
}

// keep asks the server where that is due, and puts what it says of a model into the cache
// once for each time it was asked.
func (d *Describer) keep(ctx context.Context, c *model.Client, id string) {
	k, h, err := d.ask(ctx, c)
	if err != nil || h.NeedsKey || h.Loading {
		return
	}
	k.mu.Lock()
	kept := k.kept[id]
	if !kept {
		k.kept[id] = true
	}
	k.mu.Unlock()
	if !kept {
		_ = d.cache.Described(c.Endpoint().Origin, id, h.Layer(id)) // a full disk is told where a lesson is lost
	}
}

// DescribeAll is Host, and keeps what the server says of each of its models.
func (d *Describer) DescribeAll(ctx context.Context, c *model.Client) (Host, error) {
	k, h, err := d.ask(ctx, c)
	if err != nil || h.NeedsKey || h.Loading {
		return h, err
	}
	says := make(map[string]model.Layer)
	k.mu.Lock()
	for _, id := range h.IDs() {
		if !k.kept[id] {
			k.kept[id], says[id] = true, h.Layer(id)
		}
	}
	k.mu.Unlock()
	_ = d.cache.DescribedAll(c.Endpoint().Origin, says) // a full disk is told where a lesson is lost
	return h, nil
}

// Remembered gives what Describe would, from what was said before, without asking.
func (d *Describer) Remembered(origin, id, protocol string) model.Layers {
	var out model.Layers
	out.Server, out.Probe = d.cache.Layers(origin, id)
	if protocol == "ollama" {
		beneathConfig(&out)
	}
	if out.Server.Server == nil { // nobody asked for this model yet
		kind, why := d.cache.kind(origin), ""
		switch {
		case kind == KindLiteLLM:
			why = becauseOfProxy
		case cloudTag(id) && (kind == "" || kind == KindOllama):
			why = becauseOfTag
		}
		if why != "" {
			out.Catalog = model.Layer{Locality: hosted(), Evidence: map[string]string{"locality": why}}.Over(out.Catalog)
		}
	}
	return out
}

// beneathConfig moves the window to where the config wins over it: we say num_ctx on
// every call, so what Ollama has in force is our own choice. A window that its model
// file or another client chose is kept when it is not smaller than ours would be.
func beneathConfig(l *model.Layers) {
	window, why := defaultNumCtx, "num_ctx as Hearth asks for it"
	if trained := l.Server.TrainedMax; trained != nil && *trained < window {
		window, why = *trained, l.Server.Evidence["trainedMax"]
	}
	if had := l.Server.Window; had != nil && (*had >= window || l.Server.Evidence["window"] == numCtxOfModel) {
		window, why = *had, l.Server.Evidence["window"]
	}
	l.Server.Window = nil
	l.Catalog = model.Layer{Window: &window, WindowAsked: new(true), NamesInTags: new(true), Evidence: map[string]string{"window": why}}
}

// Host gives what the server behind c says of itself, asked at most once in a while.
func (d *Describer) Host(ctx context.Context, c *model.Client) (Host, error) {
	_, h, err := d.ask(ctx, c)
	return h, err
}

// ask is Host, and gives the entry that it filled: Forget may have taken that out of known
// meanwhile.
func (d *Describer) ask(ctx context.Context, c *model.Client) (*known, Host, error) {
	origin := c.Endpoint().Origin
	d.mu.Lock()
	k, ok := d.known[origin]
	if !ok {
		k = new(known)
		d.known[origin] = k
	}
	d.mu.Unlock()
	k.asking.Lock()
	defer k.asking.Unlock()
	k.mu.Lock()
	host, err := k.host, k.err
	fresh := time.Since(k.at) < d.fresh && err == nil && !host.Loading && (!host.NeedsKey || k.client == c) ||
		time.Since(k.at) < silenceHolds && k.silent
	k.mu.Unlock()
	if fresh {
		return k, host, err
	}
	asked := time.Now()
	host, err = Identify(ctx, c)
	if err := ctx.Err(); err != nil { // half an answer is none
		return k, host, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.host, k.err, k.silent = host, err, err != nil && time.Since(asked) >= defaultTimeout
	k.client, k.at, k.kept = c, time.Now(), make(map[string]bool)
	return k, host, err
}

// AskAnew has every server asked again when somebody needs it next: the owner may have
// changed how they are reached. What they said counts until then.
func (d *Describer) AskAnew() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range d.known {
		k.mu.Lock()
		k.at = time.Time{}
		k.mu.Unlock()
	}
}

// Silent reports whether a server gave no answer in time when it was asked last; not
// where it answered, refused, or was not asked.
func (d *Describer) Silent(origin string) bool {
	d.mu.Lock()
	k := d.known[origin]
	d.mu.Unlock()
	if k == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var late interface{ Timeout() bool }
	return hearth.ReasonOf(k.err) == hearth.ReasonUnreachable && errors.As(k.err, &late) && late.Timeout()
}

// at gives what is known of the server at origin, and the client it was asked through;
// nil when nobody asked it yet, or it did not answer.
func (d *Describer) at(origin string) (*model.Client, Host) {
	d.mu.Lock()
	k := d.known[origin]
	d.mu.Unlock()
	if k == nil {
		return nil, Host{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return nil, Host{}
	}
	return k.client, k.host
}

// Listed gives the ids that the server at origin is known to have; nil when nobody asked
// it. It never asks.
func (d *Describer) Listed(origin string) []string {
	client, h := d.at(origin)
	if client == nil {
		return nil
	}
	return h.IDs()
}

// Learn keeps a lesson. It fits route.Config.Learn.
func (d *Describer) Learn(_ context.Context, t model.Target, r *model.Refusal) error {
	return d.cache.Learn(t.Endpoint.Origin, t.Ref.Model, r)
}

// Overflowed keeps the window that a server named when a request was too long, where it
// never says it otherwise. It fits route.Config.Overflowed.
func (d *Describer) Overflowed(_ context.Context, t model.Target, window int) error {
	return d.cache.LearnWindow(t.Endpoint.Origin, t.Ref.Model, window)
}

// ReadingTime gives how long reading should take, by what was measured. With
// ReadingMeasured it fits route.Config.Speeds.
func (d *Describer) ReadingTime(origin, id string, from, to int) (least, most time.Duration) {
	return d.cache.ReadingTime(origin, id, from, to)
}

// ReadingMeasured keeps how long it took.
func (d *Describer) ReadingMeasured(origin, id string, from, to int, took time.Duration) {
	_ = d.cache.ReadingMeasured(origin, id, from, to, took) // a full disk costs an estimate
}

// TokenRatio gives how a model was found to count. With TokensCounted it fits
// agent.Config.Counts.
func (d *Describer) TokenRatio(origin, id string) (ascii, other float64) {
	return d.cache.TokenRatio(origin, id)
}

// TokensCounted keeps it.
func (d *Describer) TokensCounted(origin, id string, ascii, other float64) {
	_ = d.cache.TokensCounted(origin, id, ascii, other) // a full disk costs an estimate
}

// Begun says how to read the next answer of a model, from how earlier ones began, or else
// from its name; and keeps how this one does. Where the protocol or the vendor marks
// reasoning, or none was asked for, nothing is presumed.
func (d *Describer) Begun(t model.Target) model.Begun {
	origin, id := t.Endpoint.Origin, t.Ref.Model
	seen, known := d.cache.Begins(origin, id)
	marks := t.Protocol != "openai-completions" && t.Protocol != "openai-responses"
	presumed := !marks && t.Endpoint.Locality != hearth.LocalityHosted && t.Params.Thinking != "off" && model.BeginsThinking(id)
	return model.Begun{
		Hold: seen || !known && presumed,
		Settled: func(inReasoning bool) {
			if inReasoning || seen || presumed { // of all others it is no news
				_ = d.cache.Began(origin, id, inReasoning) // a full disk costs a note the next time
			}
		},
	}
}
