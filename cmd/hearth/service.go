package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/config"
	"hearth/internal/filelock"
	"hearth/internal/process"
	"hearth/model"
	"hearth/model/service"
)

// keepService is the command that a keeper of a model server runs. Nobody types it.
const keepService = "keep-service"

func newKeepService(s streams) *cobra.Command {
	return &cobra.Command{Use: keepService, Hidden: true, Args: cobra.NoArgs, Short: "Look after a model server that was started on demand",
		RunE: func(cmd *cobra.Command, _ []string) error { return service.Keep(cmd.Context(), s.in, os.Stdout) }}
}

// services are the model servers that this process may start, by provider.
type services map[string]*service.Service

// service gives what starts a provider's server; nil where its owner does not want that.
func (a *app) service(ctx context.Context, id string) (*service.Service, error) {
	p, ok := a.provider(id)
	if !ok || p.LocalService == nil {
		return nil, nil
	}
	id = strings.ToLower(id)
	a.mu.Lock()
	s := a.services[id]
	a.mu.Unlock()
	if s != nil {
		return s, nil
	}
	look, err := a.health(ctx, id, p)
	if look == nil || err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, &hearth.Error{Op: "start the server of " + id, Reason: hearth.ReasonInternal, Err: err}
	}
	l, environ := p.LocalService, process.Environ(os.Environ(), nil, a.secrets(ctx))
	s = service.New(service.Config{
		Provider: id, Command: l.Command, Args: l.Args, Dir: l.Cwd, Env: l.Env, Environ: environ,
		Health: look.ask, URL: look.url, ReadyTimeout: time.Duration(l.ReadyTimeoutMS) * time.Millisecond, IdleStop: time.Duration(l.IdleStopMS) * time.Millisecond,
		Folder: a.state("services"), Log: a.state("logs", "service-"+fileName(id)+".log"),
		Keeper: service.Program{Path: self, Argv: []string{os.Args[0], keepService}, Env: environ},
		Me:     filelock.Holder{PID: os.Getpid(), Since: time.Now(), Command: commandName()},
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	if other := a.services[id]; other != nil {
		return other, nil
	}
	if a.services == nil {
		a.services = services{}
	}
	a.services[id] = s
	return s, nil
}

// endChanged stops the servers whose owner has changed what is to be started.
func (a *app) endChanged(before *config.File) {
	a.mu.Lock()
	old := a.services
	a.services = services{}
	for id, s := range old {
		was, is := configured(before, id), configured(a.file, id)
		if was.BaseURL == is.BaseURL && reflect.DeepEqual(was.LocalService, is.LocalService) {
			a.services[id] = s
			delete(old, id)
		}
	}
	a.mu.Unlock()
	for _, s := range old {
		s.Stop()
	}
}

// configured is a provider as the file has it.
func configured(f *config.File, id string) config.Provider {
	for _, key := range f.Config.Models.ProviderOrder {
		if strings.EqualFold(key, id) {
			return f.Config.Models.Providers[key]
		}
	}
	return config.Provider{}
}

// endServices stops the servers that nobody else uses and nobody wants kept. The next call makes them anew,
// from the config as it is then.
func (a *app) endServices() {
	a.mu.Lock()
	all := a.services
	a.services = nil
	a.mu.Unlock()
	for _, s := range all {
		s.Close()
	}
}

// serve has the server of a target run for as long as ctx. Only what a person asked for
// starts one.
func (a *app) serve(ctx context.Context, lane model.Lane, t model.Target, wait func(hearth.Wait)) error {
	s, err := a.service(ctx, t.Ref.Provider)
	if s == nil || err != nil || !a.servedHere(t) {
		return err
	}
	var release func()
	if lane == model.LaneHousekeeping {
		release, err = s.Join(ctx)
	} else {
		release, err = s.Use(ctx, wait)
	}
	if err == nil {
		context.AfterFunc(ctx, release)
	}
	return err
}

// runs reports whether a provider's server runs because it was needed.
func (a *app) runs(ctx context.Context, provider string) bool {
	s, err := a.service(ctx, provider)
	return s != nil && err == nil && s.Running()
}

// servedHere reports whether a target is at the address of its provider: one of its
// models, and a replica, may be elsewhere.
func (a *app) servedHere(t model.Target) bool {
	p, _ := a.provider(t.Ref.Provider)
	at, err := model.ParseEndpoint(p.BaseURL)
	return err == nil && at.Origin == t.Endpoint.Origin
}

// awaken starts the server of the chosen model before anything is planned for it: what
// it serves, its window above all, can only be asked of one that runs. An error is told
// by the call that follows, which may have another model to ask.
func (a *app) awaken(ctx context.Context, c choice, wait func(hearth.Wait)) {
	ref := a.chosenRef(c)
	if ref == (hearth.ModelRef{}) {
		return
	}
	t, err := a.target(ctx, c, ref.String())
	if err != nil {
		return
	}
	once, cancel := context.WithCancel(ctx)
	defer cancel()
	_ = a.serve(once, model.LaneOwner, t.Target, wait)
}

// lastWords tells how servers that were started and used have ended by themselves.
func (a *app) lastWords() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, s := range a.services {
		if text := s.Ended(); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// health looks at a server that may not run.
type health struct {
	url    string
	client *model.Client
	models *model.Client // asked whether it is still loading; nil where healthUrl says it all
	app    *app
}

// healthTime bounds one look; a server that is slower is there.
const healthTime = 2 * time.Second

func (a *app) health(ctx context.Context, id string, p config.Provider) (*health, error) {
	h := &health{app: a, url: p.LocalService.HealthURL}
	base, err := model.ParseEndpoint(p.BaseURL)
	if err != nil {
		return nil, nil //nolint:nilerr // the provider cannot be used at all, and that is told elsewhere
	}
	if p, _, err = a.credentialed(ctx, "", id, p, ""); err != nil {
		return nil, err
	}
	if h.url == "" {
		h.url = strings.TrimRight(p.BaseURL, "/") + "/models"
		if p.Protocol() == config.Ollama {
			h.url = strings.TrimSuffix(strings.TrimRight(p.BaseURL, "/"), "/v1") + "/api/version"
		}
		if h.models, err = a.client(ctx, id, p, config.Model{}, base); err != nil {
			return nil, err
		}
	}
	at, err := model.ParseEndpoint(h.url)
	if err != nil {
		return nil, &hearth.Error{Op: "start the server of " + id, Reason: hearth.ReasonConfig, Err: err,
			Cause: "The service's healthUrl cannot be used.", Try: "Correct models.providers." + id + ".localService.healthUrl."}
	}
	if at.Origin != base.Origin {
		p.APIKey, p.Headers, p.Request.Auth, p.Request.Headers = config.Secret{}, nil, config.RequestAuth{}, nil // they belong to the other address
	}
	h.client, err = a.client(ctx, id, p, config.Model{}, at)
	return h, err
}

// ask is a service's Health. A server that wants a credential is there, and so is one
// that is slow to answer.
func (h *health) ask(ctx context.Context) (service.Health, string) {
	short, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	r, err := h.client.Get(short, model.Call{Op: "ask " + h.url})
	switch {
	case err != nil && short.Err() != nil:
		return service.Loading, oneLine(err.Error())
	case err != nil:
		return service.Absent, oneLine(err.Error())
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden:
		return service.Ready, ""
	case r.Status == http.StatusServiceUnavailable:
		return service.Loading, serverWords(r)
	case r.Status < 200 || r.Status > 299:
		return service.Absent, fmt.Sprintf("%s answers %d %s", h.url, r.Status, serverWords(r))
	}
	if h.models == nil {
		return service.Ready, ""
	}
	if host, err := h.app.describer().Host(ctx, h.models); err == nil && host.Loading {
		return service.Loading, "loading the model"
	}
	return service.Ready, ""
}

// serverWords is what a server says in an error, shortened.
func serverWords(r *model.Reply) string {
	var said struct {
		Error struct{ Message string }
	}
	if json.Unmarshal(r.Body, &said) == nil && said.Error.Message != "" {
		return oneLine(said.Error.Message)
	}
	return oneLine(string(r.Body[:min(len(r.Body), 200)]))
}
