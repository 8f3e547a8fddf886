package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"hearth"
	"hearth/config"
	"hearth/model"
	"hearth/model/anthropic"
	"hearth/model/catalog"
	"hearth/model/demo"
	"hearth/model/ollama"
	"hearth/model/openai"
	"hearth/model/probe"
	"hearth/model/responses"
	"hearth/model/route"
)

// demoRef is the model inside the binary.
var demoRef = hearth.ModelRef{Provider: "demo", Model: "demo"}

// chosenRef is the model a choice means, as far as the config alone tells; the zero ref
// where it names none.
func (a *app) chosenRef(c choice) hearth.ModelRef {
	word := c.model
	if word == "" {
		own, _ := a.file.Config.Agents.Agent(c.agent)
		word = own.Model.Primary
	}
	if word == "" {
		return a.firstConfigured()
	}
	ref, err := a.resolve(c.agent, word)
	if err != nil {
		return hearth.ModelRef{}
	}
	return ref
}

// firstConfigured is the first model of the first provider that lists any.
func (a *app) firstConfigured() hearth.ModelRef {
	for _, id := range a.file.Config.Models.ProviderOrder {
		if rows := a.file.Config.Models.Providers[id].Models; len(rows) > 0 {
			return hearth.ModelRef{Provider: strings.ToLower(id), Model: rows[0].ID}
		}
	}
	return hearth.ModelRef{}
}

// chain gives the candidates for a conversation: the chosen model, then its fallbacks.
// A model that the person named for this call stands alone: its failure is shown.
func (a *app) chain(ctx context.Context, c choice) ([]model.Target, error) {
	chain, err := a.candidates(ctx, c)
	if err != nil {
		return nil, err
	}
	targets := a.allKnown(ctx, chain)
	if note := leftUnsaid(canonicalLevel(c.thinking), targets[0]); note != "" && a.once(note) {
		fmt.Fprintln(a.io.err, "note: "+note)
	}
	return targets, nil
}

// candidates is chain without what the servers say of themselves: it asks no server that
// the config names.
func (a *app) candidates(ctx context.Context, c choice) ([]candidate, error) {
	own, _ := a.file.Config.Agents.Agent(c.agent)
	word, fallbacks := c.model, []string(nil)
	if word == "" {
		word, fallbacks = own.Model.Primary, own.Model.Fallbacks
	}
	first, failed := a.primary(ctx, c, word)
	if failed != nil && (len(fallbacks) == 0 || !leavesToOthers(failed)) {
		return nil, failed
	}
	var chain []candidate
	add := func(c candidate) {
		if !slices.ContainsFunc(chain, func(have candidate) bool { return have.Ref == c.Ref && have.Profile == c.Profile }) {
			chain = append(chain, c)
		}
	}
	if failed == nil {
		add(first)
		a.spares(ctx, c, word, first, add)
	}
	for _, word := range fallbacks {
		spare, told := a.standIn(c, word)
		t, err := a.target(ctx, spare, word)
		if err != nil {
			if a.once("fallback " + word) {
				fmt.Fprintf(a.io.err, "note: fallback %s cannot be used: %s\n", word, oneLine(err.Error()))
			}
			continue
		}
		if told != "" && a.once(told) {
			fmt.Fprintln(a.io.err, "note: "+told)
		}
		add(t)
		a.spares(ctx, spare, word, t, add)
	}
	if len(chain) == 0 {
		return nil, failed
	}
	if failed != nil && a.once("primary "+word) {
		fmt.Fprintf(a.io.err, "note: %s cannot be used (%s); asking %s instead\n", cmp.Or(word, a.chosenRef(c).String()), oneLine(failed.Error()), written(chain[0].Ref, chain[0].Profile))
	}
	for _, c := range chain {
		if c.remapped != "" && a.once(c.remapped) {
			fmt.Fprintln(a.io.err, "note: "+c.remapped)
		}
	}
	return chain, nil
}

// standIn is the choice as a fallback is asked: a level that the person chose for the first
// model, and that this one does not have, becomes its next one by rank, else the one that it
// is asked without a choice. told says so.
func (a *app) standIn(c choice, word string) (spare choice, told string) {
	ref, _, err := a.named(c.agent, word)
	level := canonicalLevel(c.thinking)
	if err != nil || level == "" {
		return c, ""
	}
	caps := a.outline(c, ref, model.Endpoint{}).Layers.Merge()
	levels := caps.Levels()
	if slices.Contains(levels, level) {
		return c, ""
	}
	c.thinking = ""
	if !caps.Reasoning {
		return c, ""
	}
	c.thinking = caps.Level(level)
	return c, fmt.Sprintf("level %q is none of fallback %s, which has %s: %s is asked for where it answers",
		level, ref, strings.Join(levels, ", "), cmp.Or(c.thinking, "its own default"))
}

