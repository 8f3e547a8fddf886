package config

import (
	"slices"
	"strings"

	"hearth/internal/json5"
)

// Changed lists the keys that Hearth uses and that differ between two readings of a
// config: those that apply at once, such as policy, credentials and addresses, and
// those that change the bytes of a request, such as the tool list, the system text and
// what reaches a chat template. The latter apply when the epoch of a session ends: a
// request only ever extends the one before.
func Changed(before, after *File) (now, nextEpoch []string) {
	d := &differ{skip: append(slices.Clone(before.unused), after.unused...)}
	d.compare(nil, before.resolved(), after.resolved())
	for _, steps := range d.found {
		path := formatPath(steps)
		if changesBytes(steps) {
			nextEpoch = append(nextEpoch, path)
			continue
		}
		now = append(now, path)
	}
	return now, nextEpoch
}

// resolved is the tree with its variables put in; an empty object when there is none.
func (f *File) resolved() *json5.Value {
	if f.tree == nil {
		return &json5.Value{Kind: json5.Object}
	}
	sub := newSubstitution(f.env)
	return sub.tree("", f.tree)
}

type differ struct {
	skip  []string
	found [][]json5.Step
}

// compare goes down as far as both sides have containers of one kind and shape.
func (d *differ) compare(steps []json5.Step, a, b *json5.Value) {
	switch {
	case slices.Contains(d.skip, formatPath(steps)) || a != nil && b != nil && json5.Equal(a, b):
		return
	case bothAre(json5.Object, a, b):
		seen := map[string]bool{}
		for _, m := range slices.Concat(a.Unique(), b.Unique()) {
			if !seen[m.Key] {
				seen[m.Key] = true
				d.compare(append(slices.Clip(steps), json5.Key(m.Key)), a.Get(m.Key), b.Get(m.Key))
			}
		}
	case bothAre(json5.Array, a, b) && len(a.Elements) == len(b.Elements):
		for i := range a.Elements {
			d.compare(append(slices.Clip(steps), json5.Index(i)), a.Elements[i], b.Elements[i])
		}
	case a == nil && b.Kind == json5.Object && len(b.Members) > 0:
		d.compare(steps, &json5.Value{Kind: json5.Object}, b)
	case b == nil && a.Kind == json5.Object && len(a.Members) > 0:
		d.compare(steps, a, &json5.Value{Kind: json5.Object})
	default:
		d.found = append(d.found, steps)
	}
}

// bothAre reports whether both values are there and are of a kind.
func bothAre(k json5.Kind, a, b *json5.Value) bool {
	return a != nil && b != nil && a.Kind == k && b.Kind == k
}

// inRequests lists what goes into the bytes of a request, by block: keys of the tools
// block, of an agent or the defaults, of an entry in agents.defaults.models, of a
// provider, and of a provider's model. Not api: an address takes one protocol only, so
// another one ends the epoch there and then.
var inRequests = map[string]string{
	"tools":    "profile allow alsoAllow deny byProvider",
	"agent":    "systemPromptOverride workspace bootstrapMaxChars bootstrapTotalMaxChars contextInjection skipBootstrap skipOptionalBootstrapFiles identity thinkingDefault params experimental contextTokens userTimezone",
	"entry":    "params",
	"provider": "params contextWindow contextTokens maxTokens injectNumCtxForOpenAICompat",
	"model":    "params reasoning input contextWindow contextTokens maxTokens compat thinkingLevelMap",
}

// changesBytes finds the block that a path is in and looks its key up.
func changesBytes(steps []json5.Step) bool {
	keys := make([]string, len(steps))
	for i, s := range steps {
		keys[i], _ = s.Key() // an index is the empty key
	}
	in := func(block string, at int) bool {
		// A path that ends above the key is a whole block that came or went.
		return at >= len(keys) || slices.Contains(strings.Fields(inRequests[block]), keys[at])
	}
	switch {
	case keys[0] == "tools":
		return in("tools", 1)
	case keys[0] == "models" && len(keys) > 4 && keys[1] == "providers" && keys[3] == "models":
		return in("model", 5)
	case keys[0] == "models" && len(keys) > 3 && keys[1] == "providers":
		return in("provider", 3)
	case keys[0] == "agents" && len(keys) > 2:
		return agentBytes(keys, in)
	}
	return false
}

// agentBytes is changesBytes for agents.defaults.x, agents.list[0].x and
// agents.entries.id.x.
func agentBytes(keys []string, in func(block string, at int) bool) bool {
	at := 3
	if keys[1] == "defaults" {
		at = 2
	}
	if at >= len(keys) {
		return false // an agent that came or went
	}
	switch keys[at] {
	case "tools":
		return in("tools", at+1)
	case "models":
		return len(keys) > at+2 && in("entry", at+2)
	}
	return in("agent", at)
}
