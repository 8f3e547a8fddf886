// Package agent runs turns: model, tools, model again, until there is an answer, a
// question for a person, or a limit.
//
// A turn's progress is the transcript itself. Accept makes a person's words durable,
// Turn does whatever the transcript says is still to be done (first run, resumption
// after a crash and continuation after an approval are the same call), and Decide
// records a person's answer to a question. The agent names no provider, no channel and
// no config key: it is handed targets, tools and rules.
package agent
