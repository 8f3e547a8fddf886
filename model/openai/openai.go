package openai

import (
	"context"
	"errors"
	"iter"

	"hearth"
	"hearth/internal/sse"
	"hearth/model"
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

var _ model.Provider = (*Provider)(nil)

// Stream sends req and yields what comes back.
func (p *Provider) Stream(ctx context.Context, req *model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		sent, err := encode(req)
		if err != nil {
			yield(model.Delta{}, &hearth.Error{
				Op: op, Reason: hearth.ReasonConfig, Err: err,
				Cause: "A setting of this model is no JSON object.",
				Try:   "Correct params.extra_body of " + req.Model + " in the config.",
			})
			return
		}
		if !yield(model.Delta{Sent: sent}, nil) {
			return
		}
		resp, err := p.client.Post(ctx, model.Call{
			Op: op, Model: req.Model, Path: "/chat/completions", Body: sent.Body, Accept: model.AcceptEvents,
			Reading: model.ReadingOf(req),
			Wait:    func(w hearth.Wait) bool { return yield(model.Delta{Wait: &w}, nil) },
		})
		switch {
		case errors.Is(err, model.ErrStopped):
			return
		case err != nil:
			yield(model.Delta{}, err)
			return
		}
		defer func() { _ = resp.Close() }() // closing early is how a server is told to stop
		read(resp, newDecoder(req, resp), yield)
	}
}

// read yields what the decoder makes of each event, until the answer is whole or broken.
func read(resp *model.Response, d *decoder, yield func(model.Delta, error) bool) {
	events := sse.NewDecoder(resp, sse.Config{})
	for {
		err := next(resp, events, d)
		if err == nil && !d.done {
			if !d.flush(yield) {
				return
			}
			continue
		}
		broken := d.end(err)
		if d.flush(yield) && broken != nil {
			yield(model.Delta{}, broken)
		}
		return
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
