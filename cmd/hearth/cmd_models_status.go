package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"hearth"
	"hearth/config"
	"hearth/model"

	"github.com/spf13/cobra"
)

// statusFlags are those of `models status`.
type statusFlags struct {
	json, plain, check bool
	agent              string
}

func (f *statusFlags) bind(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&f.plain, "plain", false, "print only the default model")
	cmd.Flags().BoolVar(&f.check, "check", false, "exit 1 when a model in use has no credential")
	cmd.Flags().StringVar(&f.agent, "agent", "", "as the agent of this `ID` sees it")
}

func newModelsStatus(s streams, opt *options) *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{Use: "status", Short: "Say which models are in use and whether they have what they need", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runStatus(cmd.Context(), s, opt, f) }}
	f.bind(cmd)
	return cmd
}

// modelStatus is the shape of `models status --json`.
type modelStatus struct {
	ConfigPath      string            `json:"configPath"`
	AgentID         string            `json:"agentId,omitempty"` // as --agent named it
	AgentDir        string            `json:"agentDir"`
	DefaultModel    string            `json:"defaultModel"`
	ResolvedDefault string            `json:"resolvedDefault"`
	Fallbacks       []string          `json:"fallbacks"`
	ImageModel      string            `json:"imageModel"`
	ImageFallbacks  []string          `json:"imageFallbacks"`
	Aliases         map[string]string `json:"aliases"`
	Allowed         []string          `json:"allowed"`
	Auth            authStatus        `json:"auth"`
}

// authStatus has OpenClaw's fields. Hearth has no logins and asks nobody here, so what
// tells of those is there and empty.
type authStatus struct {
	StorePath             string           `json:"storePath"`
	ShellEnvFallback      shellEnvStatus   `json:"shellEnvFallback"`
	ProvidersWithOAuth    []string         `json:"providersWithOAuth"`
	MissingProvidersInUse []string         `json:"missingProvidersInUse"`
	Providers             []providerStatus `json:"providers"`
	UnusableProfiles      []string         `json:"unusableProfiles"`
	OAuth                 oauthStatus      `json:"oauth"`
	Probes                probesStatus     `json:"probes"`
}

type shellEnvStatus struct {
	Enabled     bool     `json:"enabled"`
	AppliedKeys []string `json:"appliedKeys"`
}

type oauthStatus struct {
	WarnAfterMS int64    `json:"warnAfterMs"`
	Profiles    []string `json:"profiles"`
	Providers   []string `json:"providers"`
}

// probesStatus is empty: status asks nobody, hearth models probe does.
type probesStatus struct {
	TotalTargets int      `json:"totalTargets"`
	Results      []string `json:"results"`
}

type providerStatus struct {
	Provider  string          `json:"provider"`
	Effective effectiveStatus `json:"effective"`
	Profiles  profilesStatus  `json:"profiles"`
}

type profilesStatus struct {
	Count  int      `json:"count"`
	OAuth  int      `json:"oauth"`
	Token  int      `json:"token"`
	APIKey int      `json:"apiKey"`
	Labels []string `json:"labels"`
}

// effectiveStatus says what credential a provider has, masked.
type effectiveStatus struct {
	Kind   string `json:"kind"` // key, profiles, local, missing
	Detail string `json:"detail"`
}

func runStatus(ctx context.Context, s streams, opt *options, f statusFlags) error {
	return withConfig(ctx, s, opt, func(ctx context.Context, a *app) error {
		if err := a.knownAgent(f.agent); err != nil {
			return err
		}
		st := modelCheck{a}.status(ctx, f.agent)
		switch {
		case f.json:
			printJSON(s.out, st)
		case f.plain:
			fmt.Fprintln(s.out, st.ResolvedDefault)
		default:
			st.print(s.out, a.configLine())
		}
		if f.check && len(st.Auth.MissingProvidersInUse) > 0 {
			return errSilent{hearth.ExitFailed}
		}
		return nil
	})
}

// modelCheck looks whether the models in use have what they need.
type modelCheck struct{ *app }

