package modeltest

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"hearth"
	"hearth/model"
)

// conversation is a transcript with everything in it that is awkward to encode.
func conversation() []hearth.Message {
	text := func(id hearth.MessageID, role hearth.Role, texts ...string) hearth.Message {
		m := hearth.Message{ID: id, Role: role}
		for _, t := range texts {
			m.Parts = append(m.Parts, hearth.Part{Text: t})
		}
		return m
	}
	call := func(id hearth.CallID, name, args string) hearth.Part {
		return hearth.Part{Call: &hearth.ToolCall{ID: id, Name: name, Arguments: args}}
	}
	result := func(id hearth.MessageID, call hearth.CallID, name, text string, failed bool) hearth.Message {
		return hearth.Message{ID: id, Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{CallID: call, Name: name, Text: text, Failed: failed}}}}
	}
	picture := text("m3", hearth.RoleUser, "What is on this?")
	picture.Parts = append(picture.Parts, hearth.Part{Blob: &hearth.Blob{Hash: "h", MIME: "image/png", Bytes: 4, Data: []byte("\x89PNG")}})
	asks := text("m4", hearth.RoleAssistant, "Let me look.")
	asks.Parts = append([]hearth.Part{{Thinking: "Two at once."}}, append(asks.Parts, call("c1", "read", `{"zeta": 1,  "alpha": 2}`), call("c2", "exec", `{"command":"ls <dir> && echo \u00e9"}`))...)
	broken := hearth.Message{ID: "m9", Role: hearth.RoleAssistant, Parts: []hearth.Part{call("c3", "read", `{"path": "no`)}}
	none := hearth.Message{ID: "m11", Role: hearth.RoleAssistant, Parts: []hearth.Part{{Text: "And then:"}, call("c4", "read", ``)}}
	return []hearth.Message{
		text("m1", hearth.RoleUser, "Hello <b>&amp;</b> \u2028 \U0001F525 \"quoted\" \\ \t end"),
		text("m2", hearth.RoleAssistant, "Hi.\n"),
		picture,
		asks,
		result("m5", "c1", "read", "line one\nline two", false),
		result("m6", "c2", "exec", "exit status 1", true),
		text("m7", hearth.RoleAssistant, "Done."),
		text("m8", hearth.RoleUser, "One part.", "And another."),
		broken,
		result("m10", "c3", "read", "arguments are not JSON", true),
		none,
		result("m12", "c4", "read", "", false),
		text("m13", hearth.RoleAssistant, "(no answer was given)"),
		text("m14", hearth.RoleUser, "Go on."),
	}
}

// steps are the lengths at which a conversation is sent: it ends with a person's words
// or a tool's result.
func steps(all []hearth.Message) (lengths []int) {
	for i, m := range all {
		last := i == len(all)-1
		if m.Role == hearth.RoleUser || m.Role == hearth.RoleTool && (last || all[i+1].Role != hearth.RoleTool) {
			lengths = append(lengths, i+1)
		}
	}
	return lengths
}

// runs counts the messages where neighbours of one side are one: a protocol that knows
// two sides only may join the results of an answer's calls.
func runs(all []hearth.Message) (n int) {
	for i, m := range all {
		if i == 0 || (m.Role == hearth.RoleAssistant) != (all[i-1].Role == hearth.RoleAssistant) {
			n++
		}
	}
	return n
}

// sentCopy is a Sent that outlives its delta.
type sentCopy struct {
	body, head, params []byte
	items              [][]byte
}

// send streams a request and gives what went out.
func (s *suite) send(p model.Provider, req *model.Request) (c sentCopy) {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.t.Context(), patience)
	defer stop()
	for d, err := range p.Stream(ctx, req) {
		if err != nil {
			s.t.Fatalf("send %d messages: %v", len(req.Messages), err)
		}
		if d.Sent != nil {
			c = sentCopy{body: slices.Clone(d.Sent.Body), head: slices.Clone(d.Sent.Head), params: slices.Clone(d.Sent.Params)}
			for _, item := range d.Sent.Items {
				c.items = append(c.items, slices.Clone(item))
			}
		}
	}
	return c
}

func (s *suite) deterministic() {
	all := conversation()
	p := s.newProvider(s.server.URL)
	req := NewRequest("")
	req.Messages = all
	first := s.send(p, req)
	again := NewRequest("")
	again.Messages, again.Encoded = conversation(), model.NewEncodedCache()
	for range 2 { // the second time from the cache
		if second := s.send(p, again); !bytes.Equal(first.body, second.body) {
			s.t.Errorf("equal requests, other bytes:\n%s\n%s", first.body, second.body)
		}
	}
	if e, ok := p.(model.Encoder); !ok {
		s.t.Error("the provider does not implement model.Encoder")
	} else if only, err := e.Encode(req); err != nil || !bytes.Equal(first.body, only.Body) {
		s.t.Errorf("encoded without sending, equal requests have other bytes (%v):\n%s\n%s", err, first.body, only.Body)
	}
	if !json.Valid(first.body) {
		s.t.Errorf("the body is no JSON:\n%s", first.body)
	}
	// A model's own arguments go back as received, or in its key order.
	body := string(first.body)
	zeta, alpha := strings.Index(body, "zeta"), strings.Index(body, "alpha")
	if zeta < 0 || alpha < zeta {
		s.t.Errorf("arguments changed their order:\n%s", body)
	}
}

func (s *suite) extends() {
	all := conversation()
	p := s.newProvider(s.server.URL)
	cache := model.NewEncodedCache()
	var before sentCopy
	for _, n := range steps(all) {
		req := NewRequest("")
		req.Messages, req.Encoded = all[:n], cache
		now := s.send(p, req)
		if least := runs(all[:n]); len(now.items) < least {
			s.t.Errorf("%d messages became %d items, want at least %d", n, len(now.items), least)
		}
		rest := now.body
		for i, item := range now.items {
			at := bytes.Index(rest, item)
			if at < 0 {
				s.t.Errorf("item %d of %d is not in the body, in order:\n%s", i, len(now.items), item)
				break
			}
			rest = rest[at+len(item):]
		}
		if before.body != nil {
			if !bytes.Equal(before.head, now.head) {
				s.t.Errorf("the head changed:\n%s\n%s", before.head, now.head)
			}
			if !bytes.Equal(before.params, now.params) {
				s.t.Errorf("the parameters changed:\n%s\n%s", before.params, now.params)
			}
			if len(now.items) <= len(before.items) {
				s.t.Fatalf("%d items became %d", len(before.items), len(now.items))
			}
			for i, item := range before.items {
				if !bytes.Equal(item, now.items[i]) {
					s.t.Errorf("item %d changed:\n%s\n%s", i, item, now.items[i])
				}
			}
		}
		before = now
	}
}
