package policy

import (
	"encoding/json"
	"fmt"
	"slices"
)

// ReadApprovals reads OpenClaw's exec-approvals.json for one agent. What the file does
// not say is unset, which Stricter takes for no opinion. With an error, the rules given
// ask about everything: a file that cannot be read must not loosen what it tightened.
//
// The format is version 1: {version, defaults{security, ask, …}, agents{id{security,
// ask, …, allowlist[{pattern, …}]}}}; agent "*" is for all of them. Patterns of the file
// are OpenClaw's, a program without its arguments; here they match whole argvs, so they
// cover a bare call of the program and nothing more.
func ReadApprovals(data []byte, agent string) (Rules, error) {
	type stance struct {
		Security  *string `json:"security"`
		Ask       *string `json:"ask"`
		Allowlist []struct {
			Pattern string `json:"pattern"`
		} `json:"allowlist"`
	}
	var file struct {
		Version  int               `json:"version"`
		Defaults stance            `json:"defaults"`
		Agents   map[string]stance `json:"agents"`
	}
	broken := Rules{Ask: AskAlways}
	if err := json.Unmarshal(data, &file); err != nil {
		return broken, fmt.Errorf("read exec approvals: %w", err)
	}
	if file.Version != 1 {
		return broken, fmt.Errorf("read exec approvals: version %d is not known", file.Version)
	}
	rules := Rules{}
	for _, s := range []stance{file.Defaults, file.Agents["*"], file.Agents[agent]} {
		if s.Security != nil {
			rules.Exec = Security(*s.Security)
		}
		if s.Ask != nil {
			rules.Ask = AskMode(*s.Ask)
		}
		for _, entry := range s.Allowlist {
			rules.Allowlist = append(rules.Allowlist, entry.Pattern)
		}
	}
	if !slices.Contains(securities, rules.Exec) || !slices.Contains(askModes, rules.Ask) {
		return broken, fmt.Errorf("read exec approvals: security %q or ask %q is not known", rules.Exec, rules.Ask)
	}
	return rules, nil
}

// securities and askModes go from the strictest to the freest.
var (
	securities = []Security{SecurityDeny, SecurityUnset, SecurityAllowlist, SecurityFull}
	askModes   = []AskMode{AskAlways, AskUnset, AskOnMiss, AskOff}
)

// Stricter gives the rules that hold when config is what the config says and file what
// an exec-approvals file says: in each point the stricter of the two. A point that the
// file leaves open is the config's; one that the config leaves open stays open, since
// the owner did not write it here. The allowlists are both the owner's. Nothing runs
// unasked that either alone would not let run; a miss that one would refuse in silence
// may become a question.
func Stricter(config, file Rules) Rules {
	out := config
	if file.Exec != SecurityUnset && strictness(securities, file.Exec) < strictness(securities, config.Exec) {
		out.Exec, out.ExecFrom = file.Exec, "OpenClaw's exec-approvals.json"
	}
	if file.Ask != AskUnset && strictness(askModes, file.Ask) < strictness(askModes, config.Ask) {
		out.Ask = file.Ask
	}
	out.Allowlist = slices.Concat(config.Allowlist, file.Allowlist)
	out.StrictInlineEval = config.StrictInlineEval || file.StrictInlineEval
	return out
}

// strictness is a place in order; a word that is not known is the strictest.
func strictness[S comparable](order []S, s S) int { return slices.Index(order, s) }
