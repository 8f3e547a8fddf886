package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hearth"
	"hearth/config"
	"hearth/internal/machine"
	"hearth/internal/terminal"
	"hearth/model/catalog"
	"hearth/model/probe"
)

// wizard asks a person for what onboarding writes: server, model, key, workspace. It
// writes nothing before the review was accepted.
type wizard struct {
	onboarder
	ask questions
	o   onboarding
}

// errStartOver is the answer that takes a person back to the first question.
var errStartOver = errors.New("start over")

// asking asks until the person accepts what will be written, or leaves.
func (b onboarder) asking(ctx context.Context, o onboarding) error {
	w := wizard{onboarder: b, ask: newQuestions(b.io), o: o}
	fmt.Fprintln(b.io.err, "A few questions. Nothing is written before the last one; Ctrl-C leaves.")
	for {
		e, err := w.questions(ctx)
		if err == nil {
			err = w.review(ctx, &e)
		}
		if errors.Is(err, errStartOver) {
			continue
		}
		if err != nil {
			return err
		}
		if err := b.writeEntry(ctx, e); err != nil {
			return err
		}
		fmt.Fprintln(b.io.err, "Talk to it with: hearth up")
		return nil
	}
}

func (w *wizard) questions(ctx context.Context) (entry, error) {
	e, err := w.server(ctx)
	if err != nil {
		return e, err
	}
	w.answered("model", e.provider+"/"+e.model.ID)
	if e.workspace, err = w.workspace(ctx); err != nil {
		return e, err
	}
	return e, nil
}

// answered keeps an answer on the screen.
func (w *wizard) answered(what, answer string) {
	fmt.Fprintf(w.io.err, "%-10s %s\n", what, oneLine(answer))
}

// server asks which server to use, and goes on with the questions that it needs.
func (w *wizard) server(ctx context.Context) (entry, error) {
	var found []probe.Host
	if w.io.getenv("HEARTH_DISCOVER") != discoveryOff {
		fmt.Fprintln(w.io.err, "looking for model servers on this machine …")
		found = probe.Discover(ctx, probe.Search{})
	}
	names := make([]string, 0, len(found)+2)
	for _, h := range found {
		names = append(names, describeHost(h))
	}
	names = append(names, "a server at another address", "a hosted vendor (Anthropic, OpenAI, OpenRouter, …)")
	n, err := w.ask.choose(ctx, "Which model server?", names)
	switch {
	case err != nil:
		return entry{}, err
	case n < len(found):
		return w.host(ctx, found[n], "")
	case n == len(found):
		return w.address(ctx)
	default:
		return w.vendor(ctx)
	}
}

// describeHost is a found server as a menu shows it.
func describeHost(h probe.Host) string {
	s := fmt.Sprintf("%s at %s", hostName(h), h.Root)
	switch {
	case h.Mute:
		return s + " (says nothing now: busy?)"
	case h.NeedsKey:
		return s + " (wants a key)"
	case h.Loading:
		return s + " (still loading)"
	case len(h.Models) == 0:
		return s + " (no model yet)"
	case len(h.Models) == 1:
		return s + " (" + h.Models[0].ID + ")"
	default:
		return fmt.Sprintf("%s (%d models)", s, len(h.Models))
	}
}

// address asks for a server's URL, and looks at it.
func (w *wizard) address(ctx context.Context) (entry, error) {
	raw, err := w.ask.text(ctx, "The server's address, for example http://192.168.1.20:8080", "", func(s string) error {
		_, err := serverRoot(strings.TrimSpace(s))
		if err != nil {
			return errors.New("that is no address; it looks like http://host:port")
		}
		return nil
	})
	if err != nil {
		return entry{}, err
	}
	root, err := serverRoot(strings.TrimSpace(raw))
	if err != nil {
		return entry{}, err
	}
	w.answered("server", root)
	if h, ok := lookAt(ctx, root, ""); ok {
		return w.host(ctx, h, "")
	}
	n, err := w.ask.choose(ctx, "Nothing that looks like a model server answers there.",
		[]string{"start over", "write it down all the same: it speaks OpenAI's protocol", "write it down all the same: it speaks Anthropic's protocol"})
	if err != nil {
		return entry{}, err
	}
	e := entry{root: root, baseURL: root + "/v1", api: config.OpenAICompletions, provider: customID(root)}
	switch n {
	case 0:
		return e, errStartOver
	case 2:
		e.baseURL, e.api = root, config.AnthropicMessages
	}
	if e.key, err = w.key(ctx, "Key, if the server wants one (it is not shown; Enter for none)"); err != nil {
		return e, err
	}
	e.model.ID, err = w.modelID(ctx)
	return e, err
}

