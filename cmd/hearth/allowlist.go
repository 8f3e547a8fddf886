package main

import (
	"fmt"
	"slices"
	"strings"

	"hearth"
)

// choosable complains when a person names a model that the config does not let them
// choose: /model in a conversation, and --model of hearth agent and hearth up. A model
// that is not there at all is not its business. hearth infer model run is not bound: the
// list says what a conversation may run on, and that command holds none; it is how an
// owner tries a model before putting it on the list.
func (r *roster) choosable(op string, c choice) error {
	if c.model == "" {
		return nil
	}
	ref, err := r.resolve(c.agent, c.model)
	if err != nil {
		return nil //nolint:nilerr // whoever uses the word says what is wrong with it
	}
	if _, there := r.provider(ref.Provider); !there || r.allowed(c.agent, ref) {
		return nil
	}
	e := &hearth.Error{Op: op, Reason: hearth.ReasonConfig, Err: fmt.Errorf("model %q is not allowed", ref),
		Cause: "agents.defaults.models lists the models that may be chosen, and this is not one of them.",
		Try:   fmt.Sprintf("Add it with: hearth config set agents.defaults.models '{%q:{}}' --strict-json --merge", ref)}
	if own, _ := r.file.Config.Agents.Agent(c.agent); len(own.ModelPolicy.Allow) > 0 {
		e.Cause = "modelPolicy.allow lists the models that may be chosen, and this is not one of them."
		e.Try = fmt.Sprintf("Add it with: hearth config set agents.defaults.modelPolicy.allow '%s' --strict-json", jsonText(append(slices.Clone(own.ModelPolicy.Allow), ref.String())))
	}
	return e
}

// allowed reports whether a person may choose a model. modelPolicy.allow is the list of
// those that may be chosen; without it, a map of models that is not empty is (OpenClaw's
// older way, in which its example configs are written). The agent's own primary and
// fallbacks, and the model inside the binary, always may.
func (r *roster) allowed(agentID string, ref hearth.ModelRef) bool {
	own, _ := r.file.Config.Agents.Agent(agentID)
	list := own.ModelPolicy.Allow
	if len(list) == 0 {
		list = r.file.Config.Agents.Defaults.ModelOrder
	}
	if len(list) == 0 || ref == demoRef {
		return true
	}
	return slices.ContainsFunc(slices.Concat([]string{own.Model.Primary}, own.Model.Fallbacks, list), func(w string) bool {
		if provider, all := strings.CutSuffix(w, "/*"); all {
			return strings.EqualFold(provider, ref.Provider)
		}
		have, err := r.resolve(agentID, w)
		return err == nil && have == ref
	})
}
