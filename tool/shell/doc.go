// Package shell lets an agent run commands: exec starts one, process looks after those
// that go on in the background.
//
// A command runs with the person's own rights; whether it may run at all is the guard's
// decision, not ours. What we promise: it has no terminal (so it can neither ask for a
// password nor write over the person's screen), it does not see the gateway's secrets,
// it and all that it starts end with a cancel, a time limit or Close, and its output
// takes bounded memory and disk however much it writes.
package shell
