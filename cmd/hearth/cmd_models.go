package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/model"
	"hearth/model/catalog"
	"hearth/model/probe"
)

func newModels(s streams, opt *options) *cobra.Command {
	var st statusFlags
	cmd := &cobra.Command{Use: "models", Short: "See and choose models", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runStatus(cmd.Context(), s, opt, st) }}
	st.bind(cmd)
	cmd.AddCommand(newModelsList(s, opt), newModelsStatus(s, opt), newModelsSet(s, opt), newModelsAliases(s, opt), newModelsFallbacks(s, opt), newModelsAuth(s, opt), newModelsProbe(s, opt))
	return cmd
}

// listFlags choose what `models list` shows.
type listFlags struct {
	all, local, plain, json, refresh bool
	provider, agent                  string
}

func newModelsList(s streams, opt *options) *cobra.Command {
	var l listFlags
	cmd := &cobra.Command{Use: "list", Short: "List the models that can be chosen", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newApp(cmd.Context(), s, opt)
			if err != nil {
				return err
			}
			defer a.close()
			return (&modelList{app: a}).print(cmd.Context(), l)
		}}
	f := cmd.Flags()
	f.BoolVar(&l.all, "all", false, "also those of hosted providers that are not configured")
	f.BoolVar(&l.local, "local", false, "only models on this machine or network")
	f.StringVar(&l.provider, "provider", "", "only those of this provider, by its `ID` in the config")
	f.StringVar(&l.agent, "agent", "", "as the agent of this `ID` sees them")
	f.BoolVar(&l.plain, "plain", false, "print only the refs")
	f.BoolVar(&l.json, "json", false, "print one JSON object")
	f.BoolVar(&l.refresh, "refresh", false, "ask the servers what they have now; without it nothing is dialled")
	return cmd
}

// listedModel is a row of `models list --json`, in OpenClaw's fields.
type listedModel struct {
	Key           string   `json:"key"`
	Name          string   `json:"name"`
	Input         string   `json:"input"`
	ContextWindow int      `json:"contextWindow"`
	ContextTokens int      `json:"contextTokens,omitempty"`
	Local         bool     `json:"local"`
	Available     bool     `json:"available"`
	Tags          []string `json:"tags"`
	Missing       bool     `json:"missing"`

	layers map[string]string
}

// modelList makes the rows of `models list`.
type modelList struct {
	*app
	fresh []hearth.ModelRef      // what servers were just found to have
	asked map[string]*probe.Host // by origin, those that were just asked; nil gave no list
}

func (ml *modelList) print(ctx context.Context, l listFlags) error {
	if l.provider != "" {
		if _, ok := ml.roster.provider(l.provider); !ok {
			return ml.roster.unknownProvider(l.provider)
		}
	}
	if err := ml.knownAgent(l.agent); err != nil {
		return err
	}
	c := choice{agent: l.agent}
	if l.refresh {
		if err := ml.refresh(ctx, l.provider); err != nil {
			return err
		}
	}
	var rows []listedModel
	refs, tags := ml.refs(l), ml.tags(c)
	for _, ref := range refs {
		row := ml.listed(ctx, c, ref)
		row.Tags = append(append([]string{}, tags[ref]...), row.Tags...)
		if l.local && !row.Local || l.provider != "" && !strings.EqualFold(l.provider, ref.Provider) {
			continue
		}
		rows = append(rows, row)
	}
	switch {
	case l.json:
		printModelsJSON(ml.io.out, rows)
		return nil
	case l.plain:
		for _, r := range rows {
			fmt.Fprintln(ml.io.out, r.Key)
		}
		return nil
	}
	w := tabwriter.NewWriter(ml.io.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "Model\tInput\tCtx\tLocal\tAuth\tTags")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Key, r.Input, r.window(), yesNo(r.Local), yesNo(r.Available), strings.Join(r.Tags, ","))
	}
	switch {
	case len(refs) > 0 && len(rows) == 0:
		fmt.Fprintln(ml.io.err, "No model of the config is one of these.")
	case len(rows) == 0:
		fmt.Fprintln(ml.io.err, "No models are configured. hearth up looks for a server and writes a first config.")
	}
	return w.Flush()
}

func printModelsJSON(w io.Writer, rows []listedModel) {
	if rows == nil {
		rows = []listedModel{}
	}
	out := struct {
		Count  int           `json:"count"`
		Models []listedModel `json:"models"`
		Meta   listMeta      `json:"meta"`
	}{Count: len(rows), Models: rows}
	out.Meta.Hearth.Layers = map[string]map[string]string{}
	for _, r := range rows {
		out.Meta.Hearth.Layers[r.Key] = r.layers
	}
	printJSON(w, out)
}

