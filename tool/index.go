package tool

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"hearth"
)

// The tools of an Index, by name.
const (
	SearchName   = "tool_search"
	DescribeName = "tool_describe"
	CallName     = "tool_call"
	// UntaggedCallName is CallName for a server that looks for the names of tools in the
	// text of a call with its tag: in <tool_call> it would find CallName, whatever is called.
	UntaggedCallName = "use_tool"
)

// IsCall reports whether a name is that of the tool which calls others.
func IsCall(name string) bool { return name == CallName || name == UntaggedCallName }

// IndexSpecs is what a model is told instead of a catalogue that is too large for its
// window, sorted by name; callName is one of the two. It never changes, whatever comes
// into the catalogue or leaves it.
func IndexSpecs(callName string) []hearth.ToolSpec {
	spec := func(name, description, schema string) hearth.ToolSpec {
		return hearth.ToolSpec{Name: name, Description: description, Schema: json.RawMessage(schema)}
	}
	specs := []hearth.ToolSpec{
		spec(callName, "Run a tool of the catalogue.", `{"properties":{"arguments":{"type":"object"},"name":{"type":"string"}},"required":["name","arguments"],"type":"object"}`),
		spec(DescribeName, "Say what a tool does and what arguments it takes. Do this before the first call of a tool.", `{"properties":{"name":{"type":"string"}},"required":["name"],"type":"object"}`),
		spec(SearchName, "Find tools by words: what you want to do.", `{"properties":{"query":{"type":"string"}},"required":["query"],"type":"object"}`),
	}
	slices.SortFunc(specs, func(a, b hearth.ToolSpec) int { return cmp.Compare(a.Name, b.Name) })
	return specs
}

// An Index lets a model find, and read about, the tools of a catalogue one by one.
type Index struct {
	specs    []hearth.ToolSpec
	callName string
}

// NewIndex makes an index of a catalogue, whose tools are run with the tool callName.
func NewIndex(specs []hearth.ToolSpec, callName string) *Index {
	specs = slices.Clone(specs)
	slices.SortFunc(specs, func(a, b hearth.ToolSpec) int { return cmp.Compare(a.Name, b.Name) })
	return &Index{specs: specs, callName: callName}
}

// Find gives the tools of the index that answer themselves: tool_search and
// tool_describe. tool_call is none: what it calls is a tool of its own, and is decided on
// as that one (see Called).
func (x *Index) Find(name string) (Tool, bool) {
	for _, spec := range IndexSpecs(x.callName) {
		if spec.Name == name && !IsCall(name) {
			return &finder{index: x, spec: spec}, true
		}
	}
	return nil, false
}

// Called gives the call that a tool_call stands for. Its arguments are an object beside
// the name; models also write them into a string, or straight beside the name.
func Called(call hearth.ToolCall) (hearth.ToolCall, error) {
	fields, err := parseObject(call.Arguments)
	if err != nil {
		return call, err
	}
	var name string
	if json.Unmarshal(fields["name"], &name) != nil || name == "" {
		return call, fmt.Errorf("\"name\" must be the name of a tool; find one with %s", SearchName)
	}
	inner := hearth.ToolCall{ID: call.ID, Name: name}
	delete(fields, "name")
	if arguments, ok := fields["arguments"]; ok {
		inner.Arguments = string(arguments)
		if arguments[0] == '"' {
			err = json.Unmarshal(arguments, &inner.Arguments)
		}
		return inner, err
	}
	if len(fields) == 0 {
		inner.Arguments = "{}"
		return inner, nil
	}
	beside, err := json.Marshal(fields)
	inner.Arguments = string(beside)
	return inner, err
}

// finder is tool_search or tool_describe.
type finder struct {
	index *Index
	spec  hearth.ToolSpec
}

func (f *finder) Spec() hearth.ToolSpec              { return f.spec }
func (*finder) Effect(hearth.ToolCall) hearth.Effect { return hearth.EffectRead }
func (f *finder) Check(call hearth.ToolCall) error   { _, err := f.asked(call); return err }
func (*finder) Parallel(hearth.ToolCall) bool        { return true }
func (f *finder) asked(c hearth.ToolCall) (string, error) {
	name := "query=words,text,q"
	if f.spec.Name == DescribeName {
		name = "name=tool,tool_name"
	}
	a := ReadArguments(c, name)
	field, _, _ := strings.Cut(name, "=")
	return a.RequiredText(field), a.Err()
}

// Run answers from memory.
func (f *finder) Run(_ context.Context, call hearth.ToolCall) (hearth.ToolResult, error) {
	asked, err := f.asked(call)
	if err != nil {
		return Failed(call, hearth.FromGateway, "%s: %s", call.Name, err), nil
	}
	if f.spec.Name == SearchName {
		return hearth.ToolResult{Text: f.index.search(asked), From: hearth.FromGateway}, nil
	}
	for _, spec := range f.index.specs {
		if spec.Name == asked {
			return hearth.ToolResult{Text: fmt.Sprintf("%s\n%s\nArguments, as a JSON schema: %s\nRun it with %s.", spec.Name, spec.Description, spec.Schema, f.index.callName), From: hearth.FromGateway}, nil
		}
	}
	return Failed(call, hearth.FromGateway, "There is no tool named %q. %s", asked, f.index.search(asked)), nil
}

// mostFound bounds what one search gives; words shorter than leastWord say nothing.
const mostFound, leastWord = 12, 3

// search gives the tools whose names and descriptions hold most of the words; all names
// where none does.
func (x *Index) search(query string) string {
	type hit struct {
		spec  hearth.ToolSpec
		score int
	}
	var hits []hit
	words := strings.FieldsFunc(strings.ToLower(query), func(r rune) bool { return !isWord(r) })
	words = slices.DeleteFunc(words, func(w string) bool { return len(w) < leastWord })
	for _, spec := range x.specs {
		h := hit{spec: spec}
		name, text := strings.ToLower(spec.Name), strings.ToLower(spec.Description)
		for _, w := range words {
			switch {
			case strings.Contains(name, w):
				h.score += 3
			case strings.Contains(text, w):
				h.score++
			}
		}
		if h.score > 0 {
			hits = append(hits, h)
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(b.score, a.score) })
	if len(hits) == 0 {
		return "No tool fits these words. There are: " + x.names()
	}
	var b strings.Builder
	for _, h := range hits[:min(len(hits), mostFound)] {
		fmt.Fprintf(&b, "%s: %s\n", h.spec.Name, sentence(h.spec.Description))
	}
	if more := len(hits) - mostFound; more > 0 {
		fmt.Fprintf(&b, "%d more fit; use other words to see them.\n", more)
	}
	return strings.TrimSpace(b.String())
}

func (x *Index) names() string {
	const most = 60
	var names []string
	for _, spec := range x.specs[:min(len(x.specs), most)] {
		names = append(names, spec.Name)
	}
	if more := len(x.specs) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

func isWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r >= 0x80
}

// sentence gives the first one of a description.
func sentence(s string) string {
	const most = 160
	s = strings.Join(strings.Fields(s), " ")
	if at := strings.Index(s, ". "); at > 0 {
		s = s[:at+1]
	}
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
