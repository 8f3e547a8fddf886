package anthropic

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"

	"hearth"
	"hearth/internal/sse"
	"hearth/model"
	"hearth/model/internal/answer"
)

// Config is what a provider is made of. Client is needed; its credential travels as
// x-api-key (model.Auth), unless its owner says otherwise.
type Config struct {
	Client *model.Client
	// NewID gives ids for calls that came without one; each must be new. nil draws random ones.
	NewID func() hearth.CallID
}

// Provider is the model.Provider of one endpoint.
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

const (
	op      = "anthropic messages"
	version = "2023-06-01" // of the protocol; there is no other
)

// Auth is how the credential travels in this protocol, for the one who makes the Client.
func Auth() model.Auth { return model.Auth{Header: "x-api-key"} }

// Encode writes req as Stream would send it; see model.Encoder.
func (p *Provider) Encode(req *model.Request) (*model.Sent, error) { return encode(req) }

// Stream asks for one answer; see model.Provider. An answer that says why it stopped is
// whole, also where the event that should follow is missing.
func (p *Provider) Stream(ctx context.Context, req *model.Request) iter.Seq2[model.Delta, error] {
	return answer.Exchange{
		Client: p.client,
		Call: model.Call{
			Op: op, Path: "/v1/messages", FromRoot: true, Accept: model.AcceptEvents,
			Header: http.Header{"Anthropic-Version": {version}},
		},
		Encode: encode,
		Read: func(resp *model.Response, pass answer.Pass) error {
			return read(resp, newDecoder(req, p.newID), pass)
		},
	}.Stream(ctx, req)
}

// read passes on the answer until it is complete, broken or no longer wanted.
func read(resp *model.Response, d *decoder, pass answer.Pass) error {
	if resp.Whole != nil {
		deltas, err := d.whole(resp.Whole)
		if err != nil {
			return resp.Ended(err)
		}
		pass(deltas...)
		return nil
	}
	events := sse.NewDecoder(resp, sse.Config{})
	for {
		e, err := events.Next()
		if errors.Is(err, io.EOF) && d.complete() {
			pass(d.end()...)
			return nil
		}
		if err != nil {
			return resp.Ended(err)
		}
		if e.Comment {
			continue
		}
		deltas, done, failed := d.event(e.Data)
		if failed != nil {
			return resp.FrameError(failed)
		}
		if !pass(deltas...) || done {
			return nil
		}
	}
}
