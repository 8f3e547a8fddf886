package model_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/internal/netguard"
	"hearth/internal/sse"
	"hearth/model"
)

// clientFor gives a Client for a real server on loopback.
func clientFor(t *testing.T, h http.HandlerFunc, change func(*model.ClientConfig)) *model.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c := model.ClientConfig{Provider: "box", Endpoint: endpoint(t, server.URL+"/v1")}
	if change != nil {
		change(&c)
	}
	return model.NewClient(c)
}

func endpoint(t *testing.T, baseURL string) model.Endpoint {
	t.Helper()
	e, err := model.ParseEndpoint(baseURL)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var chat = model.Call{Op: "openai chat", Model: "qwen3", Path: "/chat/completions", Body: []byte(`{}`), Accept: model.AcceptEvents}

// ask posts and reads all; it gives the body and whichever error came first.
func ask(ctx context.Context, c *model.Client, call model.Call) (string, error) {
	resp, err := c.Post(ctx, call)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Close() }()
	body, err := io.ReadAll(resp)
	return string(body) + string(resp.Whole), err
}

func told(t *testing.T, err error) *hearth.Error {
	t.Helper()
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok {
		t.Fatalf("got %v, want a *hearth.Error", err)
	}
	if e.Op == "" || e.Cause == "" || e.Try == "" || e.Err == nil {
		t.Errorf("%#v lacks a line that a person needs", e)
	}
	return e
}

func TestHeadersOfARequest(t *testing.T) {
	rows := []struct {
		name   string
		change func(*model.ClientConfig)
		want   map[string]string // "" = absent
	}{
		{"no key sends no credential", nil, map[string]string{"Authorization": "", "X-Api-Key": ""}},
		{"a key travels as a bearer token", func(c *model.ClientConfig) { c.APIKey = " k1\n" }, map[string]string{"Authorization": "Bearer k1"}},
		{"or in a header of its own", func(c *model.ClientConfig) { c.APIKey, c.Auth.Header = "k1", "x-api-key" }, map[string]string{"X-Api-Key": "k1", "Authorization": ""}},
		{"or with a prefix", func(c *model.ClientConfig) { c.APIKey, c.Auth = "k1", model.Auth{Header: "X-Key", Prefix: "Token "} }, map[string]string{"X-Key": "Token k1"}},
		{"the owner's headers win", func(c *model.ClientConfig) {
			c.APIKey, c.Headers = "k1", map[string]string{"authorization": "Basic x", "X-Team": "a"}
		}, map[string]string{"Authorization": "Basic x", "X-Team": "a"}},
		{"nothing says who we are", nil, map[string]string{"Originator": "", "Version": "", "X-Title": "", "Http-Referer": "", "Accept-Encoding": "", "Traceparent": ""}},
		{"what the answer should be", nil, map[string]string{"Accept": "text/event-stream", "Content-Type": "application/json"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var got *http.Request
			c := clientFor(t, func(_ http.ResponseWriter, r *http.Request) { got = r }, row.change)
			if _, err := ask(t.Context(), c, chat); err != nil {
				t.Fatal(err)
			}
			if got.URL.Path != "/v1/chat/completions" {
				t.Errorf("path %s", got.URL.Path)
			}
			for name, want := range row.want {
				if v := got.Header.Get(name); v != want {
					t.Errorf("%s: %q, want %q", name, v, want)
				}
			}
			if agent := strings.ToLower(got.UserAgent()); strings.Contains(agent, "hearth") || strings.Contains(agent, "claw") {
				t.Errorf("User-Agent %q", agent)
			}
		})
	}
}

