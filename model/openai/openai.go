package openai

import (
	"context"
	"iter"

	"hearth/internal/sse"
	"hearth/model"
	"hearth/model/internal/answer"
)

const op = "openai chat"

// Config of a Provider.
type Config struct {
	Client *model.Client
}

// Provider speaks chat completions to one endpoint. See model.Provider for the contract.
type Provider struct{ client *model.Client }

// New gives a Provider.
func New(c Config) *Provider { return &Provider{client: c.Client} }

var (
	_ model.Provider = (*Provider)(nil)
	_ model.Encoder  = (*Provider)(nil)
)

// Encode writes req as Stream would send it; see model.Encoder.
func (p *Provider) Encode(req *model.Request) (*model.Sent, error) { return encode(req) }

// Stream sends req and yields what comes back.
func (p *Provider) Stream(ctx context.Context, req *model.Request) iter.Seq2[model.Delta, error] {
	return answer.Exchange{
		Client: p.client,
		Call:   model.Call{Op: op, Path: "/chat/completions", Accept: model.AcceptEvents, Reading: model.ReadingOf(req)},
		Encode: encode,
		Read: func(resp *model.Response, pass answer.Pass) error {
			return read(resp, newDecoder(req, resp), pass)
		},
	}.Stream(ctx, req)
}

// read passes on what the decoder makes of each event, until the answer is whole or broken.
func read(resp *model.Response, d *decoder, pass answer.Pass) error {
	events := sse.NewDecoder(resp, sse.Config{})
	for {
		err := next(resp, events, d)
		if err == nil && !d.done {
			if !d.flush(pass) {
				return nil
			}
			continue
		}
		broken := d.end(err)
		if !d.flush(pass) {
			return nil
		}
		return broken
	}
}

// next gives the decoder the next event, or the whole answer of a server that does not stream.
func next(resp *model.Response, events *sse.Decoder, d *decoder) error {
	if resp.Whole != nil {
		d.done = true
		return d.chunk(resp.Whole)
	}
	e, err := events.Next()
	if err != nil {
		return err
	}
	return d.event(e)
}
