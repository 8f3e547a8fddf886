package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/config"
	"hearth/model"
)

func newModelsAuth(s streams, opt *options) *cobra.Command {
	cmd := &cobra.Command{Use: "auth", Short: "Credentials of providers, by profile", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newAuthList(s, opt),
		newAuthPaste(s, opt, "paste-token", "token", "Keep a token that a provider gave you"),
		newAuthPaste(s, opt, "paste-api-key", "api_key", "Keep an API key that a provider gave you"))
	return cmd
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

func newAuthList(s streams, opt *options) *cobra.Command {
	var asJSON bool
	var agentID, provider string
	cmd := &cobra.Command{Use: "list", Short: "List the profiles, without their credentials", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withConfig(cmd.Context(), s, opt, func(ctx context.Context, a *app) error {
				if err := a.knownAgent(agentID); err != nil {
					return err
				}
				rows := a.profileRows(ctx, agentID, provider)
				if asJSON {
					printJSON(s.out, struct {
						Profiles []profileRow `json:"profiles"`
					}{rows})
					return nil
				}
				w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "Profile\tProvider\tType\tUsable")
				for _, r := range rows {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", oneLine(r.Label), r.Provider, r.Type, oneLine(strings.TrimSuffix(yesNo(r.Usable)+": "+r.Reason, ": ")))
				}
				return w.Flush()
			})
		}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().StringVar(&agentID, "agent", "", "those of the agent of this `ID`")
	cmd.Flags().StringVar(&provider, "provider", "", "only those of this provider, by its `ID` in the config")
	return cmd
}

func (a *app) profileRows(ctx context.Context, agentID, provider string) []profileRow {
	rows := []profileRow{}
	for _, p := range a.profiles(agentID).All() {
		if provider != "" && p.Provider != model.ProviderID(provider) {
			continue
		}
		wrong := p.Unusable(time.Now())
		if wrong == "" {
			wrong = a.unresolved(ctx, p.Secret)
		}
		rows = append(rows, profileRow{ID: p.ID, Provider: p.Provider, Type: p.Kind, Label: p.Label(), Usable: wrong == "", Reason: wrong})
	}
	return rows
}

// unresolved says why a credential that lies elsewhere cannot be had; "" where it can, or
// where a program would have to be run to know.
func (a *app) unresolved(ctx context.Context, s config.Secret) string {
	if ref := s.Ref(); ref != nil && ref.Source == "exec" {
		return ""
	}
	key, err := a.file.Resolve(ctx, s)
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

// pasted is what the command line of paste-token says.
type pasted struct {
	kind, provider, id, agent string
	expires                   time.Duration
}

func newAuthPaste(s streams, opt *options, use, kind, short string) *cobra.Command {
	in := pasted{kind: kind}
	cmd := &cobra.Command{Use: use + " --provider ID", Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withConfig(cmd.Context(), s, opt, func(ctx context.Context, a *app) error { return a.paste(ctx, in) })
		}}
	cmd.Flags().StringVar(&in.provider, "provider", "", "the provider's `ID` in the config")
	cmd.Flags().StringVar(&in.id, "profile-id", "", "the profile's `ID`; provider:manual unless it is said")
	cmd.Flags().StringVar(&in.agent, "agent", "", "for the agent of this `ID`; the default agent's serve all")
	if kind == "token" {
		cmd.Flags().Var((*lifeFlag)(&in.expires), "expires-in", "after this `TIME` it is not used any more: 365d, 12h")
	}
	return cmd
}

// lifeFlag is a duration that may be given in days.
type lifeFlag time.Duration

func (l *lifeFlag) String() string {
	if *l == 0 {
		return "" // no default to tell of
	}
	return time.Duration(*l).String()
}

func (l *lifeFlag) Type() string { return "duration" }

// Set reads it.
func (l *lifeFlag) Set(s string) error {
	const century = 100 * 365 * 24 * time.Hour
	d, err := time.ParseDuration(s)
	if number, ok := strings.CutSuffix(s, "d"); ok {
		var days float64
		days, err = strconv.ParseFloat(number, 64)
		d = time.Duration(min(days, century.Hours()) * float64(24*time.Hour))
	}
	if err != nil || d <= 0 || d > century {
		return errors.New("it is like 365d or 12h")
	}
	*l = lifeFlag(d)
	return nil
}

