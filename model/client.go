package model

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"time"

	"hearth"
	"hearth/internal/netguard"
	"hearth/internal/redact"
)

// ClientConfig says how one provider's endpoint is reached. Only Endpoint is needed.
type ClientConfig struct {
	Provider string // its id in the config, for the sentences people read
	Flag     string // where the address is from, if not from the config: a flag, for the same sentences
	Endpoint Endpoint
	// APIKey is the credential, or the marker that a local server needs none. Without
	// one no credential header is sent; a public host is then refused before any request.
	APIKey string
	Auth   Auth
	// Headers are the owner's; they win over every header of ours.
	Headers map[string]string
	// AllowPrivateNetwork is the owner's word that the endpoint may be on a private network.
	AllowPrivateNetwork bool
	TLS                 *tls.Config // nil = the system's roots
	Proxy               *url.URL    // from the config only; nil = none
	// TimeoutSeconds is models.providers.<id>.timeoutSeconds: it bounds every phase and
	// the whole call. 0 = the defaults in the table of clocks.go.
	TimeoutSeconds int
	// Guard is the way out; nil makes one from the fields above. Tests hand in one with
	// a network of their own.
	Guard *netguard.Guard
}

// Auth says in which header the credential travels. The zero value is
// "Authorization: Bearer KEY".
type Auth struct {
	Header string // "" = Authorization
	Prefix string // before the key; ignored while Header is empty
}

// ParseEndpoint reads a configured base URL: its canonical origin, and where its host
// is as far as its name tells.
func ParseEndpoint(baseURL string) (Endpoint, error) {
	o, err := netguard.ParseOrigin(baseURL)
	if err != nil {
		return Endpoint{}, err
	}
	return Endpoint{BaseURL: baseURL, Origin: o.String(), written: o.Written(), Locality: hearth.Locality(o.Place())}, nil
}

// Written gives the origin with the host as it is configured, for sentences: Origin has one
// name for this machine, and not every server here listens at that one.
func (e Endpoint) Written() string { return cmp.Or(e.written, e.Origin) }

// A Client speaks HTTP to one endpoint, for every protocol: credentials, trust, clocks,
// error bodies. It never retries, never queues and knows no protocol. It may be used by
// several goroutines at once.
type Client struct {
	c      ClientConfig
	guard  *netguard.Guard
	base   *url.URL
	origin netguard.Origin
	masks  *redact.Redactor // of the credentials that are sent
	broken error            // why the config cannot be used; told by every call
}

// NewClient makes a Client. A config that cannot be used is told by the calls, so that
// one bad provider keeps nothing else down.
func NewClient(c ClientConfig) *Client {
	client := &Client{c: c, guard: c.Guard}
	client.c.APIKey = strings.TrimSpace(c.APIKey)
	client.masks = redact.New(client.c.secrets()...)
	base, err := url.Parse(strings.TrimSpace(c.Endpoint.BaseURL))
	if err == nil {
		client.base = base
		client.origin, err = netguard.ParseOrigin(c.Endpoint.BaseURL)
	}
	if err == nil && client.guard == nil {
		client.guard, err = netguard.New(netguard.Config{
			Origin: c.Endpoint.BaseURL, AllowPrivate: c.AllowPrivateNetwork,
			ConnectTimeout: connectTime(client.origin.Place(), client.allowed()),
			TLS:            c.TLS, Proxy: c.Proxy,
		})
	}
	if err != nil {
		client.broken = client.quiet(bare(err))
	}
	return client
}

// Provider is the id of the provider in the config; it may be empty.
func (c *Client) Provider() string { return c.c.Provider }

// Endpoint is where the Client speaks to.
func (c *Client) Endpoint() Endpoint { return c.c.Endpoint }

// CloseIdle closes connections that nobody uses.
func (c *Client) CloseIdle() {
	if c.guard != nil {
		c.guard.CloseIdle()
	}
}

// A Call is one request.
type Call struct {
	Op    string // what is being done, for errors: "openai chat"
	Model string // the model asked for, for sentences and Waits
	// Path is appended to the base URL, or, with FromRoot, to the base URL without a
	// final /v1. It begins with a slash and may hold a query.
	Path     string
	FromRoot bool
	Body     []byte
	Accept   string      // what the answer should be: text/event-stream, application/json
	Header   http.Header // the protocol's own: anthropic-version
	// Reading is told when the request is out and an answer is awaited. Its zero Phase
	// means PhaseReading.
	Reading hearth.Wait
	// Wait is told of each change of phase until Post returns, in Post's own goroutine.
	// When it returns false Post gives up with ErrStopped. It may be nil.
	Wait func(hearth.Wait) bool
}

