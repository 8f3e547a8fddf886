package main

import (
	"fmt"
	"strings"

	"hearth"
	"hearth/config"
	"hearth/model"
)

// resolve reads a ref or alias, whatever profile it is written with; whether it is one, the
// agent's profiles say, as they do when the model is asked.
func (r *roster) resolve(agentID, word string) (hearth.ModelRef, error) {
	ref, _, err := r.named(agentID, word)
	return ref, err
}

// unaliased gives the ref that an alias stands for, or the word.
func (r *roster) unaliased(word string) string {
	word = strings.TrimSpace(word)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.aliased.file != r.file {
		r.aliased = aliasesOf(r.file)
	}
	if ref, ok := r.aliased.refs[strings.ToLower(word)]; ok {
		return ref
	}
	return word
}

// aliases are the short names of models in one config.
type aliases struct {
	file  *config.File
	refs  map[string]string // by the alias in small letters
	names []string          // as they are written, in the order of the file
}

// aliasesOf reads them. The first of two models with the same one has it.
func aliasesOf(file *config.File) aliases {
	all := aliases{file: file, refs: map[string]string{}}
	for _, ref := range file.Config.Agents.Defaults.ModelOrder {
		name := strings.TrimSpace(file.Config.Agents.Defaults.Models[ref].Alias)
		if _, taken := all.refs[strings.ToLower(name)]; name == "" || taken {
			continue
		}
		all.refs[strings.ToLower(name)] = ref
		all.names = append(all.names, name)
	}
	return all
}

// plain reads a ref that is written without a profile: provider/model, or a bare id that
// exactly one provider lists.
func (r *roster) plain(word string) (hearth.ModelRef, error) {
	if ref, ok := model.ParseRef(word); ok {
		return ref, nil
	}
	var owners []string
	for _, id := range r.file.Config.Models.ProviderOrder {
		if _, ok := r.file.Config.Models.Providers[id].Model(word); ok {
			owners = append(owners, id)
		}
	}
	if len(owners) == 1 {
		return hearth.ModelRef{Provider: strings.ToLower(owners[0]), Model: word}, nil
	}
	e := &hearth.Error{Op: "choose a model", Reason: hearth.ReasonUnknownProvider, Err: fmt.Errorf("%q is no provider/model and no alias", word),
		Cause: "A model is named as provider/model, or by an alias of agents.defaults.models.", Try: "Run hearth models list to see the names."}
	if len(owners) > 1 {
		e.Err = fmt.Errorf("%q is listed by more than one provider: %s", word, strings.Join(owners, ", "))
	}
	return hearth.ModelRef{}, e
}

// named reads what a person wrote for a model: a ref, an alias or a bare id, and behind
// it perhaps "@profile". That is a profile only where one of that id is known, or where it
// begins with the provider and a colon, as no model's id does: so a profile that is
// misspelt is told and not asked for as a model. A model that its provider lists under the
// whole id stays one.
func (r *roster) named(agentID, word string) (hearth.ModelRef, string, error) {
	word = r.unaliased(word)
	ref, err := r.plain(word)
	if err == nil {
		if p, ok := r.provider(ref.Provider); ok {
			if _, listed := p.Model(ref.Model); listed {
				return ref, "", nil
			}
		}
	}
	if !strings.Contains(word, "@") {
		return ref, "", err
	}
	profiles := r.keys.profiles(agentID)
	before, profile := model.SplitProfile(word, func(before, profile string) bool {
		of, err := r.plain(r.unaliased(before))
		if err != nil {
			return false
		}
		known, ok := profiles.Find(profile)
		return ok && (known.Provider == of.Provider || strings.Contains(profile, ":")) ||
			strings.HasPrefix(model.ProviderID(profile), of.Provider+":")
	})
	if profile == "" {
		return ref, "", err
	}
	ref, err = r.plain(r.unaliased(before))
	return ref, profile, err
}

// written is a ref as named reads it.
func written(ref hearth.ModelRef, profile string) string {
	if profile == "" {
		return ref.String()
	}
	return ref.String() + "@" + profile
}
