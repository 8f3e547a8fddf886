package answer

import (
	"crypto/rand"
	"strings"

	"hearth"
	"hearth/model"
)

// IDs gives what names calls that came without an id: given, or, where that is nil, random
// ones behind prefix.
func IDs(given func() hearth.CallID, prefix string) func() hearth.CallID {
	if given != nil {
		return given
	}
	return func() hearth.CallID { return hearth.CallID(prefix + strings.ToLower(rand.Text())) }
}

// CallIDs gives the calls of one answer their ids. One goroutine uses it.
type CallIDs struct {
	next  func() hearth.CallID
	taken map[hearth.CallID]bool
}

// NewCallIDs knows the ids that earlier calls of the conversation have; next is what IDs
// gives.
func NewCallIDs(req *model.Request, next func() hearth.CallID) *CallIDs {
	c := &CallIDs{next: next, taken: make(map[hearth.CallID]bool)}
	for i := range req.Messages {
		for j := range req.Messages[i].Parts {
			if call := req.Messages[i].Parts[j].Call; call != nil {
				c.taken[call.ID] = true
			}
		}
	}
	return c
}

// Of is the id that the server sent, or another where it sent none or one that a call of
// the conversation has already: servers number their calls anew in each answer, or the
// requests instead of the calls.
func (c *CallIDs) Of(sent string) hearth.CallID {
	id := hearth.CallID(sent)
	for id == "" || c.taken[id] {
		id = c.next()
	}
	c.taken[id] = true
	return id
}
