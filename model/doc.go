// Package model says what a model server is: the Provider that speaks one wire
// protocol, the Request and the Deltas that pass through it, the Capabilities of one
// server and model, and the Client that all HTTP protocols share.
//
// The protocols live in folders below (openai, responses, anthropic, ollama), one
// each; route gets one question answered, slot decides who may use an endpoint now,
// probe finds out what a server can really do. A protocol neither sniffs nor retries
// nor queues: it reads Capabilities and reports refusals.
package model