func TestPathsOfACall(t *testing.T) {
	var got string
	h := func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI }
	for _, row := range []struct {
		base string
		call model.Call
		want string
	}{
		{"/v1", model.Call{Path: "/models"}, "/v1/models"},
		{"/v1/", model.Call{Path: "/models"}, "/v1/models"},
		{"", model.Call{Path: "/models"}, "/models"},
		{"/v1", model.Call{Path: "/api/tags", FromRoot: true}, "/api/tags"},
		{"/ollama/v1/", model.Call{Path: "/api/tags", FromRoot: true}, "/ollama/api/tags"},
		{"/openai?api-version=1", model.Call{Path: "/models"}, "/openai/models?api-version=1"},
		{"/openai?a=1", model.Call{Path: "/models?b=2"}, "/openai/models?a=1&b=2"},
	} {
		c := clientFor(t, h, func(c *model.ClientConfig) {
			c.Endpoint.BaseURL = strings.TrimSuffix(c.Endpoint.BaseURL, "/v1") + row.base
		})
		if _, err := c.Get(t.Context(), row.call); err != nil || got != row.want {
			t.Errorf("%s + %s: got %s, %v, want %s", row.base, row.call.Path, got, err, row.want)
		}
	}
}

func TestCredentialsForPublicHosts(t *testing.T) {
	never := func(context.Context, string, string) (net.Conn, error) {
		t.Error("a connection was made")
		return nil, io.EOF
	}
	rows := []struct {
		name, base, key string
		headers         map[string]string
		refused         bool
	}{
		{"a public host without a key", "https://api.example.com/v1", "", nil, true},
		{"a public host with a local marker", "https://api.example.com/v1", "lmstudio", nil, true},
		{"a public address without a key", "http://8.8.8.8/v1", "", nil, true},
		{"a public host with a real key", "https://api.example.com/v1", "sk-real", nil, false},
		{"a public host with a credential in the headers", "https://api.example.com/v1", "", map[string]string{"api-key": "x"}, false},
		{"loopback", "http://127.0.0.1/v1", "", nil, false},
		{"a LAN address", "http://192.168.1.2/v1", "", nil, false},
		{"a .local name", "http://studio.local/v1", "custom-local", nil, false},
		{"a bare name", "http://gpubox/v1", "", nil, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			dialled := false
			dial := never
			if !row.refused {
				dial = func(context.Context, string, string) (net.Conn, error) {
					dialled = true
					return nil, io.ErrClosedPipe
				}
			}
			guard, err := netguard.New(netguard.Config{Origin: row.base, AllowPrivate: true, Dial: dial,
				Resolve: func(context.Context, string) ([]netip.Addr, error) {
					return []netip.Addr{netip.MustParseAddr("9.9.9.9")}, nil
				}})
			if err != nil {
				t.Fatal(err)
			}
			c := model.NewClient(model.ClientConfig{Provider: "box", Endpoint: endpoint(t, row.base), APIKey: row.key, Headers: row.headers, Guard: guard})
			_, err = ask(t.Context(), c, chat)
			e := told(t, err)
			if row.refused != (e.Reason == hearth.ReasonNoCredential) || dialled == row.refused {
				t.Errorf("got %v (%s), dialled %t", e, e.Reason, dialled)
			}
			if row.refused && !strings.Contains(e.Try, "models.providers.box.apiKey") {
				t.Errorf("Try: %s", e.Try)
			}
		})
	}
}

// Advice to set a key would be wrong: with one, such an address is not dialled either.
func TestAddressesThatAreNeverDialledAreToldBeforeAMissingKey(t *testing.T) {
	for _, base := range []string{"http://169.254.169.254/v1", "http://224.0.0.1/v1", "http://[fd00:ec2::254]/v1", "http://[fe80::1]/v1"} {
		c := model.NewClient(model.ClientConfig{Provider: "box", Endpoint: endpoint(t, base), AllowPrivateNetwork: true})
		_, err := ask(t.Context(), c, chat)
		if e := told(t, err); e.Reason != hearth.ReasonNotTrusted || !strings.Contains(e.Try, "models.providers.box.baseUrl") {
			t.Errorf("%s: got %v, %s, try: %s", base, e, e.Reason, e.Try)
		}
	}
}

func TestPrivateNetworksNeedTheOwnersWord(t *testing.T) {
	c := model.NewClient(model.ClientConfig{Provider: "box", Endpoint: endpoint(t, "http://192.168.77.5:8000/v1")})
	_, err := ask(t.Context(), c, chat)
	e := told(t, err)
	if e.Reason != hearth.ReasonNotTrusted || !strings.Contains(e.Try, "hearth config set models.providers.box.request.allowPrivateNetwork true") {
		t.Errorf("got %v, %s, try: %s", e, e.Reason, e.Try)
	}
}

