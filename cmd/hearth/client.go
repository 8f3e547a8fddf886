package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"

	"hearth"
	"hearth/config"
	"hearth/model"
	"hearth/model/anthropic"
	"hearth/model/catalog"
	"hearth/model/route"
)

// router makes the one that gets questions answered.
func (a *app) router() *route.Router {
	if a.routes != nil {
		return a.routes
	}
	a.routes = route.New(route.Config{
		Acquire:    a.slots.Acquire,
		Visible:    a.visible,
		Prepare:    a.prepare,
		Learn:      a.describer().Learn,
		Overflowed: a.describer().Overflowed,
		Listed:     func(t model.Target) []string { return a.describer().Listed(t.Endpoint.Origin) },
		Cooldown:   a.cooldowns,
		Replicas:   a.slots,
		Speeds:     a.describer(),
		Left:       a.describer().Left,
	})
	return a.routes
}

// prepare starts the server where its owner wants that, and has it load the model, where
// it can be told to and params.preload of the provider, the model or the agents does not
// say false.
func (a *app) prepare(ctx context.Context, lane model.Lane, t model.Target, req *model.Request, wait func(hearth.Wait)) error {
	if err := a.serve(ctx, lane, t, wait); err != nil {
		return err
	}
	if p, ok := a.provider(t.Ref.Provider); ok {
		row, _ := p.Model(t.Ref.Model)
		agents := a.file.Config.Agents
		if string(merged(p.Params, row.Params, agents.ParamsFor(agents.DefaultID(), t.Ref.String()))["preload"]) == "false" {
			return nil
		}
	}
	return a.describer().Prepare(ctx, t, req, wait)
}

// visible takes hidden markup out of an answer, and logs text that only looks like a call.
func (a *app) visible(from model.Target, deltas iter.Seq2[model.Delta, error], tools []string) iter.Seq2[model.Delta, error] {
	if a.raw != nil {
		deltas = a.raw.listen(deltas)
	}
	return model.Visible(deltas, tools, func(l model.LookAlike) {
		a.logger().Warn("the reply looks like a tool call, but the server emitted no structured one; it stays text",
			slog.String("run", a.run), slog.String("model", from.Ref.String()), slog.String("pattern", l.Pattern), slog.String("tool", l.Tool), slog.Bool("registered", l.Registered))
	}, a.describer().Begun(from))
}

// client makes the HTTP client of a provider.
func (a *app) client(ctx context.Context, id string, p config.Provider, row config.Model, at model.Endpoint) (*model.Client, error) {
	c := model.ClientConfig{Provider: id, Endpoint: at, TimeoutSeconds: p.TimeoutSeconds, Headers: map[string]string{}}
	if allow := p.Request.AllowPrivateNetwork; allow != nil {
		c.AllowPrivateNetwork = *allow
	}
	var err error
	if c.APIKey, err = a.key(ctx, id, p); err != nil {
		return nil, err
	}
	if err := a.auth(ctx, p, &c); err != nil {
		return nil, err
	}
	for _, headers := range []map[string]config.Secret{p.Headers, p.Request.Headers, row.Headers} {
		for name, secret := range headers {
			if c.Headers[name], err = a.file.Resolve(ctx, secret); err != nil {
				return nil, err
			}
		}
	}
	maps.DeleteFunc(c.Headers, func(_, v string) bool { return v == "" })
	if c.TLS, err = a.tls(ctx, p.Request.TLS); err != nil {
		return nil, &hearth.Error{Op: "provider " + id, Reason: hearth.ReasonConfig, Err: err, Cause: "request.tls cannot be used.", Try: "Check the certificate and key there."}
	}
	if c.Proxy, err = proxy(p.Request.Proxy, at); err != nil {
		return nil, &hearth.Error{Op: "provider " + id, Reason: hearth.ReasonConfig, Err: err, Cause: "request.proxy holds no address that can be used.", Try: "Correct it or take it out."}
	}
	return model.NewClient(c), nil
}

// proxy is where requests to an endpoint go through: what the config names, or, only if
// it says so, what the environment does. nil means that they go straight there.
func proxy(p *config.RequestProxy, to model.Endpoint) (*url.URL, error) {
	switch {
	case p == nil:
		return nil, nil
	case p.Mode == "env-proxy":
		at, err := url.Parse(to.BaseURL)
		if err != nil {
			return nil, err
		}
		return http.ProxyFromEnvironment(&http.Request{URL: at})
	case p.URL != "":
		return url.Parse(p.URL)
	}
	return nil, nil
}

// key is the credential of a provider: as written, else the environment variable that
// belongs to a hosted one.
func (a *app) key(ctx context.Context, id string, p config.Provider) (string, error) {
	if !p.APIKey.IsZero() {
		return a.file.Resolve(ctx, p.APIKey)
	}
	if vendor, ok := catalog.Find(id); ok && vendor.Owns(p.BaseURL) {
		for _, name := range vendor.KeyEnv {
			if v, ok := a.file.LookupEnv(name); ok {
				return v, nil
			}
		}
	}
	return "", nil
}

// auth says in which header the credential travels.
func (a *app) auth(ctx context.Context, p config.Provider, c *model.ClientConfig) (err error) {
	switch r := p.Request.Auth; r.Mode {
	case "authorization-bearer":
		if !r.Token.IsZero() {
			c.APIKey, err = a.file.Resolve(ctx, r.Token)
		}
		return err
	case "header":
		c.Auth = model.Auth{Header: r.HeaderName, Prefix: r.Prefix}
		if !r.Value.IsZero() {
			c.APIKey, err = a.file.Resolve(ctx, r.Value)
		}
		return err
	}
	if p.Protocol() == config.AnthropicMessages && (p.AuthHeader == nil || !*p.AuthHeader) {
		c.Auth = anthropic.Auth()
	}
	return nil
}

// tls maps request.tls. Certificates are PEM text or the path of a PEM file.
func (a *app) tls(ctx context.Context, t *config.RequestTLS) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	out := &tls.Config{ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify, MinVersion: tls.VersionTLS12} //nolint:gosec // the owner asked for it in the config
	ca, err := a.pem(ctx, t.CA)
	if err != nil {
		return nil, err
	}
	if ca != nil {
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("ca holds no certificate")
		}
	}
	cert, err := a.pem(ctx, t.Cert)
	if err != nil || cert == nil {
		return out, err
	}
	key, err := a.pem(ctx, t.Key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	out.Certificates = []tls.Certificate{pair}
	return out, nil
}

func (a *app) pem(ctx context.Context, s config.Secret) ([]byte, error) {
	if s.IsZero() {
		return nil, nil
	}
	text, err := a.file.Resolve(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(text) < 4096 && !containsPEM(text) {
		return os.ReadFile(text)
	}
	return []byte(text), nil
}