func (m modelCheck) status(ctx context.Context, agentID string) modelStatus {
	own, _ := m.file.Config.Agents.Agent(agentID)
	d := m.file.Config.Agents.Defaults
	st := modelStatus{
		ConfigPath: m.file.Path(), AgentID: agentID, AgentDir: m.state("agents", m.agentID(agentID)), DefaultModel: own.Model.Primary,
		ResolvedDefault: m.roster.chosenRef(choice{agent: agentID}).String(), Fallbacks: append([]string{}, own.Model.Fallbacks...),
		ImageModel: d.ImageModel.Primary, ImageFallbacks: append([]string{}, d.ImageModel.Fallbacks...),
		Aliases: aliasNames(m.file), Allowed: append([]string{}, own.ModelPolicy.Allow...),
	}
	if len(st.Allowed) == 0 {
		st.Allowed = append(st.Allowed, d.ModelOrder...)
	}
	st.Auth = authStatus{
		StorePath: m.state("agents", m.agentID(agentID), "agent", config.ProfileFile), ProvidersWithOAuth: []string{}, UnusableProfiles: []string{}, MissingProvidersInUse: []string{},
		OAuth: oauthStatus{WarnAfterMS: dayMS, Profiles: []string{}, Providers: []string{}}, Probes: probesStatus{Results: []string{}},
	}
	for _, ref := range (&modelList{app: m.app}).refs(listFlags{agent: agentID}) {
		if slices.ContainsFunc(st.Auth.Providers, func(p providerStatus) bool { return p.Provider == ref.Provider }) {
			continue
		}
		p := providerStatus{Provider: ref.Provider, Effective: m.credential(ctx, agentID, ref.Provider), Profiles: m.keys.profileCounts(agentID, ref.Provider)}
		if n := p.Profiles.OAuth; n > 0 {
			st.Auth.ProvidersWithOAuth = append(st.Auth.ProvidersWithOAuth, fmt.Sprintf("%s (%d)", ref.Provider, n))
		}
		st.Auth.Providers = append(st.Auth.Providers, p)
		if p.Effective.Kind == "missing" && m.inUse(agentID, ref.Provider) {
			st.Auth.MissingProvidersInUse = append(st.Auth.MissingProvidersInUse, ref.Provider)
		}
	}
	if st.Auth.Providers == nil {
		st.Auth.Providers = []providerStatus{}
	}
	on, taken := m.file.ShellEnv() // after the credentials were looked for
	st.Auth.ShellEnvFallback = shellEnvStatus{Enabled: on, AppliedKeys: append([]string{}, taken...)}
	return st
}

// inUse reports whether the agent asks models of a provider: its model, a fallback, or one
// of those for images. What only stands in the config is there to be chosen.
func (m modelCheck) inUse(agentID, provider string) bool {
	own, _ := m.file.Config.Agents.Agent(agentID)
	images := m.file.Config.Agents.Defaults.ImageModel
	if m.roster.chosenRef(choice{agent: agentID}).Provider == provider {
		return true
	}
	return slices.ContainsFunc(slices.Concat(own.Model.Fallbacks, []string{images.Primary}, images.Fallbacks), func(word string) bool {
		ref, err := m.roster.resolve(agentID, word)
		return word != "" && err == nil && ref.Provider == provider
	})
}

// dayMS is how long before its end OpenClaw warns of a login.
const dayMS = 86_400_000

// credential says what a provider would be asked with, never the secret itself.
func (m modelCheck) credential(ctx context.Context, agentID, id string) effectiveStatus {
	p, ok := m.roster.provider(id)
	if !ok {
		return effectiveStatus{"missing", "there is no such provider"}
	}
	t, err := m.targets.target(ctx, choice{agent: agentID}, id+"/x")
	local := err == nil && t.Endpoint.Locality.Own()
	if one, ok := m.keys.profiles(agentID).Find(t.Profile); ok {
		return effectiveStatus{"profiles", one.Label()}
	}
	key, err := m.keys.key(ctx, id, p)
	marker := model.IsLocalMarker(key)
	switch {
	case err != nil:
		return effectiveStatus{"missing", err.Error()}
	case marker && local:
		return effectiveStatus{"local", "marker(" + key + ")"}
	case key != "" && !marker && !p.APIKey.IsZero():
		return effectiveStatus{"key", p.APIKey.String()}
	case key != "" && !marker:
		return effectiveStatus{"key", "environment"}
	case t.client != nil && t.client.HasCredential():
		return effectiveStatus{"key", "sent in a header"}
	case local:
		return effectiveStatus{"local", "none needed"}
	case marker:
		return effectiveStatus{"missing", "marker(" + key + ") is for local servers"}
	default:
		return effectiveStatus{"missing", "no key is set"}
	}
}

// print tells a person. config is the file in use.
func (st modelStatus) print(w io.Writer, config string) {
	fmt.Fprintf(w, "Config     %s\n", config)
	fmt.Fprintf(w, "Default    %s\n", orNone(st.ResolvedDefault))
	fmt.Fprintf(w, "Fallbacks  %s\n", orNone(strings.Join(st.Fallbacks, ", ")))
	for _, name := range slices.Sorted(maps.Keys(st.Aliases)) {
		fmt.Fprintf(w, "Alias      %s → %s\n", name, st.Aliases[name])
	}
	for _, p := range st.Auth.Providers {
		fmt.Fprintf(w, "Provider   %s: %s (%s)\n", p.Provider, p.Effective.Kind, oneLine(p.Effective.Detail))
		for _, label := range p.Profiles.Labels {
			fmt.Fprintf(w, "Profile    %s\n", oneLine(label))
		}
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
