package prompt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"reflect"
	"slices"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/tool"
)

// A Plan is everything a request has besides history. It is stored with its epoch as
// JSON and never changes while the epoch lives.
type Plan struct {
	Target   hearth.ModelRef   `json:"target"`
	Protocol string            `json:"protocol"`
	System   string            `json:"system"`
	Tools    []hearth.ToolSpec `json:"tools,omitempty"`
	// Indexed says that Tools are an index, through which the agent's own are reached.
	Indexed      bool               `json:"indexed,omitempty"`
	Window       int                `json:"window"`
	Capabilities model.Capabilities `json:"capabilities"`
	Params       model.Params       `json:"params"`
	// Facts are the versions of the workspace files and skills folded into System, and
	// Shares what they cost there.
	Facts  []hearth.Fact `json:"facts,omitempty"`
	Shares []Share       `json:"shares,omitempty"`
	// Summary stands for everything before the epoch's first message, after a compaction.
	Summary string `json:"summary,omitempty"`
	// Trimmed are old calls whose results this epoch shows as a sentence instead.
	Trimmed []hearth.CallID `json:"trimmed,omitempty"`
	// Shortened are a person's words that never fitted the window, and long answers that
	// were cut; the epoch shows their beginning and end.
	Shortened []hearth.MessageID `json:"shortened,omitempty"`
	// Pictureless are a person's messages whose pictures never fitted the window; the epoch
	// shows a sentence for each.
	Pictureless []hearth.MessageID `json:"pictureless,omitempty"`
	// Tainted says that somebody other than the owner may be behind a part of System or
	// Summary: neither a file nor a summary launders.
	Tainted bool `json:"tainted,omitempty"`
	// Gauge is how this model was found to count before the epoch began.
	Gauge Gauge `json:"gauge,omitzero"`
}

// Encode gives the plan's JSON and a hash of it. Equal plans encode to equal bytes.
func (p *Plan) Encode() (json.RawMessage, string, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, "", fmt.Errorf("encode plan: %w", err)
	}
	sum := sha256.Sum256(b)
	return b, hex.EncodeToString(sum[:]), nil
}

// DecodePlan reads what Encode wrote, also by an older version: fields that are missing
// are zero.
func DecodePlan(b json.RawMessage) (*Plan, error) {
	var p Plan
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("decode plan: %w", err)
	}
	return &p, nil
}

// NewPlan decides what requests to a target begin with. tools are all that policy lets
// this turn use; a target that takes no tools gets none.
func NewPlan(target model.Target, house House, tools []hearth.ToolSpec) *Plan {
	caps := target.Layers.Merge()
	p := &Plan{
		Target: target.Ref, Protocol: target.Protocol, Window: caps.Window,
		Capabilities: caps, Params: target.Params,
	}
	p.head(house, tools)
	return p
}

// head decides on tools and system text.
func (p *Plan) head(house House, tools []hearth.ToolSpec) {
	if p.Capabilities.Tools == model.ToolsNative {
		p.Tools = slices.Clone(tools)
		slices.SortFunc(p.Tools, func(a, b hearth.ToolSpec) int { return strings.Compare(a.Name, b.Name) })
		if p.Indexed = crowded(p); p.Indexed {
			p.Tools = tool.IndexSpecs(p.CallName())
		}
	}
	p.System, p.Facts, p.Shares = systemText(house, p)
	p.Tainted = p.Tainted || slices.ContainsFunc(house.Files, func(f File) bool { return f.Tainted && f.Text != "" }) ||
		slices.ContainsFunc(skillsFor(house, p), func(s Skill) bool { return s.Tainted })
}

// A catalogue may take a tenth of the window, and have a dozen tools: more of them cost
// more than they help, above all where the model is small.
const (
	mostTools  = 12
	toolsShare = 10
)

// crowded reports whether the tools of a plan are more than its window bears.
func crowded(p *Plan) bool {
	return len(p.Tools) > mostTools || UsualRatio.Tokens(weighTools(p.Tools)) > p.Window/toolsShare
}

// CallName is the name of the tool that calls others, where Tools are an index.
func (p *Plan) CallName() string {
	if p.Capabilities.NamesInTags {
		return tool.UntaggedCallName
	}
	return tool.CallName
}

