package modeltest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"hearth"
)

// The protocols, in the words of model.Target.Protocol.
const (
	Completions = "openai-completions" // POST /v1/chat/completions
	Responses   = "openai-responses"   // POST /v1/responses
	Messages    = "anthropic-messages" // POST /v1/messages
	Ollama      = "ollama"             // POST /api/chat
)

// Protocols are all of them.
var Protocols = []string{Completions, Responses, Messages, Ollama}

// protocolOf says which protocol a path belongs to; "" is no model call.
func protocolOf(path string) string {
	switch {
	case strings.HasSuffix(path, "/chat/completions"):
		return Completions
	case strings.HasSuffix(path, "/responses"):
		return Responses
	case strings.HasSuffix(path, "/messages"):
		return Messages
	case strings.HasSuffix(path, "/api/chat"):
		return Ollama
	}
	return ""
}

// Config of a Server. The zero Config is an unknown OpenAI-compatible server with one
// model, no window and nothing to do but to answer "ok".
type Config struct {
	Identity Identity // which server its other paths pretend to be
	Models   []Model  // nil = one, called "test-model"
	// Window in tokens (see Count); a longer prompt is refused in the words of Refusal,
	// or cut in silence where that is "". 0 = any length.
	Window  int
	Refusal string // a name of Overflows
	// Count gives the tokens of a prompt, which is the JSON of its tools, system text and
	// messages; nil = Tokens. It is called from several goroutines.
	Count func(prompt string) int
	// Default answers calls beyond the script; nil says "ok".
	Default Behaviour
	// Forget keeps no requests: for benchmarks and long runs.
	Forget bool
	// Blind reads no request, and so counts nothing: for benchmarks, where the server's own
	// work should not. Use it with Instant.
	Blind bool
}

// A Model is one row of the server's lists.
type Model struct {
	ID         string
	Window     int // as loaded
	TrainedMax int
	NoTools    bool
	Vision     bool
	Thinking   bool
	Unloaded   bool
	Embedding  bool
}

// A Behaviour is what the server does with one model call. It runs in the call's own
// goroutine and may take as long as it likes.
type Behaviour func(x *Exchange)

// A Request is a call as it arrived.
type Request struct {
	Protocol string // "" for everything that is no model call
	Method   string
	Path     string
	Header   http.Header
	Body     []byte
}

// A Server is a model server on a loopback port. All methods may be called from any
// goroutine.
type Server struct {
	URL string // http://127.0.0.1:PORT, without a path
	cfg Config

	http *http.Server
	done chan struct{} // closed by Close

	mu       sync.Mutex // guards the fields below
	script   []Behaviour
	always   Behaviour
	requests []Request
	now, max int
	gone     int // calls whose client went away before the answer was whole
	last     map[string]string
	changed  chan struct{} // closed and renewed when one of the above changes
}

// NewServer starts a server that ends with the test.
func NewServer(t testing.TB, c Config) *Server {
	t.Helper()
	s, err := Start(c, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server on an address of this machine.
func Start(c Config, address string) (*Server, error) {
	if c.Models == nil {
		c.Models = []Model{{ID: "test-model", Window: c.Window}}
	}
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("start model server: %w", err)
	}
	s := &Server{
		URL: "http://" + l.Addr().String(), cfg: c, done: make(chan struct{}),
		last: map[string]string{}, changed: make(chan struct{}),
	}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	}()
	return s, nil
}

// Close ends the server and every exchange.
func (s *Server) Close() {
	s.mu.Lock()
	select {
	case <-s.done:
	default:
		close(s.done)
	}
	s.mu.Unlock()
	_ = s.http.Close() // its connections are ours to drop
}

// Script appends behaviours for the next model calls, one each.
func (s *Server) Script(b ...Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, b...)
}

// Always sets what is done with every call that the script does not cover.
func (s *Server) Always(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = b
}

