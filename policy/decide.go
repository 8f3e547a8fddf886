package policy

import (
	"crypto/sha256"
	"encoding/hex"

	"hearth"
)

// Decide says whether a call may run.
func Decide(in Input) Decision {
	if in.Asker == hearth.FromStranger && in.Effect != hearth.EffectRead {
		return Decision{Rule: "stranger", Reason: "only the owner's own requests may change things"}
	}
	switch in.Effect {
	case hearth.EffectRead, hearth.EffectWriteScratch:
		return Decision{Verdict: Allow, Rule: "harmless"}
	case hearth.EffectWrite:
		if in.Tainted {
			return in.ask("tainted-write", "the model has read text of others, and this would change a file")
		}
		return Decision{Verdict: Allow, Rule: "workspace"}
	case hearth.EffectRun:
		switch {
		case in.Rules.Exec == SecurityDeny:
			return Decision{Rule: "exec-denied", Reason: "tools.exec.security is deny"}
		case in.Rules.Exec == SecurityFull && in.Rules.Ask == AskOff:
			return Decision{Verdict: Allow, Rule: "exec-full"}
		}
		return in.ask("exec", "this command runs with your own rights")
	default:
		return in.ask("effect", "this reaches beyond the workspace")
	}
}

// ask asks where somebody can be asked, and denies where not.
func (in Input) ask(rule, reason string) Decision {
	if !in.CanAsk {
		return Decision{Rule: rule, Reason: reason + ", and nobody can be asked"}
	}
	return Decision{Verdict: Ask, Rule: rule, Reason: reason}
}

// Hash binds an approval to one exact call.
func Hash(c hearth.ToolCall) string {
	h := sha256.New()
	for _, s := range []string{string(c.ID), c.Name, c.Arguments} {
		sum := sha256.Sum256([]byte(s))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
