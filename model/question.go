package model

import "hearth"

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
}

// A Replica is another place where the same model is served.
type Replica struct {
	Endpoint Endpoint
	Provider Provider
}