func TestConnectionsThatFail(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + l.Addr().String()
	_ = l.Close()
	hangUp := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	plain := httptest.NewServer(http.HandlerFunc(hangUp))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(hangUp))
	defer secure.Close()
	rows := []struct {
		name, base string
		reason     hearth.Reason
		cause      string
	}{
		{"nobody listens", gone, hearth.ReasonUnreachable, "Nothing listens at http://127.0.0.1:"},
		{"nobody listens at the host that was named", "http://0.0.0.0" + gone[strings.LastIndex(gone, ":"):], hearth.ReasonUnreachable, "Nothing listens at http://0.0.0.0:"},
		{"the server hangs up and lives", plain.URL, hearth.ReasonServer, "it still runs"},
		{"a server without TLS", strings.Replace(plain.URL, "http:", "https:", 1), hearth.ReasonUnreachable, ""},
		{"a certificate of nobody", secure.URL, hearth.ReasonUnreachable, "certificate"},
		{"a server with TLS", strings.Replace(secure.URL, "https:", "http:", 1), hearth.ReasonUnreachable, "The server at that port speaks HTTPS."},
		{"a server with TLS that only hangs up", "http://" + curt(t), hearth.ReasonUnreachable, "The server at that port speaks HTTPS."},
		{"an address that is none", "http://127.1:80", hearth.ReasonConfig, "cannot be used"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			c := model.NewClient(model.ClientConfig{Provider: "box", Endpoint: model.Endpoint{BaseURL: row.base}})
			_, err := ask(t.Context(), c, chat)
			if e := told(t, err); e.Reason != row.reason || !strings.Contains(e.Cause, row.cause) {
				t.Errorf("got %v (%s)\n%s\n%s", e, e.Reason, e.Cause, e.Try)
			}
		})
	}
}

// curt gives the address of an HTTPS server that hangs up without a word on whoever does not
// begin with TLS, as Python's does.
func curt(t *testing.T) string {
	t.Helper()
	lender := httptest.NewUnstartedServer(http.NotFoundHandler())
	lender.StartTLS()
	t.Cleanup(lender.Close)
	l, err := tls.Listen("tcp", "127.0.0.1:0", lender.TLS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the handshake
				if c, ok := conn.(*tls.Conn); ok {
					_ = c.NetConn().SetDeadline(time.Now().Add(time.Minute))
					_ = c.HandshakeContext(context.Background())
					_ = c.NetConn().Close()
				}
			}()
		}
	}()
	return l.Addr().String()
}

// What is down is the proxy; the server behind it may run.
func TestAProxyThatIsAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	proxy := &url.URL{Scheme: "http", Host: l.Addr().String(), User: url.UserPassword("me", "zebra")}
	for _, base := range []string{server.URL, strings.Replace(server.URL, "http:", "https:", 1)} {
		c := model.NewClient(model.ClientConfig{Provider: "box", Endpoint: endpoint(t, base), Proxy: proxy})
		_, err := ask(t.Context(), c, chat)
		e := told(t, err)
		want := "The proxy http://me:xxxxx@" + proxy.Host + " was not reached; the model server behind it was not asked."
		if e.Reason != hearth.ReasonUnreachable || e.Cause != want || !strings.HasSuffix(e.Try, "hearth config unset models.providers.box.request.proxy") {
			t.Errorf("%s\n%s\n%s\n%s", e.Reason, e, e.Cause, e.Try)
		}
	}
}

