// Package conversation holds whole conversations between the real hearth binary and a
// real Ollama, in each of its protocols: what a person types, what the server is
// sent, what it was made to read again, and what the person sees.
//
// Its tests run with the build tag e2e. Between the two programs stands a recorder, so
// a test sees the bytes that went out, and does not take the word of either side.
package conversation
