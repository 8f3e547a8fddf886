package prompt_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"unicode/utf8"

	"hearth"
	"hearth/prompt"
)

// strict says what a protocol would refuse of a transcript. It is written apart from the
// repair, from what the four protocols demand.
func strict(messages []hearth.Message) error {
	ids := map[hearth.MessageID]bool{}
	open := map[hearth.CallID]string{}
	var last hearth.Role
	for i := range messages {
		m := &messages[i]
		fail := func(format string, args ...any) error {
			return fmt.Errorf("message %d (%s, %s): %s", i, m.Role, m.ID, fmt.Sprintf(format, args...))
		}
		if m.ID == "" || ids[m.ID] {
			return fail("its id is not its own")
		}
		ids[m.ID] = true
		if len(m.Parts) == 0 {
			return fail("it is empty")
		}
		visible := false
		for j := range m.Parts {
			p := &m.Parts[j]
			if err := onePart(m.Role, p); err != nil {
				return fail("part %d: %v", j, err)
			}
			visible = visible || p.Text != "" || p.Call != nil
			if (p.Opaque != nil || p.Thinking != "") && m.Model == (hearth.ModelRef{}) {
				return fail("private data of nobody")
			}
		}
		switch m.Role {
		case hearth.RoleMark:
			if len(m.Parts) != 1 {
				return fail("%d marks", len(m.Parts))
			}
			continue
		case hearth.RoleUser:
			if len(open) > 0 {
				return fail("calls are open")
			}
		case hearth.RoleAssistant:
			if len(open) > 0 {
				return fail("calls are open")
			}
			if last != hearth.RoleUser && last != hearth.RoleTool {
				return fail("it follows %q", last)
			}
			if !visible {
				return fail("nothing to show")
			}
			for _, p := range m.Parts {
				if p.Call == nil {
					continue
				}
				if p.Call.ID == "" || p.Call.Name == "" || open[p.Call.ID] != "" {
					return fail("call %q has no id and name of its own", p.Call.ID)
				}
				open[p.Call.ID] = p.Call.Name
			}
		case hearth.RoleTool:
			for _, p := range m.Parts {
				if name, ok := open[p.Result.CallID]; !ok || name != p.Result.Name {
					return fail("result %q of %q answers no open call", p.Result.CallID, p.Result.Name)
				}
				delete(open, p.Result.CallID)
			}
		}
		last = m.Role
	}
	return nil
}

