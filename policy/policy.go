// Package policy decides whether a tool call may run, given who asked and what the
// model has read. It is a pure function over a table: no I/O, no clock, no model text.
// The model is not trusted; safety is code outside the prompt.
package policy

import "hearth"

// A Verdict is what happens to a call. The zero Verdict denies.
type Verdict int

// The verdicts.
const (
	Deny Verdict = iota
	Ask
	Allow
)

// String gives the verdict's word.
func (v Verdict) String() string {
	switch v {
	case Allow:
		return "allow"
	case Ask:
		return "ask"
	default:
		return "deny"
	}
}

// A Decision is a verdict with its reason, in words for the person and the model. The
// zero Decision denies.
type Decision struct {
	Verdict Verdict
	Rule    string // a stable word naming the row that decided
	Reason  string
}

// Security is the owner's word on running programs (config tools.exec.security).
type Security string

// The kinds of exec security. The empty value is "unset": ask, or deny without a person.
const (
	SecurityUnset     Security = ""
	SecurityDeny      Security = "deny"
	SecurityAllowlist Security = "allowlist"
	SecurityFull      Security = "full"
)

// AskMode is the owner's word on being asked (config tools.exec.ask).
type AskMode string

// The ask modes.
const (
	AskUnset  AskMode = ""
	AskOff    AskMode = "off"
	AskOnMiss AskMode = "on-miss"
	AskAlways AskMode = "always"
)

// Rules is what the owner decided in advance. The zero Rules asks before every command.
type Rules struct {
	Exec      Security
	ExecFrom  string // who said Exec, for the sentences people read; "" = tools.exec.security
	Ask       AskMode
	Allowlist []string // whole-argv patterns, see Matches
	// StrictInlineEval asks before code on an interpreter's command line (python -c)
	// even where the allowlist knows it (config tools.exec.strictInlineEval).
	StrictInlineEval bool
	// Programs are workspace-relative paths of files, and of folders, that the gateway runs
	// by itself: the config names them as a model server to start, or to give a credential.
	Programs []string
}

// A Tier says how well a model withstands text that means to steer it. It sets how
// often a person is asked; what may never happen is the same for all of them.
type Tier int

// The tiers. Only the owner's word raises one; nobody knows is the lowest.
const (
	TierStrict Tier = iota // small, heavily quantized, or unknown
	TierStrong             // the owner named it as strong
)

// Input is everything a decision may depend on.
type Input struct {
	Call   hearth.ToolCall
	Effect hearth.Effect
	// Argv is the command of a run call as it would be executed; nil where unknown.
	Argv []string
	// Targets are the workspace-relative paths a call writes.
	Targets []string
	Asker   hearth.Provenance // who sent the message this turn answers
	Tainted bool              // the model has read bytes of somebody other than the owner since the last clean point
	CanAsk  bool              // a person can be asked now
	Rules   Rules
	Tier    Tier // of the model that made the call
}
