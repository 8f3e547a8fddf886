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
	"hearth/internal/terminal"
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

func newAuthList(s streams, opt *options) *cobra.Command {
	var asJSON bool
	var agentID, provider string
	cmd := &cobra.Command{Use: "list", Short: "List the profiles, without their credentials", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withConfig(cmd.Context(), s, opt, func(ctx context.Context, a *app) error {
				if err := a.knownAgent(agentID); err != nil {
					return err
				}
				rows := a.keys.profileRows(ctx, agentID, provider)
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

// pasted is what the command line of paste-token says.
type pasted struct {
	kind, provider, id, agent string
	expires                   time.Duration
}

func newAuthPaste(s streams, opt *options, use, kind, short string) *cobra.Command {
	in := pasted{kind: kind}
	cmd := &cobra.Command{Use: use + " --provider ID", Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withConfig(cmd.Context(), s, opt, func(ctx context.Context, a *app) error { return handover{a}.paste(ctx, in) })
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

// handover takes a credential from a person and keeps it.
type handover struct{ *app }

// paste asks for a credential, or reads it from standard input, and keeps it.
func (h handover) paste(ctx context.Context, in pasted) error {
	id := model.ProviderID(in.provider)
	if id == "" {
		return usage(errors.New("--provider is missing"))
	}
	if _, ok := h.roster.provider(id); !ok {
		return h.roster.unknownProvider(id)
	}
	if err := h.knownAgent(in.agent); err != nil {
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
	key, err := h.typedSecret(ctx, id)
	if err != nil {
		return err
	}
	p.Secret = config.SecretText(key)
	if wrong := p.Unusable(time.Now()); wrong != "" {
		return usage(errors.New("what was given " + wrong))
	}
	path, err := h.file.StoreProfile(ctx, in.agent, p)
	if err != nil {
		return &hearth.Error{Op: "keep a credential", Reason: hearth.ReasonStorage, Err: err, Cause: "Nothing was kept.", Try: "See to the file, then run this again."}
	}
	fmt.Fprintf(h.io.out, "Kept as %s in %s\n", p.ID, path)
	return h.tellUse(ctx, in.agent, p)
}

// typedSecret gives what a person types, which is not shown, or the first line of
// standard input.
func (h handover) typedSecret(ctx context.Context, id string) (string, error) {
	var line string
	var err error
	if h.io.inTTY {
		line, err = newQuestions(h.io).secret(ctx, "Credential for "+id+" (it is not shown)")
	} else {
		in := terminal.NewInput(h.io.in)
		line, err = bufio.NewReader(io.LimitReader(in.Under(ctx), longestKey+1)).ReadString('\n')
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
func (h handover) tellUse(ctx context.Context, agentID string, kept config.Profile) error {
	next, _, _, err := h.file.Reload(ctx)
	if err != nil {
		return err
	}
	h.file = next
	p, _ := h.roster.provider(kept.Provider)
	switch _, used, err := h.keys.credentialed(ctx, agentID, kept.Provider, p, ""); {
	case err != nil || used == kept.ID:
		return err
	case used == "" && h.file.HasCredential(ctx, p):
		fmt.Fprintf(h.io.err, "note: models.providers.%s has a credential of its own in the config, which is sent unless a model is named with @%s\n", kept.Provider, kept.ID)
	case used == "":
		fmt.Fprintf(h.io.err, "note: auth.order does not name it, so it is sent only where a model is named with @%s\n", kept.ID)
	default:
		fmt.Fprintf(h.io.err, "note: %s comes before it and is sent, unless a model is named with @%s\n", used, kept.ID)
	}
	return nil
}
