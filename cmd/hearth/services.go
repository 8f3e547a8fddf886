package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/config"
	"hearth/internal/filelock"
	"hearth/internal/process"
	"hearth/model"
	"hearth/model/probe"
	"hearth/model/service"
)

// keepService is the command that a keeper of a model server runs. Nobody types it.
const keepService = "keep-service"

func newKeepService(s streams) *cobra.Command {
	return &cobra.Command{Use: keepService, Hidden: true, Args: cobra.NoArgs, Short: "Look after a model server that was started on demand",
		RunE: func(cmd *cobra.Command, _ []string) error { return service.Keep(cmd.Context(), s.in, os.Stdout) }}
}

// services are the model servers that this process may start when they are needed.
type services struct {
	*home
	keys    *keyring
	roster  *roster
	clients *clients
	servers *servers

	mu      sync.Mutex                  // guards running
	running map[string]*service.Service // by provider; nil until the first
}

// service gives what starts a provider's server; nil where its owner does not want that.
func (sv *services) service(ctx context.Context, id string) (*service.Service, error) {
	p, ok := sv.roster.provider(id)
	if !ok || p.LocalService == nil {
		return nil, nil
	}
	id = strings.ToLower(id)
	sv.mu.Lock()
	s := sv.running[id]
	sv.mu.Unlock()
	if s != nil {
		return s, nil
	}
	look, err := sv.health(ctx, id, p)
	if look == nil || err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, &hearth.Error{Op: "start the server of " + id, Reason: hearth.ReasonInternal, Err: err}
	}
	l, environ := p.LocalService, process.Environ(os.Environ(), nil, sv.keys.secrets(ctx))
	s = service.New(service.Config{
		Provider: id, Command: l.Command, Args: l.Args, Dir: l.Cwd, Env: l.Env, Environ: environ,
		Health: look.ask, URL: look.url, ReadyTimeout: time.Duration(l.ReadyTimeoutMS) * time.Millisecond, IdleStop: time.Duration(l.IdleStopMS) * time.Millisecond,
		Folder: sv.state("services"), Log: sv.state("logs", "service-"+fileName(id)+".log"),
		Keeper: service.Program{Path: self, Argv: []string{os.Args[0], keepService}, Env: environ},
		Me:     filelock.Holder{PID: os.Getpid(), Since: time.Now(), Command: commandName()},
	})
	sv.mu.Lock()
	defer sv.mu.Unlock()
	if other := sv.running[id]; other != nil {
		return other, nil
	}
	if sv.running == nil {
		sv.running = map[string]*service.Service{}
	}
	sv.running[id] = s
	return s, nil
}

// endChanged stops the servers whose owner has changed what is to be started.
func (sv *services) endChanged(before *config.File) {
	sv.mu.Lock()
	old := sv.running
	sv.running = map[string]*service.Service{}
	for id, s := range old {
		was, is := configured(before, id), configured(sv.file, id)
		if was.BaseURL == is.BaseURL && reflect.DeepEqual(was.LocalService, is.LocalService) {
			sv.running[id] = s
			delete(old, id)
		}
	}
	sv.mu.Unlock()
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

// close stops the servers that nobody else uses and nobody wants kept. The next call makes them anew,
// from the config as it is then.
func (sv *services) close() {
	sv.mu.Lock()
	all := sv.running
	sv.running = nil
	sv.mu.Unlock()
	for _, s := range all {
		s.Close()
	}
}

// serve has the server of a target run for as long as ctx. Only what a person asked for
// starts one.
func (sv *services) serve(ctx context.Context, lane model.Lane, t model.Target, wait func(hearth.Wait)) error {
	s, err := sv.service(ctx, t.Ref.Provider)
	if s == nil || err != nil || !sv.servedHere(t) {
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
func (sv *services) runs(ctx context.Context, provider string) bool {
	s, err := sv.service(ctx, provider)
	return s != nil && err == nil && s.Running()
}

// servedHere reports whether a target is at the address of its provider: one of its
// models, and a replica, may be elsewhere.
func (sv *services) servedHere(t model.Target) bool {
	p, _ := sv.roster.provider(t.Ref.Provider)
	at, err := model.ParseEndpoint(p.BaseURL)
	return err == nil && at.Origin == t.Endpoint.Origin
}

// lastWords tells how servers that were started and used have ended by themselves.
func (sv *services) lastWords() []string {
	sv.mu.Lock()
	defer sv.mu.Unlock()
	var out []string
	for _, s := range sv.running {
		if text := s.Ended(); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// health looks at a server that may not run.
type health struct {
	url       string
	client    *model.Client
	models    *model.Client // asked whether it is still loading; nil where healthUrl says it all
	describer *probe.Describer
}

// healthTime bounds one look; a server that is slower is there.
const healthTime = 2 * time.Second

func (sv *services) health(ctx context.Context, id string, p config.Provider) (*health, error) {
	h := &health{describer: sv.servers.describer, url: p.LocalService.HealthURL}
	base, err := model.ParseEndpoint(p.BaseURL)
	if err != nil {
		return nil, nil //nolint:nilerr // the provider cannot be used at all, and that is told elsewhere
	}
	if p, _, err = sv.keys.credentialed(ctx, "", id, p, ""); err != nil {
		return nil, err
	}
	if h.url == "" {
		h.url = strings.TrimRight(p.BaseURL, "/") + "/models"
		if p.Protocol() == config.Ollama {
			h.url = strings.TrimSuffix(strings.TrimRight(p.BaseURL, "/"), "/v1") + "/api/version"
		}
		if h.models, err = sv.clients.client(ctx, id, p, config.Model{}, base); err != nil {
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
	h.client, err = sv.clients.client(ctx, id, p, config.Model{}, at)
	return h, err
}

// ask is a service's Health. A server that wants a credential is there.
func (h *health) ask(ctx context.Context) (service.Health, string) {
	short, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	r, err := h.client.Get(short, model.Call{Op: "ask " + h.url})
	switch {
	case err != nil && short.Err() != nil:
		return service.Silent, oneLine(err.Error())
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
	if host, err := h.describer.Host(ctx, h.models); err == nil && host.Loading {
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
