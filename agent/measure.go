package agent

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"hearth"
	"hearth/model"
	"hearth/session"
)

// measure notes in a new epoch what it costs: the first byte at which a request in it
// leaves one of the epoch before, and roughly how many tokens the server must read again.
// Both are encoded for it; a provider that cannot do that tells nothing.
func (r *run) measure(ctx context.Context, target model.Target, before, after *epochState) error {
	encoder, ok := target.Provider.(model.Encoder)
	if !ok {
		return nil
	}
	var bodies [2][]byte
	for i, es := range []*epochState{before, after} {
		req, _, err := r.request(ctx, es)
		if err != nil {
			return err
		}
		sent, err := encoder.Encode(req)
		if err != nil {
			return nil //nolint:nilerr // asking will say what is wrong with it
		}
		bodies[i] = sent.Body
	}
	after.epoch.FirstDiff = differAt(bodies[0], bodies[1])
	after.epoch.TokensLost = (len(bodies[1]) - after.epoch.FirstDiff) / roughBytesPerToken
	return nil
}

// differAt gives the length of what two texts begin with.
func differAt(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

const roughBytesPerToken = 4

// difference finds where a request leaves what was sent before it.
func (r *run) difference(ctx context.Context, es *epochState, s *model.Sent) (*hearth.Break, error) {
	before, err := r.sentIn(ctx, r.t, es.epoch.Model, es.epoch.ID)
	if err != nil {
		return nil, err
	}
	after := whole(s)
	at := differAt(before, after)
	offset := inBody(s, at)
	return &hearth.Break{Model: es.epoch.Model, Offset: offset, TokensLost: max(0, len(s.Body)-offset) / roughBytesPerToken,
		Was: characters(before, at), Now: characters(after, at)}, nil
}

// cost notes in an epoch where its first request leaves what was sent before it, and how
// much of that the server must read again. A provider that cannot encode tells nothing.
func cost(target model.Target, before []byte, req *model.Request, next *session.Epoch) (reread bool) {
	encoder, ok := target.Provider.(model.Encoder)
	if !ok || len(before) == 0 {
		return false
	}
	sent, err := encoder.Encode(req)
	if err != nil {
		return false // asking will say what is wrong with it
	}
	at := differAt(before, whole(sent))
	if at == len(before) {
		return false
	}
	next.FirstDiff = inBody(sent, at)
	next.TokensLost = max(0, len(sent.Body)-next.FirstDiff) / roughBytesPerToken
	return true
}

// whole joins the head and the items of a request, as reports keep what was added.
func whole(s *model.Sent) []byte {
	all := append([]byte(nil), s.Head...)
	for _, item := range s.Items {
		all = append(all, item...)
	}
	return all
}

// sentIn joins what was sent to a model in one of its epochs.
func (a *Agent) sentIn(ctx context.Context, t session.Transcript, ref hearth.ModelRef, epoch int64) (all []byte, err error) {
	reports, err := a.reportsBack(ctx, t, func(r *hearth.Report) bool { return r.Target == ref && r.EpochID < epoch })
	if err != nil {
		return nil, err
	}
	for i := range reports {
		if reports[i].Target == ref && reports[i].EpochID == epoch {
			all = append(all, reports[i].Added...)
		}
	}
	return all, nil
}

// sentLast joins what was sent to a model in its newest epoch.
func (a *Agent) sentLast(ctx context.Context, t session.Transcript, ref hearth.ModelRef) ([]byte, error) {
	reports, err := t.LastReports(ctx, reportsToSearch)
	if err != nil {
		return nil, err
	}
	var newest int64
	for i := range reports {
		if reports[i].Target == ref {
			newest = max(newest, reports[i].EpochID)
		}
	}
	if newest == 0 {
		return nil, nil
	}
	return a.sentIn(ctx, t, ref, newest)
}

// reportsBack gives the newest reports, as far back as one that is before, or all.
func (a *Agent) reportsBack(ctx context.Context, t session.Transcript, before func(*hearth.Report) bool) ([]hearth.Report, error) {
	for n := reportsToSearch; ; n *= 2 {
		reports, err := t.LastReports(ctx, n)
		if err != nil || len(reports) < n || before(&reports[0]) {
			return reports, err
		}
	}
}

// inBody turns an offset in the head and the items of a request into one in its body,
// where there are commas between them.
func inBody(s *model.Sent, offset int) int {
	at := len(s.Head)
	if offset < at {
		return offset
	}
	offset -= at
	for _, item := range s.Items {
		if at < len(s.Body) && s.Body[at] == ',' {
			at++
		}
		if offset < len(item) {
			return at + offset
		}
		at, offset = at+len(item), offset-len(item)
	}
	return at
}

// shownCharacters is how much of both sides of a difference is told.
const shownCharacters = 80

// characters gives what stands in a text from an offset on, without what would drive a
// terminal or break a line.
func characters(b []byte, at int) string {
	at = min(at, len(b))
	for at > 0 && at < len(b) && !utf8.RuneStart(b[at]) {
		at--
	}
	text := []rune(string(b[at:min(len(b), at+shownCharacters*utf8.UTFMax)]))
	quoted := strconv.Quote(string(text[:min(len(text), shownCharacters)]))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
