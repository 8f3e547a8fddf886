package prompt

import (
	"fmt"

	"hearth"
	"hearth/model"
)

// The floors of the preflight, in tokens, and the shares of the reference window
// (contract: context preflight).
const (
	warnFloor, blockFloor = 8_000, 4_000
	warnShare, blockShare = 5, 10 // 20 % and 10 %
)

// Preflight looks at a target's window before anything is sent. A window that is too
// small for an agent is an error; a small one is a warning for the person, else "".
// What a refusal of before named is no more than a warning. The reference is the model's own window where a cap or the server lowered the one in
// force; it is capped to that one, so that oversized metadata rejects no valid cap.
func Preflight(ref hearth.ModelRef, c model.Capabilities, source string) (warning string, err error) {
	effective := c.Window
	reference := max(c.TrainedMax, effective)
	block := max(blockFloor, min(reference/blockShare, effective))
	if effective < block && !c.WindowRefused { // a server that refused once may have more by now: it is asked again
		return "", &hearth.Error{
			Op: "check context window of " + ref.String(), Reason: hearth.ReasonWindowTooSmall,
			Err:   fmt.Errorf("model context window too small (%d tokens; source=%s); minimum is %d", effective, source, block),
			Cause: "An agent's instructions, tools and your conversation do not fit in so small a window.",
			Try:   raiseWindow(c.Server, source),
		}
	}
	if warn := max(warnFloor, min(reference/warnShare, effective)); effective < warn {
		return fmt.Sprintf("low context window: %s ctx=%d (warn<%d) source=%s; long conversations will be shortened often", ref, effective, warn, source), nil
	}
	return "", nil
}

// raiseWindow says where the window of a server is set.
func raiseWindow(server, source string) string {
	if source == "config" {
		return "Raise contextWindow or contextTokens of this model in the config, or choose a model with a larger window."
	}
	switch server {
	case "ollama":
		return "Set params.num_ctx for this model, or OLLAMA_CONTEXT_LENGTH on the server."
	case "lmstudio":
		return "Load the model in LM Studio with a larger context length."
	case "llama.cpp":
		return "Start llama-server with a larger -c; it is divided by the number of slots (-np)."
	case "vllm":
		return "Start vLLM with a larger --max-model-len."
	case "sglang":
		return "Start SGLang with a larger --context-length."
	default:
		return "Raise the context window on the model server, or choose a model with a larger one."
	}
}
