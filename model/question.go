package model

import (
	"time"

	"hearth"
)

// A Question is one model call to be answered by the first candidate that can. It is
// what agent asks and route answers.
type Question struct {
	// Chain holds the candidates: the chosen model first, then its fallbacks.
	Chain []Target
	// Build gives the request for a candidate. It is called for each attempt; after a
	// refusal the target is Refused and its layers hold the lesson.
	Build func(Target) (*Request, error)
	Lane  Lane
	// Once says that an answer without a word is an answer: the same is not asked again.
	Once    bool
	Session hearth.SessionID
	Turn    hearth.TurnID
	// Loaded has only a server asked that needs not load anything for it. Who is asked that
	// way waits for nobody's sake: with any other, the question ends with an error.
	Loaded bool
	// Had is, with Loaded, what a server is known to have read of this session last: one that
	// still has it, as far as can be seen, is not asked either. nil = nothing is known.
	Had *Reading
}

// A Reading is a prompt that a server has read, and the answer that it wrote.
type Reading struct {
	Origin         string
	At             time.Time // when it was asked
	Prompt, Answer int       // tokens, as it counted them
}

// A Replica is another place where the same model is served.
type Replica struct {
	Endpoint Endpoint
	Provider Provider
}
