package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/config"
	"hearth/model"
)

// newModelsSet changes the default model.
func newModelsSet(s streams, opt *options) *cobra.Command {
	return &cobra.Command{Use: "set REF|ALIAS", Short: "Choose the default model", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return editing(cmd.Context(), s, opt, func(ctx context.Context, a *app) error {
				ref, word, err := a.knownRef(args[0])
				if err != nil {
					return err
				}
				edits := []config.Edit{{Path: "agents.defaults.model", Value: jsonText(map[string]string{"primary": word}), StrictJSON: true, Merge: true}}
				if d := a.file.Config.Agents.Defaults; len(d.Models) > 0 && len(d.ModelPolicy.Allow) == 0 && !a.allowed("", ref) {
					// A map of models is also the list of what may be chosen.
					edits = append(edits, config.Edit{Path: "agents.defaults.models[" + quoted(ref.String()) + "]", Value: "{}", StrictJSON: true})
				}
				if err := a.edit(ctx, edits...); err != nil {
					return err
				}
				fmt.Fprintf(s.out, "Default model: %s\n", word)
				return nil
			})
		}}
}

// knownRef reads a ref or alias whose provider exists, and gives it as the config holds
// it: with the profile that it was named with.
func (a *app) knownRef(word string) (hearth.ModelRef, string, error) {
	ref, profile, err := a.named("", word)
	if err != nil {
		return ref, "", err
	}
	if _, ok := a.provider(ref.Provider); !ok {
		return ref, "", a.unknownProvider(ref.Provider)
	}
	return ref, written(ref, profile), nil
}

// edit changes the config and says what was written.
func (a *app) edit(ctx context.Context, edits ...config.Edit) error {
	change, err := a.file.Apply(edits...)
	if err != nil {
		return configError("models", err)
	}
	written, err := change.Write(ctx)
	if err != nil {
		return configError("models", err)
	}
	tellWritten(a.io, written)
	return nil
}

// withConfig runs a command that needs the config and nothing else.
func withConfig(ctx context.Context, s streams, opt *options, run func(context.Context, *app) error) error {
	a, err := newApp(ctx, s, opt)
	if err != nil {
		return err
	}
	defer a.close()
	return run(ctx, a)
}

// editing is withConfig for a command that changes the config. A file that does not parse
// cannot be edited, and what it holds is not known: nothing is said to be missing from it.
func editing(ctx context.Context, s streams, opt *options, run func(context.Context, *app) error) error {
	return withConfig(ctx, s, opt, func(ctx context.Context, a *app) error {
		if a.file.Broken != nil {
			return configError("models", &config.BrokenError{Err: a.file.Broken})
		}
		return run(ctx, a)
	})
}

// untilWritten is editing for a change that is made from what the config holds: it is
// made anew when somebody else was quicker.
func untilWritten(ctx context.Context, s streams, opt *options, run func(context.Context, *app) error) error {
	for {
		err := editing(ctx, s, opt, run)
		if !isType[*config.ChangedError](err) || ctx.Err() != nil {
			return err
		}
	}
}

func newModelsAliases(s streams, opt *options) *cobra.Command {
	cmd := &cobra.Command{Use: "aliases", Short: "Short names for models", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var asJSON bool
	list := &cobra.Command{Use: "list", Short: "List aliases", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return withConfig(cmd.Context(), s, opt, func(_ context.Context, a *app) error {
			aliases := a.aliases()
			if asJSON {
				printJSON(s.out, struct {
					Aliases map[string]string `json:"aliases"`
				}{aliases})
				return nil
			}
			for _, name := range slices.Sorted(maps.Keys(aliases)) {
				fmt.Fprintf(s.out, "%s\t%s\n", name, aliases[name])
			}
			return nil
		})
	}}
	list.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	add := &cobra.Command{Use: "add ALIAS REF", Short: "Add or change an alias", Args: cobra.ExactArgs(2), RunE: func(cmd *cobra.Command, args []string) error {
		return editing(cmd.Context(), s, opt, func(ctx context.Context, a *app) error {
			if strings.ContainsAny(args[0], "/ \t") || args[0] == "" {
				return usage(fmt.Errorf("alias %q: an alias is one word without a slash", args[0]))
			}
			_, ref, err := a.knownRef(args[1])
			if err != nil {
				return err
			}
			var edits []config.Edit
			for _, other := range a.withAlias(args[0]) {
				if other != ref { // an alias means one model: it is taken from the other
					fmt.Fprintf(s.err, "note: %s was the alias of %s\n", args[0], other)
					edits = append(edits, noAlias(other))
				}
			}
			edits = append(edits, config.Edit{Path: "agents.defaults.models[" + quoted(ref) + "]", Value: jsonText(map[string]string{"alias": args[0]}), StrictJSON: true, Merge: true})
			return a.edit(ctx, edits...)
		})
	}}
	remove := &cobra.Command{Use: "remove ALIAS", Short: "Remove an alias", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return editing(cmd.Context(), s, opt, func(ctx context.Context, a *app) error {
			var edits []config.Edit
			for _, word := range a.withAlias(args[0]) {
				edits = append(edits, noAlias(word))
			}
			if len(edits) > 0 {
				return a.edit(ctx, edits...)
			}
			return &hearth.Error{Op: "models aliases remove", Reason: hearth.ReasonConfig, Err: fmt.Errorf("there is no alias %q", args[0]),
				Cause: "No model has that alias.", Try: "Run hearth models aliases list."}
		})
	}}
	cmd.AddCommand(list, add, remove)
	return cmd
}

