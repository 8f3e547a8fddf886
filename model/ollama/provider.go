package ollama

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"sync"

	"hearth"
	"hearth/internal/ndjson"
	"hearth/model"
	"hearth/model/internal/answer"
)

// Config is what a provider is made of. Client is needed.
type Config struct {
	Client *model.Client
	// NewID gives ids for tool calls, which the protocol does not have; each must be new.
	// nil draws random ones.
	NewID func() hearth.CallID
}

// Provider is the model.Provider of one Ollama server.
type Provider struct {
	client *model.Client
	newID  func() hearth.CallID
	warm   sync.Map // models that have answered, by name: the server has loaded them
}

var (
	_ model.Provider = (*Provider)(nil)
	_ model.Encoder  = (*Provider)(nil)
)

// New makes a provider.
func New(c Config) *Provider {
	return &Provider{client: c.Client, newID: answer.IDs(c.NewID, "ollama_call_")}
}

const op = "ollama chat"

// Encode writes req as Stream would send it; see model.Encoder.
func (p *Provider) Encode(req *model.Request) (*model.Sent, error) { return encode(req) }

// Stream asks for one answer; see model.Provider.
func (p *Provider) Stream(ctx context.Context, req *model.Request) iter.Seq2[model.Delta, error] {
	reading := hearth.Wait{Phase: hearth.PhaseReading}
	if _, warm := p.warm.Load(req.Model); !warm && !req.Capabilities.Resident {
		reading = hearth.Wait{Phase: hearth.PhaseLoading, Note: "the first answer loads the model"}
	}
	return answer.Exchange{
		Client: p.client,
		Call:   model.Call{Op: op, Path: "/api/chat", FromRoot: true, Accept: model.AcceptLines, Reading: reading},
		Encode: encode,
		Read: func(resp *model.Response, pass answer.Pass) error {
			d := &decoder{req: req, newID: p.newID}
			err := read(resp, d, pass)
			if d.spoke {
				p.warm.Store(req.Model, true)
			}
			return err
		},
		Refine: func(err error) error { return refine(err, req) },
	}.Stream(ctx, req)
}

// read passes on an answer until it is complete, broken or no longer wanted.
func read(resp *model.Response, d *decoder, pass answer.Pass) error {
	lines := ndjson.NewReader(resp, ndjson.Config{})
	for {
		line, err := lines.Next()
		if err != nil {
			return resp.Ended(err)
		}
		deltas, done, failed := d.line(line)
		if failed != nil {
			return resp.FrameError(failed)
		}
		if !pass(deltas...) || done {
			return nil
		}
	}
}

// cannotThink are the words for a model that has no thinking switch, or not with the
// level that was asked for.
var cannotThink = regexp.MustCompile(`does not support thinking|think value .* is not supported`)

// refine adds what only Ollama's own door knows to an error.
func refine(err error, req *model.Request) error {
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok {
		return err
	}
	name := req.Model
	if o, ok := errors.AsType[*model.Overflow](err); ok && o.Window == 0 {
		// What was asked for is no word of the server's: it loads less than that where the
		// model was trained for less, so Window stays unknown.
		e.Cause = fmt.Sprintf("The conversation is longer than what %s keeps; it was asked to keep %d tokens (num_ctx).", name, req.AskedWindow())
		e.Try = "Raise contextWindow of this model if the memory is there, or make the conversation shorter (/compact, /new)."
	}
	switch {
	case e.Err == nil:
	case e.HTTPStatus == 400 && cannotThink.MatchString(e.Err.Error()):
		e.Reason = hearth.ReasonBadRequest
		e.Err = &model.Refusal{Lesson: model.LessonDropField, Detail: "think", Words: e.Err.Error()}
		e.Cause, e.Try = name+" cannot be told to think that way.", "Ask without --thinking."
	case e.Reason == hearth.ReasonModelNotFound && strings.Contains(e.Err.Error(), name):
		e.Cause, e.Try = "Ollama runs and has no model "+name+".", "Fetch it: ollama pull "+name
	}
	return e
}
