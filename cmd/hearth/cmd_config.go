package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/config"
	"hearth/internal/filelock"
)

func newConfig(s streams, opt *options) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Read, check and change the config file", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newConfigGet(s, opt), newConfigSet(s, opt), newConfigUnset(s, opt), newConfigFile(s, opt), newConfigValidate(s, opt))
	return cmd
}

// openConfig reads the config for a command that works on the file itself. A file that
// cannot be read cannot be edited either. It gives what it told of the file.
func openConfig(ctx context.Context, s streams, opt *options, readOnly bool) (*config.File, []config.Warning, error) {
	file, warnings, err := config.Load(ctx, config.Options{Path: opt.config, ReadOnly: readOnly})
	if err != nil {
		return nil, nil, homeless("read config", err)
	}
	for _, w := range warnings {
		fmt.Fprintf(s.err, "config: %s\n", w)
	}
	return file, warnings, nil
}

func newConfigGet(s streams, opt *options) *cobra.Command {
	var asJSON, open bool
	cmd := &cobra.Command{Use: "get PATH", Short: "Print one value; credentials are left out", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, _, err := openConfig(cmd.Context(), s, opt, true)
			if err != nil {
				return err
			}
			v, err := file.Get(args[0])
			if err != nil {
				return configError("config get", err)
			}
			if !open {
				v = v.Masked()
			}
			if !asJSON {
				_, err := fmt.Fprintln(s.out, v.Text())
				return err
			}
			b, err := v.JSON()
			if err != nil {
				return configError("config get", err)
			}
			printJSON(s.out, json.RawMessage(b))
			return nil
		}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the value as JSON")
	cmd.Flags().BoolVar(&open, "show-secrets", false, "print credentials too")
	return cmd
}

// setFlags are the ways of `config set`.
type setFlags struct {
	strict, merge, replace, dryRun, allowExec, json bool
}

func newConfigSet(s streams, opt *options) *cobra.Command {
	var f setFlags
	cmd := &cobra.Command{Use: "set PATH VALUE", Short: "Change one value; comments and everything else stay as they are", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.merge && f.replace {
				return usage(errors.New("--merge keeps what is there and --replace lets it go: only one of them can be meant"))
			}
			edit := config.Edit{Path: args[0], Value: args[1], StrictJSON: f.strict, Merge: f.merge, Replace: f.replace}
			return runEdit(cmd.Context(), s, opt, f, edit)
		}}
	cmd.Flags().BoolVar(&f.strict, "strict-json", false, "refuse a value that is not JSON5 (else it is taken as text)")
	cmd.Flags().BoolVar(&f.merge, "merge", false, "lay an object over the one that is there; models of a provider by id")
	cmd.Flags().BoolVar(&f.replace, "replace", false, "allow entries of a protected map to be dropped")
	cmd.Flags().BoolVar(&f.allowExec, "allow-exec", false, "let --dry-run run programs that secrets come from")
	f.shared(cmd)
	return cmd
}

func (f *setFlags) shared(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "check the change and write nothing")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object; for set, the value must be JSON5")
}

func newConfigUnset(s streams, opt *options) *cobra.Command {
	var f setFlags
	cmd := &cobra.Command{Use: "unset PATH", Short: "Remove one value", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runEdit(cmd.Context(), s, opt, f, config.Edit{Path: args[0], Unset: true})
		}}
	f.shared(cmd)
	return cmd
}

// runEdit makes one edit, or checks it.
func runEdit(ctx context.Context, s streams, opt *options, f setFlags, edit config.Edit) error {
	file, told, err := openConfig(ctx, s, opt, true)
	if err != nil {
		return err
	}
	if strings.Contains(edit.Value, config.Mask) {
		return &hearth.Error{Op: "config set", Reason: hearth.ReasonConfig, Err: fmt.Errorf("%s stands for a credential and is none", config.Mask),
			Cause: "The value was printed by config get, which leaves credentials out.", Try: "Set the parts that changed, or print it with config get --show-secrets."}
	}
	edit.StrictJSON = edit.StrictJSON || f.json && !edit.Unset
	if f.dryRun {
		result := file.DryRun(ctx, f.allowExec, edit)
		if f.json {
			printJSON(s.out, result)
		}
		if !result.OK {
			tell(s.err, configError("config", result.Err()))
			return errSilent{hearth.ExitFailed}
		}
		if !f.json {
			fmt.Fprintf(s.out, "Dry run: %d change(s) to %s are valid; nothing was written.\n", result.Operations, result.ConfigPath)
		}
		return nil
	}
	var change *config.Change
	if edit.Unset {
		change, err = file.Unset(edit.Path)
	} else {
		change, err = file.Set(edit)
	}
	if err != nil {
		return configError("config", err)
	}
	written, err := change.Write(ctx)
	if err != nil {
		return configError("config", err)
	}
	if f.json {
		printJSON(s.out, editResult{OK: true, Path: written.Path, Backup: written.Backup, Before: written.SHA256Before, After: written.SHA256After})
	}
	tellWritten(s, written)
	after, warnings, _, err := file.Reload(ctx)
	if err != nil {
		return nil //nolint:nilerr // it is written; whoever reads the file next says why
	}
	if _, later := config.Changed(file, after); file.Exists && len(later) > 0 {
		fmt.Fprintf(s.err, "config: a conversation under way keeps its prompt until /new or its next summary, and with it what it had for: %s\n", strings.Join(later, ", "))
	}
	if !edit.Unset {
		warnOfEdit(s, file, after, unheard(warnings, told))
	}
	return nil
}

