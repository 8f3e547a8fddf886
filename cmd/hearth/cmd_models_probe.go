package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/config"
	"hearth/model"
	"hearth/model/probe"
)

func newModelsProbe(s streams, opt *options) *cobra.Command {
	var asJSON, write bool
	cmd := &cobra.Command{Use: "probe [REF|ALIAS]", Short: "Ask a model, in a few small requests, for what its server does not say", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			word := strings.Join(args, "")
			res := probeJSON{Findings: []foundValue{}}
			err := withConfig(cmd.Context(), s, opt, func(ctx context.Context, a *app) error { return prober{a}.probe(ctx, word, write, &res) })
			res.OK = err == nil
			if !asJSON {
				if shown := printFindings(s, res); err == nil {
					err = shown
				}
				return err
			}
			if err != nil {
				res.Error = &failure{Kind: string(hearth.ReasonOf(err)), Message: err.Error()}
				tell(s.err, err)
			}
			printJSON(s.out, res)
			if err != nil {
				return errSilent{exitCode(err)}
			}
			return nil
		}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&write, "write", false, "put what was found into the model's compat block in the config")
	return cmd
}

// probeJSON is the shape of `models probe --json`.
type probeJSON struct {
	OK       bool   `json:"ok"`
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Requests int    `json:"requests"`
	// ReplayRequests are those of the separate test whether reasoning is to be sent back.
	ReplayRequests int          `json:"replayRequests,omitempty"`
	Findings       []foundValue `json:"findings"`
	// Replicas are the places of a model that is served in several: Findings are then what
	// is the same in all that answered, and theirs the rest.
	Replicas []probedPlace `json:"replicas,omitempty"`
	Written  []string      `json:"written,omitempty"` // compat keys
	Error    *failure      `json:"error,omitempty"`
}

// foundValue is one row of what a probe found.
type foundValue struct {
	Field    string `json:"field"`
	Value    string `json:"value"`
	Source   string `json:"source"` // the layer that decides: config stands over what a probe finds
	Evidence string `json:"evidence"`
}

func printFindings(s streams, res probeJSON) error {
	if len(res.Findings) == 0 {
		return printReplicas(s, res)
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "Field\tValue\tSource\tEvidence")
	for _, f := range res.Findings {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.Field, oneLine(f.Value), f.Source, oneLine(f.Evidence))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return printReplicas(s, res)
}

// prober finds out by asking, and keeps what it found.
type prober struct{ *app }

// probe asks the model wherever it is served, and keeps what it found. What was found
// before an error is in res all the same.
func (pr prober) probe(ctx context.Context, word string, write bool, res *probeJSON) error {
	own, _ := pr.file.Config.Agents.Agent("")
	if word == "" {
		word = own.Model.Primary
	}
	c, err := pr.targets.primary(ctx, choice{}, word)
	if err != nil {
		return err
	}
	res.Provider, res.Model = c.Ref.Provider, c.Ref.Model
	if c.client == nil {
		return &hearth.Error{Op: "probe", Reason: hearth.ReasonUsage, Err: errors.New("the demo model is no server"),
			Cause: "It is inside Hearth: there is nothing to find out.", Try: "Name a model of a server: hearth models list shows them."}
	}
	ours := pr.services.runs(ctx, c.Ref.Provider)
	pr.calls.awaken(ctx, choice{model: c.Ref.String()}, tellWait(pr.io.err))
	starts := configured(pr.file, c.Ref.Provider).LocalService
	ours = !ours && starts != nil && starts.IdleStopMS <= 0 && pr.services.runs(ctx, c.Ref.Provider) // it was started for this, and ends with it
	places := pr.probePlaces(ctx, c)
	if err = res.join(places); ctx.Err() != nil {
		err = places[len(places)-1].err
	}
	if !ours {
		pr.rewarm(ctx, pr.servers.known(ctx, c))
	}
	if err != nil || !write {
		return err
	}
	res.Written, err = pr.writeCompat(ctx, c.Ref, pr.agreed(places))
	return err
}