// leavesToOthers reports whether a first model that cannot even be asked leaves the turn
// to its fallbacks. What the person typed for this call is shown to be wrong instead.
func leavesToOthers(failed error) bool {
	reason := hearth.ReasonOf(failed)
	return reason.FallsBack() || reason == hearth.ReasonConfig || reason == hearth.ReasonUnknownProvider
}

// allKnown adds what the servers say of themselves. One that rests after a failure is
// not asked while there are others.
func (a *app) allKnown(ctx context.Context, chain []candidate) []model.Target {
	if len(chain) == 1 {
		return []model.Target{a.known(ctx, chain[0])}
	}
	out := make([]model.Target, len(chain))
	var all sync.WaitGroup
	for i, c := range chain {
		if slices.ContainsFunc(chain[:i], func(have candidate) bool { return have.Ref == c.Ref }) {
			out[i] = c.Target
			continue
		}
		if a.cooldowns.Until(c.Target).After(time.Now()) {
			out[i] = a.remembered(c)
			continue
		}
		all.Go(func() {
			if a.stillAsleep(ctx, c) {
				out[i] = a.remembered(c)
				return
			}
			out[i] = a.known(ctx, c)
			a.asleep(c)
		})
	}
	all.Wait()
	for i := range out { // what a model is does not hang on the credential: its requests have the same bytes
		first := slices.IndexFunc(out, func(t model.Target) bool { return t.Ref == out[i].Ref })
		out[i].Layers, out[i].Asleep = out[first].Layers, out[first].Asleep
	}
	return out
}

// primary is the configured model, else the first configured one, else a discovered
// local server, else the demo model where that is wanted. Never a hosted default that
// nobody configured.
func (a *app) primary(ctx context.Context, c choice, word string) (candidate, error) {
	if word != "" {
		return a.target(ctx, c, word)
	}
	if ref := a.firstConfigured(); ref != (hearth.ModelRef{}) {
		return a.target(ctx, c, ref.String())
	}
	if ref, ok := a.discovered(ctx); ok {
		return a.target(ctx, c, ref.String())
	}
	if c.lenient {
		return a.target(ctx, c, demoRef.String())
	}
	e := &hearth.Error{Op: "choose a model", Reason: hearth.ReasonNoModel,
		Err: errors.New("no model is configured and no local server answers")}
	if len(a.seen) > 0 {
		e = lacking("choose a model", a.seen)
	}
	a.unread(e)
	return candidate{}, e
}

// unread tells in an error about what is not configured that nothing of the config is known.
func (a *app) unread(e *hearth.Error) {
	if a.file.Broken != nil && !a.file.LastGood {
		e.Cause, e.Try = "The config does not parse, and there is no good one from before.", "Correct it: hearth config validate shows the place."
	}
}

// provider finds a provider by id: configured, found by discovery, or one of the hosted
// vendors (unless models.mode is "replace").
func (a *app) provider(id string) (config.Provider, bool) {
	for _, key := range a.file.Config.Models.ProviderOrder {
		if strings.EqualFold(key, id) {
			return withVendor(id, a.file.Config.Models.Providers[key]), true
		}
	}
	if p, ok := a.extra[id]; ok {
		return p, true
	}
	if vendor, ok := catalog.Find(id); ok && a.file.Config.Models.Mode != "replace" {
		return config.Provider{BaseURL: vendor.BaseURL, API: vendor.API}, true
	}
	return config.Provider{}, false
}

// withVendor fills in what a vendor's own id leaves unsaid.
func withVendor(id string, p config.Provider) config.Provider {
	vendor, ok := catalog.Find(id)
	if !ok || p.BaseURL != "" && !vendor.Owns(p.BaseURL) {
		return p
	}
	if p.BaseURL == "" {
		p.BaseURL = vendor.BaseURL
	}
	if p.API == "" {
		p.API = vendor.API
	}
	return p
}

// listing is what the catalog says of a model at its vendor's own host; elsewhere a
// model of that name may be anything.
func listing(ref hearth.ModelRef, baseURL string) model.Layer {
	vendor, ok := catalog.Find(ref.Provider)
	if !ok || !vendor.Owns(baseURL) {
		return model.Layer{}
	}
	layer := vendor.Layer()
	if row, ok := catalog.Lookup(ref); ok {
		layer = row.Layer().Over(layer)
	}
	return layer
}

