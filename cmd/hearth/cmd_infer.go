package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/model"
)

func newInfer(s streams, opt *options) *cobra.Command {
	infer := &cobra.Command{Use: "infer", Aliases: []string{"capability"}, Short: "Use a model without an agent", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	models := &cobra.Command{Use: "model", Short: "Ask a model", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	models.AddCommand(newInferRun(s, opt))
	infer.AddCommand(models)
	return infer
}

func newInferRun(s streams, opt *options) *cobra.Command {
	var (
		c              choice
		text           string
		files          []string
		local, gateway bool
		asJSON         bool
	)
	cmd := &cobra.Command{
		Use:   "run --prompt TEXT",
		Short: "Send only this prompt: no system text, no tools, no conversation",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runInfer(cmd.Context(), s, opt, c, inferRequest{text: text, files: files, gateway: gateway, json: asJSON})
		},
	}
	f := cmd.Flags()
	f.StringVar(&text, "prompt", "", "the prompt, as `TEXT`")
	f.StringVar(&c.model, "model", "", "`MODEL`, as provider/model or an alias; the configured one otherwise")
	f.StringVar(&c.agent, "agent", "", "`ID` of the agent in the config whose model to use")
	f.StringVar(&c.thinking, "thinking", "", "how much the model should think, as a `LEVEL` that it has")
	f.StringArrayVar(&files, "file", nil, "image `FILE` to show to the model (repeatable)")
	f.BoolVar(&local, "local", true, "ask the model server from this process")
	f.BoolVar(&gateway, "gateway", false, "ask through a running gateway")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.MarkFlagsMutuallyExclusive("local", "gateway")
	return cmd
}

type inferRequest struct {
	text    string
	files   []string
	gateway bool
	json    bool
}

// inferJSON is the shape of `infer model run --json`.
type inferJSON struct {
	OK         bool           `json:"ok"`
	Capability string         `json:"capability"`
	Transport  string         `json:"transport"`
	Provider   string         `json:"provider"`
	Model      string         `json:"model"`
	Attempts   []attemptTrace `json:"attempts"`
	Outputs    []inferOutput  `json:"outputs"`
	Error      *failure       `json:"error,omitempty"`
	Meta       *inferMeta     `json:"meta,omitempty"`
}

type inferOutput struct {
	Text     string  `json:"text"`
	MediaURL *string `json:"mediaUrl"`
}

type inferMeta struct {
	Hearth inferDetails `json:"hearth"`
}

type inferDetails struct {
	Usage   hearth.Usage    `json:"usage"`
	Stop    string          `json:"stop"`
	Reports []hearth.Report `json:"reports"`
}

// newInferJSON is the result before anything was asked.
func newInferJSON(gateway bool) inferJSON {
	transport := "local"
	if gateway {
		transport = "gateway"
	}
	return inferJSON{Capability: "model.run", Transport: transport, Attempts: []attemptTrace{}, Outputs: []inferOutput{}}
}

// inferFailure is the result of a command line that could not be understood.
func inferFailure(args []string, err error) inferJSON {
	res, told := newInferJSON(slices.Contains(args, "--gateway")), failureOf(err)
	res.Error = &told
	return res
}

func runInfer(ctx context.Context, s streams, opt *options, c choice, in inferRequest) error {
	res := newInferJSON(in.gateway)
	if ref, ok := model.ParseRef(c.model); ok { // until the config was read
		res.Provider, res.Model = ref.Provider, ref.Model
	}
	err := infer(ctx, s, opt, c, in, &res)
	res.OK = err == nil
	if !in.json {
		return err
	}
	if err != nil {
		told := failureOf(err)
		res.Error = &told
		tell(s.err, err)
	}
	printJSON(s.out, res)
	if err != nil {
		return errSilent{exitCode(err)}
	}
	return nil
}

// infer sends the prompt and fills in the result.
func infer(ctx context.Context, s streams, opt *options, c choice, in inferRequest, res *inferJSON) error {
	if strings.TrimSpace(in.text) == "" {
		return usage(errors.New("--prompt is empty"))
	}
	if in.gateway {
		return &hearth.Error{Op: "infer", Reason: hearth.ReasonUnreachable, Err: errors.New("no gateway is running"),
			Cause: "This version of Hearth has no gateway process yet.", Try: "Leave out --gateway: --local asks the model server directly."}
	}
	a, err := newApp(ctx, s, opt)
	if err != nil {
		return err
	}
	defer a.close()
	if ref, err := a.roster.resolve(c.agent, c.model); err == nil {
		res.Provider, res.Model = ref.Provider, ref.Model
	}
	images, err := loadImages(in.files)
	if err != nil {
		return err
	}
	p := newPresenter(s, in.json, a.journal.happened)
	a.calls.awaken(ctx, c, func(w hearth.Wait) { p.Emit(hearth.Event{Kind: hearth.EventWait, Wait: w}) })
	chain, err := a.targets.chain(ctx, c)
	if err != nil {
		p.Close()
		a.journal.logFailure(err)
		return err
	}
	res.Provider, res.Model = chain[0].Ref.Provider, chain[0].Ref.Model
	text, details, err := a.calls.ask(ctx, chain, bare(in.text, images), p)
	p.Close()
	for _, rep := range details.Reports {
		res.Attempts = append(res.Attempts, attempt(rep))
		res.Provider, res.Model = rep.Target.Provider, rep.Target.Model
	}
	res.Meta = &inferMeta{details}
	if text != "" {
		res.Outputs = append(res.Outputs, inferOutput{Text: text})
	}
	if err == nil && strings.TrimSpace(text) == "" {
		err = &hearth.Error{Op: "infer", Reason: hearth.ReasonEmpty, Cause: "The model finished without a word.", Try: "Ask again, or with --thinking off."}
	}
	return err
}
