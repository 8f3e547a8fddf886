package modeltest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"

	"hearth"
)

// An Exchange is one model call, seen from the server. A Behaviour uses it from one
// goroutine.
type Exchange struct {
	Request
	Usage hearth.Usage // of this request, as this server counts; Output is the reply's

	server *Server
	w      http.ResponseWriter
	ctx    context.Context //nolint:containedctx // it is the request's own, for as long as the handler runs
	model  string
	began  bool
	whole  bool // the client got everything it was to get
}

// Model is the model that the request asks for.
func (x *Exchange) Model() string { return x.model }

// Gone is closed when the client is no longer there, or the server ends.
func (x *Exchange) Gone() <-chan struct{} { return x.ctx.Done() }

// asked gives a string member of the request's body.
func (x *Exchange) asked(key string) string {
	var body map[string]json.RawMessage
	var value string
	if json.Unmarshal(x.Body, &body) != nil || json.Unmarshal(body[key], &value) != nil {
		return ""
	}
	return value
}

// wantsUsage reports whether a chat completion asks for its token counts.
func (x *Exchange) wantsUsage() bool {
	var body struct {
		StreamOptions struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	return json.Unmarshal(x.Body, &body) == nil && body.StreamOptions.IncludeUsage
}

// Status answers with a status and a body, JSON unless it begins otherwise.
func (x *Exchange) Status(status int, body string, header ...string) {
	for i := 0; i+1 < len(header); i += 2 {
		x.w.Header().Set(header[i], header[i+1])
	}
	if x.w.Header().Get("Content-Type") == "" {
		switch {
		case strings.HasPrefix(body, "<"):
			x.w.Header().Set("Content-Type", "text/html; charset=utf-8")
		case body == "" || !strings.ContainsAny(body[:1], `{["`):
			x.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		default:
			x.w.Header().Set("Content-Type", "application/json; charset=utf-8")
		}
	}
	x.w.WriteHeader(status)
	x.began = true
	x.write([]byte(body))
	x.whole = true
}

// Begin sends the headers of a stream, once.
func (x *Exchange) Begin() {
	if x.began {
		return
	}
	x.began = true
	kind := "text/event-stream"
	if x.Protocol == Ollama {
		kind = "application/x-ndjson"
	}
	if x.w.Header()["Content-Type"] == nil {
		x.w.Header().Set("Content-Type", kind)
	}
	x.w.WriteHeader(http.StatusOK)
	x.flush()
}

// A Frame is one event of a stream, or one line of Ollama's.
type Frame struct {
	Event string // "" has none
	Data  string
}

// done ends a stream of chat completions.
var done = Frame{Data: "[DONE]"}

// bytes gives the frame as it is on the wire.
func (f Frame) bytes(protocol string) []byte {
	var b bytes.Buffer
	switch {
	case protocol == Ollama:
		b.WriteString(f.Data)
		b.WriteByte('\n')
	default:
		if f.Event != "" {
			b.WriteString("event: " + f.Event + "\n")
		}
		b.WriteString("data: " + f.Data + "\n\n")
	}
	return b.Bytes()
}

// Frames sends frames, each on its own.
func (x *Exchange) Frames(frames ...Frame) {
	for _, f := range frames {
		x.Raw(f.bytes(x.Protocol))
	}
}

// Raw sends bytes of a stream.
func (x *Exchange) Raw(b []byte) {
	x.Begin()
	x.write(b)
	x.flush()
}

// Finished notes that the client now has all that it needs, whether or not the server
// closes its side.
func (x *Exchange) Finished() { x.whole = true }

// Gzip sends a whole stream compressed, though nobody asked for that.
func (x *Exchange) Gzip(frames []Frame) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for _, f := range frames {
		_, _ = z.Write(f.bytes(x.Protocol)) // a bytes.Buffer takes everything
	}
	_ = z.Close()
	x.w.Header().Set("Content-Encoding", "gzip")
	x.Raw(b.Bytes())
}

func (x *Exchange) write(b []byte) { _, _ = x.w.Write(b) } // a client that is gone shows in Gone

func (x *Exchange) flush() {
	if f, ok := x.w.(http.Flusher); ok {
		f.Flush()
	}
}

// Hang waits until the client goes.
func (x *Exchange) Hang() {
	select {
	case <-x.ctx.Done():
	case <-x.server.done:
	}
}

// Wait waits for c, or until the client goes; it reports whether c came first.
func (x *Exchange) Wait(c <-chan struct{}) bool {
	if c == nil {
		return true
	}
	select {
	case <-c:
		return true
	case <-x.ctx.Done():
	case <-x.server.done:
	}
	return false
}

// pause waits so long, or until the client goes; it reports whether the time passed.
func (x *Exchange) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.ctx.Done():
	case <-x.server.done:
	}
	return false
}

// Drop closes the connection where the answer stands: without a byte when it has not
// begun, else in the middle, which HTTP notices.
func (x *Exchange) Drop() {
	x.whole = true
	if conn := x.hijack(); conn != nil {
		_ = conn.Close() // that is the point
	}
}

// Reset does as Drop, and makes the client's kernel say "connection reset by peer".
func (x *Exchange) Reset() {
	x.whole = true
	conn := x.hijack()
	if conn == nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // the worst that happens is a polite goodbye
	}
	_ = conn.Close()
}

func (x *Exchange) hijack() net.Conn {
	h, ok := x.w.(http.Hijacker)
	if !ok {
		return nil
	}
	conn, _, err := h.Hijack()
	if err != nil {
		return nil
	}
	return conn
}
