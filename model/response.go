package model

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"hearth"
	"hearth/internal/escape"
)

const (
	maxWholeBytes = 64 << 20  // an answer that came as one document
	maxReadBytes  = 256 << 20 // one that did not: a token takes some hundred bytes on the way
	maxErrorBytes = 64 << 10
	errorBodyTime = 10 * time.Second
)

// A Response is an answer whose headers are there. It is used by one goroutine.
type Response struct {
	Status int
	Header http.Header
	// Whole is the answer when a stream was asked for and one JSON document came: some
	// servers ignore "stream". It holds no error; Post has told that. Read then gives EOF.
	Whole []byte

	x    *exchange
	body io.Reader
	raw  io.Closer
	read int64 // bytes so far
	over bool  // nothing more comes
}

// accept sorts an answer into a stream, a whole document or an error.
func (x *exchange) accept(resp *http.Response) (*Response, error) {
	x.mark(&x.times.headers)
	body := &living{x: x, from: decoded(resp)} // the decoders have buffers of their own
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, x.redirected(resp)
	case resp.StatusCode >= 400:
		return nil, x.refused(resp, body)
	}
	r := &Response{Status: resp.StatusCode, Header: resp.Header, x: x, body: body, raw: resp.Body}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return r, nil // servers forget the header; the decoder will see
	}
	switch {
	case kind == "text/html":
		return nil, x.refused(resp, body)
	case kind == AcceptJSON && x.call.Accept == AcceptEvents:
		return r, r.takeWhole(resp)
	}
	return r, nil
}

// takeWhole reads an answer that claims to be one JSON document. Some servers claim it
// of a stream, so the first byte decides.
func (r *Response) takeWhole(resp *http.Response) error {
	buffered := bufio.NewReader(r.body)
	r.body = buffered
	first, err := firstByte(buffered)
	if err != nil || first != '{' && first != '[' && first != '"' {
		return nil // the reader will meet the same error
	}
	whole, err := io.ReadAll(io.LimitReader(r, maxWholeBytes))
	if err != nil {
		return r.Ended(err)
	}
	if seen := readErrorBody(whole); seen.isError() {
		return r.x.classify(http.StatusOK, resp.Header, whole)
	}
	r.Whole = whole
	return nil
}

func firstByte(b *bufio.Reader) (byte, error) {
	for {
		c, err := b.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, b.UnreadByte()
		}
	}
}

// refused reads the body of an error and sorts it.
func (x *exchange) refused(resp *http.Response, body io.Reader) error {
	// A server that breaks while it explains itself must not hold us up.
	slow := time.AfterFunc(errorBodyTime, func() { x.cancel(errEnded) })
	defer slow.Stop()
	words, err := io.ReadAll(io.LimitReader(body, maxErrorBytes))
	if err != nil && len(words) == 0 {
		words = nil // the status alone must do
	}
	if cause := x.cause(); cause != nil && !errors.Is(cause, errEnded) {
		return x.ended(cause)
	}
	return x.classify(resp.StatusCode, resp.Header, words)
}

func (x *exchange) redirected(resp *http.Response) error {
	to := resp.Header.Get("Location")
	if u, err := resp.Location(); err == nil {
		to = u.Redacted()
	}
	return &hearth.Error{
		Op: x.call.Op, Reason: hearth.ReasonServer, HTTPStatus: resp.StatusCode,
		Err:   fmt.Errorf("the server redirects to %s", oneLine(x.client.masks.Values(to), 300)),
		Cause: "Requests hold your words and your key, so they are not sent on to an address that is not in the config.",
		Try:   "If you trust that address, put it into " + x.client.key("baseUrl") + ".",
	}
}

func (x *exchange) classify(status int, h http.Header, body []byte) *hearth.Error {
	return x.pathless(Classify(Seen{
		Op: x.call.Op, Provider: x.client.c.Provider, Model: x.call.Model, Keyless: !x.client.HasCredential(), Marker: x.client.c.APIKey,
		Status: status, Header: h, Body: []byte(x.client.masks.Values(string(body))), masks: x.client.masks,
	}))
}

// living notes that a server is at work when anything comes from it.
type living struct {
	x    *exchange
	from io.Reader
}

func (l *living) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	if n > 0 {
		l.x.touch()
	}
	return n, err
}

// Read reads the body, decompressed. Its error is io.EOF or a *hearth.Error.
func (r *Response) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	r.over = r.over || err != nil && nothingMore(err)
	if r.read += int64(n); r.read > maxReadBytes {
		return n, r.TooLong()
	}
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, r.broke(err)
	}
	return n, err
}

