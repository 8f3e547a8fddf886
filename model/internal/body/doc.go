// Package body writes the JSON body of a request to a model server, always the same
// bytes for the same request, and knows which of them are head, messages and params. It
// is what the protocols share; it knows none of them.
package body
