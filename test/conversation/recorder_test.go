//go:build e2e && unix

package conversation

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"
)

// recorder stands between hearth and the server and keeps what was sent.
type recorder struct {
	url string

	mu   sync.Mutex // guards the variables below
	sent []request
	hold time.Duration // before a model call is passed on, as a slow cold load would
	busy int           // model calls under way
	peak int           // the most there ever were
}

type request struct {
	path string
	body []byte
}

func record(t *testing.T) *recorder {
	t.Helper()
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(p *httputil.ProxyRequest) { p.SetURL(target) },
		FlushInterval: -1, // each chunk at once
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // the client has gone
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		hold, done := r.begin(req.URL.Path, body)
		defer done()
		select {
		case <-time.After(hold):
			proxy.ServeHTTP(w, req)
		case <-req.Context().Done():
		}
	}))
	t.Cleanup(front.Close)
	r.url = front.URL
	return r
}

// begin notes a request and gives how long to hold it, and what to call at its end.
func (r *recorder) begin(path string, body []byte) (hold time.Duration, done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, request{path, body})
	if !slices.ContainsFunc(dialects, func(d dialect) bool { return d.path == path }) {
		return 0, func() {}
	}
	r.busy++
	r.peak = max(r.peak, r.busy)
	return r.hold, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.busy--
	}
}

// most gives the largest number of model calls that were under way at once.
func (r *recorder) most() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peak
}

func (r *recorder) setHold(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold = d
}

// calls gives the bodies of the model calls so far, oldest first.
func (r *recorder) calls(d dialect) [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var bodies [][]byte
	for _, s := range r.sent {
		if s.path == d.path {
			bodies = append(bodies, s.body)
		}
	}
	return bodies
}

// asked is a model call taken apart: the conversation item by item, and everything else.
type asked struct {
	items [][]byte
	rest  map[string]string
}

func parse(t *testing.T, d dialect, body []byte) asked {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatalf("a request that is not JSON: %v: %s", err, body)
	}
	var items []json.RawMessage
	if err := json.Unmarshal(members[d.list], &items); err != nil {
		t.Fatalf("a request without a list of %s: %s", d.list, body)
	}
	a := asked{rest: map[string]string{}}
	for _, item := range items {
		a.items = append(a.items, item)
	}
	for name, value := range members {
		if name != d.list {
			a.rest[name] = string(value)
		}
		if string(value) == "null" {
			t.Errorf("the request holds %s: null, which strict servers refuse", name)
		}
	}
	return a
}

// extends demands that each model call says everything the one before said, byte for
// byte and in its place, and nothing else differently.
func (r *recorder) extends(t *testing.T, d dialect) {
	t.Helper()
	bodies := r.calls(d)
	for i := 1; i < len(bodies); i++ {
		before, now := parse(t, d, bodies[i-1]), parse(t, d, bodies[i])
		if len(now.items) < len(before.items) {
			t.Errorf("request %d has %d items, the one before has %d", i, len(now.items), len(before.items))
			continue
		}
		for k, item := range before.items {
			if !bytes.Equal(item, now.items[k]) {
				t.Errorf("request %d: item %d was\n%s\nand is now\n%s", i, k, item, now.items[k])
			}
		}
		for name, value := range before.rest {
			if now.rest[name] != value {
				t.Errorf("request %d: %s was\n%s\nand is now\n%s", i, name, value, now.rest[name])
			}
		}
	}
}
