package probe

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"hearth/model"
)

// defaultTimeout bounds each question: whoever listens answers at once, or is busy and
// will be asked again.
const defaultTimeout = 2 * time.Second

// reply is what a server said to one question.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error
}

func (r reply) ok() bool { return r.err == nil && r.status == http.StatusOK }

// decode reads the body as JSON: half of an odd reply is still worth having.
func (r reply) decode(into any) bool {
	if !r.ok() {
		return false
	}
	return model.ReadJSON(r.body, into) == nil
}

// asker asks one server and remembers each reply, so that recognising and describing it
// cost each question once.
type asker struct {
	client  *model.Client
	timeout time.Duration

	mu   sync.Mutex // guards memo
	memo map[string]reply
}

func newAsker(c *model.Client, timeout time.Duration) *asker {
	return &asker{client: c, timeout: cmp.Or(timeout, defaultTimeout), memo: make(map[string]reply)}
}

// root is the server's address without the /v1 that OpenAI-style clients want.
func (a *asker) root() string {
	base := strings.TrimRight(a.client.Endpoint().BaseURL, "/")
	return strings.TrimRight(strings.TrimSuffix(base, "/v1"), "/")
}

func (a *asker) get(ctx context.Context, path string) reply {
	return a.once(path, func() reply {
		ctx, cancel := context.WithTimeout(ctx, a.timeout)
		defer cancel()
		r, err := a.client.Get(ctx, model.Call{Op: "ask " + path, Path: path, FromRoot: true, Accept: "application/json"})
		if err != nil {
			return reply{err: err}
		}
		return reply{status: r.Status, header: r.Header, body: r.Body}
	})
}

// getAll asks several questions at once.
func (a *asker) getAll(ctx context.Context, paths ...string) {
	var all sync.WaitGroup
	for _, path := range paths {
		all.Go(func() { a.get(ctx, path) })
	}
	all.Wait()
}

// post asks what a server wants to be asked with a body. Nothing is changed by it.
func (a *asker) post(ctx context.Context, path string, body []byte) reply {
	return a.once(path+" "+string(body), func() reply {
		ctx, cancel := context.WithTimeout(ctx, a.timeout)
		defer cancel()
		r, err := a.client.Post(ctx, model.Call{Op: "ask " + path, Path: path, FromRoot: true, Accept: "application/json", Body: body})
		if err != nil {
			return reply{err: err}
		}
		defer func() { _ = r.Close() }() // it was read, or the reply is an error already
		b, err := io.ReadAll(io.LimitReader(r, mostBytes))
		return reply{status: http.StatusOK, body: b, err: err}
	})
}

// mostBytes bounds one reply; Ollama's /api/show holds whole licences.
const mostBytes = 8 << 20

// once asks only what was not asked before.
func (a *asker) once(key string, ask func() reply) reply {
	a.mu.Lock()
	r, known := a.memo[key]
	a.mu.Unlock()
	if !known {
		r = ask()
		a.mu.Lock()
		a.memo[key] = r
		a.mu.Unlock()
	}
	return r
}
