// Package probe finds out what model servers are there and what they really can do.
//
// Discover looks for servers on this machine and tells them apart by what they answer.
// Describe asks one server about one model: the window in force, tools, vision, slots,
// what is loaded. Both send short GETs (and one read-only POST that Ollama wants) and
// never make a model work. Cache keeps what was said, and the lessons that a server
// taught by refusing, between processes. Probe asks the model itself, in a few small
// requests, for what no server says.
//
// Everything found is a model.Layer with its evidence, so that a person can see why a
// value is what it is.
package probe
