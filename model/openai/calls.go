package openai

import (
	"crypto/sha256"
	"encoding/json"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/model/internal/answer"
	"hearth/model/internal/body"
)

// calls puts tool calls together from what servers send: whole or in fragments, with
// ids and indices that are missing, repeated or shared by several calls.
type calls struct {
	list  []*building
	tools []hearth.ToolSpec // that were offered
	ids   *answer.CallIDs
}

// building is a call of which more may come.
type building struct {
	index *model.Count
	id    string
	name  string
	args  strings.Builder
	extra string // JSON
}

func newCalls(req *model.Request) *calls {
	return &calls{tools: req.Tools, ids: answer.NewCallIDs(req, answer.IDs(nil, "call_"))}
}

// add takes one entry of a tool_calls list.
func (c *calls) add(t *toolCall) {
	name, args := string(t.Function.Name), string(t.Function.Arguments)
	if name == "" {
		name = string(t.Name)
	}
	if args == "" {
		args = string(t.Arguments)
	}
	empty := name == "" && args == "" && t.ID == ""
	if empty && !given(t.Extra) {
		return
	}
	b := c.find(t, name, args)
	if b == nil && empty {
		return
	}
	if b == nil && c.repeats(t, name, args) {
		return
	}
	if b == nil {
		b = &building{index: t.Index, id: string(t.ID)}
		c.list = append(c.list, b)
	}
	if b.id == "" {
		b.id = string(t.ID)
	}
	if b.name == "" {
		b.name = name
	}
	if given(t.Extra) {
		b.extra = string(t.Extra)
	}
	b.args.WriteString(args)
}

// find gives the call that an entry continues, or nil when it begins one.
func (c *calls) find(t *toolCall, name, args string) *building {
	var same *building // the latest call of that id, or else of that index
	for _, b := range c.list {
		byID := t.ID != "" && b.id == string(t.ID)
		byIndex := t.Index != nil && b.index != nil && *t.Index == *b.index
		if byID && (name == "" || b.name == "" || b.name == name) || byIndex && (t.ID == "" || b.id == "" || name == "") {
			same = b
		}
	}
	if same == nil && t.ID == "" && t.Index == nil && name == "" && len(c.list) > 0 {
		same = c.list[len(c.list)-1] // a bare fragment
	}
	// A server that repeats the name in each fragment, and one that gives all calls one
	// index or id, look alike; what is already whole JSON cannot be continued.
	if same != nil && name != "" && strings.TrimSpace(args) != "" && complete(same.args.String()) {
		return nil
	}
	return same
}

// repeats reports whether an entry is a call once more, that came whole before: some
// servers send what they streamed again when they finish. Without an id and an index two
// calls that are alike remain two.
func (c *calls) repeats(t *toolCall, name, args string) bool {
	for _, b := range c.list {
		byID := t.ID != "" && b.id == string(t.ID)
		byIndex := (t.ID == "" || b.id == "") && t.Index != nil && b.index != nil && *t.Index == *b.index
		if (byID || byIndex) && b.name == name && strings.TrimSpace(b.args.String()) == strings.TrimSpace(args) {
			return true
		}
	}
	return false
}

// complete reports whether s is a whole JSON object.
func complete(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") && json.Valid([]byte(s))
}

// take gives the finished calls, and before them what is to be kept with them. Where the answer was cut for its length, the ones that
// are not whole are named instead.
func (c *calls) take(cutForLength bool) (done []model.Delta, cut []string) {
	var kept []model.Delta
	for _, b := range c.list {
		if cutForLength && !complete(b.args.String()) {
			cut = append(cut, b.name)
			continue
		}
		call := &hearth.ToolCall{ID: c.ids.Of(b.id), Name: body.ToolNamed(b.name, c.tools), Arguments: b.args.String()}
		if b.extra != "" {
			kept = append(kept, extra{Call: len(done), Name: call.Name, Content: b.extra}.keep())
		}
		done = append(done, model.Delta{Call: call})
	}
	c.list = nil
	return append(kept, done...), cut
}

// id is the id of a call as the server takes it. Mistral's template refuses all but nine
// letters and digits, so that a call that another server named, or that we named, needs
// another id: always the same one.
func (e *encoder) id(id hearth.CallID) []byte {
	if e.caps.ToolIDs9 && !isNine(string(id)) {
		const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		sum := sha256.Sum256([]byte(id))
		var short [9]byte
		for i := range short {
			short[i] = digits[int(sum[i])%len(digits)]
		}
		return body.Quote(string(short[:]))
	}
	return body.Quote(string(id))
}

func isNine(id string) bool {
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return len(id) == 9
}