// unheard gives the warnings that were not told before.
func unheard(all, told []config.Warning) []config.Warning {
	return slices.DeleteFunc(all, func(w config.Warning) bool {
		return slices.ContainsFunc(told, func(old config.Warning) bool { return old.Message == w.Message })
	})
}

// warnOfEdit tells what an edit names that is not there: models that agents use and nobody
// could ask for want of their provider, and tools. That is no error: the provider may be
// what is written next, and an extension may bring the tool.
func warnOfEdit(s streams, before, after *config.File, warnings []config.Warning) {
	for _, w := range warnings {
		if w.Kind == config.UnknownTool {
			fmt.Fprintf(s.err, "config: %s\n", w)
		}
	}
	had, has := unknownRefs(s, before), unknownRefs(s, after)
	for _, whose := range slices.Sorted(maps.Keys(has)) {
		if has[whose] != had[whose] {
			fmt.Fprintf(s.err, "config: %s: %s\n", whose, has[whose])
		}
	}
}

// unknownRefs says what is wrong with the models that agents use, by whose they are.
func unknownRefs(s streams, file *config.File) map[string]string {
	s.err = io.Discard // what else is wrong with the file was told when it was read
	h := &home{io: s, file: file, told: map[string]bool{}}
	names, out := &roster{home: h, keys: &keyring{home: h}}, map[string]string{}
	look := func(whose, agentID string, m config.ModelChoice) {
		for _, word := range append([]string{m.Primary}, m.Fallbacks...) {
			if word == "" {
				continue
			}
			ref, err := names.resolve(agentID, word)
			if _, there := names.provider(ref.Provider); err == nil && !there {
				err = names.unknownProvider(ref.Provider)
			}
			if e, ok := errors.AsType[*hearth.Error](err); ok && out[whose] == "" {
				out[whose] = fmt.Sprintf("%s cannot be used: %s. %s", word, e.Err, e.Try)
			}
		}
	}
	look("agents.defaults.model", "", file.Config.Agents.Defaults.Model)
	for _, g := range file.Config.Agents.All() {
		look("the model of agent "+g.ID, g.ID, g.Model)
	}
	return out
}

// editResult is the shape of `config set --json`.
type editResult struct {
	OK     bool   `json:"ok"`
	Path   string `json:"path"`
	Backup string `json:"backup,omitempty"`
	Before string `json:"sha256Before,omitempty"`
	After  string `json:"sha256After,omitempty"`
}

func tellWritten(s streams, w config.Written) {
	if w.Path == "" {
		fmt.Fprintln(s.err, "No change")
		return
	}
	if w.CopiedFrom != "" {
		fmt.Fprintf(s.err, "copied %s to %s, which Hearth uses from now on\n", w.CopiedFrom, w.CopiedTo)
	}
	fmt.Fprintf(s.err, "wrote %s", w.Path)
	if w.Backup != "" {
		fmt.Fprintf(s.err, " (before: %s)", w.Backup)
	}
	fmt.Fprintln(s.err, "; it applies from the next turn on")
}

func newConfigFile(s streams, opt *options) *cobra.Command {
	return &cobra.Command{Use: "file", Short: "Print which config file is in use", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			places, err := config.Locate(config.Options{Path: opt.config})
			if err != nil {
				return homeless("config file", err)
			}
			_, err = fmt.Fprintln(s.out, places.Config)
			return err
		}}
}