// target makes the candidate for a ref. Targets are kept until the config changes.
func (a *app) target(ctx context.Context, c choice, word string) (candidate, error) {
	ref, profile, err := a.named(c.agent, word)
	if err != nil {
		return candidate{}, err
	}
	t, ok := a.made(c, ref, profile)
	if ok {
		return t, nil
	}
	if ref == demoRef {
		t = candidate{Target: demoTarget(a.seen)}
	} else if t, err = a.build(ctx, c, ref, profile); err != nil {
		return candidate{}, err
	}
	a.mu.Lock()
	a.targets[targetKey(c, ref, profile)] = t
	a.mu.Unlock()
	return t, nil
}

// made gives a candidate that target has made before.
func (a *app) made(c choice, ref hearth.ModelRef, profile string) (candidate, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, ok := a.targets[targetKey(c, ref, profile)]
	return t, ok
}

func targetKey(c choice, ref hearth.ModelRef, profile string) string {
	return written(ref, profile) + " " + c.thinking + " " + c.agent
}

// candidate is a target with the clients that reach its servers.
type candidate struct {
	model.Target
	client *model.Client   // nil for the demo model
	others []*model.Client // of its replicas
	// remapped says that the configured level of thinking is not one of the model's.
	remapped string
}

func (a *app) cache() *probe.Cache {
	if a.capabilities == nil {
		a.capabilities = probe.OpenCache(a.state("cache", "capabilities.json"))
	}
	return a.capabilities
}

func (a *app) describer() *probe.Describer {
	if a.describes == nil {
		a.describes = probe.NewDescriber(a.cache(), 0)
		a.describes.Lock = a.lockOut
	}
	return a.describes
}

// demoTarget is the demo model, which says what the servers that were seen still need.
func demoTarget(seen []probe.Host) model.Target {
	here, yes, c := hearth.LocalityMachine, true, demo.Config{}
	if len(seen) > 0 {
		e := lacking("", seen)
		c.Next = fmt.Sprintf("%s.\n%s\nWhen that is done, the next hearth up finds it.", e.Err, e.Try)
	}
	return model.Target{
		Ref: demoRef, Protocol: "demo", Provider: demo.New(c),
		Endpoint: model.Endpoint{Origin: "demo", Locality: hearth.LocalityMachine, Slots: 16},
		Layers:   model.Layers{Config: model.Layer{Locality: &here, Reasoning: &yes}, Default: model.DefaultLayer()},
	}
}

// row finds what the config says of a model and of its provider; listed is false where
// only the provider is there.
func (a *app) row(ref hearth.ModelRef) (p config.Provider, row config.Model, listed bool, err error) {
	p, ok := a.provider(ref.Provider)
	if !ok {
		return p, row, false, a.unknownProvider(ref.Provider)
	}
	row, listed = p.Model(ref.Model)
	if row.BaseURL != "" {
		p.BaseURL, p.BaseURLs = row.BaseURL, nil
	}
	if row.API != "" {
		p.API = row.API
	}
	p.BaseURL = catalog.Compatible(p.BaseURL)
	return p, row, listed, nil
}

// outline is a target as far as the config alone tells: nothing can be asked of it.
func (a *app) outline(c choice, ref hearth.ModelRef, at model.Endpoint) model.Target {
	p, row, listed, err := a.row(ref)
	if err != nil {
		return model.Target{Ref: ref, Endpoint: at}
	}
	own, _ := a.file.Config.Agents.Agent(c.agent)
	t := model.Target{Ref: ref, Protocol: p.Protocol(), Endpoint: at}
	t.Layers = model.Layers{Config: configLayer(p, row, listed, own.ContextTokens), Default: model.DefaultLayer()}
	t.Layers.Catalog = listing(ref, p.BaseURL)
	if t.Layers.Config.Locality != nil {
		t.Layers.Config.Evidence = map[string]string{"locality": "models.providers." + ref.Provider}
	}
	t.Layers.Default.Locality = &at.Locality
	t.Layers.Default.Evidence = map[string]string{"locality": "the server's address"}
	return t
}