// Requests gives the model calls so far, in order of arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []Request
	for _, r := range s.requests {
		if r.Protocol != "" {
			calls = append(calls, r)
		}
	}
	return calls
}

// Asked gives everything else that was asked, as "METHOD /path".
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var asked []string
	for _, r := range s.requests {
		if r.Protocol == "" {
			asked = append(asked, r.Method+" "+r.Path)
		}
	}
	return asked
}

// MaxInFlight is the most model calls that were open at one time.
func (s *Server) MaxInFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.max
}

// Gone counts the calls whose client closed the connection before the answer was whole.
func (s *Server) Gone() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone
}

// Await waits until there were at least n model calls of which none is open.
func (s *Server) Await(ctx context.Context, n int) error {
	return s.await(ctx, func() bool { return s.calls() >= n && s.now == 0 })
}

// AwaitOpen waits until at least n model calls are open.
func (s *Server) AwaitOpen(ctx context.Context, n int) error {
	return s.await(ctx, func() bool { return s.now >= n })
}

func (s *Server) await(ctx context.Context, holds func() bool) error {
	for {
		s.mu.Lock()
		held, changed := holds(), s.changed
		s.mu.Unlock()
		if held {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Server) calls() int {
	n := 0
	for _, r := range s.requests {
		if r.Protocol != "" {
			n++
		}
	}
	return n
}

// change runs f under the lock and wakes who waits.
func (s *Server) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if protocol := protocolOf(r.URL.Path); s.cfg.Blind && protocol != "" && r.Method == http.MethodPost {
		s.serveBlind(w, r, protocol)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	req := Request{Protocol: protocolOf(r.URL.Path), Method: r.Method, Path: r.URL.Path, Header: r.Header, Body: body}
	if r.Method != http.MethodPost {
		req.Protocol = ""
	}
	s.change(func() {
		if !s.cfg.Forget {
			s.requests = append(s.requests, req)
		}
	})
	if req.Protocol == "" {
		s.serveOther(w, req)
		return
	}
	s.serveCall(w, r, req)
}

// serveBlind answers a call that nobody looks at.
func (s *Server) serveBlind(w http.ResponseWriter, r *http.Request, protocol string) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return // the client is gone
	}
	s.mu.Lock()
	behave := s.behaviour()
	s.mu.Unlock()
	behave(&Exchange{Request: Request{Protocol: protocol, Method: r.Method, Path: r.URL.Path, Header: r.Header}, server: s, w: w, ctx: r.Context(), model: "test-model"})
}

func (s *Server) serveCall(w http.ResponseWriter, r *http.Request, req Request) {
	x := &Exchange{Request: req, server: s, w: w, ctx: r.Context()}
	x.model = x.asked("model")
	prompt := promptOf(req)
	x.Usage = hearth.Usage{Input: s.count(prompt), CacheCounted: true}
	var behave Behaviour
	s.change(func() {
		s.now++
		s.max = max(s.max, s.now)
		x.Usage.CacheRead = s.count(prompt[:commonPrefix(prompt, s.last[req.Protocol])])
		s.last[req.Protocol] = prompt
		behave = s.behaviour()
	})
	defer s.change(func() {
		s.now--
		if !x.whole {
			s.gone++
		}
	})
	if s.cfg.Window > 0 && x.Usage.Input > s.cfg.Window {
		if s.cfg.Refusal != "" {
			behave = overflowNamed(s.cfg.Refusal)
		} else {
			x.Usage.Input, x.Usage.CacheRead = s.cfg.Window/2, 0 // Ollama's way: cut in silence
		}
	}
	behave(x)
	x.whole = x.whole || r.Context().Err() == nil
}

// behaviour takes the next one of the script. The lock is held.
func (s *Server) behaviour() Behaviour {
	switch {
	case len(s.script) > 0:
		b := s.script[0]
		s.script = s.script[1:]
		return b
	case s.always != nil:
		return s.always
	case s.cfg.Default != nil:
		return s.cfg.Default
	}
	return Say(Reply{Text: "ok"})
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