// findOut probes a target, which has one place, and keeps what was found.
func (pr prober) findOut(ctx context.Context, t model.Target, res *probedPlace) (model.Layer, error) {
	note := func(found probe.Result) {
		for _, f := range found.Findings {
			res.Findings = append(res.Findings, foundValue{f.Field, f.Value, deciding(t.Layers, found.Layer, f.Field), f.Evidence})
		}
	}
	keep := func(l model.Layer) {
		if err := pr.servers.cache.Probed(t.Endpoint.Origin, t.Ref.Model, l); err != nil {
			fmt.Fprintf(pr.io.err, "note: what was found is not kept: %s\n", oneLine(err.Error()))
		}
	}
	found, err := pr.probeInTurn(ctx, t, probe.Probe)
	res.Requests = found.Requests
	note(found)
	if err != nil {
		return found.Layer, err
	}
	keep(found.Layer)
	if found.Layer.Reasoning == nil || !*found.Layer.Reasoning {
		return found.Layer, nil
	}
	replay, err := pr.probeInTurn(ctx, t, probe.Replay)
	res.ReplayRequests = replay.Requests
	note(replay)
	if err != nil {
		return found.Layer, err
	}
	both := replay.Layer.Over(found.Layer)
	keep(both)
	return both, nil
}

// addKnown adds what is in force without the probe's doing: what the server says of
// itself, the config, the catalog; also where the probe could not find out.
func (pr prober) addKnown(ctx context.Context, c candidate, res *probedPlace) {
	t := pr.servers.known(ctx, c)
	res.Findings = append(res.Findings, foundValue{"protocol", t.Protocol, "config", "models.providers." + t.Ref.Provider + ".api, or its default"})
	for _, row := range t.Layers.Table() {
		at := slices.IndexFunc(res.Findings, func(f foundValue) bool { return f.Field == row.Field && f.Value != "unknown" })
		if at < 0 {
			res.Findings = append(res.Findings, foundValue{row.Field, row.Value, row.Source, row.Evidence})
		} else if f := &res.Findings[at]; f.Source == row.Source && f.Value != row.Value { // another layer has the say
			f.Value, f.Evidence = row.Value, "the probe found "+f.Value+": "+f.Evidence
		}
	}
}

// tellWait tells on standard error what is waited for, each thing once.
func tellWait(out io.Writer) func(hearth.Wait) {
	told := ""
	return func(w hearth.Wait) {
		if text := oneLine(waitLine(w, 0)); text != told {
			told = text
			if !strings.HasPrefix(text, "waiting ") {
				text = "waiting: " + text
			}
			fmt.Fprintln(out, text)
		}
	}
}

// probeInTurn probes under a slot in the last lane: whoever talks to the model goes
// first, and somebody in another process after the one request that is under way.
func (pr prober) probeInTurn(ctx context.Context, t model.Target, ask func(context.Context, probe.Subject) (probe.Result, error)) (probe.Result, error) {
	wait := tellWait(pr.io.err)
	held, ticket, err := pr.servers.slots.Acquire(ctx, model.Claim{Endpoint: t.Endpoint, Lane: model.LaneHousekeeping, Session: "probe", Model: t.Ref.Model}, wait)
	if err != nil {
		return probe.Result{}, err
	}
	if err := pr.services.serve(held, model.LaneOwner, t, wait); err != nil { // a person asked for this
		ticket.Done(true)
		return probe.Result{}, err
	}
	between := false // nothing of ours is at the server
	found, err := ask(held, probe.Subject{
		Provider: t.Provider, Protocol: t.Protocol, Base: model.Request{
			Model: t.Ref.Model, Capabilities: t.Layers.Merge(),
			ChatTemplateKwargs: t.Params.ChatTemplateKwargs, Options: t.Params.Options, ExtraBody: t.Params.ExtraBody,
		},
		Progress: func(check string) { fmt.Fprintf(pr.io.err, "asking: %s\n", check) },
		GiveWay: func(ctx context.Context) (bool, error) {
			others, err := ticket.GiveWay(ctx, wait)
			between = err != nil
			return others, err
		},
	})
	ticket.Done(between || hearth.ReasonOf(err) != hearth.ReasonCancelled)
	if err != nil && errors.Is(context.Cause(held), model.ErrYield) {
		err = &hearth.Error{Op: "probe", Reason: hearth.ReasonCancelled, Err: model.ErrYield, Cause: "Somebody needed the model.", Try: "Probe again when it is idle."}
	}
	return found, err
}

// deciding names the layer that decides a field once the probe counts too. What the probe
// could not find out decides nothing, whoever knows better.
func deciding(layers model.Layers, found model.Layer, field string) string {
	layers.Probe = found
	source := layers.Sources()[field]
	if (model.Layers{Probe: found}).Sources()[field] == "" || source == "" {
		return "probe"
	}
	return source
}

