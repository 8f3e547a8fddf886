package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"

	"hearth"
)

// The rules of the table, as Decision.Rule names them.
const (
	RuleStranger      = "stranger"       // the message is not from somebody the owner let in
	RuleMember        = "member"         // it is from somebody the owner let in
	RuleHarmless      = "harmless"       // the call only looks
	RuleWorkspace     = "workspace"      // the call changes the workspace
	RuleTaintedWrite  = "tainted-write"  // it does so after the model has read text of others
	RulePersistent    = "persistent"     // it changes what later sessions or programs obey
	RuleGatewayFile   = "gateway-file"   // it changes the gateway's own settings
	RuleExecDenied    = "exec-denied"    // tools.exec.security deny
	RuleExecFull      = "exec-full"      // tools.exec.security full with ask off
	RuleExecListed    = "exec-listed"    // the whole command is on the allowlist
	RuleExecUnlisted  = "exec-unlisted"  // it is not, and nobody wants to be asked
	RuleExecAsk       = "exec"           // a person decides
	RuleReach         = "effect"         // the call reaches beyond the workspace
	RuleUnknownEffect = "unknown-effect" // the tool did not say what it would touch
)

// Decide says whether a call may run. It looks at nothing but in, and the same in gives
// the same Decision. An input that is not understood is denied.
func Decide(in Input) Decision {
	switch in.Asker {
	case hearth.FromOwner, hearth.FromGateway:
		return in.forOwner()
	case hearth.FromMember:
		return in.forMember()
	default:
		return deny(RuleStranger, "tools work for the owner and for people the owner let in")
	}
}

// forMember lets members look and has the owner decide on the rest. What outlives the
// conversation is the owner's alone: OpenClaw keeps cron and gateway from them too.
func (in Input) forMember() Decision {
	switch in.Effect {
	case hearth.EffectRead, hearth.EffectWriteScratch:
		return Decision{Verdict: Allow, Rule: RuleHarmless}
	case hearth.EffectRemember, hearth.EffectSchedule, hearth.EffectConfigure:
		return deny(RuleMember, "only the owner may have the gateway remember, schedule or change settings")
	case hearth.EffectWrite, hearth.EffectFetch, hearth.EffectSendKnown, hearth.EffectSendNew, hearth.EffectRun:
		d := in.forOwner()
		if d.Verdict == Allow {
			return in.ask(RuleMember, "somebody other than the owner asked for this")
		}
		return d
	}
	return deny(RuleUnknownEffect, "the tool does not say what this would touch")
}

func (in Input) forOwner() Decision {
	switch in.Effect {
	case hearth.EffectRead, hearth.EffectWriteScratch:
		return Decision{Verdict: Allow, Rule: RuleHarmless}
	case hearth.EffectWrite:
		return in.write()
	case hearth.EffectRun:
		return in.run()
	case hearth.EffectFetch:
		if in.Tainted {
			return in.ask(RuleReach, "the model has read text of others, and an address can carry what it knows away")
		}
		return Decision{Verdict: Allow, Rule: RuleReach}
	case hearth.EffectSendKnown:
		if in.Tainted && in.Tier < TierStrong {
			return in.ask(RuleReach, "the model has read text of others, and this sends a message")
		}
		return Decision{Verdict: Allow, Rule: RuleReach}
	case hearth.EffectSendNew:
		return in.ask(RuleReach, "this sends to somebody who is not in this conversation")
	case hearth.EffectRemember:
		if in.Tainted {
			return in.ask(RulePersistent, "the model has read text of others, and later sessions would read this")
		}
		return Decision{Verdict: Allow, Rule: RuleReach}
	case hearth.EffectSchedule:
		return in.ask(RuleReach, "this acts later, when nobody may be watching")
	case hearth.EffectConfigure:
		if in.Tainted {
			return deny(RuleGatewayFile, "the model has read text of others and may not change the gateway")
		}
		return in.ask(RuleReach, "this changes the gateway itself")
	}
	return deny(RuleUnknownEffect, "the tool does not say what this would touch")
}

// write decides on changes to the workspace. Where the owner lets commands run
// unasked, asking about an ordinary file would protect nothing.
func (in Input) write() Decision {
	worst := kindOrdinary
	for _, target := range in.Targets {
		worst = max(worst, kindOf(target))
		if in.Rules.runs(target) {
			worst = max(worst, kindProgram)
		}
	}
	if len(in.Targets) == 0 && in.Tainted {
		worst = kindProgram // a tool that does not say what it writes may write anything
	}
	free := in.Rules.Exec == SecurityFull && in.Rules.Ask == AskOff
	switch {
	case worst == kindGateway && in.Tainted:
		return deny(RuleGatewayFile, "the model has read text of others, and this file holds the gateway's settings")
	case worst == kindGateway:
		return in.ask(RuleGatewayFile, "this file holds the gateway's settings")
	case worst == kindProgram && (in.Tainted || !free):
		return in.ask(RulePersistent, "programs run what this file says, with your own rights")
	case worst == kindPersona && in.Tainted:
		return in.ask(RulePersistent, "the model has read text of others, and every later session obeys this file")
	case in.Tainted && !free && in.Tier < TierStrong:
		return in.ask(RuleTaintedWrite, "the model has read text of others, and this would change a file")
	}
	return Decision{Verdict: Allow, Rule: RuleWorkspace}
}

const ownRights = "this command runs with your own rights"

// run decides on commands. The zero Rules, security unset, asks: OpenClaw would allow.
func (in Input) run() Decision {
	r := in.Rules
	if r.Exec != SecurityUnset && r.Exec != SecurityAllowlist && r.Exec != SecurityFull {
		return deny(RuleExecDenied, cmp.Or(r.ExecFrom, "tools.exec.security")+" does not allow commands")
	}
	listed := r.Exec != SecurityUnset && r.listed(in.Argv)
	switch {
	case r.Ask == AskAlways:
		return in.ask(RuleExecAsk, ownRights+", and tools.exec.ask is always")
	case r.Ask != AskUnset && r.Ask != AskOff && r.Ask != AskOnMiss:
		return in.ask(RuleExecAsk, ownRights)
	case r.StrictInlineEval && runsInlineCode(in.Argv):
		return in.ask(RuleExecAsk, ownRights+", and it holds a program of its own")
	case listed:
		return Decision{Verdict: Allow, Rule: RuleExecListed}
	case r.Exec == SecurityFull && r.Ask == AskOff:
		return Decision{Verdict: Allow, Rule: RuleExecFull}
	case r.Exec == SecurityAllowlist && r.Ask == AskOff:
		return deny(RuleExecUnlisted, "the command is not on the allowlist, and tools.exec.ask is off")
	case r.Exec == SecurityAllowlist:
		return in.ask(RuleExecAsk, ownRights+", and it is not on the allowlist")
	}
	return in.ask(RuleExecAsk, ownRights)
}

func deny(rule, reason string) Decision { return Decision{Rule: rule, Reason: reason} }

// ask asks where somebody can be asked, and denies where not.
func (in Input) ask(rule, reason string) Decision {
	if !in.CanAsk {
		return Decision{Rule: rule, Reason: reason + ", and nobody can be asked"}
	}
	return Decision{Verdict: Ask, Rule: rule, Reason: reason}
}

// Hash binds an approval to one exact call, and to whatever else decides what it would
// do: the working folder, the foreseen argv and targets, the session. An approval is
// good only while all of it is the same.
func Hash(c hearth.ToolCall, bound ...string) string {
	h := sha256.New()
	for _, s := range append([]string{string(c.ID), c.Name, c.Arguments}, bound...) {
		sum := sha256.Sum256([]byte(s))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
