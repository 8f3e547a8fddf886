// Package json5 reads JSON5 (https://spec.json5.org) into a concrete syntax tree and
// edits it by splicing bytes.
//
// A tree keeps where every value stands in the source, so that an edit changes only
// the bytes it must: comments, member order, quotes, line endings and a byte order
// mark stay as the person wrote them. Number literals stay text: an id above 2^53
// keeps its digits.
//
// What lies between two tokens (blanks, line breaks, comments) is called trivia. It
// is not stored: it is the bytes between the offsets.
//
// The package does no I/O and holds no state; a Document may be read by several
// goroutines at once.
package json5