// aliases maps each alias to its ref.
func (a *app) aliases() map[string]string {
	out := map[string]string{}
	all := aliasesOf(a.file)
	for _, name := range all.names {
		out[name] = all.refs[strings.ToLower(name)]
	}
	return out
}

// withAlias lists the entries of the map of models that have an alias, in its order.
func (a *app) withAlias(alias string) []string {
	defaults := a.file.Config.Agents.Defaults
	return slices.DeleteFunc(slices.Clone(defaults.ModelOrder), func(word string) bool {
		return !strings.EqualFold(strings.TrimSpace(defaults.Models[word].Alias), alias)
	})
}

// noAlias takes the alias from an entry of the map of models.
func noAlias(word string) config.Edit {
	return config.Edit{Path: "agents.defaults.models[" + quoted(word) + "].alias", Unset: true}
}

func newModelsFallbacks(s streams, opt *options) *cobra.Command {
	cmd := &cobra.Command{Use: "fallbacks", Short: "Models that answer when the first one cannot", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var asJSON bool
	list := &cobra.Command{Use: "list", Short: "List the fallbacks in order", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return withConfig(cmd.Context(), s, opt, func(_ context.Context, a *app) error {
			have := append([]string{}, a.file.Config.Agents.Defaults.Model.Fallbacks...)
			if asJSON {
				printJSON(s.out, struct {
					Fallbacks []string `json:"fallbacks"`
				}{have})
				return nil
			}
			for _, word := range have {
				fmt.Fprintln(s.out, word)
			}
			return nil
		})
	}}
	list.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	change := func(use, short string, args cobra.PositionalArgs, next func(a *app, have, args []string) ([]string, error)) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
			return untilWritten(cmd.Context(), s, opt, func(ctx context.Context, a *app) error {
				want, err := next(a, slices.Clone(a.file.Config.Agents.Defaults.Model.Fallbacks), args)
				if err != nil {
					return err
				}
				return a.edit(ctx, a.fallbackEdit(want))
			})
		}}
	}
	cmd.AddCommand(list,
		change("add REF", "Add a fallback at the end", cobra.ExactArgs(1), func(a *app, have, args []string) ([]string, error) {
			_, ref, err := a.knownRef(args[0])
			if err != nil || slices.Contains(have, ref) {
				return have, err
			}
			return append(have, ref), nil
		}),
		change("remove REF", "Remove a fallback", cobra.ExactArgs(1), func(a *app, have, args []string) ([]string, error) {
			ref, profile, err := a.named("", args[0])
			at := slices.IndexFunc(have, func(w string) bool { return w == args[0] || err == nil && w == written(ref, profile) })
			if at < 0 {
				return nil, &hearth.Error{Op: "models fallbacks remove", Reason: hearth.ReasonConfig, Err: fmt.Errorf("%q is not a fallback", args[0]),
					Cause: "The config does not list that model as a fallback.", Try: "Run hearth models fallbacks list."}
			}
			return slices.Delete(have, at, at+1), nil
		}),
		change("clear", "Remove all fallbacks", cobra.NoArgs, func(*app, []string, []string) ([]string, error) { return []string{}, nil }),
	)
	return cmd
}

