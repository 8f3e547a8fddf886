package prompt

import (
	"fmt"
	"slices"
	"strings"

	"hearth"
)

// Repair gives a transcript that every protocol can send: a person speaks first, an
// answer follows a person or results, each call has exactly one result before anybody
// else speaks (those of the newest answer may still be open), ids are unique (those of
// calls among the calls that are open: an epoch knows nothing of the ones before it, and
// some servers count from one), and no message is empty. Of a sound transcript it gives the very messages, and changed is
// false; so repairing twice changes nothing. What it adds comes from the gateway and says
// what is missing. Messages are not changed in place.
func Repair(messages []hearth.Message) (sound []hearth.Message, changed bool) {
	r := repairer{seen: map[hearth.MessageID]bool{}}
	for i := range messages {
		r.take(&messages[i])
	}
	if !r.changed {
		return messages, false
	}
	return r.out, true
}

// repairer is a repair under way.
type repairer struct {
	out     []hearth.Message
	changed bool
	seen    map[hearth.MessageID]bool
	open    []hearth.ToolCall // of the newest answer, without a result
	last    hearth.Role       // of the newest message that is no mark
	added   int
}

func (r *repairer) take(m *hearth.Message) {
	if m.ID == "" || r.seen[m.ID] {
		if m.ID != "" { // a row that is there twice
			r.changed = true
			return
		}
		named := *m
		named.ID = r.newID("message")
		m, r.changed = &named, true
	}
	parts := r.parts(m)
	if len(parts) == 0 || m.Role == hearth.RoleAssistant && !speaks(parts) {
		r.changed = true
		return
	}
	fixed := *m
	fixed.Parts = parts
	switch m.Role {
	case hearth.RoleUser:
		r.settle(m.Turn)
	case hearth.RoleAssistant:
		r.settle(m.Turn)
		if r.last == "" || r.last == hearth.RoleAssistant {
			r.add(hearth.Message{ID: r.newID("gap"), Turn: m.Turn, Role: hearth.RoleUser, At: m.At,
				Parts: []hearth.Part{{Text: "(A message is missing here.)", Provenance: hearth.FromGateway}}})
			r.changed = true
		}
	case hearth.RoleTool, hearth.RoleMark:
	}
	r.add(fixed)
}

// add appends a message that fits.
func (r *repairer) add(m hearth.Message) {
	r.seen[m.ID] = true
	r.out = append(r.out, m)
	if m.Role != hearth.RoleMark {
		r.last = m.Role
	}
	for i := range m.Parts {
		if c := m.Parts[i].Call; c != nil {
			r.open = append(r.open, *c)
		}
	}
}

// settle gives calls that were left open a result.
func (r *repairer) settle(turn hearth.TurnID) {
	if len(r.open) == 0 {
		return
	}
	m := hearth.Message{ID: r.newID("results"), Turn: turn, Role: hearth.RoleTool}
	for _, c := range r.open {
		m.Parts = append(m.Parts, hearth.Part{Provenance: hearth.FromGateway, Result: &hearth.ToolResult{
			CallID: c.ID, Name: c.Name, Failed: true, From: hearth.FromGateway,
			Text: "The result of this call is missing. It may have taken effect; check before trying again.",
		}})
	}
	r.open, r.changed = nil, true
	r.add(m)
}

func (r *repairer) newID(what string) hearth.MessageID {
	for {
		r.added++
		if id := hearth.MessageID(fmt.Sprintf("repaired-%s-%d", what, r.added)); !r.seen[id] {
			return id
		}
	}
}

// parts gives those of a message that its role may have; a mark has exactly one.
func (r *repairer) parts(m *hearth.Message) []hearth.Part {
	out, same := make([]hearth.Part, 0, len(m.Parts)), true
	for i := range m.Parts {
		p, ok := r.part(m, i)
		if !ok || m.Role == hearth.RoleMark && len(out) == 1 {
			same = false
			continue
		}
		was := &m.Parts[i]
		same = same && p.Text == was.Text && p.Thinking == was.Thinking && p.Result == was.Result
		out = append(out, p)
	}
	if same {
		return m.Parts
	}
	r.changed = true
	return out
}

// part gives the part of a message at an index as it may stay, where it may.
func (r *repairer) part(m *hearth.Message, i int) (hearth.Part, bool) {
	p := m.Parts[i]
	if contents(&p) != 1 {
		return p, false
	}
	p.Text, p.Thinking = strings.ToValidUTF8(p.Text, "\uFFFD"), strings.ToValidUTF8(p.Thinking, "\uFFFD")
	switch m.Role {
	case hearth.RoleUser:
		return p, p.Text != "" || p.Blob != nil
	case hearth.RoleAssistant:
		if p.Call != nil {
			return p, r.fresh(m, i)
		}
		private := p.Thinking != "" || p.Opaque != nil
		return p, p.Text != "" || private && m.Model != (hearth.ModelRef{})
	case hearth.RoleTool:
		return r.result(p)
	case hearth.RoleMark:
		return p, p.Mark != nil && p.Mark.Kind != ""
	}
	return p, false
}

// fresh reports whether a call has a name, and an id that no open call has.
func (r *repairer) fresh(m *hearth.Message, i int) bool {
	c := m.Parts[i].Call
	if c.ID == "" || c.Name == "" || slices.ContainsFunc(r.open, func(o hearth.ToolCall) bool { return o.ID == c.ID }) {
		return false
	}
	return !slices.ContainsFunc(m.Parts[:i], func(p hearth.Part) bool { return p.Call != nil && p.Call.ID == c.ID })
}

// result gives a result of a call that is open. Its name is the call's.
func (r *repairer) result(p hearth.Part) (hearth.Part, bool) {
	if p.Result == nil {
		return p, false
	}
	at := slices.IndexFunc(r.open, func(c hearth.ToolCall) bool { return c.ID == p.Result.CallID })
	if at < 0 {
		return p, false
	}
	if name := r.open[at].Name; p.Result.Name != name {
		named := *p.Result
		named.Name = name
		p.Result = &named
	}
	r.open = slices.Delete(slices.Clone(r.open), at, at+1)
	return p, true
}

// contents counts what a part holds; it should be one thing.
func contents(p *hearth.Part) (n int) {
	for _, has := range []bool{p.Text != "", p.Thinking != "", p.Blob != nil, p.Call != nil, p.Result != nil, p.Mark != nil, len(p.Opaque) > 0} {
		if has {
			n++
		}
	}
	return n
}

// speaks reports whether an answer has anything that every model may be shown.
func speaks(parts []hearth.Part) bool {
	return slices.ContainsFunc(parts, func(p hearth.Part) bool { return p.Text != "" || p.Call != nil })
}
