package prompt

import (
	"slices"

	"hearth"
)

// Room says how a window is divided. Zero fields take the defaults. However large the
// numbers, at least half of a window is used, and what is kept of a conversation leaves
// room for it to grow again.
type Room struct {
	ReserveTokens    int // kept free for the answer; default a quarter of the window, at most 8,192
	KeepRecentTokens int // of the newest messages, kept word for word; default a fifth of the window
}

// Limit is the most tokens a request may have, for the answer to fit as well.
func (r Room) Limit(p *Plan) int { return p.Window - r.reserve(p) }

func (r Room) reserve(p *Plan) int {
	if r.ReserveTokens > 0 {
		return min(r.ReserveTokens, p.Window/2)
	}
	reserve := 8_192
	if p.Params.MaxTokens > 0 {
		reserve = min(reserve, p.Params.MaxTokens)
	}
	return min(reserve, p.Window/4)
}

func (r Room) keepRecent(p *Plan) int {
	if r.KeepRecentTokens > 0 {
		return min(r.KeepRecentTokens, p.Window/3, r.Limit(p)/2)
	}
	return min(p.Window/5, r.Limit(p)/2)
}

// trimWorthBytes is the size from which an old tool output is worth leaving out.
const trimWorthBytes = 600

// Trim chooses the old tool outputs to leave out: all big ones before the newest recent
// tokens, oldest first. It gives nil where there is none that is not trimmed yet.
func Trim(p *Plan, room Room, gauge Gauge, messages []hearth.Message) []hearth.CallID {
	var out []hearth.CallID
	for _, m := range messages[:tail(p, room, gauge, messages)] {
		for _, part := range m.Parts {
			if r := part.Result; r != nil && len(r.Text) > trimWorthBytes && !slices.Contains(p.Trimmed, r.CallID) {
				out = append(out, r.CallID)
			}
		}
	}
	return out
}

// tail gives the index after which the newest messages fit KeepRecentTokens, wherever
// that is in a turn: a long chain of calls outgrows a window too. The newest message is
// always in it.
func tail(p *Plan, room Room, gauge Gauge, messages []hearth.Message) int {
	budget := room.keepRecent(p)
	for i := range slices.Backward(messages) {
		if budget -= gauge.Tokens(Weigh(p, messages[i:i+1])); budget < 0 {
			return min(i+1, len(messages)-1)
		}
	}
	return 0
}

// Recent gives the index of the first message to keep word for word: the beginning of
// the oldest turn such that it and all newer ones fit KeepRecentTokens; at least the
// newest turn is kept.
func Recent(p *Plan, room Room, gauge Gauge, messages []hearth.Message) int {
	budget := room.keepRecent(p)
	first, found := len(messages), false
	for i := range slices.Backward(messages) {
		budget -= gauge.Tokens(Weigh(p, messages[i:i+1]))
		if budget < 0 && found {
			break
		}
		if beginsTurn(messages, i) {
			first, found = i, true
		}
	}
	if !found {
		return 0
	}
	return first
}

// beginsTurn reports whether a request may begin with messages[i]: a person's message
// that no tool call before it is waiting on.
func beginsTurn(messages []hearth.Message, i int) bool {
	if messages[i].Role != hearth.RoleUser {
		return false
	}
	for j := i - 1; j >= 0; j-- {
		switch messages[j].Role {
		case hearth.RoleMark:
			continue
		case hearth.RoleAssistant:
			return true
		default:
			return false
		}
	}
	return true
}

// SummaryQuestion is what the model is asked at the end of the live conversation, so
// that everything before it is still in the server's cache. standing is what its owner
// always wants in a summary, instructions what a person wants in this one; both may be "".
func SummaryQuestion(standing, instructions string) string {
	q := "[Hearth: this conversation is about to be shortened to fit your context window. Do not call a tool now. " +
		"Write the summary that you will go on from. Keep what was decided and why, facts about the person, names, numbers, paths and exact identifiers, " +
		"what was done and what failed, what is still open and what the person wants next. Use short plain lines, at most about 400 words.]"
	if standing != "" {
		q += "\nIts owner always wants this: " + standing
	}
	if instructions != "" {
		q += "\nThe person adds: " + instructions
	}
	return q
}