// Accept values.
const (
	AcceptEvents = "text/event-stream"
	AcceptJSON   = "application/json"
	AcceptLines  = "application/x-ndjson"
)

// ErrStopped says that Call.Wait returned false: the caller wants nothing more.
var ErrStopped = errors.New("stopped by the caller")

// ErrLeft is in the chain of the error of an answer that was given up before its end came,
// because nobody could read on: its server may still be writing.
var ErrLeft = errors.New("the answer was left before its end")

// Post sends a call and gives the answer's beginning once the headers are there. The
// caller reads the body from the Response and closes it. Clocks run in both (the table
// in clocks.go). The error is a *hearth.Error, or ErrStopped: the address is not trusted,
// there is no credential, nothing answers, a clock ran out, ctx ended, the server
// answered with an error (its own words, sorted by Classify), with a redirect or with a
// web page. After an error nothing is left open.
func (c *Client) Post(ctx context.Context, call Call) (*Response, error) {
	if err := c.refusal(call.Op); err != nil {
		return nil, err
	}
	x := newExchange(c, call)
	ctx, x.cancel = context.WithCancelCause(ctx)
	x.cause = func() error { return context.Cause(ctx) }
	resp, err := x.roundTrip(ctx)
	if err != nil {
		x.end()
		return nil, err
	}
	r, err := x.accept(resp)
	if err != nil {
		_ = resp.Body.Close() // the error at hand says more
		x.end()
		return nil, err
	}
	return r, nil
}

// Accepts reports whether the server accepts a connection now. It asks nothing of it, and
// blocks no longer than the clock for connecting allows.
func (c *Client) Accepts(ctx context.Context) bool { return c.Connects(ctx) == nil }

// Connects opens a connection, asks nothing and closes it. Its error says why that failed.
func (c *Client) Connects(ctx context.Context) error {
	if c.broken != nil {
		return c.broken
	}
	return c.guard.Connect(ctx)
}

// SpeaksTLS reports whether an address with http:// leads to a server that wants https://.
// It opens a connection of its own and blocks for ten seconds at most, where somebody
// takes connections and says nothing.
func (c *Client) SpeaksTLS(ctx context.Context) bool {
	if c.broken != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, helloTime)
	defer cancel()
	return c.guard.SpeaksTLS(ctx)
}

// A Reply is the whole answer to a small question.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

const (
	maxReplyBytes = 8 << 20
	replyTime     = 10 * time.Second
)

