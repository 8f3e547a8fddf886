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

// A departure is where a request leaves what was sent before it.
type departure struct {
	offset   int    // of the first byte of its body that differs
	tokens   int    // about how many come from there on, which the server must read again
	was, now string // what stands there, for the log
}

// depart compares what was sent with the request that follows. ok is false where the
// request goes on from all of it, which costs nothing.
func depart(sent []byte, next *model.Sent) (d departure, ok bool) {
	body := whole(next)
	at := differAt(sent, body)
	d.offset = inBody(next, at)
	d.tokens = max(0, len(next.Body)-d.offset) / roughBytesPerToken
	d.was, d.now = characters(sent, at), characters(body, at)
	return d, at < len(sent)
}

// cost notes in an epoch that begins what its first request costs a server that has cached
// what it was sent last. ok is false where that is nothing, or where the provider cannot
// encode and nobody can tell.
func cost(target model.Target, sent []byte, req *model.Request, next *session.Epoch) (ok bool) {
	encoder, can := target.Provider.(model.Encoder)
	if !can || len(sent) == 0 {
		return false
	}
	encoded, err := encoder.Encode(req)
	if err != nil {
		return false // asking will say what is wrong with it
	}
	d, ok := depart(sent, encoded)
	if ok {
		next.FirstDiff, next.TokensLost = d.offset, d.tokens
	}
	return ok
}

// measure notes in an epoch that begins now, with the messages that there are, what that
// costs. had is how many bytes the server was sent before.
func (r *run) measure(ctx context.Context, target model.Target, next *epochState) (had int, err error) {
	sent, err := r.sentLast(ctx, r.t, target.Ref)
	if err != nil {
		return 0, err
	}
	req, _, err := r.request(ctx, next)
	if err != nil {
		return 0, err
	}
	cost(target, sent, req, &next.epoch)
	return len(sent), nil
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

// whole joins the head and the items of a request, as reports keep what was added.
func whole(s *model.Sent) []byte {
	all := append([]byte(nil), s.Head...)
	for _, item := range s.Items {
		all = append(all, item...)
	}
	return all
}

// sentLast joins what was sent to a model in the newest epoch in which it was sent anything.
// What was asked for beside the conversation, such as a summary, is not in it.
func (a *Agent) sentLast(ctx context.Context, t session.Transcript, ref hearth.ModelRef) ([]byte, error) {
	for n := reportsToSearch; ; n *= 2 {
		reports, err := t.LastReports(ctx, n)
		if err != nil {
			return nil, err
		}
		sent, all := newestSent(reports, ref)
		if all || len(reports) < n {
			return sent, nil
		}
	}
}

// newestSent is sentLast of some reports. all says that those before them add nothing.
func newestSent(reports []hearth.Report, ref hearth.ModelRef) (sent []byte, all bool) {
	var newest int64
	for i := range reports {
		if rep := &reports[i]; rep.Target == ref && len(rep.Added) > 0 {
			newest = max(newest, rep.EpochID)
		}
	}
	for i := range reports {
		switch rep := &reports[i]; {
		case rep.Target != ref:
		case rep.EpochID == newest:
			sent = append(sent, rep.Added...)
		case rep.EpochID < newest:
			all = true
		}
	}
	return sent, all
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
