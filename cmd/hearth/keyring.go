package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hearth"
	"hearth/config"
	"hearth/model"
	"hearth/model/catalog"
	"hearth/model/route"
)

// keyring finds the credential that a provider is asked with: in the config, in a profile,
// or in the environment of a hosted vendor.
type keyring struct{ *home }

// profiles gives the credential profiles of an agent, and tells once what is wrong with
// the files they are in.
func (k *keyring) profiles(agentID string) config.Profiles {
	all, warnings := k.file.Profiles(agentID)
	for _, w := range warnings {
		if k.once(w.File + w.Message) {
			k.warn([]config.Warning{w})
		}
	}
	return all
}

// credentialed gives a provider with the credential of a profile: the one that was named
// with the model, and else, where the config gives the provider none of its own, the first
// of its profiles that can be used. What the config says wins over a profile that nobody
// named (OpenClaw has it the other way round: what is written at the provider is nearer to
// its address), and a profile over the environment of a hosted vendor. The credential goes
// where the provider's baseUrl goes and nowhere else.
func (k *keyring) credentialed(ctx context.Context, agentID, id string, p config.Provider, named string) (config.Provider, string, error) {
	if named != "" {
		key, err := k.profileKey(ctx, agentID, id, named)
		if err != nil {
			return p, named, err
		}
		return p.WithKey(key), named, nil
	}
	if k.file.HasCredential(ctx, p) {
		return p, "", nil
	}
	var why []string
	for _, one := range k.profiles(agentID).InOrder(id) {
		key, err := k.secretOf(ctx, one)
		if err == nil {
			return p.WithKey(key), one.ID, nil
		}
		why = append(why, err.Error())
	}
	if key, err := k.key(ctx, id, p); len(why) > 0 && key == "" && err == nil && k.once("profiles of "+id) {
		fmt.Fprintf(k.io.err, "note: no profile of %s can be used: %s\n", id, oneLine(strings.Join(why, "; ")))
	}
	return p, "", nil
}

// profileKey gives the credential of a profile that was named. No other stands in for it.
func (k *keyring) profileKey(ctx context.Context, agentID, id, named string) (string, error) {
	e := &hearth.Error{Op: "use a profile", Reason: hearth.ReasonNoCredential,
		Cause: "The model was named with this profile, so no other credential is used in its place.",
		Try:   fmt.Sprintf("Leave @%s out, or give the profile a key: hearth models auth paste-api-key --provider %s --profile-id %s", named, id, named)}
	profiles := k.profiles(agentID)
	one, ok := profiles.Find(named)
	if !ok {
		e.Err = fmt.Errorf("there is no profile %q", named)
		var have []string
		for _, p := range profiles.Of(id) {
			have = append(have, p.ID)
		}
		if near := route.Nearest(named, have); near != "" {
			e.Try = "Did you mean @" + near + "? hearth models auth list shows the profiles."
		} else if len(have) > 0 {
			e.Try = fmt.Sprintf("The profiles of %s are %s. Name one of them, or none.", id, route.Some(have))
		}
		return "", e
	}
	if one.Provider != id {
		e.Err = fmt.Errorf("profile %s is one of %s, not of %s", named, one.Provider, id)
		e.Cause, e.Try = "A credential goes to its own provider only.", "Name a profile of "+id+"; hearth models auth list shows them."
		return "", e
	}
	key, err := k.secretOf(ctx, one)
	if err != nil {
		e.Err = err
		return "", e
	}
	return key, nil
}

// secretOf gives a profile's credential, or a sentence that says why there is none.
func (k *keyring) secretOf(ctx context.Context, p config.Profile) (string, error) {
	if wrong := p.Unusable(time.Now()); wrong != "" {
		return "", fmt.Errorf("%s %s", p.ID, wrong)
	}
	key, err := k.file.Resolve(ctx, p.Secret)
	if err == nil && key == "" {
		err = errors.New("its credential is empty")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.ID, err)
	}
	return key, nil
}

// profileCounts tells of a provider's profiles, credentials masked.
func (k *keyring) profileCounts(agentID, id string) profilesStatus {
	out := profilesStatus{Labels: []string{}}
	for _, p := range k.profiles(agentID).Of(id) {
		out.Count++
		switch p.Kind {
		case "oauth":
			out.OAuth++
		case "token":
			out.Token++
		default:
			out.APIKey++
		}
		out.Labels = append(out.Labels, p.Label())
	}
	return out
}

// key is the credential of a provider: as written, else the environment variable that
// belongs to a hosted one.
func (k *keyring) key(ctx context.Context, id string, p config.Provider) (string, error) {
	if !p.APIKey.IsZero() {
		return k.file.Resolve(ctx, p.APIKey)
	}
	if vendor, ok := catalog.Find(id); ok && vendor.Owns(p.BaseURL) {
		for _, name := range vendor.KeyEnv {
			if v, ok := k.file.LookupEnv(name); ok {
				return v, nil
			}
		}
	}
	return "", nil
}

// secrets gives the credentials that the config and the environment hold for providers,
// as far as no program has to be run to know them. They are what no tool result and no
// log may show.
func (k *keyring) secrets(ctx context.Context) []string {
	var out []string
	add := func(v string) {
		for _, v := range []string{v, model.BareSecret(v)} {
			if model.IsSecret(v) && !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	for _, id := range k.file.Config.Models.ProviderOrder {
		p := k.file.Config.Models.Providers[id]
		for _, address := range addresses(p) {
			for _, v := range model.QuerySecrets(address) {
				add(v)
			}
		}
		for _, s := range credentials(p) {
			if ref := s.Ref(); s.IsZero() || ref != nil && ref.Source == "exec" {
				continue
			}
			if v, err := k.file.Resolve(ctx, s); err == nil { // one that is not there cannot leak
				add(v)
			}
		}
	}
	for _, s := range k.file.ProfileSecrets() {
		if ref := s.Ref(); ref != nil && ref.Source == "exec" {
			continue
		}
		if v, err := k.file.Resolve(ctx, s); err == nil {
			add(v)
		}
	}
	for _, vendor := range catalog.Providers() {
		for _, name := range vendor.KeyEnv {
			if v, ok := k.file.LookupEnv(name); ok {
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

// unresolved says why a credential that lies elsewhere cannot be had; "" where it can, or
// where a program would have to be run to know.
func (k *keyring) unresolved(ctx context.Context, s config.Secret) string {
	if ref := s.Ref(); ref != nil && ref.Source == "exec" {
		return ""
	}
	key, err := k.file.Resolve(ctx, s)
	if e, ok := errors.AsType[*hearth.Error](err); ok {
		err = e.Err
	}
	switch {
	case err != nil:
		return err.Error()
	case key == "":
		return "its credential is empty"
	}
	return ""
}

func (k *keyring) profileRows(ctx context.Context, agentID, provider string) []profileRow {
	rows := []profileRow{}
	for _, p := range k.profiles(agentID).All() {
		if provider != "" && p.Provider != model.ProviderID(provider) {
			continue
		}
		wrong := p.Unusable(time.Now())
		if wrong == "" {
			wrong = k.unresolved(ctx, p.Secret)
		}
		rows = append(rows, profileRow{ID: p.ID, Provider: p.Provider, Type: p.Kind, Label: p.Label(), Usable: wrong == "", Reason: wrong})
	}
	return rows
}

// profileRow is a profile in `models auth list --json`.
type profileRow struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Type     string `json:"type"`
	Label    string `json:"label"` // its credential is masked
	Usable   bool   `json:"usable"`
	Reason   string `json:"reason,omitempty"` // why it is not
}
