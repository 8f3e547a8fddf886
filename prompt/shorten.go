package prompt

import (
	"fmt"
	"slices"
	"strings"

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

// Cuts are what an epoch shows shortened, without a model having been asked.
type Cuts struct {
	Results []hearth.CallID    // old tool outputs, left out
	Words   []hearth.MessageID // messages of which the middle is left out
	// Pictures are messages of a person whose pictures are left out.
	Pictures []hearth.MessageID
}

// None reports whether nothing is cut.
func (c Cuts) None() bool { return len(c.Results)+len(c.Words)+len(c.Pictures) == 0 }

// Cut gives the plan with more cuts; p stays as it is.
func (p *Plan) Cut(c Cuts) *Plan {
	out := *p
	out.Trimmed = slices.Concat(p.Trimmed, c.Results)
	out.Shortened = slices.Concat(p.Shortened, c.Words)
	out.Pictureless = slices.Concat(p.Pictureless, c.Pictures)
	return &out
}

// trimWorthBytes is the size from which an old tool output is worth leaving out.
const trimWorthBytes = 600

// Trim chooses what to leave out before the newest recent tokens: all big tool outputs,
// and what Unread gives. Nothing is chosen twice.
func Trim(p *Plan, room Room, gauge Gauge, messages []hearth.Message) Cuts {
	old := tail(p, room, gauge, messages)
	out := Unread(p, gauge, messages, old)
	for _, m := range messages[:old] {
		for _, part := range m.Parts {
			if r := part.Result; r != nil && len(r.Text) > trimWorthBytes && !slices.Contains(p.Trimmed, r.CallID) {
				out.Results = append(out.Results, r.CallID)
			}
		}
	}
	return out
}

// TrimMore adds to cuts the outputs after them, oldest first, until that saves so many
// tokens: not even what was read last is worth a conversation that fits nowhere.
func TrimMore(p *Plan, gauge Gauge, messages []hearth.Message, cuts Cuts, tokens int) Cuts {
	out := Cuts{Results: slices.Clone(cuts.Results), Words: cuts.Words, Pictures: cuts.Pictures}
	for i := range messages {
		for _, part := range messages[i].Parts {
			r := part.Result
			if r == nil || len(r.Text) <= trimWorthBytes || slices.Contains(p.Trimmed, r.CallID) || slices.Contains(out.Results, r.CallID) {
				continue
			}
			if tokens <= 0 {
				return out
			}
			one := messages[i : i+1]
			tokens -= gauge.Tokens(Weigh(p.Cut(out), one))
			out.Results = append(out.Results, r.CallID)
			tokens += gauge.Tokens(Weigh(p.Cut(out), one))
		}
	}
	return out
}

// Unread chooses what stands in the way of a summary of all others. Those are words of a
// person that take half of the window or more and that this model never answered, for they
// did not fit and their writer was told so; the pictures of such a message, of which a tenth
// is enough where nobody answered, for what they take is a guess until they were counted; and
// answers of a quarter or more that ran on until somebody or something cut them. Messages
// from the index recent on are left alone.
func Unread(p *Plan, gauge Gauge, messages []hearth.Message, recent int) (out Cuts) {
	takes := func(p *Plan, i int) int { return gauge.Tokens(Weigh(p, messages[i:i+1])) }
	for i := range messages[:recent] {
		m := &messages[i]
		most := p.Window / 2
		switch {
		case m.Role == hearth.RoleUser && !answeredBy(messages[i+1:], p.Target):
			without := p.Cut(Cuts{Pictures: []hearth.MessageID{m.ID}})
			pictures := takes(p, i) - takes(without, i)
			guess := !answeredBy(messages[i+1:], hearth.ModelRef{})
			if pictures > 0 && (takes(p, i) >= most || guess && pictures >= p.Window/10) {
				out.Pictures = append(out.Pictures, m.ID)
			}
		case m.Role == hearth.RoleAssistant && cutShort(m.Stop):
			most = p.Window / 4
		default:
			continue
		}
		now := p.Cut(out)
		if slices.Contains(p.Shortened, m.ID) || takes(now, i) < most {
			continue
		}
		if short := now.Cut(Cuts{Words: []hearth.MessageID{m.ID}}); takes(short, i) != takes(now, i) {
			out.Words = append(out.Words, m.ID)
		}
	}
	return out
}

func cutShort(stop hearth.StopReason) bool {
	return stop == hearth.StopCut || stop == hearth.StopCancelled || stop == hearth.StopLength
}

// answeredBy reports whether the turn whose messages these are has words of a model, or of
// any where none is named.
func answeredBy(turn []hearth.Message, by hearth.ModelRef) bool {
	for i := range turn {
		switch m := &turn[i]; {
		case m.Role == hearth.RoleUser:
			return false
		case m.Role == hearth.RoleAssistant && m.Model != (hearth.ModelRef{}) && (m.Model == by || by == hearth.ModelRef{}):
			return true
		}
	}
	return false
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

// SummaryTokens bounds a summary in a window of so many tokens: a small one has room for
// a short summary only.
func SummaryTokens(window int) int { return min(1_200, max(300, window/10)) }

// SummaryQuestion is what the model is asked at the end of the live conversation, so
// that everything before it is still in the server's cache. window is its plan's,
// standing what its owner always wants in a summary, instructions what a person wants in
// this one; both may be "".
func SummaryQuestion(window int, standing, instructions string) string {
	const tokensPerWord = 3 // of generous tokenizers; models write more than they are told
	q := "[Hearth: this conversation is about to be shortened to fit your context window. Do not call a tool now. " +
		"Write the summary that you will go on from. Keep what was decided and why, facts about the person, names, numbers, paths and exact identifiers, " +
		fmt.Sprintf("what was done and what failed, what is still open and what the person wants next. Use short plain lines, at most about %d words.]", SummaryTokens(window)/tokensPerWord)
	if standing != "" {
		q += "\nIts owner always wants this: " + standing
	}
	if instructions != "" {
		q += "\nThe person adds: " + instructions
	}
	return q
}

// TooLong reports whether a summary of a weight is far longer than it was to be.
func TooLong(window int, gauge Gauge, summary Weight) bool {
	const patience = 2
	return gauge.Tokens(summary) > patience*SummaryTokens(window)
}

// FitSummary cuts a summary that is TooLong, at the end of a line: one that fills the
// window would end the conversation.
func FitSummary(window int, gauge Gauge, summary string) string {
	if !TooLong(window, gauge, WeighText(summary)) {
		return summary
	}
	cut := summary
	for len(cut) > 0 && TooLong(window, gauge, WeighText(cut)) {
		cut = cut[:len(cut)*9/10]
	}
	cut = strings.ToValidUTF8(cut, "")
	if line := strings.LastIndexByte(cut, '\n'); line > len(cut)/2 {
		cut = cut[:line]
	}
	return cut + "\n[The summary was longer and is cut here.]"
}
