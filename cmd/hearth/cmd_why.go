package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/model"
	"hearth/session"
)

// messagesBack is how far before a turn's first request its first message is looked for.
const messagesBack = 20

// reportsKept is how many calls back a turn is looked for.
const reportsKept = 50

func newWhy(s streams, opt *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "why [SESSION]", Short: "Say where the time of the last turn went, and what the server had to read again", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "main"
			if len(args) > 0 {
				name = args[0]
			}
			return withConfig(cmd.Context(), s, opt, func(ctx context.Context, a *app) error {
				r, err := a.archive.view(ctx, name)
				if err != nil {
					return err
				}
				w, err := reasons(ctx, r)
				if err != nil {
					return err
				}
				w.CostUSD = a.roster.costOf(w.Reports)
				if asJSON {
					printJSON(s.out, w)
					return nil
				}
				w.print(s.out)
				return nil
			})
		}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// why is the chat's command of that name.
func (k slash) why(ctx context.Context) error {
	r, err := k.archive.store.View(ctx, k.t.Info().ID)
	if err != nil {
		return err
	}
	w, err := reasons(ctx, r)
	if err != nil {
		return err
	}
	w.CostUSD = k.roster.costOf(w.Reports)
	w.print(k.io.out)
	return nil
}

// whyJSON is what explains a conversation's newest turn.
type whyJSON struct {
	Session session.Info `json:"session"`
	Turn    string       `json:"turn"`
	Spent   spent        `json:"spent"`
	// Reports are of that turn, and before it of what was done unasked since the turn before.
	Reports []hearth.Report `json:"reports"`
	// CostUSD is what these cost, as in agent --json; left out where a price is not known.
	CostUSD *float64     `json:"costUsd,omitempty"`
	Breaks  []epochBreak `json:"breaks"` // of the whole conversation
}

// spent is where the time of a turn went, in milliseconds. Its parts add up to WallMS.
type spent struct {
	WallMS  int64 `json:"wallMs"`  // from the message to the answer, as they were kept
	ModelMS int64 `json:"modelMs"` // all phases of all calls, the queue included
	ToolsMS int64 `json:"toolsMs"`
	OtherMS int64 `json:"otherMs"` // Hearth itself, the disk, and a person who was asked
}

// spentIn adds up the times of a turn. at is a message before the turn or its first.
func spentIn(ctx context.Context, r session.Reader, turn hearth.TurnID, at session.Seq, reports []hearth.Report) (spent, error) {
	var first, last, before time.Time
	var tools, asked time.Duration
	for e, err := range r.Since(ctx, at) {
		if err != nil {
			return spent{}, err
		}
		m := &e.Message
		if m.Turn != turn {
			continue
		}
		if first.IsZero() {
			first = m.At
		}
		if m.Role == hearth.RoleTool { // calls run one after the other; a mark stands before each that changes something
			tools += m.At.Sub(before)
		}
		last, before = m.At, m.At
	}
	for i := range reports {
		if p := reports[i].Phases; reports[i].Turn == turn && reports[i].Lane != model.LaneHousekeeping.String() { // what came after it was not waited for
			asked += p.Queue + p.Connect + p.Load + p.Read + p.Write
		}
	}
	s := spent{WallMS: last.Sub(first).Milliseconds(), ModelMS: asked.Milliseconds(), ToolsMS: tools.Milliseconds()}
	s.OtherMS = max(0, s.WallMS-s.ModelMS-s.ToolsMS)
	return s, nil
}

// epochBreak is a place where a request did not extend the one before.
type epochBreak struct {
	Epoch      int64           `json:"epoch"` // that began there
	Model      hearth.ModelRef `json:"model"`
	Began      time.Time       `json:"began"`
	Reason     string          `json:"reason"`
	FirstDiff  int             `json:"firstDiff"`
	TokensLost int             `json:"tokensLost"`
	Detail     string          `json:"detail,omitempty"`
}

