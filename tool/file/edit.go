package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"hearth"
	"hearth/internal/escape"
	"hearth/tool"
)

type editor struct {
	space  *workspace
	taints *tool.Taints
}

var _ tool.Tool = (*editor)(nil)

func (e *editor) Spec() hearth.ToolSpec {
	return spec("edit", "Replace text in a file. Each oldText must occur exactly once, with its white space. All edits are made or none.",
		`{"properties":{"edits":{"items":{"properties":{"newText":{"type":"string"},"oldText":{"type":"string"}},"required":["oldText","newText"],"type":"object"},"type":"array"},"path":{"type":"string"}},"required":["path","edits"],"type":"object"}`)
}

func (e *editor) Effect(hearth.ToolCall) hearth.Effect { return hearth.EffectWrite }

func (e *editor) Describe(call hearth.ToolCall) string {
	in := editInput(call)
	return fmt.Sprintf("edit %s (%d replacements)", escape.Short(in.path, 300), len(in.edits))
}

// Foresee gives the file that would be written, as written and as resolved.
func (e *editor) Foresee(call hearth.ToolCall) (argv, targets []string) {
	in := editInput(call)
	if in.err != nil {
		return nil, nil
	}
	return nil, e.space.targets(in.path)
}

// Check says what is wrong with the arguments.
func (e *editor) Check(call hearth.ToolCall) error { return editInput(call).err }

type editCall struct {
	path  string
	edits []replace1
	err   error
}

// replace1 is one text to find and what to put there.
type replace1 struct{ old, new string }

const (
	oldArgument = "oldText=old_text,old_string,oldString,old"
	newArgument = "newText=new_text,new_string,newString,new"
)

func editInput(call hearth.ToolCall) editCall {
	a := tool.ReadArguments(call, pathArgument, "edits", oldArgument, newArgument)
	in := editCall{path: a.RequiredText("path")}
	add := func(where string, one *tool.Arguments) {
		in.edits = append(in.edits, replace1{old: one.RequiredText("oldText"), new: one.RequiredText("newText")})
		a.Absorb(where, one)
	}
	for i, one := range a.Objects("edits", oldArgument, newArgument) {
		add(fmt.Sprintf("edits[%d]", i), one)
	}
	if a.Has("oldText") || a.Has("newText") {
		if len(in.edits) > 0 {
			a.Refuse("give the replacement in edits or beside path, not in both places")
		}
		in.edits = append(in.edits, replace1{old: a.RequiredText("oldText"), new: a.RequiredText("newText")})
	}
	if len(in.edits) == 0 {
		a.Refuse(`"edits" is missing; it is a list of {"oldText","newText"}`)
	}
	if len(in.edits) > maxEdits {
		a.Refuse("%d edits are more than %d at a time; write the file instead", len(in.edits), maxEdits)
	}
	for i, one := range in.edits {
		switch {
		case one.old == "":
			a.Refuse("edits[%d]: oldText is empty; use write to make a file", i)
		case one.old == one.new:
			a.Refuse("edits[%d]: oldText and newText are the same", i)
		}
	}
	in.err = a.Err()
	return in
}

func (e *editor) Run(ctx context.Context, call hearth.ToolCall) (hearth.ToolResult, error) {
	result, ok := start(ctx, call)
	if !ok {
		return result, nil
	}
	in := editInput(call)
	if in.err != nil {
		return tool.Failed(call, hearth.FromGateway, "edit: %v; nothing was changed", in.err), nil
	}
	name, err := e.space.local(in.path)
	if err != nil {
		return tool.Failed(call, hearth.FromGateway, "edit %s; nothing was changed", explain(in.path, err)), nil
	}
	root, err := e.space.open()
	if err != nil {
		return tool.Failed(call, hearth.FromGateway, "edit: %v", err), nil
	}
	defer func() { _ = root.Close() }() // every file written through it was closed and checked
	if name, err = e.space.resolve(root, name); err != nil {
		return tool.Failed(call, hearth.FromGateway, "edit %s; nothing was changed", explain(in.path, err)), nil
	}
	result.From = hearth.FromGateway
	places, err := e.change(ctx, root, name, in.edits)
	if quote, ok := errors.AsType[*mismatch](err); ok {
		from := hearth.FromFile // the words quote the file
		if e.taints.Tainted(name, quote.info) {
			from = hearth.FromTool
		}
		return tool.Failed(call, from, "edit %s: %v\nNothing was changed.", escape.Short(in.path, 200), err), nil
	}
	if err != nil {
		return tool.Failed(call, hearth.FromGateway, "edit %s%s", explain(in.path, err), unless(err, "; nothing was changed")), nil
	}
	result.Text = fmt.Sprintf("edited %s: %s", escape.Short(name, 300), lines(places))
	result.Detail = tool.Detail(editDetail{Path: name, Hunks: places})
	return result, nil
}

type editDetail struct {
	Path  string `json:"path"`
	Hunks []hunk `json:"hunks"`
}

// A hunk is one replacement as it was made.
type hunk struct {
	Line int    `json:"line"` // of the old file, from 1
	Old  string `json:"old"`
	New  string `json:"new"`
}

func lines(hunks []hunk) string {
	at := make([]string, len(hunks))
	for i, h := range hunks {
		at[i] = fmt.Sprint(h.Line)
	}
	if len(at) == 1 {
		return "1 replacement at line " + at[0]
	}
	return fmt.Sprintf("%d replacements at lines %s", len(at), strings.Join(at, ", "))
}

// change makes all edits or none.
func (e *editor) change(ctx context.Context, root *os.Root, name string, edits []replace1) ([]hunk, error) {
	text, info, err := loadText(root, name)
	if err != nil {
		return nil, err
	}
	changed, hunks, err := apply(text, edits)
	if err != nil {
		if quote, ok := errors.AsType[*mismatch](err); ok {
			quote.info = info
		}
		return nil, err
	}
	// What was tainted stays so: most of the file is still what it was.
	tainted := tool.TaintedTurn(ctx) || e.taints.Tainted(name, info)
	if tainted {
		if err := e.taints.Mark(name); err != nil {
			return nil, err
		}
	}
	if err := replace(ctx, root, replacement{name: name, content: []byte(changed), old: info}); err != nil {
		return nil, err
	}
	if !tainted {
		return hunks, nil
	}
	return hunks, remember(e.taints, root, name, true)
}

// loadText reads a file whole that can be edited as text.
func loadText(root *os.Root, name string) (text string, info fs.FileInfo, err error) {
	if info, err = writable(root, name); err != nil {
		return "", nil, err
	}
	if info == nil {
		return "", nil, fs.ErrNotExist
	}
	if info.Size() > maxEditBytes {
		return "", nil, fmt.Errorf("the file is %d bytes; at most %d can be edited", info.Size(), maxEditBytes)
	}
	f, err := root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|openFlags, 0)
	if err != nil {
		return "", nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err = f.Stat(); err != nil {
		return "", nil, err
	}
	if !info.Mode().IsRegular() {
		return "", nil, fmt.Errorf("it is %s, not a file", special(info.Mode()))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxEditBytes+1))
	if err != nil {
		return "", nil, plain(err)
	}
	if len(data) > maxEditBytes {
		return "", nil, errors.New("the file is growing; it cannot be edited now")
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return "", nil, errors.New("it is a binary file" + binaryHint(data))
	}
	if !utf8.Valid(data) {
		return "", nil, errors.New("it is not UTF-8 text; convert it first, or change it with a command")
	}
	return string(data), info, nil
}
