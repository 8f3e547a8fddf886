package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"hearth/config"
	"hearth/internal/redact"
	"hearth/model"
	"hearth/model/catalog"
)

// secrets gives the credentials that the config and the environment hold for providers,
// as far as no program has to be run to know them. They are what no tool result and no
// log may show.
func (a *app) secrets(ctx context.Context) []string {
	var out []string
	add := func(v string) {
		for _, v := range []string{v, model.BareSecret(v)} {
			if model.IsSecret(v) && !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	for _, id := range a.file.Config.Models.ProviderOrder {
		p := a.file.Config.Models.Providers[id]
		for _, address := range addresses(p) {
			for _, v := range model.QuerySecrets(address) {
				add(v)
			}
		}
		for _, s := range credentials(p) {
			if ref := s.Ref(); s.IsZero() || ref != nil && ref.Source == "exec" {
				continue
			}
			if v, err := a.file.Resolve(ctx, s); err == nil { // one that is not there cannot leak
				add(v)
			}
		}
	}
	for _, s := range a.file.ProfileSecrets() {
		if ref := s.Ref(); ref != nil && ref.Source == "exec" {
			continue
		}
		if v, err := a.file.Resolve(ctx, s); err == nil {
			add(v)
		}
	}
	for _, vendor := range catalog.Providers() {
		for _, name := range vendor.KeyEnv {
			if v, ok := a.file.LookupEnv(name); ok {
				add(v)
			}
		}
	}
	return out
}

// credentials lists where a provider's config may hold one.
func credentials(p config.Provider) []config.Secret {
	out := []config.Secret{p.APIKey, p.Request.Auth.Token, p.Request.Auth.Value}
	from := func(headers map[string]config.Secret) {
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			if model.NamesSecret(name) {
				out = append(out, headers[name])
			}
		}
	}
	from(p.Headers)
	from(p.Request.Headers)
	for _, m := range p.Models {
		from(m.Headers)
	}
	return out
}

// addresses lists where a provider's models are served.
func addresses(p config.Provider) []string {
	out := append([]string{p.BaseURL}, p.BaseURLs...)
	for _, m := range p.Models {
		out = append(out, m.BaseURL)
	}
	return out
}

// masked gives what masks the known values: in tool results these and nothing else, for
// text that only looks like a key may be the owner's code, and a model that reads
// "[secret]" there would write it back.
func (a *app) masked(ctx context.Context) (values []string, mask func(string) string) {
	values = a.secrets(ctx)
	r := redact.New(values...)
	a.masks.Store(r)
	return values, r.Values
}

// mark names, without telling them, the address and the credentials that a target is asked
// with: another mark is another config.
func (a *app) mark(ctx context.Context, t model.Target) string {
	values := a.secrets(ctx)
	a.mu.Lock()
	for _, made := range a.targets { // a key that a program gave is known since it was asked for
		if made.client != nil && made.Ref == t.Ref && made.Profile == t.Profile {
			values = append(values, made.client.Secrets()...)
		}
	}
	a.mu.Unlock()
	slices.Sort(values)
	values = slices.Compact(values)
	p, _ := a.provider(t.Ref.Provider)
	sum := sha256.Sum256([]byte(strings.Join(append(values, p.BaseURL, t.Endpoint.Origin, t.Protocol), "\x00")))
	return hex.EncodeToString(sum[:4]) // enough to see a change, too little to find a key by
}

// withPath is an environment whose PATH begins with dirs.
func withPath(environ, dirs []string, separator string) []string {
	if len(dirs) == 0 {
		return nil // the process's own
	}
	out, first := slices.Clone(environ), strings.Join(dirs, separator)
	for i, entry := range out {
		if name, value, _ := strings.Cut(entry, "="); strings.EqualFold(name, "PATH") {
			out[i] = name + "=" + strings.TrimSuffix(first+separator+value, separator)
			return out
		}
	}
	return append(out, "PATH="+first)
}
