package main

import (
	"cmp"
	"context"
	"slices"

	"hearth/model"
)

// knownChain is chain as far as it can be told at once: no server is asked or looked for,
// and no program is run for a key. nil where that takes more.
func (a *app) knownChain(c choice) []model.Target {
	own, _ := a.file.Config.Agents.Agent(c.agent)
	word, fallbacks := c.model, []string(nil)
	if word == "" {
		word, fallbacks = own.Model.Primary, own.Model.Fallbacks
	}
	if word == "" {
		word = cmp.Or(a.firstConfigured().String(), a.preferred.String())
	}
	var chain []model.Target
	for i, word := range append([]string{word}, fallbacks...) {
		asked := c
		if i > 0 {
			asked, _ = a.standIn(c, word)
		}
		ref, profile, err := a.named(c.agent, word)
		if err != nil {
			return nil
		}
		made, ok := a.made(asked, ref, profile)
		if !ok {
			return nil
		}
		if !slices.ContainsFunc(chain, func(have model.Target) bool { return have.Ref == ref }) {
			chain = append(chain, a.remembered(made))
		}
	}
	return chain
}

// known adds what the server says of itself, and the lessons it taught.
func (a *app) known(ctx context.Context, c candidate) model.Target {
	t := c.Target
	if c.client == nil {
		return t
	}
	said := a.describe(ctx, c)
	t.Layers.Server, t.Layers.Probe = said.Server, said.Probe
	t.Layers.Catalog = said.Catalog.Over(t.Layers.Catalog)
	t.Asleep = t.Layers.Server.Server == nil && a.describer().Listed(t.Endpoint.Origin) == nil && configured(a.file, t.Ref.Provider).LocalService != nil
	return t
}

// remembered adds what is known without asking anybody.
func (a *app) remembered(c candidate) model.Target {
	t := c.Target
	if c.client != nil {
		said := a.describer().Remembered(t.Endpoint.Origin, t.Ref.Model, t.Protocol)
		t.Layers.Server, t.Layers.Probe = said.Server, said.Probe
		t.Layers.Catalog = said.Catalog.Over(t.Layers.Catalog)
	}
	return t
}
