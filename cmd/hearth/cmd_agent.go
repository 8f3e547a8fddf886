package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/agent"
	"hearth/internal/terminal"
	"hearth/prompt"
)

// errTimeout is the cause of a turn that ran out of --timeout.
var errTimeout = errors.New("the time of --timeout is over")

func newAgent(s streams, opt *options) *cobra.Command {
	var (
		c       choice
		message string
		files   []string
		asJSON  bool
		local   bool
	)
	cmd := &cobra.Command{
		Use:   "agent --message TEXT",
		Short: "Run one turn: ask, let the agent use its tools, print the answer",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := messageText(cmd.Context(), s, message)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			if timeout := c.timeout.Duration; timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeoutCause(ctx, timeout, errTimeout)
				defer cancel()
			}
			c.canAsk = s.person() && !asJSON
			return runAgent(ctx, s, opt, agentRequest{choice: c, text: text, files: files, json: asJSON})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&message, "message", "m", "", "the message, as `TEXT`; - reads standard input")
	f.StringVar(&c.session, "session", "main", "`NAME` of the conversation to go on with; new begins one")
	f.StringVar(&c.session, "session-id", "main", "the same as --session `NAME`, for OpenClaw's sake")
	f.StringVar(&c.agent, "agent", "", "`ID` of the agent in the config to use")
	f.StringVar(&c.model, "model", "", "`MODEL`, as provider/model or an alias; the configured one otherwise")
	f.StringVar(&c.thinking, "thinking", "", "how much the model should think, as a `LEVEL` that it has: off, low, medium, high, …")
	f.StringVar(&c.workspace, "workspace", "", "`FOLDER` the agent works in; the configured one otherwise")
	f.StringArrayVar(&files, "file", nil, "image `FILE` to show to the model (repeatable)")
	f.Var(&c.timeout, "timeout", "stop the turn after this long `TIME`, whatever the config says: 90s, 10m; a bare number is seconds, 0 is no limit")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.BoolVar(&local, "local", false, "run here, not through a gateway (the only way there is)")
	return cmd
}

// timeLimit is a duration on the command line; OpenClaw's seconds are one too.
type timeLimit struct {
	time.Duration
	given bool // a limit of 0 that was asked for lifts those of the config
}

func (l *timeLimit) Type() string { return "duration" }

// Set reads it. Something that is no time, or a negative one, is refused.
func (l *timeLimit) Set(s string) error {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		s += "s"
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return errors.New("it is like 90s or 10m, or a number of seconds")
	}
	*l = timeLimit{d, true}
	return nil
}

// messageText gives the words of --message.
func messageText(ctx context.Context, s streams, message string) (string, error) {
	if message == "-" {
		in := terminal.NewInput(s.in)
		b, err := io.ReadAll(in.Under(ctx))
		if err := interrupted(ctx, "read standard input"); err != nil {
			return "", err
		}
		if err != nil {
			return "", fmt.Errorf("read standard input: %w", err)
		}
		message = string(b)
	}
	if strings.TrimSpace(message) == "" {
		return "", &hearth.Error{Op: "usage", Reason: hearth.ReasonUsage, Err: errors.New("--message is empty"),
			Cause: "There is nothing to answer.", Try: "Write hearth agent --message \"Hello\", or hearth up for a chat."}
	}
	return message, nil
}

// agentRequest is one call of `hearth agent`.
type agentRequest struct {
	choice choice
	text   string
	files  []string
	json   bool
}

func runAgent(ctx context.Context, s streams, opt *options, in agentRequest) error {
	began := time.Now()
	var (
		k      *talk
		turned turnRecord
	)
	out, err := func() (agent.Outcome, error) {
		a, err := newApp(ctx, s, opt)
		if err != nil {
			return agent.Outcome{}, tooLate(ctx, err)
		}
		defer a.close()
		images, err := loadImages(in.files)
		if err != nil {
			return agent.Outcome{}, err
		}
		if k, err = a.open(ctx, in.choice); err != nil {
			return agent.Outcome{}, notKept(partial(agent.Outcome{}, overdue(ctx, err)))
		}
		defer k.close()
		var ask asker
		if in.choice.canAsk {
			ask = consent(s, s.editor())
		}
		if in.choice.session == "new" {
			fmt.Fprintf(s.err, "session: %s\n", k.t.Info().Key.Name)
		}
		if in.json {
			k.calls.raw = new(rawText)
		}
		out, err := k.say(ctx, prompt.Incoming{Text: in.text, Images: images}, in.json, ask)
		if in.json {
			turned = k.record(context.WithoutCancel(ctx), out)
		}
		return out, err
	}()
	err = partial(out, overdue(ctx, err))
	if !in.json {
		return err
	}
	res := agentResult(k, out, err, time.Since(began))
	res.Meta.add(turned)
	printJSON(s.out, res)
	if err != nil {
		tell(s.err, err)
		return errSilent{exitCode(err)}
	}
	return nil
}

// overdue gives what ended a command where a part of it, such as the store, knows only that
// its time was over.
func overdue(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && errors.Is(context.Cause(ctx), errTimeout) {
		return errTimeout
	}
	return err
}

// tooLate is overdue for a message that was not kept by then.
func tooLate(ctx context.Context, err error) error {
	if err = overdue(ctx, err); errors.Is(err, errTimeout) {
		return notKept(partial(agent.Outcome{}, err))
	}
	return err
}

// partial gives an error its exit code: part of an answer was shown before it.
func partial(out agent.Outcome, err error) error {
	if errors.Is(err, errTimeout) && hearth.ReasonOf(err) != hearth.ReasonTimeout { // else it is said already what took the time
		err = &hearth.Error{Op: "turn", Reason: hearth.ReasonTimeout, Err: errTimeout,
			Cause: "The turn took longer than --timeout allows.", Try: "Give it more time, or leave --timeout out: a living local server is waited for."}
	}
	if out.Partial && hearth.ReasonOf(err) != hearth.ReasonCancelled {
		if e, ok := errors.AsType[*hearth.Error](err); ok && e.Reason.ExitCode() != hearth.ExitPartial {
			kept := *e
			kept.Reason = hearth.ReasonCut
			return &kept
		}
	}
	return err
}
