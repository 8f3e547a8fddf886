package netguard

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
)

// maxHeaderBytes bounds what a server may say before its answer begins.
const maxHeaderBytes = 1 << 20

// alone sends a request over a connection of its own, which is closed with the answer's
// body. A connection that is never used again needs none of the goroutines of an
// http.Transport: here the caller's writes and reads, which for a local model is half of
// what a request costs, and a third of what an open stream holds in memory.
func (g *Guard) alone(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := context.Cause(ctx); err != nil {
		closeBody(req)
		return nil, err
	}
	conn, err := g.dial(ctx, "tcp", net.JoinHostPort(g.origin.Host, g.origin.Port))
	if err != nil {
		closeBody(req)
		return nil, err
	}
	x := &answer{ctx: ctx, conn: conn, in: quietReads(conn)}
	x.stop = context.AfterFunc(ctx, func() { _ = x.in.Close() }) // whatever waits for the server ends
	resp, err := x.exchange(req)                                 //nolint:contextcheck // the request carries it
	if err != nil {
		_ = x.Close() // the first error is the one that says something
		return nil, x.why(err)
	}
	x.body, resp.Body = resp.Body, x
	return resp, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // a RoundTripper must close it; there is nothing to tell
	}
}

// answer is a connection with one request on it, and then the body of the answer.
type answer struct {
	ctx  context.Context //nolint:containedctx // the request's, for as long as its answer is read
	conn net.Conn
	in   io.ReadCloser // reads and closes conn
	stop func() bool
	body io.Reader
}

// exchange writes the request and reads the beginning of the answer. A server that
// refuses a request may do so before it has read all of it.
func (x *answer) exchange(req *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(x.ctx)
	if trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Conn: x.conn})
	}
	unsent := x.write(req)
	if trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{Err: unsent})
	}
	resp, err := x.read(req)
	if err != nil && unsent != nil {
		return nil, unsent
	}
	return resp, err
}

// writers are the buffers that requests leave through.
var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 64<<10) }}

func (x *answer) write(req *http.Request) error {
	out := req.WithContext(context.Background()) // the trace is told when all of it has left
	out.Close = true
	w, ok := writers.Get().(*bufio.Writer)
	if !ok {
		w = bufio.NewWriterSize(nil, 64<<10)
	}
	w.Reset(struct{ io.Writer }{x.conn}) // a connection that reads by itself would take a buffer of its own
	err := out.Write(w)
	if err == nil {
		err = w.Flush()
	}
	w.Reset(nil)
	writers.Put(w)
	return err
}

// read gives the first answer that is one: "100 Continue" and its like are passed over.
func (x *answer) read(req *http.Request) (*http.Response, error) {
	head := &io.LimitedReader{R: x.in, N: maxHeaderBytes}
	in := bufio.NewReader(head)
	if _, err := in.Peek(1); err != nil {
		return nil, err
	}
	for range 5 {
		resp, err := http.ReadResponse(in, req)
		if err != nil && head.N <= 0 {
			err = fmt.Errorf("the headers of the answer are longer than %d bytes", maxHeaderBytes)
		}
		if err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			head.N = math.MaxInt64
			return resp, nil
		}
	}
	return nil, errors.New("the server says again and again that an answer will follow")
}

// why gives the reason of an error: the request's end, where it came to one.
func (x *answer) why(err error) error {
	if cause := context.Cause(x.ctx); cause != nil {
		return cause
	}
	return err
}

// Read reads the body.
func (x *answer) Read(p []byte) (int, error) {
	n, err := x.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = x.why(err)
	}
	return n, err
}

// Close closes the connection; of an answer that is not finished, that tells the server
// to stop.
func (x *answer) Close() error {
	x.stop()
	return x.in.Close()
}
