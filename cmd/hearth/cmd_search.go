package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/session"
)

func newSearch(s streams, opt *options) *cobra.Command {
	var q session.Search
	var asJSON bool
	cmd := &cobra.Command{
		Use: "search WORD...", Short: "Find messages by their words, newest first",
		Long: "Finds the messages that hold all the words: what you said, what models said, what tools\n" +
			"gave. Case does not count, and a word is also found within a longer one. Also searched is\n" +
			"what was summed up and what /new left behind: nothing ever leaves the disk.",
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Words = strings.Fields(strings.Join(args, " "))
			if len(q.Words) == 0 {
				return usage(errors.New("search needs at least one word"))
			}
			if q.Limit < 1 {
				return usage(fmt.Errorf("--limit %d: at least one message must be asked for", q.Limit))
			}
			a, err := newApp(cmd.Context(), s, opt)
			if err != nil {
				return err
			}
			defer a.close()
			return search(cmd.Context(), a, q, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Session, "session", "", "search only the conversations with this `NAME` or id")
	f.StringVar(&q.Agent, "agent", "", "search only the conversations of the agent with this `ID`")
	f.IntVar(&q.Limit, "limit", 20, "print at most `N` messages")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func search(ctx context.Context, a *app, q session.Search, asJSON bool) error {
	store, err := a.archive.sessions(ctx)
	if err != nil {
		return err
	}
	if q.Session != "" { // a name that nothing has is a slip, not a search without a hit
		infos, err := store.List(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(infos, session.Search{Session: q.Session}.Covers) {
			return noSession(q.Session)
		}
	}
	hits, more, err := q.Run(ctx, store)
	if err != nil {
		return err
	}
	if asJSON {
		if hits == nil {
			hits = []session.Hit{}
		}
		printJSON(a.io.out, struct {
			Count int           `json:"count"`
			More  bool          `json:"more"` // older ones were left out
			Hits  []session.Hit `json:"hits"`
		}{len(hits), more, hits})
		return nil
	}
	for i := range hits {
		if i > 0 {
			fmt.Fprintln(a.io.out)
		}
		printHit(a.io.out, &hits[i])
	}
	switch {
	case len(hits) == 0:
		fmt.Fprintf(a.io.err, "No message%s holds %s.\n", where(q), oneLine(strings.Join(q.Words, " and ")))
	case more:
		fmt.Fprintf(a.io.err, "There are older ones; --limit %d shows more.\n", 5*q.Limit)
	}
	return nil
}

// where says what was searched, if not everything.
func where(q session.Search) (in string) {
	if q.Session != "" {
		in = " of session " + oneLine(q.Session)
	}
	if q.Agent != "" {
		in += " of agent " + oneLine(q.Agent)
	}
	return in
}

// printHit shows where a message is, who it is of, and its lines with the words.
func printHit(w io.Writer, h *session.Hit) {
	who := string(h.Role)
	if h.Sender.Name != "" {
		who += " " + oneLine(h.Sender.Name)
	}
	if h.Model != (hearth.ModelRef{}) {
		who += "  " + h.Model.String()
	}
	key := h.Session.Key
	fmt.Fprintf(w, "── %s  %s/%s  %s  %s\n", h.Session.ID, key.Agent, oneLine(key.Name), h.At.Local().Format("2006-01-02 15:04:05"), who)
	for _, l := range h.Lines {
		switch {
		case l.Tool != "":
			fmt.Fprintf(w, "[%s gave] ", oneLine(l.Tool))
		case l.From == hearth.FromGateway:
			fmt.Fprint(w, "[gateway] ")
		}
		fmt.Fprintln(w, oneLine(l.Text))
	}
}