// ToolNames gives the names of the tools in the plan, sorted.
func (p *Plan) ToolNames() []string {
	names := make([]string, len(p.Tools))
	for i, t := range p.Tools {
		names[i] = t.Name
	}
	return names
}

// hashText is the version of a text in a Fact.
func hashText(s string) string {
	if s == "" {
		return ""
	}
	h := sha256.New()
	h.Write([]byte(s))
	return sumText(h)
}

// sumText is hashText of what was written to a SHA-256.
func sumText(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:8]) }

// Next gives the plan of the epoch that follows p's after a compaction: a summary stands
// for what came before. Where nothing changed in workspace and config it begins as p did,
// and the server has that much cached.
func (p *Plan) Next(target model.Target, house House, tools []hearth.ToolSpec, summary string) *Plan {
	caps := target.Layers.Merge()
	next := &Plan{
		Target: target.Ref, Protocol: target.Protocol, Window: caps.Window,
		Capabilities: caps, Params: target.Params, Summary: summary, Gauge: p.Gauge,
	}
	if caps.Window == p.Capabilities.Window { // what a refusal taught of it still holds
		next.Window = min(p.Window, caps.Window)
	}
	if sees := target.Layers.Server.Vision; sees == nil || !*sees {
		next.Heed(p)
	}
	next.head(house, tools)
	if WeighHead(next) != WeighHead(p) {
		next.Gauge.Head = 0
	}
	return next
}

// Seen notes the window that is known of a target now, for an epoch that begins. Where the
// server takes the one that it is asked for, p goes on asking for the same.
func (p *Plan) Seen(target model.Target) {
	if now := target.Layers.Merge(); !p.Capabilities.WindowAsked {
		p.Capabilities.Window, p.Capabilities.Served, p.Capabilities.WindowKnown = now.Window, now.Served, now.WindowKnown
	}
}

// WindowNow is the window that a target has while p's epoch lives: less, or more, than p's
// where its server was loaded anew since. What a refusal taught holds until then. That its
// owner has a conversation kept within less waits for the epoch's end: an edit alone takes
// nothing out of a conversation that the server holds.
func (p *Plan) WindowNow(target model.Target) int {
	if least := servedNow(&target.Layers); least > 0 && least < p.Window {
		return least
	}
	now := target.Layers.Merge()
	if now.WindowKnown && now.Window > p.Window && now.Window != p.Capabilities.Window && !p.Capabilities.WindowAsked {
		return now.Window
	}
	return p.Window
}

// servedNow is the window that a server has at the moment; 0 where nobody says. It may have
// been loaded anew with less room since the epoch began, and many cut what is too long in
// silence. What the config says is served counts where the server is told so, or says nothing.
func servedNow(l *model.Layers) int {
	switch {
	case l.Merge().WindowAsked && l.Config.Window != nil:
		return *l.Config.Window
	case l.Server.Window != nil:
		return *l.Server.Window
	case l.Probe.Window == nil && l.Config.TrainedMax != nil:
		return *l.Config.TrainedMax
	default:
		return 0
	}
}

// ServedFor is the window that one request may fill for the sake of a conversation that is
// kept within p's: what is served, where p keeps to less because its owner says so.
func (p *Plan) ServedFor(target model.Target) int {
	l := &target.Layers
	now := l.Merge()
	if p.Window != now.Window || l.WindowSource() != "config" {
		return p.Window // the server's, or what it refused
	}
	served := now.Served
	if !now.WindowAsked {
		served = servedNow(l)
		if most := l.Config.TrainedMax; most != nil && *most < served {
			served = *most
		}
	}
	return max(p.Window, served)
}

// CutAs has p show messages that it begins with as the plan from does: what from leaves out
// of them does not come back.
func (p *Plan) CutAs(from *Plan, messages []hearth.Message) {
	for i := range messages {
		m := &messages[i]
		if slices.Contains(from.Shortened, m.ID) {
			p.Shortened = append(p.Shortened, m.ID)
		}
		if slices.Contains(from.Pictureless, m.ID) {
			p.Pictureless = append(p.Pictureless, m.ID)
		}
		for j := range m.Parts {
			if r := m.Parts[j].Result; r != nil && slices.Contains(from.Trimmed, r.CallID) {
				p.Trimmed = append(p.Trimmed, r.CallID)
			}
		}
	}
}