// writeCompat puts the fields of a compat block into the model's row, which is made where
// there is none, and gives their names.
func (pr prober) writeCompat(ctx context.Context, ref hearth.ModelRef, block compatBlock) ([]string, error) {
	at := slices.IndexFunc(pr.file.Config.Models.ProviderOrder, func(id string) bool { return strings.EqualFold(id, ref.Provider) })
	if at < 0 {
		return nil, &hearth.Error{Op: "probe --write", Reason: hearth.ReasonConfig, Err: fmt.Errorf("the config has no provider %q", ref.Provider),
			Cause: "What was found belongs to a model of models.providers.", Try: "Run hearth onboard first, then probe again."}
	}
	if len(block.keys()) == 0 {
		fmt.Fprintln(pr.io.err, "note: nothing was found that a compat block can say")
		return nil, nil
	}
	id := pr.file.Config.Models.ProviderOrder[at]
	path := "models.providers[" + quoted(id) + "].models"
	row, err := rowOf(pr.file, path, ref.Model)
	if err != nil {
		return nil, err
	}
	edit := config.Edit{Path: path, Value: jsonText([]compatRow{{ref.Model, block}}), StrictJSON: true, Merge: true}
	if row >= 0 {
		edit = config.Edit{Path: fmt.Sprintf("%s[%d].compat", path, row), Value: jsonText(block), StrictJSON: true, Merge: true}
	}
	if err := pr.edit(ctx, edit); err != nil {
		return nil, err
	}
	return block.keys(), nil
}

// rowOf gives the place of a model in the list of models at a path, as the file has it:
// entries that are no models count too. It is -1 where the model is in none.
func rowOf(file *config.File, path, model string) (int, error) {
	list, err := file.Get(path)
	if _, missing := errors.AsType[*config.NotFoundError](err); missing {
		return -1, nil
	}
	if err != nil {
		return -1, configError("models", err)
	}
	raw, err := list.JSON()
	if err != nil {
		return -1, configError("models", err)
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(raw, &rows); err != nil {
		return -1, &hearth.Error{Op: "probe --write", Reason: hearth.ReasonConfig, Err: fmt.Errorf("%s is no list", path),
			Cause: "A compat block belongs to a row of that list, and what stands there is something else.", Try: "Make it a list of models: [{id: \"" + model + "\"}]"}
	}
	return slices.IndexFunc(rows, func(row json.RawMessage) bool {
		var m struct{ ID string }
		return json.Unmarshal(row, &m) == nil && m.ID == model
	}), nil
}

// compatBlock is what a probe can put into a compat block.
type compatBlock struct {
	RequiresReasoningContent *bool    `json:"requiresReasoningContentOnAssistantMessages,omitempty"`
	RequiresStringContent    *bool    `json:"requiresStringContent,omitempty"`
	SupportsDeveloperRole    *bool    `json:"supportsDeveloperRole,omitempty"`
	SupportsTools            *bool    `json:"supportsTools,omitempty"`
	SupportsUsageInStreaming *bool    `json:"supportsUsageInStreaming,omitempty"`
	ThinkingFormat           *string  `json:"thinkingFormat,omitempty"`
	RefusedKeywords          []string `json:"unsupportedToolSchemaKeywords,omitempty"`
}

// compatRow is a row of a provider's models that says no more than that.
type compatRow struct {
	ID     string      `json:"id"`
	Compat compatBlock `json:"compat"`
}

// compatOf gives what a compat block can say of a layer: the way back from compatLayer,
// for what a probe finds.
func compatOf(l model.Layer) compatBlock {
	b := compatBlock{
		RequiresStringContent: l.StringContent, SupportsDeveloperRole: l.DeveloperRole, SupportsUsageInStreaming: l.StreamUsage,
		ThinkingFormat: l.ThinkingFormat, RefusedKeywords: l.RefusedKeywords, RequiresReasoningContent: l.ReplayThinking,
	}
	if l.Tools != nil && *l.Tools != model.ToolsText { // a block knows no calls in text
		b.SupportsTools = new(*l.Tools == model.ToolsNative)
	}
	return b
}

// keys gives the names of what is said.
func (b compatBlock) keys() []string {
	var out []string
	for field, value := range reflect.ValueOf(b).Fields() {
		if !value.IsNil() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			out = append(out, name)
		}
	}
	return out
}