// lookAt gives the server at root, if there is one.
func lookAt(ctx context.Context, root, key string) (probe.Host, bool) {
	found := probe.Discover(ctx, probe.Search{Bases: []string{root}, Client: privateClient("", key), Timeout: 5 * time.Second})
	if len(found) == 0 {
		return probe.Host{}, false
	}
	return found[0], true
}

// host asks which model of a server, and for a key where it wants one.
func (w *wizard) host(ctx context.Context, h probe.Host, key string) (entry, error) {
	e := entry{root: h.Root, baseURL: h.Kind.BaseURL(h.Root), api: h.Kind.API()}
	e.provider, _ = w.roster.found(h, probe.Model{})
	w.answered("server", h.Kind.Name()+" at "+h.Root)
	if h.NeedsKey {
		typed, err := w.ask.secret(ctx, "The server wants a key (it is not shown while you type; Enter for none)")
		if err != nil {
			return e, err
		}
		key = strings.TrimSpace(typed)
		if again, ok := lookAt(ctx, h.Root, key); ok && key != "" {
			h = again
		}
		if h.NeedsKey {
			fmt.Fprintln(w.io.err, "note: with that key the server does not list its models")
		}
	}
	if key != "" {
		e.key = jsonText(key)
	}
	var err error
	e.model, err = w.pick(ctx, h)
	return e, err
}

// pick asks which of a server's models; those that run in a cloud come last.
func (w *wizard) pick(ctx context.Context, h probe.Host) (probe.Model, error) {
	models := h.Rank(machine.MemoryBytes())
	for _, m := range h.Models {
		if m.Cloud && !m.Embedding {
			models = append(models, m)
		}
	}
	if len(models) == 0 {
		if l := lackOf(h); !h.NeedsKey {
			fmt.Fprintf(w.io.err, "note: it %s\n      %s\n", l.what, l.try)
		}
		id, err := w.modelID(ctx)
		return probe.Model{ID: id}, err
	}
	names := make([]string, len(models))
	for i := range models {
		names[i] = describeModel(&models[i])
	}
	n, err := w.ask.choose(ctx, "Which model?", names)
	return models[n], err
}

// describeModel is a model as a menu shows it.
func describeModel(m *probe.Model) string {
	var facts []string
	add := func(is bool, what string) {
		if is {
			facts = append(facts, what)
		}
	}
	yes := func(b *bool) bool { return b != nil && *b }
	add(m.Cloud, "runs in a cloud, not here")
	add(yes(m.Resident), "loaded now")
	add(m.Window > 0, fmt.Sprintf("window %d", m.Window))
	add(yes(m.Tools), "tools")
	add(m.Tools != nil && !*m.Tools, "no tools")
	add(yes(m.Vision), "sees images")
	add(yes(m.Reasoning), "thinks")
	add(m.SizeBytes > 0, fmt.Sprintf("%.1f GB", float64(m.SizeBytes)/1e9))
	if len(facts) == 0 {
		return m.ID
	}
	return m.ID + " (" + strings.Join(facts, ", ") + ")"
}

func (w *wizard) modelID(ctx context.Context) (string, error) {
	id, err := w.ask.text(ctx, "The model's id, as the server calls it", "", func(s string) error {
		if s = strings.TrimSpace(s); s == "" || strings.ContainsAny(s, "\t ") {
			return errors.New("a model id is one word, for example qwen3:8b")
		}
		return nil
	})
	return strings.TrimSpace(id), err
}

// mostNumbered is how many models are listed where the list cannot be searched.
const mostNumbered = 40

