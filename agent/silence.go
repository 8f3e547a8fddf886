package agent

import (
	"context"
	"fmt"

	"hearth"
	"hearth/model"
)

// What a silence must have read for it to be taken for a refusal: a window that is smaller
// than leastWindow has no agent in it anyhow. A server that counts a token for the end of an
// answer that never began must have read half as much again as it ever answered to, for a
// model may also have nothing to say.
const (
	leastWindow = 4_000
	leapPercent = 150
)

// silence gives the refusal that an answer without a word may stand for: some servers read a
// prompt that does not fit, write nothing and do not say why. It is nil where the failure is
// another, where the server has said how large its window is, and where it has answered to as
// much before.
func (r *run) silence(ctx context.Context, target *model.Target, rep *hearth.Report, failed error) error {
	read := rep.Usage.Input
	if hearth.ReasonOf(failed) != hearth.ReasonEmpty || read < leastWindow || rep.Usage.Output > 1 || tellsOverflow(&target.Layers) {
		return nil
	}
	reports, err := r.t.LastReports(ctx, reportsToSearch)
	if err != nil {
		return nil //nolint:nilerr // what failed is told; the transcript says itself when it is needed
	}
	most := 0
	for i := range reports {
		if had := &reports[i]; had.Target == rep.Target && had.Endpoint == rep.Endpoint && had.Reason == "" {
			most = max(most, had.Usage.Input)
		}
	}
	if read <= most || rep.Usage.Output > 0 && read*100 < most*leapPercent {
		return nil
	}
	return &hearth.Error{
		Op: "ask " + target.Ref.String(), Reason: hearth.ReasonContextOverflow,
		Err:   &model.Overflow{Prompt: read, Silent: true, Words: fmt.Sprintf("no answer to %d tokens, and no word of why", read)},
		Cause: "Most likely that is more than the context window of " + target.Ref.Model + " has room for: nobody says how large it is.",
		Try:   "Set contextWindow of this model in the config to what its server was started with, or make the conversation shorter (/compact, /new).",
	}
}

// tellsOverflow reports whether a silence of a server is its model's: its window is known, or it
// is an Ollama, which gives the one that it is asked for and says when it is too small.
func tellsOverflow(l *model.Layers) bool {
	now := l.Merge()
	return l.Server.Window != nil || l.Probe.Window != nil || now.WindowAsked && now.Server == "ollama"
}

// saysWindow reports whether the server itself has named its window, or takes the one that it
// is asked for.
func saysWindow(l *model.Layers) bool {
	return l.Server.Window != nil || l.Probe.Window != nil || l.Merge().WindowAsked
}
