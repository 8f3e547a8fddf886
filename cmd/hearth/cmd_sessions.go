package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/agent"
	"hearth/internal/escape"
	"hearth/session"
	"hearth/tool"
)

// newSession begins a conversation anew under a name that has one.
var newSession = session.OwnOptions{New: true}

func newSessions(s streams, opt *options) *cobra.Command {
	cmd := &cobra.Command{Use: "sessions", Short: "Look at conversations on disk", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var asJSON bool
	add := func(use, short string, args cobra.PositionalArgs, run func(context.Context, *app, []string, bool) error) {
		c := &cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newApp(cmd.Context(), s, opt)
			if err != nil {
				return err
			}
			defer a.close()
			return run(cmd.Context(), a, args, asJSON)
		}}
		c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
		cmd.AddCommand(c)
	}
	add("list", "List conversations, newest first", cobra.NoArgs, listSessions)
	add("show ID", "Print a conversation", cobra.ExactArgs(1), showSession)
	add("epochs ID", "Say when and why the prompt of a conversation began anew", cobra.ExactArgs(1), showEpochs)
	cmd.AddCommand(newSearch(s, opt))
	return cmd
}

func listSessions(ctx context.Context, a *app, _ []string, asJSON bool) error {
	store, err := a.archive.sessions(ctx)
	if err != nil {
		return err
	}
	infos, err := store.List(ctx)
	if err != nil {
		return err
	}
	said, err := a.archive.store.Said(ctx)
	if err != nil {
		return err
	}
	for i := range infos { // what the gateway notes for itself is nobody's message
		infos[i].Messages = said[infos[i].ID]
	}
	if asJSON {
		if infos == nil {
			infos = []session.Info{}
		}
		printJSON(a.io.out, struct {
			Count    int            `json:"count"`
			Sessions []session.Info `json:"sessions"`
		}{len(infos), infos})
		return nil
	}
	if len(infos) > 0 {
		fmt.Fprintf(a.io.out, "  %-26s %-8s %-16s %8s  %s\n", "ID", "Agent", "Name", "Messages", "Last")
	}
	for _, i := range infos {
		mark := " "
		if i.Current {
			mark = "*"
		}
		fmt.Fprintf(a.io.out, "%s %-26s %-8s %-16s %8d  %s\n", mark, i.ID, i.Key.Agent, oneLine(i.Key.Name), i.Messages, i.Updated.Local().Format("2006-01-02 15:04"))
	}
	if len(infos) == 0 {
		fmt.Fprintln(a.io.err, "There are no conversations yet.")
	}
	return nil
}

// shownMessage is one message of `sessions show --json`.
type shownMessage struct {
	Seq     session.Seq    `json:"seq"`
	Message hearth.Message `json:"message,omitzero"`
	Lost    string         `json:"lost,omitempty"` // why there is no message
}

func showSession(ctx context.Context, a *app, args []string, asJSON bool) error {
	r, err := a.archive.view(ctx, args[0])
	if err != nil {
		return err
	}
	shown, waiting := []shownMessage{}, []hearth.Message(nil)
	for e, err := range r.Since(ctx, 1) {
		if err != nil {
			return err
		}
		if asJSON {
			shown = append(shown, shownMessage{e.Seq, e.Message, e.Lost})
			continue
		}
		if e.Lost != "" {
			fmt.Fprintf(a.io.out, "── message %d cannot be read: %s\n", e.Seq, oneLine(e.Lost))
			continue
		}
		if words, ok := e.Message.Received(); ok {
			waiting = append(waiting, words)
		}
		waiting = slices.DeleteFunc(waiting, func(m hearth.Message) bool { return e.Message.Admits(m.Turn) })
		printMessage(a.io.out, &e.Message)
	}
	for i := range waiting { // they become messages when a model is asked, after all others
		printMessage(a.io.out, &waiting[i])
	}
	if asJSON {
		printJSON(a.io.out, struct {
			Session  session.Info   `json:"session"`
			Messages []shownMessage `json:"messages"`
		}{r.Info(), shown})
	}
	return nil
}

