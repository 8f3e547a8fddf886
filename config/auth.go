package config

import (
	"cmp"
	"slices"

	"hearth/internal/json5"
	"hearth/model"
)

// Auth is the auth block. It holds no credentials: it names profiles, and says which of
// a provider's are used in which order.
type Auth struct {
	Profiles map[string]AuthProfile `json:"profiles"`
	// Order lists profile ids by provider. One that it leaves out is not chosen unasked.
	Order map[string][]string `json:"order"`
	// ProfileOrder lists the keys of Profiles as they stand in the file.
	ProfileOrder []string `json:"-"`
}

// An AuthProfile is what the config says of a profile whose credential lies elsewhere.
type AuthProfile struct {
	Provider    string `json:"provider"`
	Mode        string `json:"mode" enum:"api_key|oauth|token|aws-sdk"`
	Email       string `json:"email"`
	DisplayName string `json:"displayName"`
}

// Profiles are the credential profiles that one agent may use. The zero value has none.
type Profiles struct {
	all    []Profile
	stored map[string][]string // order of use by provider, as the files of credentials say
	auth   Auth
}

// Profiles gives the profiles of an agent; "" is the default one. They are read with the
// config, from auth-profiles.json of the agent, then of the default agent and of main, in
// Hearth's own folder before OpenClaw's; the first that has a profile of an id counts.
// What is wrong with those files comes as warnings; what can be read of them is used.
func (f *File) Profiles(agentID string) (Profiles, []Warning) {
	out := Profiles{stored: map[string][]string{}, auth: f.Config.Auth}
	var warnings []Warning
	for _, path := range f.profilePaths(f.storeAgents(agentID)) {
		s := f.stores[path]
		if s == nil {
			continue
		}
		warnings = append(warnings, s.warnings...)
		for _, p := range s.profiles {
			if _, have := out.Find(p.ID); !have {
				out.all = append(out.all, p)
			}
		}
		for provider, ids := range s.order {
			if out.stored[provider] == nil {
				out.stored[provider] = ids
			}
		}
	}
	for _, id := range f.Config.Auth.ProfileOrder {
		p := f.Config.Auth.Profiles[id]
		i := slices.IndexFunc(out.all, func(have Profile) bool { return have.ID == id })
		if i < 0 {
			out.all = append(out.all, Profile{ID: id, Provider: providerOf(id, p.Provider), Kind: p.Mode})
			i = len(out.all) - 1
		}
		out.all[i].Account = cmp.Or(p.DisplayName, out.all[i].Account, p.Email)
	}
	return out, warnings
}

// Find gives the profile of an id, which is compared as written.
func (p Profiles) Find(id string) (Profile, bool) {
	i := slices.IndexFunc(p.all, func(p Profile) bool { return p.ID == id })
	if i < 0 {
		return Profile{}, false
	}
	return p.all[i], true
}

// All gives every profile, also those that cannot be used.
func (p Profiles) All() []Profile { return p.all }

// Of gives every profile of a provider, also those that cannot be used.
func (p Profiles) Of(provider string) []Profile {
	var out []Profile
	for _, one := range p.all {
		if one.Provider == model.ProviderID(provider) {
			out = append(out, one)
		}
	}
	return out
}

// InOrder gives the profiles of a provider that may be used unasked, first choice first:
// as the order in a file of credentials says, else auth.order, else those of auth.profiles,
// else all. Without a written order tokens come before keys. One that cannot be used is
// among them; see Profile.Unusable.
func (p Profiles) InOrder(provider string) []Profile {
	provider = model.ProviderID(provider)
	written := p.stored[provider]
	for name, ids := range p.auth.Order {
		if written == nil && model.ProviderID(name) == provider {
			written = ids
		}
	}
	if written != nil {
		return p.pick(provider, written)
	}
	out := p.Of(provider)
	configured := p.pick(provider, p.auth.ProfileOrder)
	if slices.ContainsFunc(configured, func(one Profile) bool { return !one.Secret.IsZero() }) {
		out = configured
	}
	rank := map[string]int{"oauth": 0, "token": 1}
	slices.SortStableFunc(out, func(a, b Profile) int { return rankOf(rank, a.Kind) - rankOf(rank, b.Kind) })
	return out
}

func rankOf(rank map[string]int, kind string) int {
	if n, ok := rank[kind]; ok {
		return n
	}
	return len(rank)
}

func (p Profiles) pick(provider string, ids []string) []Profile {
	var out []Profile
	for _, id := range ids {
		if one, ok := p.Find(id); ok && one.Provider == provider && !slices.ContainsFunc(out, func(have Profile) bool { return have.ID == id }) {
			out = append(out, one)
		}
	}
	return out
}

// ProfileSecrets gives the credentials of all profiles of all agents, so that they can be
// kept out of what is shown.
func (f *File) ProfileSecrets() []Secret {
	var out []Secret
	for _, s := range f.stores {
		if s == nil {
			continue
		}
		for _, p := range s.profiles {
			if !p.Secret.IsZero() {
				out = append(out, p.Secret)
			}
		}
	}
	return out
}

// storeAgents lists the agents whose credentials an agent may use.
func (f *File) storeAgents(agentID string) []string {
	return []string{cmp.Or(agentID, f.Config.Agents.DefaultID()), f.Config.Agents.DefaultID(), "main"}
}

// readStores reads the credentials of all agents.
func (f *File) readStores() {
	ids := f.storeAgents("")
	for _, g := range f.Config.Agents.All() {
		ids = append(ids, g.ID)
	}
	f.stores = map[string]*profileStore{}
	for _, path := range f.profilePaths(ids) {
		f.stores[path] = readStore(path)
	}
}

// authOf keeps the order of the file.
func authOf(tree *json5.Value, a Auth) Auth {
	a.ProfileOrder = keyOrder(tree.At(json5.Key("auth"), json5.Key("profiles")), a.Profiles)
	return a
}
