package responses

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"hearth"
	"hearth/internal/sse"
	"hearth/model"
	"hearth/model/internal/answer"
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

var (
	_ model.Provider = (*Provider)(nil)
	_ model.Encoder  = (*Provider)(nil)
)

// New makes a provider.
func New(c Config) *Provider {
	return &Provider{client: c.Client, newID: answer.IDs(c.NewID, "call_")}
}

const op = "openai responses"

// Encode writes req as Stream would send it; see model.Encoder.
func (p *Provider) Encode(req *model.Request) (*model.Sent, error) { return encode(req) }

// Stream asks for one answer; see model.Provider.
func (p *Provider) Stream(ctx context.Context, req *model.Request) iter.Seq2[model.Delta, error] {
	return answer.Exchange{
		Client: p.client,
		Call:   model.Call{Op: op, Path: "/responses", Accept: model.AcceptEvents, Reading: model.ReadingOf(req)},
		Encode: encode,
		Read: func(resp *model.Response, pass answer.Pass) error {
			return read(resp, newDecoder(req, p.newID), pass)
		},
		Refine: p.refine,
	}.Stream(ctx, req)
}

// read passes on an answer until it is complete, broken or no longer wanted.
func read(resp *model.Response, d *decoder, pass answer.Pass) error {
	if resp.Whole != nil {
		_, err := frame(resp, d, fmt.Appendf(nil, `{"type":"response.completed","response":%s}`, resp.Whole), pass)
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
		if over, err := frame(resp, d, e.Data, pass); over || err != nil {
			return err
		}
	}
}

// frame handles one frame. over says that nothing more is wanted or will come.
func frame(resp *model.Response, d *decoder, data []byte, pass answer.Pass) (over bool, err error) {
	deltas, done, failed := d.frame(data)
	if failed != nil {
		return true, resp.FrameError(failed)
	}
	return !pass(deltas...) || done, nil
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