func newConfigValidate(s streams, opt *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "validate", Short: "Check the config strictly; exit 1 when anything is wrong", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, warnings, err := config.Load(cmd.Context(), config.Options{Path: opt.config, ReadOnly: true})
			if err != nil {
				return homeless("config validate", err)
			}
			for _, w := range warnings {
				switch w.Kind { // what is no issue: the file is valid all the same
				case config.Repaired, config.UnusedKeys, config.MissingEnv, config.UnknownTool:
					fmt.Fprintf(s.err, "config: %s\n", w)
				default:
				}
			}
			v := file.Validate()
			if asJSON {
				printJSON(s.out, v)
			} else {
				printValidation(s, v, file.Exists)
			}
			if cause, try := notRead(file); cause != "" && !asJSON {
				fmt.Fprintf(s.err, "  cause: %s\n  try:   %s\n", oneLine(cause), oneLine(try))
			}
			if !v.Valid {
				return errSilent{hearth.ExitFailed}
			}
			return nil
		}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func printValidation(s streams, v config.Validation, exists bool) {
	switch {
	case !exists && v.Valid:
		fmt.Fprintf(s.out, "There is no config at %s; the defaults are in use.\n", v.Path)
	case v.Valid:
		fmt.Fprintf(s.out, "Valid: %s\n", v.Path)
	default:
		fmt.Fprintf(s.err, "Invalid config at %s:\n", v.Path)
		for _, i := range v.Issues {
			fmt.Fprintf(s.err, "- %s: %s%s\n", i.Path, oneLine(i.Message), placeOf(i))
			if i.Excerpt != "" {
				fmt.Fprintln(s.err, i.Excerpt)
			}
		}
	}
}

// placeOf says where an issue is: in which file, where that is an included one, and at
// which line and column of it.
func placeOf(i config.Issue) string {
	var words []string
	if i.File != "" {
		words = append(words, i.File)
	}
	if i.Line > 0 {
		words = append(words, fmt.Sprintf("line %d", i.Line))
	}
	if i.Column > 0 {
		words = append(words, fmt.Sprintf("column %d", i.Column))
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// configError gives an error of the config room the words a person needs.
func configError(op string, err error) error {
	e := &hearth.Error{Op: op, Reason: hearth.ReasonConfig, Err: err}
	if kept, ok := errors.AsType[*hearth.Error](err); ok {
		return kept
	}
	e.Cause, e.Try = configWords(err)
	return e
}

// configWords gives the likely cause of an error of the config room, and one thing to try.
func configWords(err error) (cause, try string) {
	if e, ok := errors.AsType[*config.PathError](err); ok {
		return "A path is keys with dots between them; an index, and a key that holds dots, stand in brackets.",
			fmt.Sprintf("Write it like models.providers[\"my.box\"].models[0].id instead of %s.", e.Path)
	}
	if e, ok := errors.AsType[*config.IncludedError](err); ok {
		return fmt.Sprintf("More than one file says what stands there: %s, and what its line %d includes.", e.File, e.Line),
			fmt.Sprintf("Open the file in an editor: %s.", strings.Join(e.Includes, ", "))
	}
	if e, ok := errors.AsType[*config.NowhereError](err); ok {
		cause = "An edit belongs into a file of Hearth's own, and Hearth would go on reading this one."
		if e.Own != "" {
			return cause, "Unset " + e.Origin + " to use and edit " + e.Own + "."
		}
		return cause, "Leave " + e.Origin + " out: the first edit then copies OpenClaw's file, and the copy is read from then on."
	}
	switch {
	case isType[*config.ReadOnlyError](err):
		return "Something else writes this config, or nobody should.", "Change it where it comes from, or unset that variable."
	case isType[*config.NotFoundError](err):
		return "The config has nothing at that path.", "Run hearth config get with a shorter path to see what there is."
	case isType[*config.ProtectedError](err):
		return "The new value leaves out entries that are there now.", "Add --merge to keep them, or --replace to drop them."
	case isType[*config.ValidationError](err):
		return "The changed config would not be valid, so nothing was written.", "Correct the value; hearth config validate lists what is wrong already."
	case isType[*config.ValueError](err):
		return "With --strict-json the value must be JSON5: a text needs quotes inside the shell's quotes.", "Write '\"text\"' for a text, or leave --strict-json out."
	case isType[*config.ChangedError](err):
		return "Another program saved the file while it was being changed.", "Run the same command again: it reads the file anew."
	case isType[*config.BrokenError](err):
		if cause, try := notReadWords(err); cause != "" {
			return cause, try
		}
		return "The file has a mistake: nothing can be read from it, and an edit could make it worse.", "Correct that place in an editor; hearth config validate shows it."
	case errors.Is(err, syscall.ENOSPC):
		return "The disk is full; nothing was written.", "Free some space on the disk that holds the config, then run the same command again."
	case errors.Is(err, fs.ErrPermission):
		return "The file or its folder may not be written by this user.", "Look at its permissions: ls -l shows them."
	case isType[*filelock.HeldError](err):
		return "Another Hearth process is writing the config.", "Run the same command again when it is done."
	}
	return "The edit cannot be made as it was asked for.", "Make one smaller change, or edit the file itself: hearth config file names it."
}

func isType[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}
