package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	"hearth/model/demo"
	"hearth/model/ollama"
	"hearth/model/openai"
	"hearth/model/probe"
	"hearth/model/responses"
)

// targets makes what a question is sent to: a model of the roster with the credential, the
// clients and the knowledge that asking it takes. They are kept until the config changes.
type targets struct {
	*home
	keys    *keyring
	roster  *roster
	clients *clients
	servers *servers

	mu   sync.Mutex // guards kept
	kept map[string]candidate
}

// chain gives the candidates for a conversation: the chosen model, then its fallbacks.
// A model that the person named for this call stands alone: its failure is shown.
func (ts *targets) chain(ctx context.Context, c choice) ([]model.Target, error) {
	chain, err := ts.candidates(ctx, c)
	if err != nil {
		return nil, err
	}
	targets := ts.servers.allKnown(ctx, chain)
	if note := leftUnsaid(canonicalLevel(c.thinking), targets[0]); note != "" && ts.once(note) {
		fmt.Fprintln(ts.io.err, "note: "+note)
	}
	return targets, nil
}

// anew gives a target of a chain with what its servers say of it now.
func (ts *targets) anew(ctx context.Context, c choice, t model.Target) model.Target {
	chain, err := ts.candidates(ctx, c)
	if err != nil {
		return t
	}
	i := slices.IndexFunc(chain, func(have candidate) bool { return have.Ref == t.Ref && have.Profile == t.Profile })
	if i < 0 {
		return t
	}
	return ts.servers.knownAnew(ctx, chain[i])
}

// candidates is chain without what the servers say of themselves: it asks no server that
// the config names.
func (ts *targets) candidates(ctx context.Context, c choice) ([]candidate, error) {
	own, _ := ts.file.Config.Agents.Agent(c.agent)
	word, fallbacks := c.model, []string(nil)
	if word == "" {
		word, fallbacks = own.Model.Primary, own.Model.Fallbacks
	}
	first, failed := ts.primary(ctx, c, word)
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
		ts.spares(ctx, c, word, first, add)
	}
	for _, word := range fallbacks {
		spare, told := ts.standIn(c, word)
		t, err := ts.target(ctx, spare, word)
		if err != nil {
			if ts.once("fallback " + word) {
				fmt.Fprintf(ts.io.err, "note: fallback %s cannot be used: %s\n", word, oneLine(err.Error()))
			}
			continue
		}
		if told != "" && ts.once(told) {
			fmt.Fprintln(ts.io.err, "note: "+told)
		}
		add(t)
		ts.spares(ctx, spare, word, t, add)
	}
	if len(chain) == 0 {
		return nil, failed
	}
	if failed != nil && ts.once("primary "+word) {
		fmt.Fprintf(ts.io.err, "note: %s cannot be used (%s); asking %s instead\n", cmp.Or(word, ts.roster.chosenRef(c).String()), oneLine(failed.Error()), written(chain[0].Ref, chain[0].Profile))
	}
	for _, c := range chain {
		if c.remapped != "" && ts.once(c.remapped) {
			fmt.Fprintln(ts.io.err, "note: "+c.remapped)
		}
	}
	return chain, nil
}