func TestBodies(t *testing.T) {
	gzipped := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, "data: a\n\n")
		_ = z.Close()
	}
	typed := func(kind, body string, status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	rows := []struct {
		name    string
		handler http.HandlerFunc
		body    string
		reason  hearth.Reason
		words   string
	}{
		{name: "a compressed stream nobody asked for", handler: gzipped, body: "data: a\n\n"},
		{name: "a stream called JSON", handler: typed("application/json", "data: a\n\n", 200), body: "data: a\n\n"},
		{name: "a whole document instead of a stream", handler: typed("application/json", ` {"choices":[]}`, 200), body: `{"choices":[]}`},
		{name: "an error with status 200", handler: typed("application/json", `{"error":"Unexpected endpoint or method. (POST /chat/completions)"}`, 200), reason: hearth.ReasonModelNotFound, words: "Unexpected endpoint or method."},
		{name: "a web page with status 200", handler: typed("text/html; charset=utf-8", "<html><title>Log in</title>", 200), reason: hearth.ReasonServer, words: `a web page titled "Log in"`},
		{name: "a web page with status 502", handler: typed("text/html", "<html><head><title>502 Bad Gateway</title></head><body>…", 502), reason: hearth.ReasonServer, words: `HTTP 502: a web page titled "502 Bad Gateway"`},
		{name: "words that would drive a terminal", handler: typed("text/plain", "no\u009b2J \x1b[1Amodel\u202e", 500), reason: hearth.ReasonServer, words: "HTTP 500: no 2J [1Amodel"},
		{name: "an error without a body", handler: typed("", "", 500), reason: hearth.ReasonServer, words: "internal server error (no explanation)"},
		{name: "a redirect to another host", handler: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://198.51.100.7/v1", http.StatusTemporaryRedirect)
		}, reason: hearth.ReasonServer, words: "redirects to http://198.51.100.7/v1"},
		{name: "an error of many megabytes", handler: typed("text/plain", strings.Repeat("x", 9<<20), 500), reason: hearth.ReasonServer, words: "xxx"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			body, err := ask(t.Context(), clientFor(t, row.handler, nil), chat)
			if row.reason == "" {
				if err != nil || body != row.body {
					t.Fatalf("got %q and %v, want %q", body, err, row.body)
				}
				return
			}
			if e := told(t, err); e.Reason != row.reason || !strings.Contains(e.Error(), row.words) || len(e.Error()) > 1200 {
				t.Errorf("got %s: %.300v", e.Reason, e)
			}
		})
	}
}

func TestPhasesAndTimeline(t *testing.T) {
	c := clientFor(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "data: a\n\n")
	}, nil)
	var phases []string
	call := chat
	call.Reading.Note = "the first answer loads the model"
	call.Wait = func(w hearth.Wait) bool {
		phases = append(phases, string(w.Phase)+" "+w.Model+" "+w.Note)
		return true
	}
	resp, err := c.Post(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Close() }()
	if !resp.Token() || resp.Token() {
		t.Error("Token is true for the first token only")
	}
	// The answer may overtake the note that the request is out.
	if got := strings.Join(phases, "|"); !strings.HasPrefix(got, "connecting qwen3 ") {
		t.Errorf("phases %q", got)
	}
	tl := resp.Timeline()
	if tl.Connected <= 0 || tl.Sent < tl.Connected || tl.Headers < tl.Sent || tl.FirstToken < tl.Headers {
		t.Errorf("timeline %+v", tl)
	}
}

func TestCancelIsTold(t *testing.T) {
	arrived, left := make(chan struct{}), make(chan struct{})
	c := clientFor(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		<-r.Context().Done()
		close(left)
	}, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the person pressed Ctrl-C")
	go func() {
		<-arrived
		cancel(why)
	}()
	_, err := ask(ctx, c, chat)
	if e := told(t, err); e.Reason != hearth.ReasonCancelled || !errors.Is(err, why) {
		t.Errorf("got %v (%s)", e, e.Reason)
	}
	<-left
}

func TestTheCallerMayStopAtAPhase(t *testing.T) {
	// The phase is told before the last bytes leave the process, so the request may never
	// arrive; if it does, the server's Close waits until its connection is gone.
	c := clientFor(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}, nil)
	call := chat
	call.Wait = func(w hearth.Wait) bool { return w.Phase == hearth.PhaseConnecting }
	if _, err := c.Post(t.Context(), call); !errors.Is(err, model.ErrStopped) {
		t.Errorf("got %v", err)
	}
}

// fake is a server behind net.Pipe, so that clocks run in a synctest bubble.
type fake struct {
	serve func(conn net.Conn) // answers one request
	dead  atomic.Bool         // refuses new connections
	dials atomic.Int32
	over  chan struct{} // closed when the test is
}

func newFake(serve func(f *fake, conn net.Conn)) *fake {
	f := &fake{over: make(chan struct{})}
	f.serve = func(conn net.Conn) { serve(f, conn) }
	return f
}