// Get asks a small question, such as a probe, and gives whatever the server answers,
// also an error status, within ten seconds. The error is a *hearth.Error. The answer's
// first 8 MB are kept.
func (c *Client) Get(ctx context.Context, call Call) (*Reply, error) {
	if err := c.refusal(call.Op); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, replyTime)
	defer cancel()
	call.Body = nil
	req, err := c.request(ctx, http.MethodGet, call)
	if err != nil {
		return nil, err
	}
	resp, err := c.guard.Client().Do(req)
	if err != nil {
		return nil, c.transportError(ctx, call.Op, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(decoded(resp), maxReplyBytes))
	if err != nil {
		return nil, c.transportError(ctx, call.Op, err)
	}
	return &Reply{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// refusal says why nothing is sent at all, or nil.
func (c *Client) refusal(op string) error {
	if c.broken != nil {
		return &hearth.Error{
			Op: op, Reason: hearth.ReasonConfig, Err: c.broken,
			Cause: "The address of " + c.named() + " cannot be used.",
			Try:   "Correct " + c.key("baseUrl") + "; a local server's looks like http://127.0.0.1:1234/v1.",
		}
	}
	if refused, ok := errors.AsType[*netguard.Refused](c.guard.Literal()); ok {
		return c.untrusted(op, refused) // no credential would change that
	}
	if c.local() || c.HasCredential() {
		return nil
	}
	words := "no credential"
	if c.c.APIKey != "" {
		words = fmt.Sprintf("%q is a marker for local servers, not a credential", c.c.APIKey)
	}
	return &hearth.Error{
		Op: op, Reason: hearth.ReasonNoCredential, Err: errors.New(words),
		Cause: c.origin.Host + " is a public host, and those are only asked with a real key.",
		Try:   "Set " + c.key("apiKey") + ", or run hearth onboard.",
	}
}

// localMarkers are what people write where a key is wanted and none is needed.
var localMarkers = []string{
	"custom-local", "ollama-local", "ollama", "lmstudio", "lm-studio", "local", "local-key", "sk-local",
	"none", "no-key", "not-needed", "empty", "dummy", "secretref-managed", "sk-no-key-required",
}

// IsLocalMarker reports whether a configured key only says that none is needed.
func IsLocalMarker(key string) bool {
	return slices.Contains(localMarkers, strings.ToLower(strings.TrimSpace(key)))
}

// HasCredential reports whether a request would carry a credential: a key that is no marker
// for local servers, or a header that holds one.
func (c *Client) HasCredential() bool {
	if c.c.APIKey != "" && !IsLocalMarker(c.c.APIKey) {
		return true
	}
	for name, value := range c.c.Headers {
		if value != "" && (CredentialHeader(name) || strings.EqualFold(name, c.c.Auth.Header)) {
			return true
		}
	}
	return false
}

// local reports whether the host is this machine or on the owner's network.
func (c *Client) local() bool {
	p := c.origin.Place()
	return p == netguard.PlaceMachine || p == netguard.PlacePrivate
}

// named is the provider for a sentence.
func (c *Client) named() string {
	if c.c.Provider == "" {
		return "the model server"
	}
	return "provider " + c.c.Provider
}

// key is the path of one of the provider's settings, for a sentence.
func (c *Client) key(name string) string {
	if name == "baseUrl" && c.c.Flag != "" {
		return c.c.Flag
	}
	id := c.c.Provider
	if id == "" {
		id = "<id>"
	}
	return "models.providers." + id + "." + name
}

// url joins a call's path to the base URL; queries of both are kept.
func (c *Client) url(call Call) string {
	u := *c.base
	path := strings.TrimRight(u.EscapedPath(), "/")
	if call.FromRoot {
		path = strings.TrimSuffix(path, "/v1")
	}
	more, query, _ := strings.Cut(call.Path, "?")
	if query != "" && u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	} else {
		query += u.RawQuery
	}
	whole := u.Scheme + "://" + u.Host + path + more
	if query != "" {
		whole += "?" + query
	}
	return whole
}

func (c *Client) request(ctx context.Context, method string, call Call) (*http.Request, error) {
	var body io.Reader
	if call.Body != nil {
		body = bytes.NewReader(call.Body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url(call), body)
	if err != nil {
		return nil, &hearth.Error{Op: call.Op, Reason: hearth.ReasonConfig, Err: c.quiet(bare(err)), Cause: "The address of " + c.named() + " cannot be used.", Try: "Correct " + c.key("baseUrl") + "."}
	}
	maps.Copy(req.Header, call.Header)
	if call.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if call.Accept != "" {
		req.Header.Set("Accept", call.Accept)
	}
	if c.c.APIKey != "" {
		if c.c.Auth.Header == "" {
			req.Header.Set("Authorization", "Bearer "+c.c.APIKey)
		} else {
			req.Header.Set(c.c.Auth.Header, c.c.Auth.Prefix+c.c.APIKey)
		}
	}
	for name, value := range c.c.Headers {
		req.Header.Set(name, value)
	}
	return req, nil
}

// roundTrip sends the request and waits for headers, telling the phases on the way.
func (x *exchange) roundTrip(ctx context.Context) (*http.Response, error) {
	if !x.say(hearth.Wait{Phase: hearth.PhaseConnecting, Model: x.call.Model}) {
		return nil, ErrStopped
	}
	out := make(chan struct{}, 1) // the request is out
	trace := &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { x.connected(info.Conn) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil && x.sent() {
				out <- struct{}{}
			}
		},
	}
	req, err := x.client.request(httptrace.WithClientTrace(ctx, trace), http.MethodPost, x.call)
	if err != nil {
		return nil, err
	}
	type outcome struct {
		resp *http.Response
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		resp, err := x.client.guard.Client().Do(req) //nolint:bodyclose // the one who gets it closes it
		done <- outcome{resp, err}
	}()
	x.keepWatch(ctx)
	for {
		select {
		case <-out:
			if x.say(x.reading()) {
				continue
			}
			x.cancel(ErrStopped)
			if o := <-done; o.resp != nil {
				_ = o.resp.Body.Close() // nobody wants it
			}
			return nil, ErrStopped
		case o := <-done:
			if o.err != nil {
				return nil, x.failure(ctx, o.err)
			}
			x.touch()
			return o.resp, nil
		}
	}
}

// reading is what is told when the request is out.
func (x *exchange) reading() hearth.Wait {
	w := x.call.Reading
	if w.Phase == "" {
		w.Phase = hearth.PhaseReading
	}
	if w.Model == "" {
		w.Model = x.call.Model
	}
	return w
}

func (x *exchange) say(w hearth.Wait) bool {
	return x.call.Wait == nil || x.call.Wait(w)
}

// ReadingOf is what a call for req says while an answer is awaited: Call.Reading.
func ReadingOf(req *Request) hearth.Wait {
	w := hearth.Wait{Phase: hearth.PhaseReading, Model: req.Model}
	c := &req.Capabilities
	if !c.Resident && c.Locality.Own() {
		w.Note = "a model that is not in memory is loaded first"
	}
	return w
}
