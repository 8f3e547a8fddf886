package config

import (
	"context"
	"errors"
	"fmt"

	"hearth/internal/json5"
)

// A DryRun is what config set --dry-run --json prints, in OpenClaw's shape.
type DryRun struct {
	OK              bool          `json:"ok"`
	Operations      int           `json:"operations"`
	ConfigPath      string        `json:"configPath"`
	InputModes      []string      `json:"inputModes"`
	Checks          DryRunChecks  `json:"checks"`
	RefsChecked     int           `json:"refsChecked"`
	SkippedExecRefs int           `json:"skippedExecRefs"`
	Errors          []DryRunError `json:"errors,omitempty"`

	err error
}

// Err is why the edits would be refused, as Apply says it; nil when they would not be.
func (d DryRun) Err() error { return d.err }

// DryRunChecks says what was checked. A bare value is taken as it is.
type DryRunChecks struct {
	Schema                bool `json:"schema"`
	Resolvability         bool `json:"resolvability"`
	ResolvabilityComplete bool `json:"resolvabilityComplete"`
}

// A DryRunError is one reason why the edit would be refused.
type DryRunError struct {
	Kind    string `json:"kind"` // schema, resolvability, missing-path, conflict
	Message string `json:"message"`
	Ref     string `json:"ref,omitempty"`
}

// DryRun tries edits without writing. References to programs are only run when
// allowExec is set.
func (f *File) DryRun(ctx context.Context, allowExec bool, edits ...Edit) DryRun {
	d := DryRun{Operations: len(edits), ConfigPath: f.Places.Target, InputModes: []string{}}
	strict := false
	for _, e := range edits {
		mode := "value"
		if e.StrictJSON {
			mode, strict = "json", true
		}
		if len(d.InputModes) == 0 || d.InputModes[len(d.InputModes)-1] != mode {
			d.InputModes = append(d.InputModes, mode)
		}
	}
	change, err := f.Apply(edits...)
	d.Checks = DryRunChecks{Schema: strict, Resolvability: strict, ResolvabilityComplete: strict}
	if _, invalid := errors.AsType[*ValidationError](err); err != nil && (strict || !invalid) {
		d.refuse(err)
	}
	if strict && change != nil && change.after != nil {
		d.references(ctx, change, allowExec)
	}
	d.OK = len(d.Errors) == 0
	return d
}

func (d *DryRun) refuse(err error) {
	d.err = err
	if invalid, ok := errors.AsType[*ValidationError](err); ok {
		for _, i := range invalid.Issues {
			d.Errors = append(d.Errors, DryRunError{Kind: "schema", Message: i.String()})
		}
		return
	}
	kind := "schema"
	if _, ok := errors.AsType[*NotFoundError](err); ok {
		kind = "missing-path"
	}
	if _, ok := errors.AsType[*ProtectedError](err); ok {
		kind = "conflict"
	}
	d.Errors = append(d.Errors, DryRunError{Kind: kind, Message: err.Error()})
}

// references resolves the secret references in the new values.
func (d *DryRun) references(ctx context.Context, c *Change, allowExec bool) {
	for _, e := range c.Edits {
		doc, err := json5.Parse("value", []byte(e.Value))
		if e.Unset || err != nil {
			continue
		}
		eachRef(doc.Root, func(ref SecretRef) {
			if ref.Source == "exec" && !allowExec {
				d.SkippedExecRefs++
				d.Checks.ResolvabilityComplete = false
				return
			}
			d.RefsChecked++
			if _, err := c.after.resolve(ctx, Secret{ref: &ref}); err != nil {
				if d.err == nil {
					_, d.err = c.after.Resolve(ctx, Secret{ref: &ref})
				}
				d.Errors = append(d.Errors, DryRunError{
					Kind: "resolvability", Message: err.Error(),
					Ref: fmt.Sprintf("%s:%s:%s", ref.Source, ref.Provider, ref.ID),
				})
			}
		})
	}
}

// eachRef finds the secret references in a value.
func eachRef(v *json5.Value, f func(SecretRef)) {
	text := func(key string) string {
		if m := v.Get(key); m != nil && m.Kind == json5.String {
			return m.Text
		}
		return ""
	}
	if v.Kind == json5.Object && text("source") != "" && text("id") != "" {
		f(SecretRef{Source: text("source"), Provider: text("provider"), ID: text("id")})
		return
	}
	for _, m := range v.Members {
		eachRef(m.Value, f)
	}
	for _, e := range v.Elements {
		eachRef(e, f)
	}
}