// pause lets time pass while the test lasts.
func (f *fake) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-f.over:
	}
}

// end lets every goroutine of the fake end.
func (f *fake) end() {
	close(f.over)
	synctest.Wait()
}

func (f *fake) dial(context.Context, string, string) (net.Conn, error) {
	f.dials.Add(1)
	if f.dead.Load() {
		return nil, errors.New("connection refused")
	}
	client, server := net.Pipe()
	go func() {
		defer func() { _ = server.Close() }()
		r, err := http.ReadRequest(bufio.NewReader(server))
		if err != nil {
			return // a look at whether anybody is there
		}
		_, _ = io.Copy(io.Discard, r.Body)
		f.serve(server)
	}()
	return client, nil
}

func (f *fake) client(t *testing.T, base string, seconds int) *model.Client {
	t.Helper()
	guard, err := netguard.New(netguard.Config{Origin: base, Dial: f.dial,
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("9.9.9.9")}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return model.NewClient(model.ClientConfig{Provider: "box", Endpoint: endpoint(t, base), APIKey: "sk-real", TimeoutSeconds: seconds, Guard: guard})
}

const (
	local  = "http://127.0.0.1:1234/v1"
	hosted = "http://api.example.com/v1"
	begin  = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
)

// until blocks as long as the connection is open.
func until(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func TestClocks(t *testing.T) {
	silentBeforeHeaders := func(_ *fake, conn net.Conn) { until(conn) }
	silentAfterToken := func(_ *fake, conn net.Conn) {
		_, _ = io.WriteString(conn, begin+"data: a\n\n")
		until(conn)
	}
	keepsAlive := func(pause time.Duration, times int) func(*fake, net.Conn) {
		return func(f *fake, conn net.Conn) {
			_, _ = io.WriteString(conn, begin)
			for range times {
				f.pause(pause)
				if _, err := io.WriteString(conn, ": at work\n\n"); err != nil {
					return
				}
			}
			_, _ = io.WriteString(conn, "data: a\n\n")
		}
	}
	slow := func(after time.Duration) func(*fake, net.Conn) {
		return func(f *fake, conn net.Conn) {
			f.pause(after)
			_, _ = io.WriteString(conn, begin+"data: a\n\n")
		}
	}
	rows := []struct {
		name    string
		base    string
		seconds int
		serve   func(*fake, net.Conn)
		dies    time.Duration
		reason  hearth.Reason // "" = the answer came
		after   time.Duration // exactly, unless between is set
		atMost  time.Duration
	}{
		{name: "a local server may read for an hour", base: local, serve: slow(time.Hour), after: time.Hour},
		{name: "a local server that dies is noticed within ten seconds", base: local, serve: silentBeforeHeaders, dies: 30 * time.Minute, reason: hearth.ReasonUnreachable, after: 30 * time.Minute, atMost: 10 * time.Second},
		{name: "the time allowed bounds a local server too", base: local, seconds: 60, serve: silentBeforeHeaders, reason: hearth.ReasonTimeout, after: time.Minute},
		{name: "a public host has two minutes for the first word", base: hosted, serve: silentBeforeHeaders, reason: hearth.ReasonTimeout, after: 2 * time.Minute},
		{name: "unless more is allowed", base: hosted, seconds: 300, serve: slow(4 * time.Minute), after: 4 * time.Minute},
		{name: "comments say that a public host is at work", base: hosted, serve: keepsAlive(time.Minute, 5), after: 5 * time.Minute},
		{name: "ten minutes are all a public host has", base: hosted, serve: keepsAlive(time.Minute, 20), reason: hearth.ReasonTimeout, after: 10 * time.Minute},
		{name: "two minutes between tokens", base: local, serve: silentAfterToken, reason: hearth.ReasonStalled, after: 2 * time.Minute},
		{name: "more between tokens when allowed", base: local, seconds: 900, serve: silentAfterToken, reason: hearth.ReasonStalled, after: 15 * time.Minute},
		{name: "less between tokens when allowed less", base: local, seconds: 30, serve: silentAfterToken, reason: hearth.ReasonStalled, after: 30 * time.Second},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(row.serve)
				defer f.end()
				if row.dies > 0 {
					time.AfterFunc(row.dies, func() { f.dead.Store(true) })
				}
				began := time.Now()
				resp, err := f.client(t, row.base, row.seconds).Post(t.Context(), chat)
				for err == nil {
					b := make([]byte, 64)
					var n int
					if n, err = resp.Read(b); strings.HasPrefix(string(b[:n]), "data:") {
						resp.Token()
					}
				}
				if resp != nil {
					_ = resp.Close()
				}
				took := time.Since(began)
				if row.reason == "" {
					if !errors.Is(err, io.EOF) || took != row.after {
						t.Errorf("got %v after %s", err, took)
					}
					return
				}
				e := told(t, err)
				if e.Reason != row.reason || took < row.after || took > row.after+row.atMost+2*time.Millisecond {
					t.Errorf("got %v (%s) after %s, want %s after %s", e, e.Reason, took, row.reason, row.after)
				}
				if row.reason != hearth.ReasonUnreachable && !strings.Contains(e.Try, "models.providers.box.timeoutSeconds") {
					t.Errorf("the key is not named: %s", e.Try)
				}
			})
		})
	}
}

