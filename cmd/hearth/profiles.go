package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hearth"
	"hearth/config"
	"hearth/model/route"
)

// profiles gives the credential profiles of an agent, and tells once what is wrong with
// the files they are in.
func (a *app) profiles(agentID string) config.Profiles {
	all, warnings := a.file.Profiles(agentID)
	for _, w := range warnings {
		if a.once(w.File + w.Message) {
			a.warn([]config.Warning{w})
		}
	}
	return all
}

// credentialed gives a provider with the credential of a profile: the one that was named
// with the model, and else, where the config gives the provider none of its own, the first
// of its profiles that can be used. What the config says wins over a profile that nobody
// named (OpenClaw has it the other way round: what is written at the provider is nearer to
// its address), and a profile over the environment of a hosted vendor. The credential goes
// where the provider's baseUrl goes and nowhere else.
func (a *app) credentialed(ctx context.Context, agentID, id string, p config.Provider, named string) (config.Provider, string, error) {
	if named != "" {
		key, err := a.profileKey(ctx, agentID, id, named)
		if err != nil {
			return p, named, err
		}
		return p.WithKey(key), named, nil
	}
	if a.file.HasCredential(ctx, p) {
		return p, "", nil
	}
	var why []string
	for _, one := range a.profiles(agentID).InOrder(id) {
		key, err := a.secretOf(ctx, one)
		if err == nil {
			return p.WithKey(key), one.ID, nil
		}
		why = append(why, err.Error())
	}
	if key, err := a.key(ctx, id, p); len(why) > 0 && key == "" && err == nil && a.once("profiles of "+id) {
		fmt.Fprintf(a.io.err, "note: no profile of %s can be used: %s\n", id, oneLine(strings.Join(why, "; ")))
	}
	return p, "", nil
}

// spares adds a candidate for each further profile that may stand in for the one that was
// chosen for a model. For one that was named nothing stands in.
func (a *app) spares(ctx context.Context, c choice, word string, chosen candidate, add func(candidate)) {
	if chosen.Profile == "" {
		return
	}
	if _, named, err := a.named(c.agent, word); named != "" || word != "" && err != nil {
		return
	}
	for _, p := range a.profiles(c.agent).InOrder(chosen.Ref.Provider) {
		if p.Unusable(time.Now()) != "" {
			continue
		}
		if t, err := a.target(ctx, c, written(chosen.Ref, p.ID)); err == nil {
			add(t)
		}
	}
}

// profileKey gives the credential of a profile that was named. No other stands in for it.
func (a *app) profileKey(ctx context.Context, agentID, id, named string) (string, error) {
	e := &hearth.Error{Op: "use a profile", Reason: hearth.ReasonNoCredential,
		Cause: "The model was named with this profile, so no other credential is used in its place.",
		Try:   fmt.Sprintf("Leave @%s out, or give the profile a key: hearth models auth paste-api-key --provider %s --profile-id %s", named, id, named)}
	profiles := a.profiles(agentID)
	one, ok := profiles.Find(named)
	if !ok {
		e.Err = fmt.Errorf("there is no profile %q", named)
		var have []string
		for _, p := range profiles.Of(id) {
			have = append(have, p.ID)
		}
		if near := route.Nearest(named, have); near != "" {
			e.Try = "Did you mean @" + near + "? hearth models auth list shows the profiles."
		} else if len(have) > 0 {
			e.Try = fmt.Sprintf("The profiles of %s are %s. Name one of them, or none.", id, route.Some(have))
		}
		return "", e
	}
	if one.Provider != id {
		e.Err = fmt.Errorf("profile %s is one of %s, not of %s", named, one.Provider, id)
		e.Cause, e.Try = "A credential goes to its own provider only.", "Name a profile of "+id+"; hearth models auth list shows them."
		return "", e
	}
	key, err := a.secretOf(ctx, one)
	if err != nil {
		e.Err = err
		return "", e
	}
	return key, nil
}

// secretOf gives a profile's credential, or a sentence that says why there is none.
func (a *app) secretOf(ctx context.Context, p config.Profile) (string, error) {
	if wrong := p.Unusable(time.Now()); wrong != "" {
		return "", fmt.Errorf("%s %s", p.ID, wrong)
	}
	key, err := a.file.Resolve(ctx, p.Secret)
	if err == nil && key == "" {
		err = errors.New("its credential is empty")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.ID, err)
	}
	return key, nil
}

// profileCounts tells of a provider's profiles, credentials masked.
func (a *app) profileCounts(agentID, id string) profilesStatus {
	out := profilesStatus{Labels: []string{}}
	for _, p := range a.profiles(agentID).Of(id) {
		out.Count++
		switch p.Kind {
		case "oauth":
			out.OAuth++
		case "token":
			out.Token++
		default:
			out.APIKey++
		}
		out.Labels = append(out.Labels, p.Label())
	}
	return out
}
