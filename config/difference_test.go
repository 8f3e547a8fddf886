package config

import (
	"reflect"
	"testing"
)

func TestWhatChangesTheBytesOfARequestWaitsForTheNextEpoch(t *testing.T) {
	h := newHome(t)
	h.write(".hearth/.env", "KEY=one\n")
	before, _ := h.config(`{
  gateway: { port: 1 },
  tools: { deny: ["exec"], exec: { ask: "off" } },
  models: { providers: { p: { baseUrl: "http://u", apiKey: "${KEY}", timeoutSeconds: 5, models: [{ id: "m", contextWindow: 1000 }] } } },
  agents: { defaults: { model: "p/m", models: { "p/m": { alias: "M", params: { x: 1 } } }, thinkingDefault: "low" }, list: [{ id: "a", tools: { exec: { ask: "off" } } }] },
}`)
	h.write(".hearth/.env", "KEY=two, and longer\n")
	after, _ := h.config(`{
  gateway: { port: 2 },
  tools: { deny: [], exec: { ask: "always" } },
  models: { providers: { p: { baseUrl: "http://v", apiKey: "${KEY}", timeoutSeconds: 6, api: "ollama", models: [{ id: "m", contextWindow: 2000, name: "N" }] }, q: { baseUrl: "http://w" } } },
  agents: { defaults: { model: "q/m", models: { "p/m": { alias: "N", params: { x: 2 } } }, workspace: "~/w" }, list: [{ id: "a", tools: { exec: { ask: "always" }, profile: "minimal" } }] },
}`)
	now, next := Changed(before, after)
	wantNow := []string{
		"tools.exec.ask", "models.providers.p.baseUrl", "models.providers.p.apiKey", "models.providers.p.timeoutSeconds",
		"models.providers.p.models[0].name", "models.providers.p.api", "models.providers.q.baseUrl",
		"agents.defaults.model", `agents.defaults.models.p/m.alias`, "agents.list[0].tools.exec.ask",
	}
	wantNext := []string{
		"tools.deny", "models.providers.p.models[0].contextWindow",
		`agents.defaults.models.p/m.params.x`, "agents.defaults.thinkingDefault", "agents.defaults.workspace", "agents.list[0].tools.profile",
	}
	if !reflect.DeepEqual(now, wantNow) {
		t.Errorf("at once\n%q\nwant\n%q", now, wantNow)
	}
	if !reflect.DeepEqual(next, wantNext) {
		t.Errorf("at the next epoch\n%q\nwant\n%q", next, wantNext)
	}
	if now, next := Changed(after, after); len(now)+len(next) > 0 {
		t.Errorf("nothing changed, but %q %q", now, next)
	}
	empty, _ := newHome(t).load()
	if now, next := Changed(empty, before); len(now) == 0 || len(next) == 0 {
		t.Errorf("from nothing: %q %q", now, next)
	}
}
