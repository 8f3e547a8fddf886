// Package prompt turns a plan and messages into a request, and makes every choice that
// affects a request's bytes exactly once.
//
// A Plan is everything a request has besides history; it is fixed when an epoch begins
// and stored with it. Freeze turns something new (a person's words, a tool's output)
// into a message: the time stamp, the notes that ride along, what was cut or left out.
// What is stored is what is sent, so Build is a pure join and request N+1 is a
// byte-for-byte extension of request N.
package prompt