// However short the time allowed is, a connection that never came is told as that.
func TestNobodyAnswersWithinTheTimeAllowed(t *testing.T) {
	for _, seconds := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			guard, err := netguard.New(netguard.Config{Origin: local, ConnectTimeout: 5 * time.Second, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err = ask(t.Context(), model.NewClient(model.ClientConfig{Endpoint: endpoint(t, local), TimeoutSeconds: seconds, Guard: guard}), chat)
			took, e := time.Since(began), told(t, err)
			if e.Reason != hearth.ReasonUnreachable || !strings.Contains(e.Cause, "Nobody answered") || seconds > 0 && took > time.Second+time.Millisecond {
				t.Errorf("with %d s allowed: %v (%s) after %s", seconds, e, e.Reason, took)
			}
			time.Sleep(time.Minute) // the dial that nobody waits for ends with its own clock
		})
	}
}

func TestABusyServerIsNotDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(func(f *fake, conn net.Conn) {
			f.pause(10 * time.Minute)
			_, _ = io.WriteString(conn, begin+"data: a\n\n")
		})
		defer f.end()
		guard, err := netguard.New(netguard.Config{Origin: local, ConnectTimeout: 5 * time.Second, Dial: func(ctx context.Context, n, a string) (net.Conn, error) {
			if f.dials.Load() == 0 {
				return f.dial(ctx, n, a)
			}
			<-ctx.Done() // no room in its queue: nobody refuses, nobody accepts
			return nil, ctx.Err()
		}})
		if err != nil {
			t.Fatal(err)
		}
		c := model.NewClient(model.ClientConfig{Endpoint: endpoint(t, local), Guard: guard})
		if body, err := ask(t.Context(), c, chat); err != nil || body != "data: a\n\n" {
			t.Errorf("got %q and %v", body, err)
		}
	})
}

func TestStreamsThatBreak(t *testing.T) {
	broken := func(_ *fake, conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n")
	}
	for _, row := range []struct {
		name   string
		token  bool
		reason hearth.Reason
	}{{"after a token", true, hearth.ReasonCut}, {"before any token", false, hearth.ReasonServer}} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(broken)
				defer f.end()
				resp, err := f.client(t, local, 0).Post(t.Context(), chat)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Close() }()
				if row.token {
					resp.Token()
				}
				body, err := io.ReadAll(resp)
				if e := told(t, err); string(body) != "data: a\n\n" || e.Reason != row.reason {
					t.Errorf("got %q, then %v (%s)", body, e, e.Reason)
				}
				if e := told(t, resp.Ended(io.EOF)); e.Reason != row.reason {
					t.Errorf("a clean end: %v (%s)", e, e.Reason)
				}
			})
		})
	}
}

