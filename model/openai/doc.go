// Package openai speaks the chat completions protocol, which nearly every model server
// understands in a dialect of its own. It reads model.Capabilities and never looks at
// who the server is: what a dialect needs is a field there, what it sends is understood
// in every known shape.
package openai