// build makes a target from the config. profile is the one that was named; "" leaves the
// choice to credentialed.
func (a *app) build(ctx context.Context, c choice, ref hearth.ModelRef, profile string) (candidate, error) {
	p, row, _, err := a.row(ref)
	if err != nil {
		return candidate{}, err
	}
	if profile != "" {
		row.Headers = p.KeylessHeaders(row.Headers)
	}
	if p, profile, err = a.credentialed(ctx, c.agent, ref.Provider, p, profile); err != nil {
		return candidate{}, err
	}
	endpoint, client, err := a.place(ctx, ref.Provider, p, row)
	if err != nil {
		return candidate{}, err
	}
	own, _ := a.file.Config.Agents.Agent(c.agent)
	t := a.outline(c, ref, endpoint)
	t.Profile = profile
	t.Params = requestParams(merged(p.Params, row.Params, a.file.Config.Agents.ParamsFor(c.agent, ref.String())))
	caps := t.Layers.Merge()
	if t.Params.Thinking, err = thinking(c.thinking, own.ThinkingDefault, caps); err != nil {
		return candidate{}, err
	}
	t.Params.MaxTokens = firstSet(row.MaxTokens, p.MaxTokens)
	if t.Provider, err = speak(t.Protocol, client); err != nil {
		return candidate{}, err
	}
	out := candidate{Target: t, client: client}
	if level := t.Params.Thinking; c.thinking == "" && level != "" && level != canonicalLevel(own.ThinkingDefault) {
		out.remapped = fmt.Sprintf("thinkingDefault %q is no level of %s, which has %s: %s is asked for", own.ThinkingDefault, ref, strings.Join(caps.Levels(), ", "), level)
	}
	if limit := t.Params.MaxTokens; limit > 0 && thinksByBudget(t, caps) && !anthropic.RoomToThink(limit) {
		out.remapped = fmt.Sprintf("maxTokens %d of %s leaves no room for thinking, so none is asked for", limit, ref)
	}
	return out, a.replicas(ctx, &out, p, row)
}

// thinksByBudget reports whether thinking is asked for, and takes a part of the tokens of
// the answer.
func thinksByBudget(t model.Target, caps model.Capabilities) bool {
	level := t.Params.Thinking
	return t.Protocol == config.AnthropicMessages && level != "" && level != model.ThinkingOff && anthropic.ThinksByBudget(&caps)
}

// speak gives the provider of a protocol.
func speak(protocol string, client *model.Client) (model.Provider, error) {
	switch protocol {
	case config.OpenAICompletions:
		return openai.New(openai.Config{Client: client}), nil
	case config.OpenAIResponses:
		return responses.New(responses.Config{Client: client}), nil
	case config.AnthropicMessages:
		return anthropic.New(anthropic.Config{Client: client}), nil
	case config.Ollama:
		return ollama.New(ollama.Config{Client: client}), nil
	default:
		return nil, &hearth.Error{Op: "provider " + client.Provider(), Reason: hearth.ReasonConfig, Err: fmt.Errorf("api %q is not one that Hearth speaks", protocol),
			Cause: "The provider's api is another program's.",
			Try:   fmt.Sprintf("Use %s, %s, %s or %s.", config.OpenAICompletions, config.OpenAIResponses, config.AnthropicMessages, config.Ollama)}
	}
}

// unknownProvider names the nearest provider there is, or those of the config.
func (a *app) unknownProvider(id string) error {
	names := slices.Clone(a.file.Config.Models.ProviderOrder)
	for _, vendor := range catalog.Providers() {
		names = append(names, vendor.ID)
	}
	e := &hearth.Error{Op: "choose a model", Reason: hearth.ReasonUnknownProvider, Err: fmt.Errorf("there is no provider %q", id)}
	if near := route.Nearest(id, names); near != "" {
		e.Try = fmt.Sprintf("Did you mean %s? hearth models list shows the names.", near)
	} else if own := a.file.Config.Models.ProviderOrder; len(own) > 0 {
		e.Try = fmt.Sprintf("The config has these: %s. Name one of them, or add the provider with hearth onboard.", route.Some(own))
	} else {
		e.Try = "Add the provider with hearth onboard. hearth up looks for a server on this machine where agents.defaults.model is not set."
	}
	a.unread(e)
	return e
}

// thinking gives the level to ask for. What a person typed must be a level the model
// has; a configured default that it does not have means the next one by rank.
func thinking(typed, configured string, c model.Capabilities) (string, error) {
	levels := c.Levels()
	known := func(level string) bool { return slices.Contains(levels, level) }
	switch level := canonicalLevel(typed); {
	case level != "" && known(level):
		return level, nil
	case level != "":
		return "", &hearth.Error{Op: "choose a thinking level", Reason: hearth.ReasonUsage, Err: fmt.Errorf("%q is no level of this model", typed),
			Cause: "The model has these levels: " + strings.Join(levels, ", ") + ".",
			Try:   "Choose one of them, or declare the level in compat.supportedReasoningEfforts of the model."}
	}
	if !c.Reasoning || configured == "" {
		return "", nil
	}
	return c.Level(canonicalLevel(configured)), nil
}

func canonicalLevel(s string) string {
	switch s = strings.ToLower(strings.TrimSpace(s)); s {
	case "x-high", "extra-high":
		return "xhigh"
	case "highest":
		return "high"
	case "none":
		return "off"
	default:
		return s
	}
}