// A server that keeps a decoder busy without end, with comments for instance, is left in
// the end, and nobody holds what it sent.
func TestAnAnswerWithoutAnEndIsLeft(t *testing.T) {
	const most = 256 << 20
	piece := []byte(": " + strings.Repeat("tea ", 1<<18) + "\n")
	c := clientFor(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for sent := 0; sent < most+64<<20; sent += len(piece) {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}, nil)
	resp, err := c.Post(t.Context(), chat)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Close() }()
	resp.Token()
	n, err := io.Copy(io.Discard, resp)
	if err == nil || n > most+1<<20 {
		t.Fatalf("%d MB were read, then %v", n>>20, err)
	}
	if e := told(t, err); e.Reason != hearth.ReasonCut || strings.Contains(e.Cause, "memory") || !errors.Is(e, model.ErrLeft) {
		t.Errorf("got %v (%s): %s", e, e.Reason, e.Cause)
	}
}

// Who cannot read on leaves a server that may still be writing; one that hung up, or said that
// it is through, has nothing left to do.
func TestAnAnswerThatCannotBeReadIsLeft(t *testing.T) {
	const stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n"
	for _, row := range []struct {
		name  string
		comes string // after the first event; then the connection stays open, unless it is cut
		cut   bool
		then  error // what a decoder says once it has read all that
		left  bool
	}{
		{name: "an event that is no JSON", then: errors.New("an event is no JSON"), left: true},
		{name: "an event without an end", then: sse.ErrTooLong, left: true},
		{name: "[DONE] without a finish reason"},
		{name: "a framing that is none", comes: "no length\r\n", left: true},
		{name: "the end of the stream", comes: "0\r\n\r\n", then: io.EOF},
		{name: "an event that is no JSON, at the end of the stream", comes: "0\r\n\r\n", then: errors.New("an event is no JSON")},
		{name: "a connection that is cut", cut: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(func(f *fake, conn net.Conn) {
					_, _ = io.WriteString(conn, stream+row.comes)
					if !row.cut {
						f.pause(time.Minute)
					}
				})
				defer f.end()
				resp, err := f.client(t, local, 0).Post(t.Context(), chat)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Close() }()
				if _, err := io.ReadFull(resp, make([]byte, len("data: a\n\n"))); err != nil {
					t.Fatal(err)
				}
				if err = row.then; row.comes != "" || row.cut { // else a decoder reads no further
					if _, err = resp.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
						err = row.then
					}
				}
				if e := told(t, resp.Ended(err)); errors.Is(e, model.ErrLeft) != row.left {
					t.Errorf("%v: left %t, want %t", e, !row.left, row.left)
				}
			})
		})
	}
}

// Blank lines in front of one JSON document are how some servers say that they are at work.
func TestBlankLinesBeforeADocumentAreASignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(func(f *fake, conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
			for range 10 {
				f.pause(30 * time.Second)
				_, _ = io.WriteString(conn, "\n")
			}
			_, _ = io.WriteString(conn, `{"choices":[]}`)
		})
		defer f.end()
		resp, err := f.client(t, hosted, 0).Post(t.Context(), chat)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Close() }()
		if string(resp.Whole) != `{"choices":[]}` {
			t.Errorf("got %q", resp.Whole)
		}
	})
}

func TestAFinishedAnswerIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(func(_ *fake, conn net.Conn) {
			_, _ = io.WriteString(conn, begin+"data: a\n\n")
			until(conn) // neither [DONE] nor the end
		})
		defer f.end()
		resp, err := f.client(t, local, 0).Post(t.Context(), chat)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Close() }()
		if _, err := resp.Read(make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
		resp.Token()
		resp.Finished()
		began := time.Now()
		if _, err := resp.Read(make([]byte, 64)); err == nil || time.Since(began) > 5*time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}

// brokenConn is a connection whose reading ends with an error of the kernel's.
type brokenConn struct {
	net.Conn
	after time.Duration // of waiting for the server
	err   error
}

func (c *brokenConn) Read([]byte) (int, error) {
	<-time.After(c.after)
	return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", c.err)}
}