// fallbackEdit writes the list; a model that is written as a bare ref becomes an object.
func (a *app) fallbackEdit(want []string) config.Edit {
	primary := a.file.Config.Agents.Defaults.Model.Primary
	if v, err := a.file.Get("agents.defaults.model"); err == nil {
		if b, err := v.JSON(); err == nil && strings.HasPrefix(string(b), `"`) {
			return config.Edit{Path: "agents.defaults.model", Value: jsonText(struct {
				Primary   string   `json:"primary"`
				Fallbacks []string `json:"fallbacks"`
			}{primary, want}), StrictJSON: true, IfUnchanged: true}
		}
	}
	return config.Edit{Path: "agents.defaults.model.fallbacks", Value: jsonText(want), StrictJSON: true, IfUnchanged: true}
}

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
		st := a.modelStatus(ctx, f.agent)
		switch {
		case f.json:
			printJSON(s.out, st)
		case f.plain:
			fmt.Fprintln(s.out, st.ResolvedDefault)
		default:
			a.printStatus(st)
		}
		if f.check && len(st.Auth.MissingProvidersInUse) > 0 {
			return errSilent{hearth.ExitFailed}
		}
		return nil
	})
}

func (a *app) modelStatus(ctx context.Context, agentID string) modelStatus {
	own, _ := a.file.Config.Agents.Agent(agentID)
	d := a.file.Config.Agents.Defaults
	st := modelStatus{
		ConfigPath: a.file.Path(), AgentID: agentID, AgentDir: a.state("agents", a.agentID(agentID)), DefaultModel: own.Model.Primary,
		ResolvedDefault: a.chosenRef(choice{agent: agentID}).String(), Fallbacks: append([]string{}, own.Model.Fallbacks...),
		ImageModel: d.ImageModel.Primary, ImageFallbacks: append([]string{}, d.ImageModel.Fallbacks...),
		Aliases: a.aliases(), Allowed: append([]string{}, own.ModelPolicy.Allow...),
	}
	if len(st.Allowed) == 0 {
		st.Allowed = append(st.Allowed, d.ModelOrder...)
	}
	st.Auth = authStatus{
		StorePath: a.state("agents", a.agentID(agentID), "agent", config.ProfileFile), ProvidersWithOAuth: []string{}, UnusableProfiles: []string{}, MissingProvidersInUse: []string{},
		OAuth: oauthStatus{WarnAfterMS: dayMS, Profiles: []string{}, Providers: []string{}}, Probes: probesStatus{Results: []string{}},
	}
	for _, ref := range a.refs(listFlags{agent: agentID}) {
		if slices.ContainsFunc(st.Auth.Providers, func(p providerStatus) bool { return p.Provider == ref.Provider }) {
			continue
		}
		p := providerStatus{Provider: ref.Provider, Effective: a.credential(ctx, agentID, ref.Provider), Profiles: a.profileCounts(agentID, ref.Provider)}
		if n := p.Profiles.OAuth; n > 0 {
			st.Auth.ProvidersWithOAuth = append(st.Auth.ProvidersWithOAuth, fmt.Sprintf("%s (%d)", ref.Provider, n))
		}
		st.Auth.Providers = append(st.Auth.Providers, p)
		if p.Effective.Kind == "missing" && a.inUse(agentID, ref.Provider) {
			st.Auth.MissingProvidersInUse = append(st.Auth.MissingProvidersInUse, ref.Provider)
		}
	}
	if st.Auth.Providers == nil {
		st.Auth.Providers = []providerStatus{}
	}
	on, taken := a.file.ShellEnv() // after the credentials were looked for
	st.Auth.ShellEnvFallback = shellEnvStatus{Enabled: on, AppliedKeys: append([]string{}, taken...)}
	return st
}

// inUse reports whether the agent asks models of a provider: its model, a fallback, or one
// of those for images. What only stands in the config is there to be chosen.
func (a *app) inUse(agentID, provider string) bool {
	own, _ := a.file.Config.Agents.Agent(agentID)
	images := a.file.Config.Agents.Defaults.ImageModel
	if a.chosenRef(choice{agent: agentID}).Provider == provider {
		return true
	}
	return slices.ContainsFunc(slices.Concat(own.Model.Fallbacks, []string{images.Primary}, images.Fallbacks), func(word string) bool {
		ref, err := a.resolve(agentID, word)
		return word != "" && err == nil && ref.Provider == provider
	})
}

// dayMS is how long before its end OpenClaw warns of a login.
const dayMS = 86_400_000

// credential says what a provider would be asked with, never the secret itself.
func (a *app) credential(ctx context.Context, agentID, id string) effectiveStatus {
	p, ok := a.provider(id)
	if !ok {
		return effectiveStatus{"missing", "there is no such provider"}
	}
	t, err := a.target(ctx, choice{agent: agentID}, id+"/x")
	local := err == nil && t.Endpoint.Locality.Own()
	if one, ok := a.profiles(agentID).Find(t.Profile); ok {
		return effectiveStatus{"profiles", one.Label()}
	}
	key, err := a.key(ctx, id, p)
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

func (a *app) printStatus(st modelStatus) {
	w := a.io.out
	fmt.Fprintf(w, "Config     %s\n", a.configLine())
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