func onePart(role hearth.Role, p *hearth.Part) error {
	n := 0
	for _, has := range []bool{p.Text != "", p.Thinking != "", p.Blob != nil, p.Call != nil, p.Result != nil, p.Mark != nil, len(p.Opaque) > 0} {
		if has {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%d contents", n)
	}
	if !utf8.ValidString(p.Text + p.Thinking) {
		return errors.New("no UTF-8")
	}
	allowed := map[hearth.Role]bool{
		hearth.RoleUser:      p.Text != "" || p.Blob != nil,
		hearth.RoleAssistant: p.Text != "" || p.Thinking != "" || p.Call != nil || p.Opaque != nil,
		hearth.RoleTool:      p.Result != nil,
		hearth.RoleMark:      p.Mark != nil,
	}
	if !allowed[role] {
		return errors.New("not for this role")
	}
	return nil
}

// transcriptOf makes a sound transcript as a conversation would.
func transcriptOf(draw *rand.Rand) []hearth.Message {
	var out []hearth.Message
	add := func(role hearth.Role, parts ...hearth.Part) {
		m := hearth.Message{ID: hearth.MessageID(fmt.Sprintf("m%d", len(out))), Turn: "t", Role: role, Parts: parts}
		if role == hearth.RoleAssistant {
			m.Model = hearth.ModelRef{Provider: "local", Model: "m"}
		}
		out = append(out, m)
	}
	text := func(s string) hearth.Part { return hearth.Part{Text: s, Provenance: hearth.FromOwner} }
	id := 0
	for range 1 + draw.IntN(5) {
		add(hearth.RoleUser, text("[noon]"), text("do it"))
		for range draw.IntN(3) {
			answer := []hearth.Part{{Thinking: "hm"}, {Opaque: json.RawMessage(`{"s":1}`)}}[:draw.IntN(3)]
			answer = slices.Clone(answer)
			var calls []hearth.ToolCall
			for range 1 + draw.IntN(3) {
				id++
				c := hearth.ToolCall{ID: hearth.CallID(fmt.Sprint("c", id)), Name: "read", Arguments: "{}"}
				calls = append(calls, c)
				answer = append(answer, hearth.Part{Call: &c})
			}
			add(hearth.RoleAssistant, answer...)
			for _, c := range calls {
				if draw.IntN(2) == 0 {
					add(hearth.RoleMark, hearth.Part{Mark: &hearth.Mark{Kind: hearth.MarkStarted, Call: c.ID}})
				}
				add(hearth.RoleTool, hearth.Part{Result: &hearth.ToolResult{CallID: c.ID, Name: c.Name, Text: "milk"}})
			}
		}
		add(hearth.RoleAssistant, text("done"))
	}
	return out
}

// mutate damages a transcript in one way.
func mutate(draw *rand.Rand, all []hearth.Message) []hearth.Message {
	all = slices.Clone(all)
	if len(all) == 0 {
		return all
	}
	i, j := draw.IntN(len(all)), draw.IntN(len(all))
	m := &all[i]
	m.Parts = slices.Clone(m.Parts)
	part := func() *hearth.Part {
		if len(m.Parts) == 0 {
			m.Parts = []hearth.Part{{}}
		}
		return &m.Parts[draw.IntN(len(m.Parts))]
	}
	switch draw.IntN(15) {
	case 0:
		return slices.Delete(all, i, i+1)
	case 1:
		return slices.Insert(all, j, all[i])
	case 2:
		all[i], all[j] = all[j], all[i]
	case 3:
		return all[:i]
	case 4:
		return all[i:]
	case 5:
		m.Parts = nil
	case 6:
		part().Text = ""
	case 7:
		part().Text = "a\xff"
	case 8:
		m.ID = ""
	case 9:
		m.Role = []hearth.Role{hearth.RoleUser, hearth.RoleAssistant, hearth.RoleTool, hearth.RoleMark, "system", ""}[draw.IntN(6)]
	case 10:
		m.Model = hearth.ModelRef{}
	case 11:
		p := part()
		if p.Call != nil {
			c := *p.Call
			c.ID = []hearth.CallID{"", "c1", "c2"}[draw.IntN(3)]
			p.Call = &c
		} else if p.Result != nil {
			res := *p.Result
			res.CallID, res.Name = []hearth.CallID{"", "c1", "c2"}[draw.IntN(3)], "other"
			p.Result = &res
		}
	case 12:
		m.Parts = append(m.Parts, *part())
	case 13:
		*part() = hearth.Part{}
	case 14:
		twin := *m
		twin.ID = hearth.MessageID(fmt.Sprintf("twin%d", draw.IntN(1000)))
		return slices.Insert(all, j, twin)
	}
	return all
}

// holds checks what a repair promises of any transcript.
func holds(t *testing.T, damaged []hearth.Message) {
	t.Helper()
	before, _ := json.Marshal(damaged)
	sound, changed := prompt.Repair(damaged)
	if err := strict(sound); err != nil {
		t.Fatalf("the repaired transcript: %v\nfrom %s\nto   %s", err, asJSON(damaged), asJSON(sound))
	}
	if wasSound := strict(damaged) == nil; wasSound == changed {
		t.Fatalf("changed %t a transcript of which the protocols say %v: %s", changed, strict(damaged), asJSON(damaged))
	}
	again, changed := prompt.Repair(sound)
	if changed || !reflect.DeepEqual(again, sound) {
		t.Fatalf("a second repair changes %s\nto %s", asJSON(sound), asJSON(again))
	}
	if after, _ := json.Marshal(damaged); string(after) != string(before) {
		t.Fatal("the damaged messages were changed in place")
	}
	// What is repaired is gone on with, and nothing of it looks different by that.
	plan := &prompt.Plan{Target: hearth.ModelRef{Provider: "local", Model: "m"}}
	longer := append(slices.Clone(sound), hearth.Message{ID: "next", Turn: "t2", Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "and?", Provenance: hearth.FromOwner}}})
	if answered(sound) {
		if _, changed := prompt.Repair(longer); changed {
			t.Fatalf("the next message makes %s unsound", asJSON(sound))
		}
	}
	one, two := prompt.Build(plan, sound).Messages, prompt.Build(plan, longer).Messages
	if len(two) < len(one) || !reflect.DeepEqual(one, two[:len(one)]) {
		t.Fatal("the next request does not extend this one")
	}
	// Private data goes to its own model only.
	other := &prompt.Plan{Target: hearth.ModelRef{Provider: "other", Model: "m"}}
	for _, m := range prompt.Build(other, sound).Messages {
		for _, p := range m.Parts {
			if p.Opaque != nil || p.Thinking != "" {
				t.Fatal("another model is shown private data")
			}
		}
		if len(m.Parts) == 0 {
			t.Fatal("another model is shown an empty message")
		}
	}
}

