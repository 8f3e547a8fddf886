package config

import (
	"context"
	"maps"
	"strings"

	"hearth/model"
)

// HasCredential reports whether the config itself gives a provider a credential: no profile,
// and not the environment of its vendor. A variable that nobody has set gives none. It may
// block as LookupEnv does; no program is run.
func (f *File) HasCredential(ctx context.Context, p Provider) bool {
	for _, s := range p.credentials() {
		if s.IsZero() {
			continue
		}
		if s.Env() == "" {
			return true
		}
		if _, err := f.Resolve(ctx, s); err == nil {
			return true
		}
	}
	return false
}

// Absent reports whether a secret counts as not written: nothing stands there, or a ${NAME}
// that nobody has set. It may block as LookupEnv does.
func (f *File) Absent(s Secret) bool {
	if s.env.name == "" || s.env.own {
		return s.IsZero()
	}
	_, err := f.variable(s.env)
	return err != nil
}

// WithKey is the provider with another credential in place of every one that it has. The
// headers of its models are as they were; see KeylessHeaders.
func (p Provider) WithKey(key string) Provider {
	p.Headers, p.Request.Headers = p.KeylessHeaders(p.Headers), p.KeylessHeaders(p.Request.Headers)
	p.APIKey = SecretText(key)
	p.Request.Auth.Token, p.Request.Auth.Value = Secret{}, Secret{}
	return p
}

// KeylessHeaders gives headers of the provider, or of one of its models, without those that
// its server reads a key from: they would go before the key that is sent.
func (p Provider) KeylessHeaders(headers Headers) Headers {
	headers = maps.Clone(headers)
	maps.DeleteFunc(headers, func(name string, _ Secret) bool { return p.readsKeyFrom(name) })
	return headers
}

// credentials lists where the provider may have one; some are zero.
func (p Provider) credentials() []Secret {
	out := []Secret{p.APIKey, p.Request.Auth.Token, p.Request.Auth.Value}
	for _, headers := range []Headers{p.Headers, p.Request.Headers} {
		for name, s := range headers {
			if p.readsKeyFrom(name) {
				out = append(out, s)
			}
		}
	}
	return out
}

// readsKeyFrom reports whether the provider's server takes a header for its key.
func (p Provider) readsKeyFrom(name string) bool {
	own := p.Request.Auth
	return model.CredentialHeader(name) || own.Mode == "header" && strings.EqualFold(name, own.HeaderName)
}
