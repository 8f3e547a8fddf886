package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"hearth"
	"hearth/config"
	"hearth/internal/machine"
	"hearth/model"
	"hearth/model/catalog"
	"hearth/model/probe"
	"hearth/model/route"
)

// roster says which providers and models there are and what they are called: the config's,
// those that discovery found, and the hosted vendors'. It asks nobody but discovery.
type roster struct {
	*home
	keys *keyring

	mu      sync.Mutex // guards aliased
	aliased aliases    // of the config that was asked last

	seen      []probe.Host               // servers that discovery found last
	extra     map[string]config.Provider // of them, the one in use, where the config does not have it
	preferred hearth.ModelRef            // its model
}

// demoRef is the model inside the binary.
var demoRef = hearth.ModelRef{Provider: "demo", Model: "demo"}

// provider finds a provider by id: configured, found by discovery, or one of the hosted
// vendors (unless models.mode is "replace").
func (r *roster) provider(id string) (config.Provider, bool) {
	for _, key := range r.file.Config.Models.ProviderOrder {
		if strings.EqualFold(key, id) {
			return withVendor(id, r.file.Config.Models.Providers[key]), true
		}
	}
	if p, ok := r.extra[id]; ok {
		return p, true
	}
	if vendor, ok := catalog.Find(id); ok && r.file.Config.Models.Mode != "replace" {
		return config.Provider{BaseURL: vendor.BaseURL, API: vendor.API}, true
	}
	return config.Provider{}, false
}

// row finds what the config says of a model and of its provider; listed is false where
// only the provider is there.
func (r *roster) row(ref hearth.ModelRef) (p config.Provider, row config.Model, listed bool, err error) {
	p, ok := r.provider(ref.Provider)
	if !ok {
		return p, row, false, r.unknownProvider(ref.Provider)
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
func (r *roster) outline(c choice, ref hearth.ModelRef, at model.Endpoint) model.Target {
	p, row, listed, err := r.row(ref)
	if err != nil {
		return model.Target{Ref: ref, Endpoint: at}
	}
	own, _ := r.file.Config.Agents.Agent(c.agent)
	t := model.Target{Ref: ref, Protocol: p.Protocol(), Endpoint: at, Within: time.Duration(max(0, p.TimeoutSeconds)) * time.Second}
	t.Layers = model.Layers{Config: configLayer(p, row, listed, r.file.Config.Agents.WidestContext()), Default: model.DefaultLayer(), Cap: own.ContextTokens}
	t.Layers.Catalog = listing(ref, p.BaseURL)
	if t.Layers.Config.Locality != nil {
		t.Layers.Config.Evidence = map[string]string{"locality": "models.providers." + ref.Provider}
	}
	t.Layers.Default.Locality = &at.Locality
	t.Layers.Default.Evidence = map[string]string{"locality": "the server's address"}
	return t
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

// chosenRef is the model a choice means, as far as the config alone tells; the zero ref
// where it names none.
func (r *roster) chosenRef(c choice) hearth.ModelRef {
	word := c.model
	if word == "" {
		own, _ := r.file.Config.Agents.Agent(c.agent)
		word = own.Model.Primary
	}
	if word == "" {
		return r.firstConfigured()
	}
	ref, err := r.resolve(c.agent, word)
	if err != nil {
		return hearth.ModelRef{}
	}
	return ref
}

// firstConfigured is the first model of the first provider that lists any.
func (r *roster) firstConfigured() hearth.ModelRef {
	for _, id := range r.file.Config.Models.ProviderOrder {
		if rows := r.file.Config.Models.Providers[id].Models; len(rows) > 0 {
			return hearth.ModelRef{Provider: strings.ToLower(id), Model: rows[0].ID}
		}
	}
	return hearth.ModelRef{}
}

// discovered gives the model of a local server, when nothing is configured.
func (r *roster) discovered(ctx context.Context) (hearth.ModelRef, bool) {
	if r.preferred != (hearth.ModelRef{}) {
		return r.preferred, true
	}
	if os.Getenv("HEARTH_DISCOVER") == discoveryOff {
		return hearth.ModelRef{}, false
	}
	r.seen = probe.Discover(ctx, probe.Search{})
	host, m, ok := probe.Choose(r.seen, machine.MemoryBytes())
	if !ok {
		return hearth.ModelRef{}, false
	}
	id, p := r.found(host, m)
	r.extra = map[string]config.Provider{id: p}
	r.preferred = hearth.ModelRef{Provider: id, Model: m.ID}
	return r.preferred, true
}

// found makes the provider entry of a server. A window is written only where the server
// said it.
func (r *roster) found(h probe.Host, m probe.Model) (string, config.Provider) {
	p := providerEntry(h.Kind.BaseURL(h.Root), h.Kind.API(), h.Root, m)
	id := h.Kind.ProviderID()
	if have, taken := r.file.Config.Models.Providers[id]; taken && have.BaseURL != p.BaseURL {
		id = customID(h.Root)
	}
	return id, p
}

// unknownProvider names the nearest provider there is, or those of the config.
func (r *roster) unknownProvider(id string) error {
	names := slices.Clone(r.file.Config.Models.ProviderOrder)
	for _, vendor := range catalog.Providers() {
		names = append(names, vendor.ID)
	}
	e := &hearth.Error{Op: "choose a model", Reason: hearth.ReasonUnknownProvider, Err: fmt.Errorf("there is no provider %q", id)}
	if near := route.Nearest(id, names); near != "" {
		e.Try = fmt.Sprintf("Did you mean %s? hearth models list shows the names.", near)
	} else if own := r.file.Config.Models.ProviderOrder; len(own) > 0 {
		e.Try = fmt.Sprintf("The config has these: %s. Name one of them, or add the provider with hearth onboard.", route.Some(own))
	} else {
		e.Try = "Add the provider with hearth onboard. hearth up looks for a server on this machine where agents.defaults.model is not set."
	}
	r.unread(e)
	return e
}

// unread tells in an error about what is not configured that nothing of the config is known.
func (r *roster) unread(e *hearth.Error) {
	if r.file.Broken != nil && !r.file.LastGood {
		e.Cause, e.Try = "The config does not parse, and there is no good one from before.", "Correct it: hearth config validate shows the place."
		if cause, try := notRead(r.file); cause != "" {
			e.Cause, e.Try = cause, try
		}
	}
}
