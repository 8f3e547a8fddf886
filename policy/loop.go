package policy

import "hearth"

// A Step is one tool call of a turn with its result.
type Step struct {
	Call   hearth.ToolCall
	Result hearth.ToolResult
}

const (
	// longestCycle is how many calls a repeated pattern may have: models also go round
	// in twos and threes.
	longestCycle = 4
)

// Repeats reports how often the end of a turn's steps has been the same calls with the
// same results, in the same order, without anything else between: 1 where nothing is
// repeated, 3 where the last three steps, or the last three rounds of up to four steps,
// are alike. The agent stops a turn at hearth's limit of three. Ids and details do not
// count: a result that says the same is the same.
func Repeats(steps []Step) int {
	most := min(1, len(steps))
	for cycle := 1; cycle <= longestCycle && cycle <= len(steps); cycle++ {
		rounds := 1
		for len(steps) >= (rounds+1)*cycle && sameRound(steps, cycle, rounds) {
			rounds++
		}
		most = max(most, rounds)
	}
	return most
}

// sameRound compares the last round of cycle steps with the one back rounds before.
func sameRound(steps []Step, cycle, back int) bool {
	for i := 1; i <= cycle; i++ {
		if !steps[len(steps)-i].same(steps[len(steps)-back*cycle-i]) {
			return false
		}
	}
	return true
}

func (s Step) same(o Step) bool {
	if s.Call.Name != o.Call.Name || s.Call.Arguments != o.Call.Arguments || s.Result.Failed != o.Result.Failed ||
		s.Result.Text != o.Result.Text || len(s.Result.Blobs) != len(o.Result.Blobs) {
		return false
	}
	for i := range s.Result.Blobs {
		if s.Result.Blobs[i].Hash != o.Result.Blobs[i].Hash {
			return false
		}
	}
	return true
}
