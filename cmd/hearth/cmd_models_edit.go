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
)

// newModelsSet changes the default model.
func newModelsSet(s streams, opt *options) *cobra.Command {
	return &cobra.Command{Use: "set REF|ALIAS", Short: "Choose the default model", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return editing(cmd.Context(), s, opt, func(ctx context.Context, a *app) error {
				ref, word, err := a.roster.knownRef(args[0])
				if err != nil {
					return err
				}
				edits := []config.Edit{{Path: "agents.defaults.model", Value: jsonText(map[string]string{"primary": word}), StrictJSON: true, Merge: true}}
				if d := a.file.Config.Agents.Defaults; len(d.Models) > 0 && len(d.ModelPolicy.Allow) == 0 && !a.roster.allowed("", ref) {
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
func (r *roster) knownRef(word string) (hearth.ModelRef, string, error) {
	ref, profile, err := r.named("", word)
	if err != nil {
		return ref, "", err
	}
	if _, ok := r.provider(ref.Provider); !ok {
		return ref, "", r.unknownProvider(ref.Provider)
	}
	return ref, written(ref, profile), nil
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
			aliases := aliasNames(a.file)
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
			_, ref, err := a.roster.knownRef(args[1])
			if err != nil {
				return err
			}
			var edits []config.Edit
			for _, other := range withAlias(a.file, args[0]) {
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
			for _, word := range withAlias(a.file, args[0]) {
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

// aliasNames maps each alias to its ref.
func aliasNames(file *config.File) map[string]string {
	out := map[string]string{}
	all := aliasesOf(file)
	for _, name := range all.names {
		out[name] = all.refs[strings.ToLower(name)]
	}
	return out
}

// withAlias lists the entries of the map of models that have an alias, in its order.
func withAlias(file *config.File, alias string) []string {
	defaults := file.Config.Agents.Defaults
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
				return a.edit(ctx, fallbackEdit(a.file, want))
			})
		}}
	}
	cmd.AddCommand(list,
		change("add REF", "Add a fallback at the end", cobra.ExactArgs(1), func(a *app, have, args []string) ([]string, error) {
			_, ref, err := a.roster.knownRef(args[0])
			if err != nil || slices.Contains(have, ref) {
				return have, err
			}
			return append(have, ref), nil
		}),
		change("remove REF", "Remove a fallback", cobra.ExactArgs(1), func(a *app, have, args []string) ([]string, error) {
			ref, profile, err := a.roster.named("", args[0])
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
func fallbackEdit(file *config.File, want []string) config.Edit {
	primary := file.Config.Agents.Defaults.Model.Primary
	if v, err := file.Get("agents.defaults.model"); err == nil {
		if b, err := v.JSON(); err == nil && strings.HasPrefix(string(b), `"`) {
			return config.Edit{Path: "agents.defaults.model", Value: jsonText(struct {
				Primary   string   `json:"primary"`
				Fallbacks []string `json:"fallbacks"`
			}{primary, want}), StrictJSON: true, IfUnchanged: true}
		}
	}
	return config.Edit{Path: "agents.defaults.model.fallbacks", Value: jsonText(want), StrictJSON: true, IfUnchanged: true}
}
