package model

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"hearth/internal/redact"
)

// wordy matches what people write where a local server wants any key: ollama-local,
// not-needed. Masking such words would spoil ordinary text.
var wordy = regexp.MustCompile(`^[a-z_-]{0,15}$`)

// IsSecret reports whether a configured credential is one that must not be shown, and not
// a word that stands where none is needed.
func IsSecret(credential string) bool {
	return !wordy.MatchString(credential) && !IsLocalMarker(credential)
}

// CredentialHeader reports whether a header is one that a server reads its key from. Others
// that hold a secret, such as those of a tunnel in front of it, go along with any key.
func CredentialHeader(name string) bool {
	return slices.Contains([]string{"authorization", "x-api-key", "api-key", "x-auth-token", "x-goog-api-key"}, strings.ToLower(name))
}

// secretName matches the names of headers and query parameters that carry credentials.
var secretName = regexp.MustCompile(`(?i)auth|key|token|secret|cookie|password|credential|^sig$|signature`)

// NamesSecret reports whether what a header or a parameter of an address holds must not be
// shown, by its name.
func NamesSecret(name string) bool { return secretName.MatchString(name) }

// BareSecret is a header's value without the scheme that a credential may stand behind.
func BareSecret(value string) string {
	scheme, credential, ok := strings.Cut(strings.TrimSpace(value), " ")
	if ok && slices.Contains([]string{"bearer", "basic", "token", "apikey", "api-key"}, strings.ToLower(scheme)) {
		return strings.TrimSpace(credential)
	}
	return value
}

// QuerySecrets gives the credentials in the query of an address, as they are written there
// and as they are meant.
func QuerySecrets(baseURL string) []string {
	u, err := url.Parse(strings.TrimSpace(baseURL))
	if err != nil {
		return nil
	}
	var out []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, written, _ := strings.Cut(pair, "=")
		if !NamesSecret(name) {
			continue
		}
		if meant, err := url.QueryUnescape(written); err == nil && IsSecret(meant) {
			out = append(out, meant, written)
		}
	}
	return out
}

// secrets gives the credentials in what is sent: no word of a server's that repeats one may
// be shown or kept.
func (c *ClientConfig) secrets() []string {
	out := QuerySecrets(c.Endpoint.BaseURL)
	add := func(credential string) {
		if IsSecret(credential) {
			out = append(out, credential)
		}
	}
	add(c.APIKey)
	for name, value := range c.Headers {
		if NamesSecret(name) || strings.EqualFold(name, c.Auth.Header) {
			add(value)
			add(BareSecret(value))
		}
	}
	return out
}

// Secrets are the credentials that go out with every request.
func (c *Client) Secrets() []string { return c.c.secrets() }

// quiet takes the credentials that were sent out of what an error says.
func (c *Client) quiet(err error) error {
	if said := err.Error(); c.masks.Values(said) != said {
		return errors.New(c.masks.Values(said))
	}
	return err
}

// quiet takes them out of everything that Classify reads. Once is not enough: what is
// written in one of JSON's other ways shows only when it is decoded, and what is cut off
// in the middle is not found any more.
func (b errorBody) quiet(masks *redact.Redactor) errorBody {
	for _, words := range []*string{&b.Message, &b.Type, &b.Code, &b.Param, &b.Raw} {
		*words = masks.Values(*words)
	}
	return b
}
