// Package answer carries one request to a model server and its answer back, for every
// protocol: the order of what the caller is told, who closes the response, and what
// becomes of an error. What differs is in an Exchange; the bytes are the protocol's own.
package answer

import (
	"context"
	"errors"
	"iter"
	"strings"

	"hearth"
	"hearth/model"
)

// An Exchange is one request and what its protocol makes of the answer. Refine may be nil.
type Exchange struct {
	Client *model.Client
	Call   model.Call // Body and Wait are set here
	// Encode gives the request's bytes. Its error is the config's: nothing else can be wrong.
	Encode func(*model.Request) (*model.Sent, error)
	// Read passes the answer on until it is whole (nil), broken (its error), or pass says
	// that nothing more is wanted (nil).
	Read func(resp *model.Response, pass Pass) error
	// Refine adds to an error what only this protocol knows.
	Refine func(error) error
}

// Pass hands deltas to the caller; false means that it wants no more.
type Pass func(deltas ...model.Delta) bool

// Stream asks for one answer; see model.Provider for the contract.
func (x Exchange) Stream(ctx context.Context, req *model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		sent, err := x.Encode(req)
		if err != nil {
			yield(model.Delta{}, &hearth.Error{
				Op: x.Call.Op, Reason: hearth.ReasonConfig, Err: err,
				Cause: "The request for " + req.Model + " cannot be written.", Try: "Correct its params and extra_body in the config.",
			})
			return
		}
		if !yield(model.Delta{Sent: sent}, nil) {
			return
		}
		call := x.Call
		call.Model, call.Body = req.Model, sent.Body
		call.Wait = func(w hearth.Wait) bool { return yield(model.Delta{Wait: &w}, nil) }
		resp, err := x.Client.Post(ctx, call)
		if err == nil {
			defer func() { _ = resp.Close() }() // closing early is how a server is told to stop
			w := writer{op: call.Op, req: req, resp: resp, yield: yield}
			if err = x.Read(resp, w.pass); w.refused != nil {
				err = w.refused
			}
		}
		if err == nil || errors.Is(err, model.ErrStopped) {
			return
		}
		if x.Refine != nil {
			err = x.Refine(err)
		}
		yield(model.Delta{}, err)
	}
}

// writer passes an answer on. It says once that writing has begun: before the first token,
// or where a protocol whose calls come in pieces, and are passed on whole, says it itself.
// An answer that ends without having begun may be a server's way to say that the request did
// not fit.
type writer struct {
	op    string
	req   *model.Request
	resp  *model.Response
	yield func(model.Delta, error) bool

	begun   bool
	usage   hearth.Usage
	bytes   int   // of all that was passed on and is kept
	refused error // why nothing more is passed on, if not because the caller wants no more
}

// maxBytes bounds what one answer may hold; what was said of a request that writes one
// file of ten megabytes in a call fits, and a server that never ends takes no more memory.
const maxBytes = 32 << 20

// maxNameBytes bounds the name that a server gives its model: it is kept with each answer.
const maxNameBytes = 1024

// itself is what a delta that is kept as such takes, however little it says.
const itself = 256

// size is what a delta takes where it is kept, about.
func size(d *model.Delta) int {
	n := len(d.Text) + len(d.Thinking) + len(d.Opaque)
	if d.Call != nil {
		n += len(d.Call.ID) + len(d.Call.Name) + len(d.Call.Arguments)
	}
	if d.Call != nil || d.Opaque != nil {
		n += itself
	}
	return n
}

func (w *writer) pass(deltas ...model.Delta) bool {
	for i := range deltas {
		if !w.one(&deltas[i]) {
			return false
		}
	}
	return true
}

func (w *writer) one(d *model.Delta) bool {
	if w.bytes += size(d); w.bytes > maxBytes {
		w.refused = w.resp.TooLong()
		return false
	}
	if len(d.Answered) > maxNameBytes {
		d.Answered = strings.ToValidUTF8(d.Answered[:maxNameBytes], "")
	}
	said := d.Wait != nil && d.Wait.Phase == hearth.PhaseWriting
	if !w.begun && (said || d.Text != "" || d.Thinking != "" || d.Call != nil) {
		w.begun = true
		w.resp.Token()
		if !w.yield(model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseWriting, Model: w.req.Model}}, nil) {
			return false
		}
	}
	if d.Usage != nil {
		w.usage = *d.Usage
	}
	if d.Stop != "" && !w.begun {
		if e := model.SilentOverflow(w.op, w.req, w.usage, d.Stop); e != nil {
			w.refused = e
			return false
		}
	}
	return said || w.yield(*d, nil)
}
