package probe

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A Server is where to ask.
type Server struct {
	// BaseURL is the address as configured or found, with or without /v1.
	BaseURL string
	// Client carries the questions; it must go through netguard.
	Client *http.Client
	// Header is sent with each question: the credential, the owner's own headers. May be nil.
	Header http.Header
	// Timeout bounds each question; 0 = 2 s.
	Timeout time.Duration
}

const (
	defaultTimeout = 2 * time.Second
	mostBytes      = 8 << 20 // of one reply; Ollama's /api/show holds whole licences
)

// reply is what a server said to one question.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error
}

func (r reply) ok() bool { return r.err == nil && r.status == http.StatusOK }

// decode reads the body as JSON. A field of an unexpected type is left alone: half of an
// odd reply is still worth having.
func (r reply) decode(into any) bool {
	if !r.ok() {
		return false
	}
	return readJSON(r.body, into)
}

func readJSON(body []byte, into any) bool {
	err := json.Unmarshal(body, into)
	var odd *json.UnmarshalTypeError
	return err == nil || errors.As(err, &odd)
}

// asker asks one server and remembers each reply, so that recognising and describing it
// cost each question once.
type asker struct {
	server Server
	root   string // the base URL without /v1

	mu   sync.Mutex // guards memo
	memo map[string]reply
}

func newAsker(s Server) *asker {
	if s.Timeout == 0 {
		s.Timeout = defaultTimeout
	}
	return &asker{server: s, root: root(s.BaseURL), memo: make(map[string]reply)}
}

// root gives a base URL without the /v1 that OpenAI-style clients want.
func root(base string) string {
	base = strings.TrimRight(strings.TrimSpace(base), "/")
	base = strings.TrimSuffix(base, "/v1")
	return strings.TrimRight(base, "/")
}

func (a *asker) get(ctx context.Context, path string) reply {
	return a.ask(ctx, http.MethodGet, path, "")
}

// getAll asks several questions at once.
func (a *asker) getAll(ctx context.Context, paths ...string) {
	var all sync.WaitGroup
	for _, path := range paths {
		all.Go(func() { a.get(ctx, path) })
	}
	all.Wait()
}

func (a *asker) ask(ctx context.Context, method, path, body string) reply {
	key := method + path + body
	a.mu.Lock()
	r, known := a.memo[key]
	a.mu.Unlock()
	if !known {
		r = a.send(ctx, method, path, body)
		a.mu.Lock()
		a.memo[key] = r
		a.mu.Unlock()
	}
	return r
}

func (a *asker) send(ctx context.Context, method, path, body string) reply {
	ctx, cancel := context.WithTimeout(ctx, a.server.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, a.root+path, strings.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	maps.Copy(req.Header, a.server.Header)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "") // no server needs to know who asks
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := a.server.Client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = res.Body.Close() }() // it was read, or the reply is an error already
	b, err := io.ReadAll(io.LimitReader(res.Body, mostBytes))
	return reply{status: res.StatusCode, header: res.Header, body: b, err: err}
}
