// Package terminal reads what a person types: lines that can be edited, and input that a
// reader can give up waiting for; and writes what they read. It knows nothing of what is
// said.
//
// Editor edits messages and answers at a terminal; New makes one. Input gives any stream to
// readers that end with a context. TypedEnd looks for Ctrl-D while nobody reads.
// Output writes an answer that streams; ReaderLeft tells whether anybody still reads it.
package terminal