// printMessage shows a message the way a person reads a talk.
func printMessage(w io.Writer, m *hearth.Message) {
	if m.Role == hearth.RoleMark {
		return
	}
	fmt.Fprintf(w, "── %s  %s", m.Role, m.At.Local().Format("2006-01-02 15:04:05"))
	if m.Model != (hearth.ModelRef{}) {
		fmt.Fprintf(w, "  %s", m.Model)
	}
	fmt.Fprintln(w)
	for _, p := range m.Parts {
		switch {
		case p.Call != nil:
			fmt.Fprintf(w, "[calls %s %s]\n", p.Call.Name, oneLine(p.Call.Arguments))
		case p.Result != nil:
			fmt.Fprintf(w, "[%s gave]\n%s\n", p.Result.Name, printable(p.Result.Text))
		case p.Blob != nil:
			fmt.Fprintf(w, "[%s, %d bytes]\n", p.Blob.MIME, p.Blob.Bytes)
		case p.Thinking != "":
			fmt.Fprintf(w, "[thought]\n%s\n", printable(p.Thinking))
		case p.Text != "":
			fmt.Fprintln(w, printable(p.Text))
		}
	}
}

// printable keeps a text's lines and drops what would drive the terminal.
func printable(s string) string { return escape.Text(strings.TrimRight(s, "\n")) }

func showEpochs(ctx context.Context, a *app, args []string, asJSON bool) error {
	r, err := a.archive.view(ctx, args[0])
	if err != nil {
		return err
	}
	epochs, err := r.Epochs(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		shown := []shownEpoch{}
		for _, e := range epochs {
			shown = append(shown, showEpoch(e))
		}
		printJSON(a.io.out, struct {
			Session session.Info `json:"session"`
			Epochs  []shownEpoch `json:"epochs"`
		}{r.Info(), shown})
		return nil
	}
	fmt.Fprintf(a.io.out, "%-5s %-16s %-18s %-28s %8s %10s  %s\n", "epoch", "began", "reason", "model", "from", "differs at", "tokens lost")
	for _, e := range epochs {
		fmt.Fprintf(a.io.out, "%-5d %-16s %-18s %-28s %8d %10d  %d %s\n", e.ID, e.Began.Local().Format("2006-01-02 15:04"), e.Reason, e.Model, e.FirstSeq, e.FirstDiff, e.TokensLost, oneLine(e.Detail))
	}
	return nil
}

func printContext(w io.Writer, c agent.Context, lean bool) {
	known := ""
	if !c.Known {
		known = " (a guess: nobody said)"
	}
	fmt.Fprintf(w, "model     %s\nwindow    %d tokens%s; the conversation is shortened above %d\n", c.Target, c.Window, known, c.Limit)
	fmt.Fprintf(w, "used      about %d: system text %d, tools %d, summary %d, %d messages the rest\n", c.Used, c.System, c.Tools, c.Summary, c.Messages)
	var files []string
	for _, f := range c.Files {
		files = append(files, fmt.Sprintf("%s %d", f.Name, f.Tokens))
	}
	if len(files) > 0 {
		fmt.Fprintf(w, "of that   about, in tokens of the system text: %s\n", strings.Join(files, ", "))
	}
	if c.Tokenizer {
		fmt.Fprintf(w, "counted   by the server's own tokenizer, before anything was sent\n")
	}
	fmt.Fprintf(w, "tools     %s\n", strings.Join(c.ToolList, ", "))
	if len(c.Catalogue) > 0 {
		fmt.Fprintf(w, "catalogue %s (too many for the window; they are found with %s)\n", strings.Join(c.Catalogue, ", "), tool.SearchName)
	}
	if lean {
		fmt.Fprintf(w, "lean      yes: no %s (localModelLean)\n", strings.Join(leanTools, ", "))
	}
	fmt.Fprintf(w, "epoch     %d, began %s: %s\n", c.Epoch.ID, c.Epoch.Began.Local().Format("2006-01-02 15:04"), c.Epoch.Reason)
}
