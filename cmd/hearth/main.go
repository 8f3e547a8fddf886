// Command hearth is the agent gateway for people who run language models at home.
//
// It is the only place that knows every room. app.go puts the parts together; each part is
// a file of its name, maps the config file to the plain Config of the packages it uses, and
// knows only the parts above it in that list. A cmd_*.go file is one command; chat.go and
// its neighbours are the front door at which a person types.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/agent"
)

// version is set by the linker in releases.
var version = "dev"

func main() { os.Exit(run()) }

// run is main with an exit code.
func run() int {
	signals := newInterrupts()
	defer signals.close()
	io := standardStreams()
	io.interrupts = signals
	ctx, stop := signals.scope(context.Background())
	defer stop()
	return execute(ctx, io, os.Args[1:])
}

// execute runs one command line and gives its exit code.
func execute(ctx context.Context, io streams, args []string) int {
	out := &printed{w: io.out, unread: io.interrupts.unread}
	io.out = out
	if io.screen != nil {
		io.screen = &printed{w: io.screen, unread: io.interrupts.unread}
	}
	root := newRoot(io)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	lost := out.lost()
	if err == nil || lost != nil && errors.Is(err, errors.Unwrap(lost)) {
		err, lost = lost, nil
	}
	if err == nil {
		return hearth.ExitDone
	}
	if _, left := errors.AsType[unread](err); left {
		return hearth.ExitInterrupted
	}
	code := explain(io, err, failed(cmd, args))
	if _, left := errors.AsType[unread](lost); lost != nil && !left {
		tell(io.err, lost)
	}
	return code
}

// newRoot builds the command tree. Building it opens and reads nothing: `hearth version`
// and completions must not pay for what they do not use.
func newRoot(io streams) *cobra.Command {
	opt := &options{}
	root := &cobra.Command{
		Use:   "hearth",
		Short: "The agent gateway for people who run language models at home",
		Long: "Hearth sits between you and the model servers you own. It runs agents with tools,\n" +
			"keeps conversations on disk, and never gives up on a local server that is alive.\n\n" +
			"Start with: hearth up",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
	}
	asksVersion := root.Flags().Bool("version", false, "print the version")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if *asksVersion {
			return printVersion(io.out)
		}
		return cmd.Help()
	}
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	root.SetFlagErrorFunc(misread)
	root.PersistentFlags().StringVar(&opt.config, "config", "", "config `FILE` to use instead of the first one found")
	root.AddCommand(
		newVersion(io), newUp(io, opt), newAgent(io, opt), newInfer(io, opt), newConfig(io, opt), newModels(io, opt), newSessions(io, opt), newWhy(io, opt), newOnboard(io, opt), newKeepService(io),
	)
	root.SetHelpCommand(newHelp(root))
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" { // a shell that it does not know is a mistake, not a wish for help
			c.Args, c.RunE = cobra.NoArgs, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
	strictArguments(root)
	explainCommands(root)
	return root
}

func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [command]", Short: "Help about any command",
		RunE: func(_ *cobra.Command, args []string) error {
			found, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usage(fmt.Errorf("there is no command %q", strings.Join(args, " ")))
			}
			return found.Help()
		},
	}
}

// options are the flags every command has.
type options struct {
	config string
}

// strictArguments turns cobra's complaints about arguments into usage errors.
func strictArguments(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return unknownWord(cmd, args, misused(cmd, err))
			}
			// The library looks at these later, and gives an error of its own.
			if err := cmd.ValidateFlagGroups(); err != nil {
				return misused(cmd, err)
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		strictArguments(sub)
	}
}

// misread is the error of a flag that a command does not have: where the word before it is
// no command either, that is what went wrong.
func misread(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); len(words) > 0 && cmd.HasAvailableSubCommands() {
		return unknownWord(cmd, words, misused(cmd, fmt.Errorf("unknown command %q for %q", words[0], cmd.CommandPath())))
	}
	return misused(cmd, err)
}

// misused is the error of a command line that its command cannot read.
func misused(cmd *cobra.Command, err error) error {
	return &hearth.Error{Op: "usage", Reason: hearth.ReasonUsage, Err: err,
		Cause: "It is written like this: " + cmd.UseLine(), Try: "Run " + cmd.CommandPath() + " --help to see what it takes."}
}

// unknownWord adds the nearest command there is, where a command was meant.
func unknownWord(cmd *cobra.Command, args []string, err error) error {
	if e, ok := errors.AsType[*hearth.Error](err); ok && len(args) > 0 && cmd.HasAvailableSubCommands() {
		e.Cause, e.Try = "There is no such command.", "Run "+cmd.CommandPath()+" --help for the list."
		cmd.SuggestionsMinimumDistance = 2
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			e.Try = "Did you mean " + cmd.CommandPath() + " " + near[0] + "?"
		}
	}
	return err
}

func usage(err error) error {
	return &hearth.Error{Op: "usage", Reason: hearth.ReasonUsage, Err: err,
		Cause: "The command line could not be understood.", Try: "Run the command with --help to see what it takes."}
}

// failed gives what makes a command's JSON of an error; nil where --json was not asked
// for. A command line that could not be understood may still say so.
func failed(cmd *cobra.Command, args []string) func(error) any {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	if !slices.Contains(args, "--json") && !slices.Contains(args, "--json=true") {
		return nil
	}
	switch name := cmd.CommandPath(); {
	case name == "hearth agent":
		return func(err error) any { return agentResult(nil, agent.Outcome{}, err, 0) }
	case strings.HasPrefix(name, "hearth infer"):
		return func(err error) any { return inferFailure(args, err) }
	default:
		return func(err error) any { return map[string]failure{"error": failureOf(err)} }
	}
}
