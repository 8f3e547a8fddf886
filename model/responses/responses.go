package responses

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"strings"

	"hearth"
	"hearth/internal/sse"
	"hearth/model"
)

// Config is what a provider is made of. Client is needed.
type Config struct {
	Client *model.Client
	// NewID gives ids for calls that came without one; each must be new. nil draws random ones.
	NewID func() hearth.CallID
}

// Provider is the model.Provider of one server that speaks Responses.
type Provider struct {
	client *model.Client
	newID  func() hearth.CallID
}

var _ model.Provider = (*Provider)(nil)

// New makes a provider.
func New(c Config) *Provider {
	p := &Provider{client: c.Client, newID: c.NewID}
	if p.newID == nil {
		p.newID = func() hearth.CallID { return hearth.CallID("call_" + strings.ToLower(rand.Text())) }
	}
	return p
}

const op = "openai responses"

// Stream asks for one answer; see model.Provider.
func (p *Provider) Stream(ctx context.Context, req *model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		sent, err := encode(req)
		if err != nil {
			yield(model.Delta{}, &hearth.Error{Op: op, Reason: hearth.ReasonConfig, Err: err})
			return
		}
		if !yield(model.Delta{Sent: sent}, nil) {
			return
		}
		resp, err := p.client.Post(ctx, model.Call{
			Op: op, Model: req.Model, Path: "/responses", Body: sent.Body, Accept: model.AcceptEvents,
			Reading: model.ReadingOf(req),
			Wait:    func(w hearth.Wait) bool { return yield(model.Delta{Wait: &w}, nil) },
		})
		if errors.Is(err, model.ErrStopped) {
			return
		}
		if err != nil {
			yield(model.Delta{}, p.refine(err))
			return
		}
		defer func() { _ = resp.Close() }() // what was read is what counts
		d := newDecoder(req, p.newID)
		if err := read(resp, d, yield); err != nil {
			yield(model.Delta{}, p.refine(err))
		}
	}
}

// read passes on an answer until it is complete, broken or no longer wanted.
func read(resp *model.Response, d *decoder, yield func(model.Delta, error) bool) error {
	if resp.Whole != nil {
		_, err := pass(resp, d, fmt.Appendf(nil, `{"type":"response.completed","response":%s}`, resp.Whole), yield)
		return err
	}
	events := sse.NewDecoder(resp, sse.Config{})
	for {
		e, err := events.Next()
		if err != nil {
			return resp.Ended(err)
		}
		if e.Comment || string(e.Data) == "[DONE]" {
			continue
		}
		if e.Name == "error" {
			return resp.FrameError(e.Data)
		}
		if over, err := pass(resp, d, e.Data, yield); over || err != nil {
			return err
		}
	}
}

// pass handles one frame. over says that nothing more is wanted or will come.
func pass(resp *model.Response, d *decoder, data []byte, yield func(model.Delta, error) bool) (over bool, err error) {
	deltas, done, failed := d.frame(data)
	if failed != nil {
		return true, resp.FrameError(failed)
	}
	if done && d.silent() {
		if e := model.SilentOverflow(op, d.req, d.usage, d.stop); e != nil {
			return true, e
		}
	}
	for _, delta := range deltas {
		token := delta.Text != "" || delta.Thinking != "" || delta.Call != nil
		if token && resp.Token() && !yield(model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseWriting, Model: d.req.Model}}, nil) {
			return true, nil
		}
		if !yield(delta, nil) {
			return true, nil
		}
	}
	return done, nil
}

// refine says what to change when a server does not know the endpoint at all.
func (p *Provider) refine(err error) error {
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok || e.Err == nil {
		return err
	}
	words := e.Err.Error()
	missing := e.HTTPStatus == 404 && !strings.Contains(strings.ToLower(words), "model")
	if missing || strings.Contains(words, "Unexpected endpoint") {
		e.Reason = hearth.ReasonBadRequest
		e.Cause = "This server has no /v1/responses."
		e.Try = fmt.Sprintf("hearth config set models.providers.%s.api openai-completions", p.client.Provider())
	}
	return e
}
