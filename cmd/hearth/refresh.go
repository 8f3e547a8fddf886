package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hearth"
)

// refresh asks the servers of all configured providers what they have now. One that
// does not answer is named, and keeps nobody else from answering. It
// fails only when it is stopped.
func (a *app) refresh(ctx context.Context) error {
	for _, id := range a.file.Config.Models.ProviderOrder {
		p := a.file.Config.Models.Providers[id]
		name := "x" // any model: only the server is asked
		if len(p.Models) > 0 {
			name = p.Models[0].ID
		}
		t, err := a.target(ctx, choice{}, id+"/"+name)
		if err != nil || t.client == nil || t.Endpoint.Locality == hearth.LocalityHosted {
			continue
		}
		host, err := a.describer().Host(ctx, t.client)
		if err := interrupted(ctx, "ask the servers"); err != nil {
			return err
		}
		if err != nil {
			fmt.Fprintf(a.io.err, "note: %s: %s\n", id, oneLine(err.Error()))
			continue
		}
		for _, model := range host.IDs() {
			ref := hearth.ModelRef{Provider: strings.ToLower(id), Model: model}
			if !slices.Contains(a.fresh, ref) {
				a.fresh = append(a.fresh, ref)
			}
			a.describer().Describe(ctx, t.client, model, t.Protocol)
		}
	}
	return interrupted(ctx, "ask the servers")
}
