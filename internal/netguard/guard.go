package netguard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// DefaultConnectTimeout is Config.ConnectTimeout when that is 0.
const DefaultConnectTimeout = 10 * time.Second

// Config of a Guard.
type Config struct {
	// Origin is the base URL of a model server that the owner configured. Loopback is
	// trusted; private networks need AllowPrivate.
	Origin string
	// AllowPrivate is the owner's word that the origin may be on a private network.
	AllowPrivate bool
	// ConnectTimeout bounds resolving, dialling and the TLS handshake.
	ConnectTimeout time.Duration
	// TLS is used for https; nil = the system's roots.
	TLS *tls.Config
	// Proxy is a proxy that the owner configured for this origin; nil = none. The
	// environment is never asked.
	Proxy *url.URL

	// Resolve and Dial stand in for the network in tests; nil = the system's.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// Refused says why an address was not dialled. AskOwner is set when AllowPrivate would
// have allowed it.
type Refused struct {
	Host     string
	Addr     netip.Addr // invalid when the name alone was enough
	Why      string
	AskOwner bool
}

// Error says which host and why.
func (r *Refused) Error() string {
	switch {
	case !r.Addr.IsValid():
		return fmt.Sprintf("refused to dial %s: %s", r.Host, r.Why)
	case r.Host == r.Addr.String():
		return fmt.Sprintf("refused to dial %s: %s", r.Addr, r.Why)
	default:
		return fmt.Sprintf("refused to dial %s (%s): %s", r.Host, r.Addr, r.Why)
	}
}

func refuse(host string, a netip.Addr, why string) *Refused {
	return &Refused{Host: host, Addr: a, Why: why}
}

// A Guard is an http.RoundTripper. It may be used by several goroutines at once.
type Guard struct {
	c         Config
	origin    Origin
	proxy     Origin
	transport *http.Transport
	client    *http.Client
}

// New makes a Guard. It fails when Origin or Proxy is no usable address.
func New(c Config) (*Guard, error) {
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = DefaultConnectTimeout
	}
	if c.Resolve == nil {
		c.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	g := &Guard{c: c}
	var err error
	if g.origin, err = ParseOrigin(c.Origin); err != nil {
		return nil, err
	}
	if c.Proxy != nil {
		if g.proxy, err = originOf(&url.URL{Scheme: c.Proxy.Scheme, Host: c.Proxy.Host}); err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
	}
	if g.c.Dial == nil {
		g.c.Dial = g.dialer().DialContext
	}
	g.transport = g.newTransport()
	g.client = &http.Client{Transport: g, CheckRedirect: g.checkRedirect}
	return g, nil
}

// dialer watches connections to local servers closely: when the other machine is
// switched off no packet says so, and a server may rightly be silent for minutes.
func (g *Guard) dialer() *net.Dialer {
	d := &net.Dialer{}
	if g.Place() != PlaceHosted {
		d.KeepAliveConfig = closely
	}
	return d
}

// closely has the kernels of both sides speak to each other every second of silence. A
// machine that is gone is noticed after Idle + Interval × Count, nine seconds; a network
// that was away for less than Interval × Count, seven, cost nothing: the prompt that a
// server reads meanwhile is not lost.
var closely = net.KeepAliveConfig{Enable: true, Idle: 2 * time.Second, Interval: time.Second, Count: 7}

func (g *Guard) newTransport() *http.Transport {
	t := &http.Transport{
		DialContext:         g.dial,
		TLSClientConfig:     g.c.TLS.Clone(),
		TLSHandshakeTimeout: g.c.ConnectTimeout,
		ForceAttemptHTTP2:   true,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
		// Nobody asks for compressed streams: a proxy that compresses also buffers.
		DisableCompression: true,
		// A new connection on a private network costs less than a stale one, which fails
		// in the moment the server closes it, when nobody can tell that from a crash.
		DisableKeepAlives:      g.origin.Scheme == "http",
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    4,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	if g.c.Proxy != nil {
		t.Proxy = http.ProxyURL(g.c.Proxy)
	}
	return t
}

// Client gives an HTTP client that goes through the Guard. Redirects within the origin
// that keep the method are followed; of any other the redirect itself is the response.
func (g *Guard) Client() *http.Client { return g.client }

// Origin is the one origin that the Guard reaches.
func (g *Guard) Origin() Origin { return g.origin }

// Place says where the origin is, from its name.
func (g *Guard) Place() Place { return g.origin.Place() }

// CloseIdle closes connections that nobody uses.
func (g *Guard) CloseIdle() { g.transport.CloseIdleConnections() }

const maxRedirects = 5

func (g *Guard) checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	o, err := originOf(req.URL)
	if err != nil || o != g.origin || req.Method != via[0].Method {
		return http.ErrUseLastResponse
	}
	return nil
}

// RoundTrip refuses what this Guard is not for, and sends the rest.
func (g *Guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.checkURL(req.URL); err != nil {
		closeBody(req)
		return nil, err
	}
	if g.transport.DisableKeepAlives && g.c.Proxy == nil {
		return g.alone(req)
	}
	return g.transport.RoundTrip(req)
}

func (g *Guard) checkURL(u *url.URL) error {
	o, err := originOf(u)
	if err != nil {
		return err
	}
	if o != g.origin {
		return refuse(o.Host, netip.Addr{}, "it is not the configured origin "+g.origin.String())
	}
	return nil
}

// Connect opens one connection to the origin and closes it: somebody is there.
func (g *Guard) Connect(ctx context.Context) error {
	o := g.origin
	if g.c.Proxy != nil {
		o = g.proxy
	}
	conn, err := g.dial(ctx, "tcp", net.JoinHostPort(o.Host, o.Port))
	if err != nil {
		return err
	}
	return conn.Close()
}

// SpeaksTLS reports whether whoever listens at an http origin answers as HTTPS servers do.
// It opens a connection, says hello, and sends nothing else; ctx bounds it.
func (g *Guard) SpeaksTLS(ctx context.Context) bool {
	if g.origin.Scheme != "http" || g.c.Proxy != nil {
		return false
	}
	conn, err := g.dial(ctx, "tcp", net.JoinHostPort(g.origin.Host, g.origin.Port))
	if err != nil {
		return false
	}
	// Whose certificate it is does not matter: the connection ends here.
	err = tls.Client(conn, &tls.Config{ServerName: g.origin.Host, InsecureSkipVerify: true}).HandshakeContext(ctx) //nolint:gosec // see above
	_ = conn.Close()                                                                                               // nothing was sent on it
	_, refuses := errors.AsType[tls.AlertError](err)                                                               // in TLS's own words
	return err == nil || refuses
}

// Literal checks an origin that is an address and no name, as dialling would. The error
// is a *Refused; nil says nothing of names.
func (g *Guard) Literal() error {
	a, err := netip.ParseAddr(g.origin.Host)
	if err != nil || g.c.Proxy != nil || a.IsUnspecified() {
		return nil
	}
	return g.check(g.origin.Host, g.origin.Port, []netip.Addr{a.Unmap()})
}

// check applies the trust rule to every address of host. The owner's own proxy may be on a
// private network.
func (g *Guard) check(host, port string, found []netip.Addr) error {
	allowPrivate := g.c.AllowPrivate || g.c.Proxy != nil && host == g.proxy.Host && port == g.proxy.Port
	for _, a := range found {
		if err := checkOwned(host, a, allowPrivate); err != nil {
			return err
		}
	}
	return nil
}

// checkOwned is the trust rule for an origin that the owner configured: this machine
// always, public addresses behind public names, private ones with the owner's word,
// metadata and link-local never.
func checkOwned(host string, a netip.Addr, allowPrivate bool) error {
	_, notLiteral := netip.ParseAddr(host)
	named := notLiteral != nil && !isThisMachine(host)
	publicName := named && !isPrivateName(host)
	switch kind := ownerKindOf(a); {
	case kind == KindNever:
		return refuse(host, a, "nothing that serves models lives at such an address")
	case allowPrivate:
		return nil
	case kind == KindPrivate, publicName && kind == KindLoopback:
		return &Refused{Host: host, Addr: a, Why: "it is on a private network", AskOwner: true}
	case named && !publicName && kind == KindPublic:
		return &Refused{Host: host, Addr: a, Why: "the name is a private network's, the address is not", AskOwner: true}
	}
	return nil
}