// paste asks for a credential, or reads it from standard input, and keeps it.
func (a *app) paste(ctx context.Context, in pasted) error {
	id := model.ProviderID(in.provider)
	if id == "" {
		return usage(errors.New("--provider is missing"))
	}
	if _, ok := a.provider(id); !ok {
		return a.unknownProvider(id)
	}
	if err := a.knownAgent(in.agent); err != nil {
		return err
	}
	p := config.Profile{ID: in.id, Provider: id, Kind: in.kind}
	if p.ID == "" {
		p.ID = id + ":manual"
	}
	if strings.ContainsFunc(p.ID, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return usage(fmt.Errorf("--profile-id %q has blanks in it", p.ID))
	}
	if in.expires > 0 {
		p.Expires = time.Now().Add(in.expires)
	}
	key, err := a.typedSecret(ctx, id)
	if err != nil {
		return err
	}
	p.Secret = config.SecretText(key)
	if wrong := p.Unusable(time.Now()); wrong != "" {
		return usage(errors.New("what was given " + wrong))
	}
	path, err := a.file.StoreProfile(ctx, in.agent, p)
	if err != nil {
		return &hearth.Error{Op: "keep a credential", Reason: hearth.ReasonStorage, Err: err, Cause: "Nothing was kept.", Try: "See to the file, then run this again."}
	}
	fmt.Fprintf(a.io.out, "Kept as %s in %s\n", p.ID, path)
	return a.tellUse(ctx, in.agent, p)
}

// typedSecret gives what a person types, which is not shown, or the first line of
// standard input.
func (a *app) typedSecret(ctx context.Context, id string) (string, error) {
	var line string
	var err error
	if a.io.inTTY {
		line, err = newQuestions(a.io).secret(ctx, "Credential for "+id+" (it is not shown)")
	} else {
		in := &input{in: a.io.in}
		line, err = bufio.NewReader(io.LimitReader(in.under(ctx), longestKey+1)).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if gone := interrupted(ctx, "read the credential"); gone != nil {
			return "", gone
		}
	}
	tooLong := len(line) > longestKey
	line = strings.TrimSpace(line)
	switch {
	case err != nil:
		return "", err
	case tooLong:
		return "", usage(fmt.Errorf("what was given is longer than %d KB, which no credential is", longestKey>>10))
	case line == "":
		return "", &hearth.Error{Op: "usage", Reason: hearth.ReasonUsage, Err: errors.New("no credential was given"),
			Cause: "It is typed, or is the first line of standard input; never a part of the command, which other users can see.", Try: "Run it at a terminal, or pipe the credential into it."}
	case strings.ContainsAny(line, " \t\x00"):
		return "", usage(errors.New("what was given has blanks in it"))
	}
	return line, nil
}

const longestKey = 64 << 10

// tellUse says when the credential that was kept is not the one that is sent.
func (a *app) tellUse(ctx context.Context, agentID string, kept config.Profile) error {
	next, _, _, err := a.file.Reload(ctx)
	if err != nil {
		return err
	}
	a.file = next
	p, _ := a.provider(kept.Provider)
	switch _, used, err := a.credentialed(ctx, agentID, kept.Provider, p, ""); {
	case err != nil || used == kept.ID:
		return err
	case used == "" && a.file.HasCredential(ctx, p):
		fmt.Fprintf(a.io.err, "note: models.providers.%s has a credential of its own in the config, which is sent unless a model is named with @%s\n", kept.Provider, kept.ID)
	case used == "":
		fmt.Fprintf(a.io.err, "note: auth.order does not name it, so it is sent only where a model is named with @%s\n", kept.ID)
	default:
		fmt.Fprintf(a.io.err, "note: %s comes before it and is sent, unless a model is named with @%s\n", used, kept.ID)
	}
	return nil
}
