package main

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/config"
	"hearth/internal/machine"
	"hearth/model"
	"hearth/model/catalog"
	"hearth/model/probe"
)

// onboarding is the flags of `hearth onboard`, in OpenClaw's names.
type onboarding struct {
	nonInteractive, acceptRisk, skipHealth bool
	authChoice                             string
	baseURL, modelID, apiKey, providerID   string
	compatibility, secretMode              string
	compatible                             bool // the protocol was named, and is the one that is written
	imageInput, textInput                  bool
	lmstudioKey, workspace                 string
}

func newOnboard(s streams, opt *options) *cobra.Command {
	var o onboarding
	cmd := &cobra.Command{
		Use:   "onboard",
		Short: "Write the config for a model server",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.compatible = cmd.Flags().Changed("custom-compatibility")
			return withConfig(cmd.Context(), s, opt, func(ctx context.Context, a *app) error { return onboarder{a}.onboard(ctx, o) })
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.nonInteractive, "non-interactive", false, "ask nothing, also at a terminal")
	f.StringVar(&o.authChoice, "auth-choice", "", "`KIND` of server: custom-api-key, lmstudio, ollama, vllm, sglang or litellm-api-key")
	f.StringVar(&o.baseURL, "custom-base-url", "", "address of the server, as a `URL`")
	f.StringVar(&o.modelID, "custom-model-id", "", "the model's `ID` at the server; its best one otherwise, where the kind is known")
	f.StringVar(&o.apiKey, "custom-api-key", "", "`KEY`, where the server wants one; $CUSTOM_API_KEY otherwise")
	f.StringVar(&o.providerID, "custom-provider-id", "", "`ID` that the provider gets in the config; one from the address otherwise")
	f.StringVar(&o.compatibility, "custom-compatibility", "openai", "`PROTOCOL` of a custom server: openai or anthropic")
	f.BoolVar(&o.imageInput, "custom-image-input", false, "the model sees images")
	f.BoolVar(&o.textInput, "custom-text-input", false, "the model reads text only")
	f.StringVar(&o.secretMode, "secret-input-mode", "plaintext", "`MODE` of keeping the key: plaintext writes it, ref a reference to $CUSTOM_API_KEY")
	f.StringVar(&o.lmstudioKey, "lmstudio-api-key", "", "`KEY` of LM Studio, where it wants one")
	f.StringVar(&o.workspace, "workspace", "", "`FOLDER` the agent works in, if it is not to stay as it is")
	f.BoolVar(&o.acceptRisk, "accept-risk", false, "changes nothing; accepted for OpenClaw's sake")
	f.BoolVar(&o.skipHealth, "skip-health", false, "write the config without asking the server")
	cmd.MarkFlagsMutuallyExclusive("custom-image-input", "custom-text-input")
	return cmd
}

// usualServers are the addresses behind --auth-choice.
var usualServers = map[string]struct{ root, provider, api string }{
	"lmstudio":        {"http://127.0.0.1:1234", "lmstudio", config.OpenAIResponses},
	"ollama":          {"http://127.0.0.1:11434", "ollama", config.Ollama},
	"vllm":            {"http://127.0.0.1:8000", "vllm", config.OpenAICompletions},
	"sglang":          {"http://127.0.0.1:30000", "sglang", config.OpenAICompletions},
	"litellm-api-key": {"http://127.0.0.1:4000", "litellm", config.OpenAICompletions},
}

// onboarder writes the config for a server.
type onboarder struct{ *app }

func (b onboarder) onboard(ctx context.Context, o onboarding) error {
	if o.authChoice == "" && o.baseURL != "" {
		o.authChoice = "custom-api-key"
	}
	if o.authChoice == "" {
		switch {
		case o.nonInteractive:
			return onboardError("missing_required", "--auth-choice or --custom-base-url is needed")
		case !b.io.person():
			return onboardError("missing_required", "nobody is there to be asked; use --non-interactive with --auth-choice")
		}
		return b.asking(ctx, o)
	}
	e, err := o.entry()
	if err != nil {
		return err
	}
	key, err := o.keyEdit(b.app)
	if err != nil {
		return err
	}
	if !o.skipHealth {
		if err := b.look(ctx, o, &e); err != nil {
			return err
		}
	}
	if e.model.ID == "" {
		return onboardError("missing_required", "--custom-model-id is needed: the server named no model")
	}
	sees, known := catalog.SeesImages(e.model.ID)
	switch {
	case o.textInput:
		e.model.Vision = nil
	case o.imageInput || known && sees:
		e.model.Vision = new(true)
	}
	e.key, e.workspace = key, o.workspace
	b.tellKeyless(o, e)
	return b.writeEntry(ctx, e)
}