// vendor asks for a hosted vendor, its key and a model of it.
func (w *wizard) vendor(ctx context.Context) (entry, error) {
	all := catalog.Providers()
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.Name
	}
	n, err := w.ask.choose(ctx, "Which vendor?", names)
	if err != nil {
		return entry{}, err
	}
	v := all[n]
	e := entry{provider: v.ID, root: v.BaseURL, baseURL: v.BaseURL, api: v.API}
	w.answered("server", v.Name+" at "+v.BaseURL)
	if e.key, err = w.vendorKey(ctx, v); err != nil {
		return e, err
	}
	rows := slices.Collect(catalog.Models(v.ID))
	if len(rows) > mostNumbered && w.ask.plain {
		e.model.ID, err = w.modelID(ctx)
		return e, err
	}
	names = make([]string, len(rows)+1)
	for i, m := range rows {
		names[i] = fmt.Sprintf("%s (%s)", m.Ref.Model, m.Name)
	}
	names[len(rows)] = "another one"
	if n, err = w.ask.choose(ctx, "Which model?", names); err != nil {
		return e, err
	}
	if n == len(rows) {
		e.model.ID, err = w.modelID(ctx)
		return e, err
	}
	e.model = probe.Model{ID: rows[n].Ref.Model, Reasoning: &rows[n].Reasoning, Vision: &rows[n].Vision}
	return e, nil
}

// vendorKey asks for a vendor's key, unless the environment has it.
func (w *wizard) vendorKey(ctx context.Context, v catalog.Provider) (string, error) {
	for _, name := range v.KeyEnv {
		if value, ok := w.file.LookupEnv(name); !ok || value == "" {
			continue
		}
		n, err := w.ask.choose(ctx, "Which key?", []string{"the one in $" + name + ", which is set here", "another one, to be kept in the config"})
		if err != nil || n == 0 {
			w.answered("key", "from $"+name)
			return "", err
		}
		break
	}
	key, err := w.key(ctx, "Key of "+v.Name+" (it is not shown while you type; Enter for none now)")
	if err == nil && key == "" {
		w.answered("key", "none yet; Hearth looks for $"+v.KeyEnv[0]+" when it is used")
	}
	return key, err
}

// key asks for a credential and gives it as JSON; "" = none.
func (w *wizard) key(ctx context.Context, title string) (string, error) {
	typed, err := w.ask.secret(ctx, title)
	if typed = strings.TrimSpace(typed); err != nil || typed == "" {
		return "", err
	}
	return jsonText(typed), nil
}

// workspace asks for the folder; "" = as it is.
func (w *wizard) workspace(ctx context.Context) (string, error) {
	now := w.file.Workspace("")
	offered := now
	if w.o.workspace != "" {
		offered = w.o.workspace
	}
	dir, err := w.ask.text(ctx, "The folder the agent works in", offered, func(s string) error {
		_, err := folder(s)
		return err
	})
	if err != nil {
		return "", err
	}
	if dir, err = folder(dir); err != nil || dir == now {
		return "", err
	}
	return dir, nil
}

// folder reads the name of a folder, which may not exist yet.
func folder(s string) (string, error) {
	s = strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(s, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		s = home + rest
	}
	if s == "" {
		return "", nil
	}
	dir, err := filepath.Abs(s)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return "", errors.New("that is a file, not a folder")
	}
	return dir, nil
}

// review shows what will be written and asks whether it may be.
func (w *wizard) review(ctx context.Context, e *entry) error {
	w.edits(e) // settles the provider's name
	fmt.Fprintln(w.io.err)
	w.answered("provider", fmt.Sprintf("%s: %s (%s)", e.provider, e.baseURL, e.api))
	w.answered("model", e.provider+"/"+e.model.ID+", the default from now on")
	if e.key != "" {
		w.answered("key", "kept in the config, which only you can read")
	}
	if isPrivate(e.root) {
		w.answered("network", "this one address is allowed: "+origin(e.root))
	}
	dir := e.workspace
	if dir == "" {
		dir = w.file.Workspace("")
	}
	w.answered("workspace", dir)
	w.answered("config", w.file.Path())
	n, err := w.ask.choose(ctx, "Write this?", []string{"write it", "start over", "leave; nothing is written"})
	switch {
	case err != nil:
		return err
	case n == 1:
		return errStartOver
	case n == 2:
		return &hearth.Error{Op: "onboard", Reason: hearth.ReasonCancelled, Err: terminal.ErrInterrupted,
			Cause: "You chose to leave. Nothing was written.", Try: "Run hearth onboard again when you want to."}
	}
	return nil
}

// origin is an address without its path.
func origin(root string) string {
	u, err := url.Parse(root)
	if err != nil {
		return root
	}
	return u.Scheme + "://" + u.Host
}