// listMeta says which layer decided each capability of each model.
type listMeta struct {
	Hearth struct {
		Layers map[string]map[string]string `json:"layers"`
	} `json:"hearth"`
}

// refs gives every model that the config names, in its order: the default, the
// fallbacks, the providers' rows, the map of models; with --all also the catalog.
func (ml *modelList) refs(l listFlags) []hearth.ModelRef {
	var out []hearth.ModelRef
	seen := map[hearth.ModelRef]bool{{}: true}
	add := func(ref hearth.ModelRef) {
		if !seen[ref] {
			seen[ref] = true
			out = append(out, ref)
		}
	}
	cfg := ml.file.Config
	own, _ := cfg.Agents.Agent(l.agent)
	for _, word := range slices.Concat([]string{own.Model.Primary}, own.Model.Fallbacks) {
		if ref, err := ml.roster.resolve(l.agent, word); err == nil {
			add(ref)
		}
	}
	for _, id := range cfg.Models.ProviderOrder {
		for _, m := range cfg.Models.Providers[id].Models {
			add(hearth.ModelRef{Provider: strings.ToLower(id), Model: m.ID})
		}
	}
	for _, word := range cfg.Agents.Defaults.ModelOrder {
		if ref, err := ml.roster.resolve(l.agent, word); err == nil && ref.Model != "*" {
			add(ref)
		}
	}
	if l.all && cfg.Models.Mode != "replace" {
		for m := range catalog.Models("") {
			add(m.Ref)
		}
	}
	for _, ref := range ml.fresh {
		add(ref)
	}
	return out
}

func (ml *modelList) listed(ctx context.Context, c choice, ref hearth.ModelRef) listedModel {
	r := listedModel{Key: ref.String(), Name: ref.Model, Input: "text", Tags: []string{}}
	p, there := ml.roster.provider(ref.Provider)
	row, listed := p.Model(ref.Model)
	if row.Name != "" {
		r.Name = row.Name
	}
	if !there {
		r.Missing = true
		r.Tags = append(r.Tags, "missing")
		return r
	}
	t, err := ml.targets.target(ctx, c, ref.String())
	if err != nil { // it cannot be asked; what the config says of it stays true
		r.Missing = !listed
		p, _, _, _ = ml.roster.row(ref)
		at, err := model.ParseEndpoint(p.BaseURL)
		if err != nil {
			return r
		}
		t = candidate{Target: ml.roster.outline(c, ref, at), client: model.NewClient(model.ClientConfig{Endpoint: at})}
	}
	if err == nil && ml.absent(ref, t) {
		r.Missing = true
		r.Tags = append(r.Tags, "missing")
	}
	known := ml.servers.remembered(t)
	caps := known.Layers.Merge()
	if caps.Vision {
		r.Input = "text+image"
	}
	r.ContextWindow = max(caps.Window, caps.TrainedMax)
	if caps.Window < r.ContextWindow {
		r.ContextTokens = caps.Window
	}
	r.Local = known.Locality().Own()
	r.Available = err == nil && (t.client != nil && t.client.HasCredential() || known.Endpoint.Locality.Own())
	r.layers = known.Layers.Sources()
	return r
}

// window is what a conversation may fill, and behind it what the model is said to have where
// its server, or its owner, gives less.
func (r *listedModel) window() string {
	if r.ContextTokens > 0 {
		return thousands(r.ContextTokens) + "/" + thousands(r.ContextWindow)
	}
	return thousands(r.ContextWindow)
}

// tags says of each model that the config speaks of what it says.
func (ml *modelList) tags(c choice) map[hearth.ModelRef][]string {
	tags := map[hearth.ModelRef][]string{}
	add := func(word string, say ...string) {
		if ref, err := ml.roster.resolve(c.agent, word); err == nil {
			tags[ref] = append(tags[ref], say...)
		}
	}
	cfg := ml.file.Config
	own, _ := cfg.Agents.Agent(c.agent)
	if ref := ml.roster.chosenRef(c); ref != (hearth.ModelRef{}) {
		tags[ref] = append(tags[ref], "default")
	}
	for i, word := range own.Model.Fallbacks {
		add(word, fmt.Sprintf("fallback#%d", i+1))
	}
	if word := cfg.Agents.Defaults.ImageModel.Primary; word != "" {
		add(word, "image")
	}
	for _, word := range cfg.Agents.Defaults.ModelOrder {
		say := []string{"configured"}
		if alias := cfg.Agents.Defaults.Models[word].Alias; alias != "" {
			say = append(say, "alias:"+alias)
		}
		add(word, say...)
	}
	return tags
}

func thousands(n int) string {
	if n == 0 {
		return "-" // nobody knows
	}
	if n < 1024 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%dk", n/1024)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