// nothingMore reports whether an error of reading says that the connection ended, and not
// that what comes over it cannot be read.
func nothingMore(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || isClosed(err)
}

// Token notes that a token of the model came: thinking, text or a call. It reports
// whether it was the first: reading has ended and writing begun.
func (r *Response) Token() bool {
	return r.x.times.token.Load() == 0 && r.x.mark(&r.x.times.token)
}

// Finished notes that the answer is whole. What may still come, such as the usage, has
// a few seconds: some servers neither say that they are through nor close the connection.
func (r *Response) Finished() { r.x.whole.Store(true) }

// Timeline says what happened when.
func (r *Response) Timeline() Timeline {
	t := &r.x.times
	return Timeline{
		Connected: time.Duration(t.connect.Load()), Sent: time.Duration(t.sent.Load()),
		Headers: time.Duration(t.headers.Load()), FirstToken: time.Duration(t.token.Load()),
	}
}

// FrameError sorts an error that the server sent inside its answer, after status 200.
func (r *Response) FrameError(frame []byte) *hearth.Error {
	return r.x.classify(r.Status, r.Header, frame)
}

// Ended gives the *hearth.Error for a stream that ended before it was finished: err is
// what the decoder gave, io.EOF included. After a token that is ReasonCut; before any,
// the server broke, and another model may answer. Where more would have come, and cannot be
// read, it is ErrLeft, too.
func (r *Response) Ended(err error) *hearth.Error {
	if told, ok := errors.AsType[*hearth.Error](err); ok {
		return told
	}
	switch {
	case err == nil, errors.Is(err, io.EOF):
		err = errors.New("the stream ended without a finish reason")
	case r.over:
		err = r.x.client.quiet(err)
	default:
		err = left{r.x.client.quiet(err)}
	}
	e := &hearth.Error{
		Op: r.x.call.Op, Reason: hearth.ReasonCut, Err: err,
		Cause: "The model server stopped in the middle of its answer; a crash or a lack of memory is the usual reason. What it said so far is kept.",
		Try:   "Ask again; if it happens again, look at the server's log.",
	}
	if r.x.times.token.Load() == 0 {
		e.Reason = hearth.ReasonServer
		e.Cause = "The model server ended its answer before the first word; a crash or a lack of memory is the usual reason."
	}
	return e
}

// left is why an answer was given up.
type left struct{ error }

func (l left) Unwrap() error        { return l.error }
func (l left) Is(target error) bool { return target == ErrLeft }

// TooLong gives the error for an answer that holds more than any model writes in one.
func (r *Response) TooLong() *hearth.Error {
	e := r.Ended(errors.New("the answer has no end"))
	e.Cause = "The server sent more than any model writes in one answer, so nothing more of it was read."
	e.Try = "Look at the server's log; maxTokens of this model bounds what is written in one answer."
	return e
}

// broke turns an error of the connection into what is told.
func (r *Response) broke(err error) error {
	if cause := r.x.cause(); cause != nil {
		return r.x.ended(cause)
	}
	if isAway(err) {
		return r.x.lost(err)
	}
	return r.Ended(fmt.Errorf("read answer: %w", err))
}

// Close ends the exchange: an unfinished answer's connection is closed, which tells the
// server to stop. It may be called more than once.
func (r *Response) Close() error {
	if !r.x.whole.Load() {
		r.x.cancel(errEnded) // an answer that is whole has nothing to be stopped
	}
	err := r.raw.Close()
	r.x.end()
	return err
}

// decoded gives the body without its compression. Nobody asked for any; some proxies
// compress all the same.
func decoded(resp *http.Response) io.Reader {
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return &gunzip{from: resp.Body}
	}
	return resp.Body
}

// gunzip reads the gzip header when it is first read, not before there is an answer.
type gunzip struct {
	from io.Reader
	z    *gzip.Reader
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.z == nil {
		z, err := gzip.NewReader(g.from)
		if err != nil {
			return 0, err
		}
		g.z = z
	}
	return g.z.Read(p)
}

// oneLine makes text of a server safe to show in one line of at most limit bytes.
func oneLine(s string, limit int) string {
	s = escape.Plain(s)
	if len(s) > limit {
		s = strings.TrimSpace(strings.ToValidUTF8(s[:limit], "")) + " …"
	}
	return s
}
