package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"hearth"
	"hearth/config"
	"hearth/internal/machine"
	"hearth/model"
	"hearth/model/probe"
)

// discoveryOff is the value of HEARTH_DISCOVER that keeps Hearth from looking for
// servers that nobody named.
const discoveryOff = "off"

// finder looks for a server to talk to, and writes a first config for it.
type finder struct{ *app }

// settle makes sure that there is a model to talk to: a server that was named, the
// config's, or one that is found on this machine; the first one found is written into
// the config. found lists every server that answered.
func (f finder) settle(ctx context.Context, server string) (found []probe.Host, err error) {
	named := server != ""
	if !named && f.roster.chosenRef(choice{}) != (hearth.ModelRef{}) {
		return nil, nil
	}
	search := probe.Search{}
	if named {
		root, err := serverRoot(server)
		if err != nil {
			return nil, err
		}
		if err := mayLook(server, root); err != nil {
			return nil, err
		}
		search = probe.Search{Bases: []string{root}, Client: privateClient(serverFlag, ""), Timeout: 5 * time.Second}
	} else if os.Getenv("HEARTH_DISCOVER") == discoveryOff {
		return nil, nil
	}
	found = probe.Discover(ctx, search)
	f.roster.seen = found
	if err := ctx.Err(); err != nil {
		return nil, &hearth.Error{Op: "look for model servers", Reason: hearth.ReasonCancelled, Err: context.Cause(ctx)}
	}
	host, m, ok := probe.Choose(found, machine.MemoryBytes())
	if !ok {
		if named {
			return found, nothingThere(ctx, server, search.Bases[0], found)
		}
		return found, nil
	}
	f.others(found, host)
	f.adopt(ctx, host, m)
	return found, nil
}

// serverRoot reads the URL of --server: the scheme may be left out, and so may /v1 and
// what stands behind it.
func serverRoot(raw string) (string, error) {
	bare := !strings.Contains(raw, "://")
	if bare {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	// One word alone is more likely a mistake than a host whose model server has port 80.
	word := bare && err == nil && u.Port() == "" && u.Host != "localhost" && !strings.ContainsAny(u.Host, ".:")
	if err != nil || u.Host == "" || word || u.Scheme != "http" && u.Scheme != "https" {
		return "", usage(fmt.Errorf("--server %q is no address: it looks like http://host:port", raw))
	}
	u.Path = strings.TrimSuffix(model.Bare(u.Path), "/v1")
	u.RawQuery, u.Fragment = "", ""
	return u.String(), nil
}

// The flags that name a server.
const (
	serverFlag = "--server"
	customFlag = "--custom-base-url"
)

// privateClient reaches the one origin that the person named with a flag, also on a private
// network.
func privateClient(flag, key string) func(base string) (*model.Client, error) {
	return func(base string) (*model.Client, error) {
		at, err := model.ParseEndpoint(base)
		if err != nil {
			return nil, err
		}
		return model.NewClient(model.ClientConfig{Endpoint: at, Flag: flag, AllowPrivateNetwork: true, APIKey: key}), nil
	}
}

// mayLook refuses to look at a public host: nothing is sent to one without a key.
func mayLook(server, root string) error {
	at, err := model.ParseEndpoint(root)
	if err != nil {
		return usage(fmt.Errorf("--server %q is no address", server))
	}
	if at.Locality != hearth.LocalityHosted {
		return nil
	}
	return &hearth.Error{Op: "look at " + server, Reason: hearth.ReasonNoCredential, Err: errors.New("that is a public host, and no key for it is known"),
		Cause: "Hearth sends nothing to a public host without a credential, so it was not asked.",
		Try:   "Run hearth onboard --custom-base-url " + root + "/v1 --custom-model-id ID --custom-api-key KEY"}
}

// others says which further servers were found; they are not made fallbacks.
func (f finder) others(found []probe.Host, chosen probe.Host) {
	for _, h := range found {
		if h.Mute {
			fmt.Fprintf(f.io.err, "also %s; not used\n", lackLine(h, lackOf(h)))
			continue
		}
		if h.Root != chosen.Root {
			fmt.Fprintf(f.io.err, "also found %s at %s (%d models); not used, add it to the config if you want it\n", h.Kind.Name(), h.Root, len(h.Models))
		}
	}
}

// adopt writes a found server into the config and takes it into use. Where the config
// cannot be written, it is used for this run.
func (f finder) adopt(ctx context.Context, h probe.Host, m probe.Model) {
	id, p := f.roster.found(h, m)
	edits := firstConfig(id, p, m.ID)
	if isPrivate(h.Root) {
		fmt.Fprintf(f.io.err, "allowing this one address on your network: %s (request.allowPrivateNetwork of provider %s)\n", h.Root, id)
	}
	if err := f.write(ctx, edits); err != nil {
		f.roster.extra = map[string]config.Provider{id: p}
		f.roster.preferred = hearth.ModelRef{Provider: id, Model: m.ID}
		fmt.Fprintf(f.io.err, "note: the config could not be written (%s); %s is used for now\n", oneLine(err.Error()), h.Kind.Name())
		return
	}
	fmt.Fprintf(f.io.err, "found %s at %s; wrote %s\n", h.Kind.Name(), h.Root, f.file.Path())
}

// providerEntry is a provider with one model. Its own network is allowed where root is
// on one.
func providerEntry(baseURL, api, root string, m probe.Model) config.Provider {
	p := config.Provider{BaseURL: baseURL, API: api}
	row := config.Model{ID: m.ID, Name: m.ID, Reasoning: m.Reasoning, Input: []string{"text"}}
	if m.Vision != nil && *m.Vision {
		row.Input = append(row.Input, "image")
	}
	p.Models = []config.Model{row}
	if isPrivate(root) {
		p.Request.AllowPrivateNetwork = new(true)
	}
	return p
}

// customID names a provider after its address.
func customID(root string) string {
	u, err := url.Parse(root)
	if err != nil {
		return "custom"
	}
	id := "custom-" + strings.NewReplacer(".", "-", ":", "-", "[", "", "]", "").Replace(u.Host)
	return strings.ToLower(id)
}

func isPrivate(root string) bool {
	e, err := model.ParseEndpoint(root)
	return err == nil && e.Locality != hearth.LocalityMachine && e.Locality != hearth.LocalityHosted
}

// writtenProvider is a provider as the first config holds it, in this order.
type writtenProvider struct {
	BaseURL string          `json:"baseUrl"`
	API     string          `json:"api"`
	APIKey  string          `json:"apiKey,omitempty"`
	Request *writtenRequest `json:"request,omitempty"`
	Models  []writtenModel  `json:"models"`
}

type writtenRequest struct {
	AllowPrivateNetwork bool `json:"allowPrivateNetwork"`
}

type writtenModel struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Reasoning *bool    `json:"reasoning,omitempty"`
	Input     []string `json:"input"`
}