// entry is what onboarding writes.
type entry struct {
	provider, root, baseURL, api string
	model                        probe.Model
	key                          string // as JSON: a text or a SecretRef; "" = none
	workspace                    string // "" = as it is
	fixed                        bool   // the person named the provider: an entry of that name is changed
}

var providerName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// entry reads the flags.
func (o onboarding) entry() (entry, error) {
	e := entry{model: probe.Model{ID: strings.TrimSpace(o.modelID)}}
	usual, known := usualServers[o.authChoice]
	switch {
	case known:
		e.root, e.provider, e.api = usual.root, usual.provider, usual.api
		if o.baseURL != "" {
			e.root = o.baseURL
		}
	case o.authChoice == "custom-api-key":
		if o.baseURL == "" || e.model.ID == "" {
			return e, onboardError("missing_required", "--custom-base-url and --custom-model-id are needed")
		}
		e.root = o.baseURL
		switch o.compatibility {
		case "openai":
			e.api = config.OpenAICompletions
		case "anthropic":
			e.api = config.AnthropicMessages
		default:
			return e, onboardError("invalid_compatibility", fmt.Sprintf("%q is neither openai nor anthropic", o.compatibility))
		}
	default:
		return e, onboardError("missing_required", fmt.Sprintf("--auth-choice %q is not one of custom-api-key, lmstudio, ollama, vllm, sglang, litellm-api-key", o.authChoice))
	}
	u, err := url.Parse(e.root)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return e, onboardError("invalid_base_url", fmt.Sprintf("%q is no http address", e.root))
	}
	u.Path = model.Bare(u.Path)
	e.baseURL = u.String()
	u.Path = strings.TrimSuffix(u.Path, "/v1")
	e.root = u.String()
	if known && e.api != config.Ollama && !strings.HasSuffix(e.baseURL, "/v1") {
		e.baseURL += "/v1"
	}
	if o.compatible && e.api == config.OpenAICompletions && u.Path == "" && u.Port() == "11434" {
		e.baseURL = e.root + "/v1" // Ollama's usual address, and where it speaks OpenAI's protocol
	}
	if o.providerID != "" {
		e.provider, e.fixed = strings.ToLower(o.providerID), true
	}
	if e.provider == "" {
		e.provider = customID(e.root)
	}
	if !providerName.MatchString(e.provider) {
		return e, onboardError("invalid_provider_id", fmt.Sprintf("%q cannot be a provider id", e.provider))
	}
	if strings.ContainsAny(e.model.ID, "\n\t ") {
		return e, onboardError("invalid_model_id", fmt.Sprintf("%q cannot be a model id", e.model.ID))
	}
	return e, nil
}

// look asks the server whether it is there, and which model it has when none was named.
// It fails only when it is stopped.
func (b onboarder) look(ctx context.Context, o onboarding, e *entry) error {
	if catalogHost(e.baseURL) || o.key(b.app) != "" && !isHome(e.root) {
		return nil // a vendor is not asked before the first message
	}
	found := probe.Discover(ctx, probe.Search{Bases: []string{e.root}, Client: privateClient(customFlag, ""), Timeout: 5 * time.Second})
	if err := interrupted(ctx, "onboard"); err != nil {
		return err
	}
	if len(found) == 0 {
		note := "note: " + oneLine(noted(noServer(ctx, customFlag, e.root), e.root))
		if err := interrupted(ctx, "onboard"); err != nil {
			return err
		}
		if e.model.ID != "" {
			note += "; the config is written all the same"
		}
		fmt.Fprintln(b.io.err, note)
		return nil
	}
	if found[0].Mute {
		note := "note: " + lackLine(found[0], lackOf(found[0]))
		if e.model.ID != "" {
			note += "; the config is written all the same"
		}
		fmt.Fprintln(b.io.err, note)
		return nil
	}
	fmt.Fprintf(b.io.err, "found %s at %s\n", found[0].Kind.Name(), e.root)
	if o.authChoice == "custom-api-key" && e.api == config.OpenAICompletions && e.baseURL == e.root {
		e.baseURL = found[0].Kind.BaseURL(e.root) // what answers is known; of the address only the root was given
		switch {
		case found[0].Kind != probe.KindOllama:
		case o.compatible: // Ollama speaks that too, at an address of its own
			e.baseURL = e.root + "/v1"
		default:
			e.api = config.Ollama
		}
	}
	ids := found[0].IDs()
	if e.model.ID == "" {
		if _, m, ok := probe.Choose(found, machine.MemoryBytes()); ok {
			e.model = m
		}
	} else if h := found[0]; !lists(h, e.model.ID) && !h.NeedsKey && !h.Loading {
		has := "it lists " + strings.Join(ids[:min(5, len(ids))], ", ")
		if len(ids) == 0 {
			has = "it has no model yet"
		}
		fmt.Fprintf(b.io.err, "note: the server does not list %s; %s\n", e.model.ID, has)
	}
	return nil
}

