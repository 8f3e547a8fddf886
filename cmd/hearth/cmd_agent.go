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
	"hearth/prompt"
)

// errTimeout is the cause of a turn that ran out of --timeout.
var errTimeout = errors.New("the time of --timeout is over")

func newAgent(s streams, opt *options) *cobra.Command {
	var (
		c       choice
		message string
		files   []string
		timeout time.Duration
		asJSON  bool
		local   bool
	)
	cmd := &cobra.Command{
		Use:   "agent --message TEXT",
		Short: "Run one turn: ask, let the agent use its tools, print the answer",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := messageText(s, message)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			if timeout > 0 {
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
	f.Var((*patienceFlag)(&timeout), "timeout", "stop the turn after this long `TIME`: 90s, 10m; a bare number is seconds, 0 is no limit")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.BoolVar(&local, "local", false, "run here, not through a gateway (the only way there is)")
	return cmd
}

// patienceFlag is a duration on the command line; OpenClaw's seconds are one too.
type patienceFlag time.Duration

func (p *patienceFlag) String() string { return time.Duration(*p).String() }

func (p *patienceFlag) Type() string { return "duration" }

// Set reads it. Something that is no time, or a negative one, is refused.
func (p *patienceFlag) Set(s string) error {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		s += "s"
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return errors.New("it is like 90s or 10m, or a number of seconds")
	}
	*p = patienceFlag(d)
	return nil
}

// messageText gives the words of --message.
func messageText(s streams, message string) (string, error) {
	if message == "-" {
		b, err := io.ReadAll(s.in)
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
	var k *talk
	out, err := func() (agent.Outcome, error) {
		a, err := newApp(ctx, s, opt)
		if err != nil {
			return agent.Outcome{}, err
		}
		defer a.close()
		images, err := loadImages(in.files)
		if err != nil {
			return agent.Outcome{}, err
		}
		if k, err = a.open(ctx, in.choice); err != nil {
			return agent.Outcome{}, notKept(err)
		}
		defer k.close()
		var ask asker
		if in.choice.canAsk {
			ask = consent(s, newTerminalLines(s))
		}
		if in.choice.session == "new" {
			fmt.Fprintf(s.err, "session: %s\n", k.t.Info().Key.Name)
		}
		return k.say(ctx, prompt.Incoming{Text: in.text, Images: images}, in.json, ask)
	}()
	err = partial(out, err)
	if !in.json {
		return err
	}
	printJSON(s.out, agentResult(k, out, err, time.Since(began)))
	if err != nil {
		tell(s.err, err)
		return errSilent{exitCode(err)}
	}
	return nil
}

// The shape of `agent --json`: OpenClaw's fields, and ours under meta.hearth.
type agentJSON struct {
	Payloads []payload `json:"payloads"`
	Meta     agentMeta `json:"meta"`
}

type payload struct {
	Text     string  `json:"text"`
	MediaURL *string `json:"mediaUrl"`
	IsError  bool    `json:"isError,omitempty"`
}

type agentMeta struct {
	DurationMS     int64         `json:"durationMs"`
	AgentMeta      sessionMeta   `json:"agentMeta"`
	Aborted        bool          `json:"aborted"`
	FinalText      string        `json:"finalAssistantVisibleText"`
	StopReason     string        `json:"stopReason,omitempty"`
	ExecutionTrace traceMeta     `json:"executionTrace"`
	ToolSummary    toolSummary   `json:"toolSummary"`
	Error          *failure      `json:"error,omitempty"`
	Hearth         hearthDetails `json:"hearth"`
}

type sessionMeta struct {
	SessionID     string        `json:"sessionId"`
	Provider      string        `json:"provider"`
	Model         string        `json:"model"`
	ContextTokens int           `json:"contextTokens"`
	Usage         *hearth.Usage `json:"usage,omitempty"`
	LastCallUsage *hearth.Usage `json:"lastCallUsage,omitempty"`
}

type traceMeta struct {
	WinnerProvider string         `json:"winnerProvider"`
	WinnerModel    string         `json:"winnerModel"`
	Attempts       []attemptTrace `json:"attempts"`
	FallbackUsed   bool           `json:"fallbackUsed"`
}

type attemptTrace struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Reason   string `json:"reason,omitempty"`
	Error    string `json:"error,omitempty"`
}

type toolSummary struct {
	Calls int      `json:"calls"`
	Tools []string `json:"tools"`
}

// hearthDetails is what OpenClaw has no field for.
type hearthDetails struct {
	Session string   `json:"session"`
	Turn    string   `json:"turn"`
	Steps   int      `json:"steps"`
	Tools   []string `json:"tools"` // offered to the model
	// Catalogue are the tools behind tool_search, where there are too many to offer.
	Catalogue []string        `json:"catalogue,omitempty"`
	Lean      bool            `json:"localModelLean"`
	Reports   []hearth.Report `json:"reports"`
	// CostUSD is what the turn cost by the prices of the config or the catalog; left out
	// where a price is not known.
	CostUSD *float64 `json:"costUsd,omitempty"`
}

func agentResult(k *talk, out agent.Outcome, err error, took time.Duration) agentJSON {
	r := agentJSON{Meta: agentMeta{
		DurationMS: took.Milliseconds(), FinalText: out.Answer,
		ExecutionTrace: traceMeta{Attempts: []attemptTrace{}},
		ToolSummary:    toolSummary{Calls: len(out.Calls), Tools: distinct(out.Calls)},
	}}
	m := &r.Meta
	won := answered(out)
	if won {
		m.StopReason = string(out.Stop)
		m.ExecutionTrace.WinnerProvider, m.ExecutionTrace.WinnerModel = out.Target.Provider, out.Target.Model
	}
	m.AgentMeta = sessionMeta{Provider: out.Target.Provider, Model: out.Target.Model, ContextTokens: out.Window}
	if out.Usage != (hearth.Usage{}) {
		m.AgentMeta.Usage, m.AgentMeta.LastCallUsage = &out.Usage, &out.LastCall
	}
	for _, rep := range out.Reports {
		if won && rep.Reason != "" {
			m.ExecutionTrace.FallbackUsed = m.ExecutionTrace.FallbackUsed || rep.Target != out.Target
		}
		m.ExecutionTrace.Attempts = append(m.ExecutionTrace.Attempts, attemptTrace{rep.Target.Provider, rep.Target.Model, string(rep.Reason), rep.Error})
	}
	m.Hearth = hearthDetails{Turn: string(out.Turn), Steps: out.Steps, Reports: out.Reports, Tools: out.Tools, Catalogue: out.Catalogue}
	if m.Hearth.Reports == nil {
		m.Hearth.Reports = []hearth.Report{}
	}
	if m.Hearth.Tools == nil {
		m.Hearth.Tools = []string{}
	}
	if k != nil {
		info := k.t.Info()
		m.AgentMeta.SessionID, m.Hearth.Session = string(info.ID), info.Key.Name
		m.Hearth.Lean, m.Hearth.CostUSD = k.lean(k.choice), k.costOf(out.Reports)
	}
	if out.Answer != "" {
		r.Payloads = append(r.Payloads, payload{Text: out.Answer})
	}
	if err != nil {
		reason := hearth.ReasonOf(err)
		m.Aborted = reason == hearth.ReasonCancelled
		m.Error = &failure{Kind: string(reason), Message: err.Error()}
		r.Payloads = append(r.Payloads, payload{Text: err.Error(), IsError: true})
	}
	if out.Question != nil {
		r.Payloads = append(r.Payloads, payload{Text: "This needs your consent, and nobody could be asked: " + out.Question.Text, IsError: true})
	}
	if r.Payloads == nil {
		r.Payloads = []payload{}
	}
	return r
}

// answered reports whether a model gave the turn its end. Without it the outcome names
// the model that was to be asked, which is no winner.
func answered(out agent.Outcome) bool {
	n := len(out.Reports)
	return out.Answer != "" || n > 0 && out.Reports[n-1].Reason == ""
}

func distinct(names []string) []string {
	out := []string{}
	seen := map[string]bool{}
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}
