package body

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"hearth/model"
)

// A Member is one member of a JSON object. Value is JSON.
type Member struct {
	Name  string
	Value []byte
}

// A Body is the object that a request consists of, in the order in which it is written.
type Body struct {
	Head   []Member // reaches the chat template before the first message: model, system, tools, thinking
	List   string   // the name of the array of messages: "messages", "input"
	First  [][]byte // its first items that belong to the head: the system message
	Items  [][]byte // its other items
	Params []Member // everything else: sampling, limits, flags
	// Encoded is the request's; it is told what was sent. May be nil.
	Encoded *model.EncodedCache
}

// templated are the members that a server hands to the chat template, or that decide
// what it does with the tools. Those of an extra body become part of the head.
var templated = []string{
	"chat_template", "chat_template_kwargs", "developer", "enable_thinking", "instructions", "reasoning",
	"reasoning_effort", "system", "think", "thinking", "tool_choice", "tools",
}

// needed cannot be left out or replaced: without them there is no request.
var needed = []string{"model", "messages", "input", "stream"}

// ofTools are refused by vLLM and OpenAI where there are no tools: "When using
// `tool_choice`, `tools` must be set."
var ofTools = []string{"tool_choice", "parallel_tool_calls"}

// Encode writes the body. extra, which may be empty, is an object whose members are
// merged in last and win over ours; the messages cannot be replaced. Members named in
// refused are left out, and without tools what only says how to use them.
func (b *Body) Encode(extra json.RawMessage, refused []string) (*model.Sent, error) {
	head, params := slices.Clone(b.Head), slices.Clone(b.Params)
	more, err := Members(extra)
	if err != nil {
		return nil, fmt.Errorf("extra body: %w", err)
	}
	for _, m := range more {
		switch {
		case m.Name == b.List:
		case replace(head, m), replace(params, m):
		case slices.Contains(templated, m.Name):
			head = append(head, m)
		default:
			params = append(params, m)
		}
	}
	tools := slices.ContainsFunc(head, func(m Member) bool { return m.Name == "tools" }) && !slices.Contains(refused, "tools")
	drop := func(m Member) bool {
		return slices.Contains(refused, m.Name) && !slices.Contains(needed, m.Name) || !tools && slices.Contains(ofTools, m.Name)
	}
	head, params = slices.DeleteFunc(head, drop), slices.DeleteFunc(params, drop)
	return b.write(head, params), nil
}

func replace(members []Member, m Member) bool {
	i := slices.IndexFunc(members, func(old Member) bool { return old.Name == m.Name })
	if i >= 0 {
		members[i] = m
	}
	return i >= 0
}

// write joins the parts; what it gives shares the memory of the body.
func (b *Body) write(head, params []Member) *model.Sent {
	size := 64 + len(b.List)
	for _, list := range [][]Member{head, params} {
		for _, m := range list {
			size += len(m.Name) + len(m.Value) + 4
		}
	}
	for _, list := range [][][]byte{b.First, b.Items} {
		for _, item := range list {
			size += len(item) + 1
		}
	}
	out := make([]byte, 0, size)
	out = append(out, '{')
	for _, m := range head {
		out = append(appendMember(out, m), ',')
	}
	out = append(String(out, b.List), ':', '[')
	for i, item := range b.First {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, item...)
	}
	s := &model.Sent{Head: slices.Clip(out), Items: make([][]byte, 0, len(b.Items))}
	for i, item := range b.Items {
		if i > 0 || len(b.First) > 0 {
			out = append(out, ',')
		}
		begin := len(out)
		out = append(out, item...)
		s.Items = append(s.Items, out[begin:len(out):len(out)])
	}
	begin := len(out)
	out = append(out, ']')
	for _, m := range params {
		out = appendMember(append(out, ','), m)
	}
	out = append(out, '}')
	s.Params, s.Body = out[begin:], out
	b.Encoded.Chain(s, b.Items)
	return s
}

func appendMember(dst []byte, m Member) []byte {
	return append(append(String(dst, m.Name), ':'), m.Value...)
}

// Members gives the members of a JSON object in their order, of a name that occurs
// twice only the last value, at its first place. Nothing and null give none.
func Members(object json.RawMessage) ([]Member, error) {
	object = bytes.TrimSpace(object)
	if len(object) == 0 || string(object) == "null" {
		return nil, nil
	}
	if !json.Valid(object) || object[0] != '{' {
		return nil, errors.New("it is no JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var members []Member
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		m := Member{Value: value}
		m.Name, _ = name.(string) // a name is always one
		if !replace(members, m) {
			members = append(members, m)
		}
	}
	return members, nil
}

// Object writes members as a JSON object.
func Object(members ...Member) []byte {
	out := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendMember(out, m)
	}
	return append(out, '}')
}

// Array writes values as a JSON array.
func Array(values ...[]byte) []byte {
	out := []byte{'['}
	for i, v := range values {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, v...)
	}
	return append(out, ']')
}
