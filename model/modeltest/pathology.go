package modeltest

import (
	"slices"
	"time"

	"hearth"
	"hearth/model"
)

// A Pathology is one way in which model servers were seen to misbehave, and what a
// caller of model.Provider must make of it.
type Pathology struct {
	Name      string   // "dies in the middle of its answer"
	Prose     string   // who does it, when, and why it matters
	Protocols []string // whose servers do it
	// Down means that nothing listens. Serve is nil then.
	Down  bool
	Serve Behaviour
	// Hangs means that nothing more comes until somebody stops the call.
	Hangs bool
	Want  Want
}

// On reports whether servers of a protocol show the pathology.
func (p Pathology) On(protocol string) bool { return slices.Contains(p.Protocols, protocol) }

// Want is what a caller sees: the deltas of a Provider after model.Visible, for a turn
// with the tools read and exec.
type Want struct {
	// Reason of the error; "" is none. Before the first token a broken stream is
	// ReasonServer, so that another model may answer; later it is ReasonCut.
	Reason     hearth.Reason
	Lesson     model.Lesson // what the error teaches, if anything
	Detail     string       // of the lesson; "" = any
	RetryAfter time.Duration
	Words      string // the error keeps these words of the server

	Text     string
	Thinking string
	Calls    []string          // "name arguments"; the ids must differ and not be empty
	Stop     hearth.StopReason // "" = stop; tool_calls where there are Calls
	Answered string            // the model that the server names
	Notice   string            // kind of a notice that is told
	Reading  int               // a Wait said that so many tokens were read
	Usage    *hearth.Usage     // exactly; nil = any that is not absurd
}

// Pathologies gives every row, by name unique.
func Pathologies() []Pathology {
	return slices.Concat(connections(), framings(), streams(), contents(), calls(), counts(), refusals(), wantedBack(), failures(), missing(), overflows())
}

// Named gives one row; it panics when there is none, which is a mistake in a test.
func Named(name string) Pathology {
	for _, p := range Pathologies() {
		if p.Name == name {
			return p
		}
	}
	panic("modeltest: no pathology is called " + name)
}

var (
	everyProtocol = Protocols
	openAI        = []string{Completions, Responses}
	chat          = []string{Completions}
	eventStreams  = []string{Completions, Responses, Messages}
	lines         = []string{Ollama}
)

// answer is what rows say that end well.
const answer = "The kettle is on."

// part is what rows say that end in the middle.
const part = "The kettle "

// until gives the frames up to and including all of a text, and nothing behind.
func until(x *Exchange, text string) []Frame {
	r := Reply{Text: text}
	pieces, _ := r.frames(x)
	return pieces[:r.first(x.Protocol)+len(r.cut(text))]
}