// lists reports whether a server has a model. Ollama's names end with :latest where nothing
// else is said.
func lists(h probe.Host, id string) bool {
	ids := h.IDs()
	return slices.Contains(ids, id) || h.Kind == probe.KindOllama && slices.Contains(ids, id+":latest")
}

// tellKeyless says what a credential still lacks that the first message will need.
func (b onboarder) tellKeyless(o onboarding, e entry) {
	at, err := model.ParseEndpoint(e.baseURL)
	if _, set := b.file.LookupEnv("CUSTOM_API_KEY"); o.secretMode == "ref" && !set {
		fmt.Fprintln(b.io.err, "note: the key is read from CUSTOM_API_KEY, which is not set")
	} else if err == nil && at.Locality == hearth.LocalityHosted && e.key == "" && !catalogHost(e.baseURL) {
		fmt.Fprintf(b.io.err, "note: %s is a public host and will want a key; give it with --custom-api-key, or set models.providers.%s.apiKey\n", oneLine(e.root), e.provider)
	}
}

func isHome(root string) bool {
	return isPrivate(root) || strings.Contains(root, "127.0.0.1") || strings.Contains(root, "localhost") || strings.Contains(root, "[::1]")
}

func catalogHost(baseURL string) bool {
	return slices.ContainsFunc(catalog.Providers(), func(p catalog.Provider) bool { return p.Owns(baseURL) })
}

// key is the credential that was given, or "".
func (o onboarding) key(a *app) string {
	for _, k := range []string{o.apiKey, o.lmstudioKey} {
		if k != "" {
			return k
		}
	}
	if k, ok := a.file.LookupEnv("CUSTOM_API_KEY"); ok && o.authChoice == "custom-api-key" {
		return k
	}
	return ""
}

// keyEdit is the credential as the config will hold it.
func (o onboarding) keyEdit(a *app) (string, error) {
	switch key := o.key(a); {
	case o.secretMode == "ref":
		return `{"source":"env","provider":"default","id":"CUSTOM_API_KEY"}`, nil
	case o.secretMode != "plaintext":
		return "", onboardError("missing_required", fmt.Sprintf("--secret-input-mode %q is neither plaintext nor ref", o.secretMode))
	case key != "":
		return jsonText(key), nil
	}
	return "", nil
}

// edits is what an entry adds to the config. A provider of the same name at another
// address stays, and the new one is given a number.
func (b onboarder) edits(e *entry) []config.Edit {
	for n, base := 2, e.provider; ; n++ {
		have, taken := b.file.Config.Models.Providers[e.provider]
		if !taken || have.BaseURL == e.baseURL || e.fixed {
			break
		}
		e.provider = fmt.Sprintf("%s-%d", base, n)
	}
	edits := firstConfig(e.provider, providerEntry(e.baseURL, e.api, e.root, e.model), e.model.ID)
	if e.key != "" {
		edits = append(edits, config.Edit{Path: "models.providers[" + quoted(e.provider) + "].apiKey", Value: e.key, StrictJSON: true})
	}
	if e.workspace != "" {
		edits = append(edits, config.Edit{Path: "agents.defaults.workspace", Value: jsonText(e.workspace), StrictJSON: true})
	}
	return edits
}

// writeEntry writes the provider and makes its model the default.
func (b onboarder) writeEntry(ctx context.Context, e entry) error {
	if err := interrupted(ctx, "onboard"); err != nil {
		return err
	}
	edits := b.edits(&e)
	if isPrivate(e.root) {
		fmt.Fprintf(b.io.err, "allowing this one address on your network: %s\n", e.root)
	}
	if err := b.edit(ctx, edits...); err != nil {
		return err
	}
	fmt.Fprintf(b.io.out, "Default model: %s/%s\n", e.provider, e.model.ID)
	return nil
}

// onboardError has OpenClaw's code for what is wrong with the flags.
func onboardError(code, text string) error {
	return &hearth.Error{Op: "onboard", Reason: hearth.ReasonUsage, Err: fmt.Errorf("%s: %s", code, text),
		Cause: "The flags do not say enough, or say something that cannot be used.", Try: "Run hearth onboard --help."}
}