// answered reports whether no call is open.
func answered(messages []hearth.Message) bool {
	open := 0
	for _, m := range messages {
		for _, p := range m.Parts {
			if p.Call != nil {
				open++
			}
			if p.Result != nil {
				open--
			}
		}
	}
	return open == 0
}

func asJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestAnyDamageToATranscriptIsRepaired(t *testing.T) {
	for seed := range uint64(5_000) {
		draw := rand.New(rand.NewPCG(seed, 2026))
		messages := transcriptOf(draw)
		if err := strict(messages); err != nil {
			t.Fatalf("the undamaged transcript: %v", err)
		}
		for range draw.IntN(5) {
			messages = mutate(draw, messages)
		}
		holds(t, messages)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzRepair(f *testing.F) {
	for seed := range uint64(5) {
		b, err := json.Marshal(transcriptOf(rand.New(rand.NewPCG(seed, 1))))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, seed)
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		var messages []hearth.Message
		if json.Unmarshal(data, &messages) != nil {
			return
		}
		draw := rand.New(rand.NewPCG(seed, 2))
		for range draw.IntN(4) {
			messages = mutate(draw, messages)
		}
		holds(t, messages)
	})
}

// An epoch knows nothing of the calls before it, so an id may come back in a transcript.
func TestAnIdOfAnAnsweredCallMayComeBack(t *testing.T) {
	part := func(p hearth.Part) []hearth.Part { return []hearth.Part{p} }
	var all []hearth.Message
	for i := range 2 {
		id := func(what string) hearth.MessageID { return hearth.MessageID(fmt.Sprint(what, i)) }
		all = append(all,
			hearth.Message{ID: id("said"), Role: hearth.RoleUser, Parts: part(hearth.Part{Text: "go", Provenance: hearth.FromOwner})},
			hearth.Message{ID: id("call"), Role: hearth.RoleAssistant, Parts: part(hearth.Part{Call: &hearth.ToolCall{ID: "call_1", Name: "read", Arguments: "{}"}})},
			hearth.Message{ID: id("result"), Role: hearth.RoleTool, Parts: part(hearth.Part{Result: &hearth.ToolResult{CallID: "call_1", Name: "read", Text: "x"}})},
			hearth.Message{ID: id("answer"), Role: hearth.RoleAssistant, Parts: part(hearth.Part{Text: "done"})})
	}
	if sound, changed := prompt.Repair(all); changed || len(sound) != len(all) {
		t.Errorf("a sound transcript was changed: %+v", sound)
	}
}
