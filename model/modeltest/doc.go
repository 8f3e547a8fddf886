// Package modeltest is the suite that every member of model passes, and the server it
// is passed against: a real HTTP server that speaks the four protocols at once, answers
// from a script, records what it is sent, and can misbehave in every way that a model
// server was seen to.
//
// Server and the behaviours (Say, Pathology) need no member of model, so tests of other
// rooms, benchmarks and the program in fakeserver use them too.
package modeltest