// standIn is the choice as a fallback is asked: a level that the person chose for the first
// model, and that this one does not have, becomes its next one by rank, else the one that it
// is asked without a choice. told says so.
func (ts *targets) standIn(c choice, word string) (spare choice, told string) {
	ref, _, err := ts.roster.named(c.agent, word)
	level := canonicalLevel(c.thinking)
	if err != nil || level == "" {
		return c, ""
	}
	caps := ts.roster.outline(c, ref, model.Endpoint{}).Layers.Merge()
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

// primary is the configured model, else the first configured one, else a discovered
// local server, else the demo model where that is wanted. Never a hosted default that
// nobody configured.
func (ts *targets) primary(ctx context.Context, c choice, word string) (candidate, error) {
	if word != "" {
		return ts.target(ctx, c, word)
	}
	if ref := ts.roster.firstConfigured(); ref != (hearth.ModelRef{}) {
		return ts.target(ctx, c, ref.String())
	}
	if ref, ok := ts.roster.discovered(ctx); ok {
		return ts.target(ctx, c, ref.String())
	}
	if c.lenient {
		return ts.target(ctx, c, demoRef.String())
	}
	e := &hearth.Error{Op: "choose a model", Reason: hearth.ReasonNoModel,
		Err: errors.New("no model is configured and no local server answers")}
	if len(ts.roster.seen) > 0 {
		e = lacking("choose a model", ts.roster.seen)
	}
	ts.roster.unread(e)
	return candidate{}, e
}

// target makes the candidate for a ref. Targets are kept until the config changes.
func (ts *targets) target(ctx context.Context, c choice, word string) (candidate, error) {
	ref, profile, err := ts.roster.named(c.agent, word)
	if err != nil {
		return candidate{}, err
	}
	t, ok := ts.made(c, ref, profile)
	if ok {
		return t, nil
	}
	if ref == demoRef {
		t = candidate{Target: demoTarget(ts.roster.seen)}
	} else if t, err = ts.build(ctx, c, ref, profile); err != nil {
		return candidate{}, err
	}
	ts.mu.Lock()
	ts.kept[targetKey(c, ref, profile)] = t
	ts.mu.Unlock()
	return t, nil
}

// made gives a candidate that target has made before.
func (ts *targets) made(c choice, ref hearth.ModelRef, profile string) (candidate, bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t, ok := ts.kept[targetKey(c, ref, profile)]
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

// build makes a target from the config. profile is the one that was named; "" leaves the
// choice to credentialed.
func (ts *targets) build(ctx context.Context, c choice, ref hearth.ModelRef, profile string) (candidate, error) {
	p, row, _, err := ts.roster.row(ref)
	if err != nil {
		return candidate{}, err
	}
	if profile != "" {
		row.Headers = p.KeylessHeaders(row.Headers)
	}
	if p, profile, err = ts.keys.credentialed(ctx, c.agent, ref.Provider, p, profile); err != nil {
		return candidate{}, err
	}
	endpoint, client, err := ts.clients.place(ctx, ref.Provider, p, row)
	if err != nil {
		return candidate{}, err
	}
	own, _ := ts.file.Config.Agents.Agent(c.agent)
	t := ts.roster.outline(c, ref, endpoint)
	t.Profile = profile
	t.Params = requestParams(merged(p.Params, row.Params, ts.file.Config.Agents.ParamsFor(c.agent, ref.String())))
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
	return out, ts.clients.replicas(ctx, &out, p, row)
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

// knownChain is chain as far as it can be told at once: no server is asked or looked for,
// and no program is run for a key. nil where that takes more.
func (ts *targets) knownChain(c choice) []model.Target {
	own, _ := ts.file.Config.Agents.Agent(c.agent)
	word, fallbacks := c.model, []string(nil)
	if word == "" {
		word, fallbacks = own.Model.Primary, own.Model.Fallbacks
	}
	if word == "" {
		word = cmp.Or(ts.roster.firstConfigured().String(), ts.roster.preferred.String())
	}
	var chain []model.Target
	for i, word := range append([]string{word}, fallbacks...) {
		asked := c
		if i > 0 {
			asked, _ = ts.standIn(c, word)
		}
		ref, profile, err := ts.roster.named(c.agent, word)
		if err != nil {
			return nil
		}
		made, ok := ts.made(asked, ref, profile)
		if !ok {
			return nil
		}
		if !slices.ContainsFunc(chain, func(have model.Target) bool { return have.Ref == ref }) {
			chain = append(chain, ts.servers.remembered(made))
		}
	}
	return chain
}

// mark names, without telling them, the address and the credentials that a target is asked
// with: another mark is another config.
func (ts *targets) mark(ctx context.Context, t model.Target) string {
	values := ts.keys.secrets(ctx)
	ts.mu.Lock()
	for _, made := range ts.kept { // a key that a program gave is known since it was asked for
		if made.client != nil && made.Ref == t.Ref && made.Profile == t.Profile {
			values = append(values, made.client.Secrets()...)
		}
	}
	ts.mu.Unlock()
	slices.Sort(values)
	values = slices.Compact(values)
	p, _ := ts.roster.provider(t.Ref.Provider)
	sum := sha256.Sum256([]byte(strings.Join(append(values, p.BaseURL, t.Endpoint.Origin, t.Protocol), "\x00")))
	return hex.EncodeToString(sum[:4]) // enough to see a change, too little to find a key by
}

// spares adds a candidate for each further profile that may stand in for the one that was
// chosen for a model. For one that was named nothing stands in.
func (ts *targets) spares(ctx context.Context, c choice, word string, chosen candidate, add func(candidate)) {
	if chosen.Profile == "" {
		return
	}
	if _, named, err := ts.roster.named(c.agent, word); named != "" || word != "" && err != nil {
		return
	}
	for _, p := range ts.keys.profiles(c.agent).InOrder(chosen.Ref.Provider) {
		if p.Unusable(time.Now()) != "" {
			continue
		}
		if t, err := ts.target(ctx, c, written(chosen.Ref, p.ID)); err == nil {
			add(t)
		}
	}
}

func (ts *targets) forget() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.kept = map[string]candidate{}
}