// TestAConnectionThatEnds while the server reads: what is told is what can be known.
func TestAConnectionThatEnds(t *testing.T) {
	refused, away := syscall.ECONNREFUSED, syscall.EHOSTUNREACH
	opens := func(time.Duration) error { return nil }
	for _, row := range []struct {
		name   string
		read   error
		door   func(since time.Duration) error // since the connection ended
		reason hearth.Reason
		cause  string
	}{
		{"the server lives", io.EOF, opens, hearth.ReasonServer, "still runs"},
		{"the server was killed", io.EOF, func(time.Duration) error { return refused }, hearth.ReasonUnreachable, "stopped or crashed"},
		{"it was killed, and the kernel has not closed all it had", io.EOF, func(since time.Duration) error {
			if since < 100*time.Millisecond {
				return nil
			}
			return refused
		}, hearth.ReasonUnreachable, "stopped or crashed"},
		{"it was reset, and the machine is away", syscall.ECONNRESET, func(time.Duration) error { return away }, hearth.ReasonUnreachable, "network in between is away"},
		{"it was reset, and nobody opens", syscall.ECONNRESET, func(time.Duration) error { return syscall.ETIMEDOUT }, hearth.ReasonUnreachable, "network in between is away"},
		{"the other kernel is silent", syscall.ETIMEDOUT, opens, hearth.ReasonUnreachable, "network in between is away"},
		{"a router says that there is no way", away, opens, hearth.ReasonUnreachable, "network in between is away"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, calls := time.Now(), 0
				f := newFake(func(_ *fake, conn net.Conn) { until(conn) })
				guard, err := netguard.New(netguard.Config{Origin: local, Dial: func(ctx context.Context, n, a string) (net.Conn, error) {
					if calls++; calls > 1 {
						if err := row.door(time.Since(began) - time.Second); err != nil {
							return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", err)}
						}
						return f.dial(ctx, n, a)
					}
					conn, err := f.dial(ctx, n, a)
					return &brokenConn{conn, time.Second, row.read}, err
				}})
				if err != nil {
					t.Fatal(err)
				}
				_, err = ask(t.Context(), model.NewClient(model.ClientConfig{Endpoint: endpoint(t, local), Guard: guard}), chat)
				if e := told(t, err); e.Reason != row.reason || !strings.Contains(e.Cause, row.cause) {
					t.Errorf("got %v (%s)\n%s", e, e.Reason, e.Cause)
				}
				f.end()
			})
		})
	}
}

// A network that is away while a private server reads says nothing of the server.
func TestANetworkThatIsAwayForAWhileCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(func(f *fake, conn net.Conn) {
			f.pause(time.Minute)
			_, _ = io.WriteString(conn, begin+"data: a\n\n")
		})
		defer f.end()
		began := time.Now()
		guard, err := netguard.New(netguard.Config{Origin: local, Dial: func(ctx context.Context, n, a string) (net.Conn, error) {
			if since := time.Since(began); since > 10*time.Second && since < 16*time.Second {
				return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
			}
			return f.dial(ctx, n, a)
		}})
		if err != nil {
			t.Fatal(err)
		}
		c := model.NewClient(model.ClientConfig{Endpoint: endpoint(t, local), Guard: guard})
		if body, err := ask(t.Context(), c, chat); err != nil || body != "data: a\n\n" {
			t.Errorf("got %q and %v", body, err)
		}
	})
}

// What is told of a connection that is lost after the answer began.
func TestAnAnswerWhoseMachineGoesAway(t *testing.T) {
	for name, token := range map[string]bool{"before a token": false, "after a token": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(func(_ *fake, conn net.Conn) { _, _ = io.WriteString(conn, begin) })
				defer f.end()
				guard, err := netguard.New(netguard.Config{Origin: local, Dial: func(ctx context.Context, n, a string) (net.Conn, error) {
					conn, err := f.dial(ctx, n, a)
					return &lostConn{Conn: conn}, err
				}})
				if err != nil {
					t.Fatal(err)
				}
				resp, err := model.NewClient(model.ClientConfig{Endpoint: endpoint(t, local), Guard: guard}).Post(t.Context(), chat)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Close() }()
				want := hearth.ReasonUnreachable
				if token {
					resp.Token()
					want = hearth.ReasonCut
				}
				_, err = io.ReadAll(resp)
				if e := told(t, resp.Ended(err)); e.Reason != want || !strings.Contains(e.Cause, "network in between is away") {
					t.Errorf("got %v (%s)\n%s", e, e.Reason, e.Cause)
				}
			})
		})
	}
}

// lostConn ends where its server has ended, as if its machine were gone.
type lostConn struct{ net.Conn }

func (c *lostConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		err = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}
	}
	return n, err
}
