package anthropic

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"

	"hearth"
	"hearth/internal/sse"
	"hearth/model"
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

var _ model.Provider = (*Provider)(nil)

// New makes a provider.
func New(c Config) *Provider {
	p := &Provider{client: c.Client, newID: c.NewID}
	if p.newID == nil {
		p.newID = func() hearth.CallID { return hearth.CallID("call_" + strings.ToLower(rand.Text())) }
	}
	return p
}

const (
	op      = "anthropic messages"
	version = "2023-06-01" // of the protocol; there is no other
)

// Auth is how the credential travels in this protocol, for the one who makes the Client.
func Auth() model.Auth { return model.Auth{Header: "x-api-key"} }

// Stream asks for one answer; see model.Provider. An answer that says why it stopped is
// whole, also where the event that should follow is missing.
func (p *Provider) Stream(ctx context.Context, req *model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		sent, err := encode(req)
		if err != nil {
			yield(model.Delta{}, &hearth.Error{
				Op: op, Reason: hearth.ReasonConfig, Err: err,
				Cause: "The request for " + req.Model + " cannot be written.", Try: "Correct its params and extra_body in the config.",
			})
			return
		}
		if !yield(model.Delta{Sent: sent}, nil) {
			return
		}
		resp, err := p.client.Post(ctx, model.Call{
			Op: op, Model: req.Model, Path: "/v1/messages", FromRoot: true, Body: sent.Body, Accept: model.AcceptEvents,
			Header: http.Header{"Anthropic-Version": {version}},
			Wait:   func(w hearth.Wait) bool { return yield(model.Delta{Wait: &w}, nil) },
		})
		if errors.Is(err, model.ErrStopped) {
			return
		}
		if err != nil {
			yield(model.Delta{}, err)
			return
		}
		defer func() { _ = resp.Close() }() // what was read is what counts
		r := reading{resp: resp, decoder: newDecoder(req.Model, p.newID), yield: yield}
		if err := r.all(); err != nil {
			yield(model.Delta{}, err)
		}
	}
}

// reading is an answer on its way to the caller.
type reading struct {
	resp    *model.Response
	decoder *decoder
	yield   func(model.Delta, error) bool
}

// all passes on the answer until it is complete, broken or no longer wanted.
func (r *reading) all() error {
	if r.resp.Whole != nil {
		deltas, err := r.decoder.whole(r.resp.Whole)
		if err != nil {
			return r.resp.Ended(err)
		}
		r.pass(deltas)
		return nil
	}
	events := sse.NewDecoder(r.resp, sse.Config{})
	for {
		e, err := events.Next()
		if errors.Is(err, io.EOF) && r.decoder.complete() {
			r.pass(r.decoder.end())
			return nil
		}
		if err != nil {
			return r.resp.Ended(err)
		}
		if e.Comment {
			continue
		}
		deltas, done, failed := r.decoder.event(e.Data)
		if failed != nil {
			return r.resp.FrameError(failed)
		}
		if !r.pass(deltas) || done {
			return nil
		}
	}
}

// pass yields deltas, and says before the first token that writing has begun.
func (r *reading) pass(deltas []model.Delta) bool {
	for _, d := range deltas {
		token := d.Text != "" || d.Thinking != "" || d.Call != nil
		if token && r.resp.Token() && !r.yield(model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseWriting, Model: r.decoder.asked}}, nil) {
			return false
		}
		if !r.yield(d, nil) {
			return false
		}
	}
	return true
}
