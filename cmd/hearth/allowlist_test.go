package main

import (
	"fmt"
	"testing"

	"hearth/model"
)

func TestWhatMayBeChosen(t *testing.T) {
	const agents = `{models: {providers: {box: {baseUrl: "http://127.0.0.1:1/v1", models: [{id: "m"}, {id: "bare"}]}}}, agents: {
		defaults: {model: {primary: "box/m", fallbacks: ["box/spare"]}, models: {%s}, modelPolicy: {allow: [%s]}},
		list: [{id: "main"}, {id: "own", model: "box/mine", modelPolicy: {allow: ["far/*"]}}],
	}}`
	for _, c := range []struct {
		name, list, policy, agent string
		may, not                  []string
	}{
		{"without a list everything may", ``, ``, "", []string{"box/x", "far/x"}, nil},
		{"a map of models is a list", `"box/a": {}`, ``, "", []string{"box/a"}, []string{"box/x", "box/A"}},
		{"primary and fallbacks always may", `"box/a": {}`, ``, "", []string{"box/m", "box/spare"}, nil},
		{"so may the model inside the binary", `"box/a": {}`, `"box/b"`, "", []string{"demo/demo"}, nil},
		{"a policy alone decides where there is one", `"box/a": {}`, `"box/b"`, "", []string{"box/b", "box/m"}, []string{"box/a"}},
		{"a star is every model of a provider", ``, `"Box/*"`, "", []string{"box/x", "box/y/z"}, []string{"boxes/x", "far/x"}},
		{"also in a map", `"box/*": {}`, ``, "", []string{"box/x"}, []string{"far/x"}},
		{"an alias or a bare id is read as a ref", `"box/a": {alias: "Quick"}`, `"quick", "bare"`, "", []string{"box/a", "box/bare"}, []string{"box/x"}},
		{"an agent has its own primary and policy", `"box/a": {}`, `"box/b"`, "own", []string{"box/mine", "far/x"}, []string{"box/b", "box/m"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := scene(t, fmt.Sprintf(agents, c.list, c.policy))
			for want, words := range map[bool][]string{true: c.may, false: c.not} {
				for _, word := range words {
					ref, _ := model.ParseRef(word)
					if a.roster.allowed(c.agent, ref) != want {
						t.Errorf("%s: allowed is %v", word, !want)
					}
				}
			}
		})
	}
}