// GoOn has p show what came before as the plan from does, where p's epoch begins with the
// same message.
func (p *Plan) GoOn(from *Plan) {
	p.Summary, p.Trimmed, p.Shortened, p.Pictureless = from.Summary, from.Trimmed, from.Shortened, from.Pictureless
	p.Tainted = p.Tainted || from.Tainted
}

// Heed has p leave pictures out where the epoch before did because its server refused them:
// what is kept of such a refusal is in the plans of this conversation only.
func (p *Plan) Heed(before *Plan) {
	if c := &p.Capabilities; before.Capabilities.ImagesRefused {
		c.ImagesRefused, c.Vision = true, false
	}
}

// Waiting names what the config says of a target otherwise than the plan, and what
// therefore waits until the epoch ends. The workspace's files are not meant: what
// changes in them is told to the model at once.
func (p *Plan) Waiting(target model.Target, tools []hearth.ToolSpec) []string {
	next := NewPlan(target, House{}, tools)
	var out []string
	// What a server refused is held for the epoch, and is nobody's setting.
	settled := p.Capabilities.Tools == next.Capabilities.Tools || target.Layers.Config.Tools != nil
	// Nor is it a setting that a smaller window puts the tools behind an index.
	if had, now := p.ToolNames(), next.ToolNames(); settled && p.Indexed == next.Indexed && !slices.Equal(had, now) {
		out = append(out, "the tools ("+listed(now)+")")
	}
	if now := next.Window; now < p.WindowNow(target) && target.Layers.WindowSource() == "config" {
		out = append(out, fmt.Sprintf("the window that is kept within (%d tokens)", now))
	}
	if had, now := p.Params.MaxTokens, next.Params.MaxTokens; had != now {
		out = append(out, fmt.Sprintf("maxTokens (%d)", now))
	}
	// A level that was asked for holds until another is: nobody has to ask for it again.
	if had, now := p.Params.Thinking, next.Params.Thinking; had != now && now != "" {
		out = append(out, "the thinking level ("+now+")")
	}
	if !bytes.Equal(p.Params.ChatTemplateKwargs, next.Params.ChatTemplateKwargs) ||
		!bytes.Equal(p.options(next), next.Params.Options) || !bytes.Equal(p.Params.ExtraBody, next.Params.ExtraBody) {
		out = append(out, "the model's params")
	}
	if declared(&target.Layers.Config, &p.Capabilities, &next.Capabilities) {
		out = append(out, "what the config declares of the model (compat, input, reasoning)")
	}
	return out
}

// options are p's as far as they wait for the epoch's end: the window that is asked for does not.
func (p *Plan) options(next *Plan) json.RawMessage {
	if !next.Capabilities.WindowAsked {
		return p.Params.Options
	}
	return model.WithWindowOf(p.Params.Options, next.Params.Options)
}

// declared reports whether the config says something of a model that a plan has
// otherwise. It goes by the fields, so that a new one of both types counts too.
func declared(config *model.Layer, had, now *model.Capabilities) bool {
	was, is := reflect.ValueOf(had).Elem(), reflect.ValueOf(now).Elem()
	for f, said := range reflect.ValueOf(config).Elem().Fields() {
		if said.IsNil() {
			continue
		}
		switch f.Name {
		case "Window", "TrainedMax", "MaxTokens", "Tools": // told for themselves, or known by what they lead to
		case "Slots", "Locality", "Server", "Build", "Resident", "ParamsB", "Embedding", "Evidence": // in no request, and at once
		case "RefusedFields", "RefusedKeywords": // joined with what servers refused
			if had.Lacks(config) {
				return true
			}
		case "Vision":
			if !had.ImagesRefused && had.Vision != now.Vision {
				return true
			}
		default:
			if a, b := was.FieldByName(f.Name), is.FieldByName(f.Name); !isNothing(a, b) && !reflect.DeepEqual(a.Interface(), b.Interface()) {
				return true
			}
		}
	}
	return false
}

// isNothing reports whether both are lists of nothing: a nil one and an empty one are the same.
func isNothing(a, b reflect.Value) bool { return a.Kind() == reflect.Slice && a.Len()+b.Len() == 0 }

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
