package config

import (
	"fmt"
	"path/filepath"
)

// Kind says what a Warning is about.
type Kind string

// The kinds of a Warning.
const (
	Repaired    Kind = "repaired"     // damage that was read around
	Syntax      Kind = "syntax"       // the file does not parse; something older is used
	Unreadable  Kind = "unreadable"   // the file is there but cannot be read
	Missing     Kind = "missing"      // a file that was asked for is not there
	Include     Kind = "include"      // an $include cannot be followed
	MissingEnv  Kind = "missing-env"  // ${NAME} names nothing
	WrongType   Kind = "wrong-type"   // a used key holds something else; its default is used
	UnknownKey  Kind = "unknown-key"  // a key nobody knows
	Duplicate   Kind = "duplicate"    // a key written twice
	UnknownTool Kind = "unknown-tool" // an entry that looks like the slip of a tool's name
	Exposed     Kind = "exposed"      // a file of credentials that other users may read
	UnusedKeys  Kind = "unused-keys"  // OpenClaw's keys that Hearth does not use, all in one
)

// A Warning is something about the config that a person may want to know. None of
// them keeps anything from starting.
type Warning struct {
	Kind    Kind
	Path    string // config path, "" when it is about the file
	File    string
	Line    int // counted from 1; 0 when there is none
	Column  int // only for Syntax
	Message string
	Excerpt string // the line and a caret below it; only for Syntax
}

// String gives the warning for a terminal: one line, and two more for Syntax.
func (w Warning) String() string {
	place := ""
	if w.File != "" {
		place = filepath.Base(w.File)
		if w.Line > 0 {
			place += fmt.Sprintf(":%d", w.Line)
		}
		if w.Column > 0 {
			place += fmt.Sprintf(":%d", w.Column)
		}
		place += ": "
	}
	if w.Excerpt != "" {
		return place + w.Message + "\n" + w.Excerpt
	}
	return place + w.Message
}

// An Issue is what config validate reports, in OpenClaw's words.
type Issue struct {
	Path    string `json:"path"` // "<root>" for the whole file
	Message string `json:"message"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"` // where the file stops being JSON5
	// File is set when the issue is in an included file.
	File string `json:"file,omitempty"`
	// Excerpt is the line and a caret below it, where Column is set.
	Excerpt string `json:"-"`
}

// String gives the line that OpenClaw prints: path and message.
func (i Issue) String() string { return i.Path + ": " + i.Message }

// A Validation is what config validate --json prints.
type Validation struct {
	Valid  bool    `json:"valid"`
	Path   string  `json:"path"`
	Issues []Issue `json:"issues"`
}

// Validate is the strict look at a config; see File.Issues. A file that is not there
// is valid, unless somebody named it.
func (f *File) Validate() Validation {
	issues := f.Issues()
	if issues == nil {
		issues = []Issue{}
	}
	return Validation{Valid: len(issues) == 0, Path: f.Places.Config, Issues: issues}
}
