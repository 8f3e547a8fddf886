package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"hearth"
	"hearth/config"
	"hearth/model"
	"hearth/model/anthropic"
)

// clients are how servers are reached: address, credential, certificates and proxy of each.
type clients struct {
	*home
	keys *keyring

	mu      sync.Mutex       // guards reached
	reached map[string]reach // by origin
}

// client makes the HTTP client of a provider.
func (cl *clients) client(ctx context.Context, id string, p config.Provider, row config.Model, at model.Endpoint) (*model.Client, error) {
	c := model.ClientConfig{Provider: id, Endpoint: at, TimeoutSeconds: p.TimeoutSeconds, Headers: map[string]string{}}
	if allow := p.Request.AllowPrivateNetwork; allow != nil {
		c.AllowPrivateNetwork = *allow
	}
	if at.Locality.Own() {
		p, row = cl.withoutUnset(p, row)
	}
	var err error
	if c.APIKey, err = cl.keys.key(ctx, id, p); err != nil {
		return nil, err
	}
	if err := cl.auth(ctx, p, &c); err != nil {
		return nil, err
	}
	for _, headers := range []map[string]config.Secret{p.Headers, p.Request.Headers, row.Headers} {
		for name, secret := range headers {
			if c.Headers[name], err = cl.file.Resolve(ctx, secret); err != nil {
				return nil, err
			}
		}
	}
	maps.DeleteFunc(c.Headers, func(_, v string) bool { return v == "" })
	if c.TLS, err = cl.tls(ctx, p.Request.TLS); err != nil {
		return nil, &hearth.Error{Op: "provider " + id, Reason: hearth.ReasonConfig, Err: err, Cause: "request.tls cannot be used.", Try: "Check the certificate and key there."}
	}
	if c.Proxy, err = proxy(p.Request.Proxy, at); err != nil {
		return nil, &hearth.Error{Op: "provider " + id, Reason: hearth.ReasonConfig, Err: err, Cause: "request.proxy holds no address that can be used.", Try: "Correct it or take it out."}
	}
	return model.NewClient(c), nil
}

// withoutUnset takes out of what a server of one's own is sent the credentials whose
// variables nobody has set: it may well want none.
func (cl *clients) withoutUnset(p config.Provider, row config.Model) (config.Provider, config.Model) {
	for _, s := range []*config.Secret{&p.APIKey, &p.Request.Auth.Token, &p.Request.Auth.Value} {
		if cl.file.Absent(*s) {
			*s = config.Secret{}
		}
	}
	for _, headers := range []*config.Headers{&p.Headers, &p.Request.Headers, &row.Headers} {
		*headers = maps.Clone(*headers)
		maps.DeleteFunc(*headers, func(_ string, s config.Secret) bool { return cl.file.Absent(s) })
	}
	return p, row
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

// auth says in which header the credential travels.
func (cl *clients) auth(ctx context.Context, p config.Provider, c *model.ClientConfig) (err error) {
	switch r := p.Request.Auth; r.Mode {
	case "authorization-bearer":
		if !r.Token.IsZero() {
			c.APIKey, err = cl.file.Resolve(ctx, r.Token)
		}
		return err
	case "header":
		c.Auth = model.Auth{Header: r.HeaderName, Prefix: r.Prefix}
		if !r.Value.IsZero() {
			c.APIKey, err = cl.file.Resolve(ctx, r.Value)
		}
		return err
	}
	if p.Protocol() == config.AnthropicMessages && (p.AuthHeader == nil || !*p.AuthHeader) {
		c.Auth = anthropic.Auth()
	}
	return nil
}

// tls maps request.tls. Certificates are PEM text or the path of a PEM file.
func (cl *clients) tls(ctx context.Context, t *config.RequestTLS) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	out := &tls.Config{ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify, MinVersion: tls.VersionTLS12} //nolint:gosec // the owner asked for it in the config
	ca, err := cl.pem(ctx, t.CA)
	if err != nil {
		return nil, err
	}
	if ca != nil {
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("ca holds no certificate")
		}
	}
	cert, err := cl.pem(ctx, t.Cert)
	if err != nil || cert == nil {
		return out, err
	}
	key, err := cl.pem(ctx, t.Key)
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

func (cl *clients) pem(ctx context.Context, s config.Secret) ([]byte, error) {
	if s.IsZero() {
		return nil, nil
	}
	text, err := cl.file.Resolve(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(text) < 4096 && !containsPEM(text) {
		return os.ReadFile(cl.file.Places.Expand(text))
	}
	return []byte(text), nil
}

func containsPEM(s string) bool { return strings.Contains(s, "-----BEGIN") }

// place is where a provider is reached, and the client that reaches it.
func (cl *clients) place(ctx context.Context, id string, p config.Provider, row config.Model) (model.Endpoint, *model.Client, error) {
	endpoint, err := model.ParseEndpoint(p.BaseURL)
	if err != nil {
		e := &hearth.Error{Op: "provider " + id, Reason: hearth.ReasonConfig, Err: err,
			Cause: "The provider's baseUrl cannot be used.", Try: "Correct models.providers." + id + ".baseUrl; a local server's looks like http://127.0.0.1:1234/v1."}
		if meant := model.Mended(p.BaseURL); meant != "" {
			e.Try = "hearth config set models.providers." + id + ".baseUrl " + meant
		}
		return endpoint, nil, e
	}
	endpoint.Slots = p.Slots
	client, err := cl.client(ctx, id, p, row, endpoint)
	if err != nil {
		return endpoint, nil, err
	}
	cl.mu.Lock()
	cl.reached[endpoint.Origin] = reach{client, p.LocalService != nil}
	cl.mu.Unlock()
	return endpoint, client, nil
}

// replicas adds the further places where the model is served. Each has a client of its
// own, so that trust, credentials and certificates are those of its own address. One that
// cannot be used is told, and left out.
func (cl *clients) replicas(ctx context.Context, c *candidate, p config.Provider, row config.Model) error {
	for _, address := range p.BaseURLs {
		p.BaseURL = address
		endpoint, client, err := cl.place(ctx, c.Ref.Provider, p, row)
		if err != nil {
			if cl.once("replica " + address) {
				fmt.Fprintf(cl.io.err, "note: %s of provider %s is left out: %s\n", oneLine(address), c.Ref.Provider, oneLine(err.Error()))
			}
			continue
		}
		provider, err := speak(c.Protocol, client)
		if err != nil {
			return err
		}
		c.Replicas = append(c.Replicas, model.Replica{Endpoint: endpoint, Provider: provider})
		c.others = append(c.others, client)
	}
	return nil
}

// reach is how a server is reached.
type reach struct {
	client *model.Client
	starts bool // by us, when it is asked
}

// accepts reports whether the server at an origin may be asked again: it accepts
// connections, or is started when it is asked. One that no target leads to may not.
func (cl *clients) accepts(ctx context.Context, origin string) bool {
	cl.mu.Lock()
	to := cl.reached[origin]
	cl.mu.Unlock()
	return to.client != nil && (to.starts || to.client.Accepts(ctx))
}

// starts reports whether we start the server at an origin.
func (cl *clients) starts(origin string) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.reached[origin].starts
}

func (cl *clients) forget() {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.reached = map[string]reach{}
}
