package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hearth"
	"hearth/config"
	"hearth/model"
	"hearth/model/probe"
	"hearth/model/route"
)

// refresh asks the servers of the configured providers what they have now. One that cannot
// be asked, or gives no list, is named with the reason, and keeps nobody else from
// answering. It fails only when it is stopped.
func (ml *modelList) refresh(ctx context.Context, only string) error {
	ml.asked = map[string]*probe.Host{}
	for _, id := range ml.file.Config.Models.ProviderOrder {
		p := ml.file.Config.Models.Providers[id]
		if only != "" && !strings.EqualFold(only, id) {
			continue
		}
		rows := p.Models
		if len(rows) == 0 {
			rows = []config.Model{{ID: "x"}} // any model: only the server is asked
		}
		for _, row := range rows {
			ml.ask(ctx, id, p, row.ID)
			if err := interrupted(ctx, "ask the servers"); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask asks the server of one row of the config, once for all rows that it serves.
func (ml *modelList) ask(ctx context.Context, id string, p config.Provider, name string) {
	t, err := ml.targets.target(ctx, choice{}, id+"/"+name)
	if err != nil {
		if at, wrong := model.ParseEndpoint(p.BaseURL); wrong != nil || at.Locality != hearth.LocalityHosted {
			ml.remark(id, err.Error())
		}
		return
	}
	origin := t.Endpoint.Origin
	if _, done := ml.asked[origin]; done || t.client == nil || t.Endpoint.Locality == hearth.LocalityHosted {
		return
	}
	host, err := ml.servers.describer.DescribeAll(ctx, t.client)
	if ctx.Err() != nil {
		return
	}
	ml.asked[origin] = nil
	if err != nil {
		ml.remark(id, err.Error())
		return
	}
	if why := noList(host, t); why != "" {
		ml.remark(id, why)
		return
	}
	ml.asked[origin] = &host
	if len(host.Models) == 0 {
		ml.remark(id, fmt.Sprintf("%s at %s has no model; load or fetch one there", host.Kind.Name(), t.Endpoint.Written()))
	}
	for _, have := range host.IDs() {
		ref := hearth.ModelRef{Provider: strings.ToLower(id), Model: have}
		if !slices.Contains(ml.fresh, ref) {
			ml.fresh = append(ml.fresh, ref)
		}
	}
}

// remark says once what came of asking a provider's server.
func (ml *modelList) remark(id, what string) {
	if note := fmt.Sprintf("note: %s: %s", id, oneLine(what)); ml.once(note) {
		fmt.Fprintln(ml.io.err, note)
	}
}

// noList is why a server that answered gave no list of its models, or nothing.
func noList(h probe.Host, t candidate) string {
	at := t.Endpoint.Written()
	switch {
	case h.NeedsKey && t.client.HasCredential():
		return at + " refuses the key that it was given, and lists no models"
	case h.NeedsKey:
		return at + " lists its models only to those who have a key, and none is set"
	case h.Loading:
		return at + " is still loading its model"
	case h.NoModels:
		return "what answers at " + at + " gives no list of models; look whether baseUrl is the address of a model server"
	}
	return ""
}

// absent reports whether the server of a model was just asked and does not have it, and
// says so once, with the nearest one that it has. Of several replicas only the first was
// asked, and what a proxy's patterns stand for nobody knows.
func (ml *modelList) absent(ref hearth.ModelRef, t candidate) bool {
	host := ml.asked[t.Endpoint.Origin]
	if host == nil || len(t.others) > 0 || host.Has(ref.Model) {
		return false
	}
	ids := host.IDs()
	if slices.ContainsFunc(ids, func(have string) bool { return route.SameModel(have, ref.Model) || strings.Contains(have, "*") }) {
		return false
	}
	switch near := route.Nearest(ref.Model, ids); {
	case len(ids) == 0: // is said
	case near != "":
		ml.remark(ref.Provider, fmt.Sprintf("the server does not list %s; the nearest model it lists is %s", ref.Model, near))
	default:
		ml.remark(ref.Provider, fmt.Sprintf("the server does not list %s; it lists %s", ref.Model, route.Some(ids)))
	}
	return true
}