// firstConfig is what a found server adds to a config.
func firstConfig(id string, p config.Provider, modelID string) []config.Edit {
	w := writtenProvider{BaseURL: p.BaseURL, API: p.API}
	if p.Request.AllowPrivateNetwork != nil && *p.Request.AllowPrivateNetwork {
		w.Request = &writtenRequest{AllowPrivateNetwork: true}
	}
	for _, m := range p.Models {
		w.Models = append(w.Models, writtenModel{ID: m.ID, Name: m.Name, Reasoning: m.Reasoning, Input: m.Input})
	}
	return []config.Edit{
		{Path: "models.mode", Value: `"merge"`, StrictJSON: true},
		{Path: "models.providers[" + quoted(id) + "]", Value: jsonText(w), StrictJSON: true, Merge: true},
		{Path: "agents.defaults.model", Value: jsonText(map[string]string{"primary": id + "/" + modelID}), StrictJSON: true, Merge: true},
	}
}

func quoted(s string) string { return jsonText(s) }

// jsonText writes a value of ours, which always encodes.
func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

// printFound lists what discovery found, or says whether the configured server is there.
func (f finder) printFound(ctx context.Context, found []probe.Host) {
	if ref := f.roster.chosenRef(choice{}); ref != (hearth.ModelRef{}) {
		fmt.Fprintf(f.io.out, "model %s, config %s\n", ref, f.configLine())
		t, err := f.targets.target(ctx, choice{}, ref.String())
		if p, _ := f.roster.provider(ref.Provider); err == nil && p.LocalService == nil && f.servers.quiet(f.servers.known(ctx, t)) {
			fmt.Fprintf(f.io.out, "%s %s\n", t.Endpoint.Written(), quietNow)
		}
	}
	for _, h := range found {
		if _, _, usable := probe.Choose([]probe.Host{h}, machine.MemoryBytes()); usable {
			fmt.Fprintf(f.io.out, "%s at %s: %s\n", h.Kind.Name(), h.Root, strings.Join(h.IDs(), ", "))
			continue
		}
		l := lackOf(h)
		fmt.Fprintf(f.io.out, "%s\n  %s\n", lackLine(h, l), l.try)
	}
	if len(found) == 0 && f.roster.chosenRef(choice{}) == (hearth.ModelRef{}) {
		fmt.Fprintln(f.io.out, "No model server was found on this machine. The demo model answers until there is one.")
		fmt.Fprintln(f.io.out, "Start one and run hearth up again, name one elsewhere with hearth up --server URL, or run hearth onboard.")
	}
}
