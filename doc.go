// Package hearth holds the words every room of the gateway shares: messages and
// their parts, tool calls and results, events, errors and their reasons, and the
// named identifiers that tie them together.
//
// It imports nothing of this module and does no I/O. A type belongs here only when
// at least two rooms need it; wire formats, config structs and database rows stay in
// the room that owns them.
package hearth