func reasons(ctx context.Context, r session.Reader) (whyJSON, error) {
	w := whyJSON{Session: r.Info(), Reports: []hearth.Report{}, Breaks: []epochBreak{}}
	reports, err := r.LastReports(ctx, reportsKept)
	if err != nil {
		return w, err
	}
	if len(reports) == 0 {
		return w, &hearth.Error{Op: "why", Reason: hearth.ReasonUsage, Err: errors.New("nothing was asked yet"),
			Cause: "This conversation has no model call to explain.", Try: "Say something first."}
	}
	turn := reports[len(reports)-1].Turn
	w.Turn = string(turn)
	first := slices.IndexFunc(reports, func(rep hearth.Report) bool { return rep.Turn == turn })
	for first > 0 && reports[first-1].Lane == model.LaneHousekeeping.String() {
		first--
	}
	w.Reports = append(w.Reports, reports[first:]...)
	asked := slices.IndexFunc(reports, func(rep hearth.Report) bool { return rep.Turn == turn })
	if w.Spent, err = spentIn(ctx, r, turn, session.Seq(max(1, reports[asked].Through-messagesBack)), reports); err != nil {
		return w, err
	}
	epochs, err := r.Epochs(ctx)
	if err != nil {
		return w, err
	}
	for _, e := range epochs {
		if e.Reason != "first" && e.Reason != "new" { // nothing was sent before those
			w.Breaks = append(w.Breaks, epochBreak{e.ID, e.Model, e.Began, e.Reason, e.FirstDiff, e.TokensLost, e.Detail})
		}
	}
	return w, nil
}

func (w whyJSON) print(out io.Writer) {
	for i := range w.Reports {
		printReport(out, &w.Reports[i])
	}
	in := func(ms int64) float64 { return float64(ms) / 1000 }
	if w.Spent != (spent{}) {
		fmt.Fprintf(out, "turn        %.2f s: %.2f s for the model, %.2f s in tools, %.2f s else (Hearth itself, the disk, your consent)\n",
			in(w.Spent.WallMS), in(w.Spent.ModelMS), in(w.Spent.ToolsMS), in(w.Spent.OtherMS))
	}
	if w.CostUSD != nil && *w.CostUSD > 0 {
		fmt.Fprintf(out, "cost        %.6f US dollars, by the prices of the config or the catalog\n", *w.CostUSD)
	}
	if len(w.Breaks) == 0 {
		fmt.Fprintln(out, "breaks      none: every request of this conversation extended the one before")
	}
	for _, b := range w.Breaks {
		fmt.Fprintf(out, "break       epoch %d of %s, %s: %s", b.Epoch, b.Model, b.Began.Local().Format("2006-01-02 15:04"), b.Reason)
		if b.FirstDiff > 0 {
			fmt.Fprintf(out, ", differs at byte %d", b.FirstDiff)
		}
		if b.TokensLost > 0 {
			fmt.Fprintf(out, ", %d tokens read again", b.TokensLost)
		}
		if b.Detail != "" {
			fmt.Fprintf(out, " (%s)", oneLine(b.Detail))
		}
		fmt.Fprintln(out)
	}
}

func printReport(w io.Writer, r *hearth.Report) {
	fmt.Fprintf(w, "%s at %s, %s lane", written(r.Target, r.Profile), r.Endpoint, r.Lane)
	switch r.Purpose {
	case hearth.PurposeWarmUp:
		fmt.Fprint(w, ": a warm-up, so that the server has read the conversation before your next message")
	case hearth.PurposeSummary:
		fmt.Fprint(w, ": a summary of what leaves the context window")
	}
	if r.Reason != "" {
		fmt.Fprintf(w, ": %s: %s", r.Reason, oneLine(r.Error))
	}
	fmt.Fprintln(w)
	p := r.Phases
	for _, row := range []struct {
		name string
		took time.Duration
	}{{"queue", p.Queue}, {"connect", p.Connect}, {"load", p.Load}, {"read", p.Read}, {"write", p.Write}, {"saved in", r.Flush}} {
		if row.took > 0 {
			fmt.Fprintf(w, "  %-9s %8.2f s\n", row.name, row.took.Seconds())
		}
	}
	fmt.Fprintf(w, "  sent      %d bytes in %d messages", r.Bytes, r.Items)
	if r.Purpose == "" {
		fmt.Fprintf(w, "; %d bytes that the request before did not have", len(r.Added))
	}
	fmt.Fprintln(w)
	u := r.Usage
	fmt.Fprintf(w, "  tokens    %d read (%d of them cached)", u.Input, u.CacheRead)
	if s, fresh := p.Read.Seconds(), u.Input-u.CacheRead; s > 0 && fresh > 0 {
		fmt.Fprintf(w, ", %.0f a second", float64(fresh)/s)
	}
	fmt.Fprintf(w, "; %d written", u.Output)
	if s := p.Write.Seconds(); s > 0 && u.Output > 0 {
		fmt.Fprintf(w, ", %.1f a second", float64(u.Output)/s)
	}
	fmt.Fprintln(w)
}
