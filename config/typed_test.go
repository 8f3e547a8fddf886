package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestEveryKeyOfTheSeedsHasItsPlace(t *testing.T) {
	f, warnings := newHome(t).config(`{
  $schema: "https://example.org/x",
  env: { vars: { A: "1" }, B: "2" },
  models: {
    mode: "merge",
    providers: {
      zeta: { baseUrl: "http://127.0.0.1:8000/v1", timeoutSeconds: 300 },
      alpha: {
        baseURL: "http://10.0.0.5:1234/v1", api: "openai-responses", auth: "api-key", authHeader: false,
        headers: { "X-A": "1", "X-B": { source: "env", provider: "default", id: "KEY" } },
        params: { num_ctx: 8192, nested: { big: 12345678901234567890, hex: 0x10 }, keep_alive: "10m" },
        request: {
          allowPrivateNetwork: true, auth: { mode: "header", headerName: "X-Key", value: "v", prefix: "p " },
          proxy: { mode: "explicit-proxy", url: "http://p", tls: { ca: "c" } }, tls: { insecureSkipVerify: true },
        },
        localService: { command: "/bin/llama", args: ["-m", "x"], readyTimeoutMs: 5 },
        models: [
          {
            id: "org/model", name: "M", reasoning: true, input: ["text", "image"], contextWindow: 1e5, maxTokens: 8192.0,
            cost: { input: .5, output: 1, cacheRead: 0, cacheWrite: 0 },
            thinkingLevelMap: { off: null, high: "max" },
            compat: {
              supportsTools: false, requiresStringContent: true, strictMessageKeys: true, maxTokensField: "max_tokens",
              supportedReasoningEfforts: ["low", "xhigh"], reasoningEffortMap: { xhigh: "xhigh" }, thinkingFormat: "qwen",
              unsupportedToolSchemaKeywords: ["pattern"],
            },
          },
        ],
      },
    },
  },
  agents: {
    defaults: {
      model: "zeta/a", experimental: { localModelLean: true }, contextTokens: 32000, timeoutSeconds: 0, warmup: false,
      models: { "zeta/a": { alias: "Z", params: { extra_body: { tool_choice: "required" } } } },
      params: { temperature: 0.2, top_p: 1 }, thinkingDefault: "low", compaction: { mode: "safeguard", reserveTokensFloor: 0 },
    },
    list: [{ id: "main", tools: { profile: "minimal" } }, { id: "ops", default: true, model: { primary: "alpha/org/model", fallbacks: [] }, params: { top_p: 0.5 } }],
  },
  tools: { profile: "coding", alsoAllow: ["x"], deny: ["exec"], byProvider: { "zeta/a": { deny: ["*"] } }, exec: { security: "allowlist", ask: "off", timeoutSec: 60, safeBins: ["ls"] } },
  session: { scope: "per-sender", reset: { mode: "idle", atHour: 0 } },
}`)
	wantWarnings(t, warnings, "hearth.json: OpenClaw's keys that Hearth does not use: "+
		"models.providers.alpha.auth, models.providers.alpha.request.proxy.tls, agents.defaults.compaction.mode, agents.defaults.compaction.reserveTokensFloor, session")
	c := f.Config
	p := c.Models.Providers["alpha"]
	m, ok := p.Model("org/model")
	if !ok {
		t.Fatal("no model")
	}
	lean := c.Agents.Defaults.Experimental.LocalModelLean
	for what, pair := range map[string][2]any{
		"provider order":      {c.Models.ProviderOrder, []string{"zeta", "alpha"}},
		"baseURL":             {p.BaseURL, "http://10.0.0.5:1234/v1"},
		"an omitted api":      {c.Models.Providers["zeta"].Protocol(), OpenAICompletions},
		"an api":              {p.Protocol(), OpenAIResponses},
		"timeout":             {c.Models.Providers["zeta"].TimeoutSeconds, 300},
		"authHeader":          {*p.AuthHeader, false},
		"params keep digits":  {string(p.Params["nested"]), `{"big":12345678901234567890,"hex":16}`},
		"private network":     {*p.Request.AllowPrivateNetwork, true},
		"request auth":        {p.Request.Auth.HeaderName, "X-Key"},
		"proxy":               {p.Request.Proxy.URL, "http://p"},
		"local service":       {p.LocalService.Args, []string{"-m", "x"}},
		"a header reference":  {p.Headers["X-B"].Ref().ID, "KEY"},
		"a window as 1e5":     {m.ContextWindow, 100000},
		"maxTokens as 8192.0": {m.MaxTokens, 8192},
		"cost":                {m.Cost.Input, 0.5},
		"no such level":       {m.ThinkingLevelMap["off"], (*string)(nil)},
		"a level":             {*m.ThinkingLevelMap["high"], "max"},
		"compat":              {*m.Compat.SupportsTools, false},
		"efforts":             {m.Compat.ReasoningEffortMap["xhigh"], "xhigh"},
		"not written":         {m.Compat.RequiresMistralToolIDs, (*bool)(nil)},
		"model as text":       {c.Agents.Defaults.Model.Primary, "zeta/a"},
		"no time limit":       {*c.Agents.Defaults.TimeoutSeconds, 0},
		"lean":                {*lean, true},
		"warmup":              {*c.Agents.Defaults.Warmup, false},
		"extra_body":          {string(c.Agents.Defaults.Models["zeta/a"].Params["extra_body"]), `{"tool_choice":"required"}`},
		"reserve floor of 0":  {*c.Agents.Defaults.Compaction.ReserveTokensFloor, 0},
		"byProvider":          {c.Tools.ByProvider["zeta/a"].Deny, ToolNames{"*"}},
		"embedded grant":      {c.Tools.AlsoAllow, ToolNames{"x"}},
		"the older timeout":   {*c.Tools.Exec.TimeoutSeconds, 60},
		"flat env":            {c.Env.Flat, map[string]string{"B": "2"}},
		"reset hour 0":        {*c.Session.Reset.AtHour, 0},
		"default agent":       {c.Agents.DefaultID(), "ops"},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: %#v, want %#v", what, pair[0], pair[1])
		}
	}
}

func TestAnAgentTakesFromTheDefaultsWhatItDoesNotWrite(t *testing.T) {
	f, _ := newHome(t).config(`{agents: {
  defaults: { model: { primary: "p/a", fallbacks: ["p/b"] }, thinkingDefault: "low", params: { x: 1, y: 1 },
    models: { "p/a": { alias: "A", params: { y: 2, z: 2 } } } },
  list: [{ id: "one", params: { z: 3 } }, { id: "two", model: "p/c", thinkingDefault: "off" }, { id: "three", model: { primary: "p/d", fallbacks: [] } }],
  entries: { two: { model: { primary: "p/e", fallbacks: ["p/f"] } }, Four: {} },
}}`)
	a := f.Config.Agents
	one, ok := a.Agent("")
	if !ok || one.ID != "one" || one.Model.Primary != "p/a" || len(one.Model.Fallbacks) != 1 || one.ThinkingDefault != "low" {
		t.Errorf("one is %+v", one)
	}
	if got := a.ParamsFor("one", "p/a"); string(got["x"])+string(got["y"])+string(got["z"]) != "123" {
		t.Errorf("params of one are %s", got)
	}
	two, _ := a.Agent("TWO")
	if two.Model.Primary != "p/e" || two.ThinkingDefault != "low" {
		t.Errorf("an agent written twice comes from entries; it is %+v", two)
	}
	three, _ := a.Agent("three")
	if three.Model.Fallbacks == nil || len(three.Model.Fallbacks) != 0 {
		t.Errorf("[] means no fallbacks; they are %#v", three.Model.Fallbacks)
	}
	if _, ok := a.Agent("nobody"); ok {
		t.Error("an agent that nobody wrote is there")
	}
	var ids []string
	for _, g := range a.All() {
		ids = append(ids, g.ID)
	}
	if want := []string{"one", "three", "two", "Four"}; !reflect.DeepEqual(ids, want) {
		t.Errorf("agents are %v, want %v", ids, want)
	}
}

func TestAWrongTypeCostsOnlyItsOwnKey(t *testing.T) {
	f, warnings := newHome(t).config(`{
  models: {
    mode: "mrege",
    providers: {
      a: { baseUrl: 8000, timeoutSeconds: "5m", models: [{ id: "m", contextWindow: 1.5, input: ["text", "smell"], reasoning: "yes" }] },
      b: 7,
      c: { baseUrl: "http://ok", models: {} },
    },
  },
  agents: { defaults: { model: [], params: { x: Infinity, y: 1 } }, list: { id: "x" } },
  tools: null,
}`)
	wantWarnings(t, warnings, `hearth.json:3: models.mode cannot be "mrege", only "merge"|"replace": the default is used
hearth.json:5: models.providers.a.baseUrl should be a string, but it is a number: the default is used
hearth.json:5: models.providers.a.timeoutSeconds should be a number, but it is a string: the default is used
hearth.json:5: models.providers.a.models[0].contextWindow should be an integer, but it is a number: the default is used
hearth.json:5: models.providers.a.models[0].input[1] cannot be "smell", only "text"|"image"|"video"|"audio": the default is used
hearth.json:5: models.providers.a.models[0].reasoning should be a boolean, but it is a string: the default is used
hearth.json:6: models.providers.b should be an object, but it is a number: the default is used
hearth.json:7: models.providers.c.models should be an array, but it is an object: the default is used
hearth.json:10: agents.defaults.model should be a string or object, but it is an array: the default is used
hearth.json:10: agents.defaults.params.x is left out: no JSON for Infinity and NaN
hearth.json:10: agents.list should be an array, but it is an object: the default is used
hearth.json:11: tools should be an object, but it is null: the default is used`)
	if got := f.Config.Models.Providers["a"].Models[0]; got.ID != "m" || !reflect.DeepEqual(got.Input, []string{"text"}) {
		t.Errorf("the rest of the model is lost: %+v", got)
	}
	if got := f.Config.Models.ProviderOrder; !reflect.DeepEqual(got, []string{"a", "c"}) {
		t.Errorf("providers %v", got)
	}
}

func TestKeysAreUsedOpenClawsOrUnknown(t *testing.T) {
	f, warnings := newHome(t).config(`{
  gateway: { port: 18789, bnid: "loopback", auth: { mode: 5, identityScopes: { "a@b.c": ["operator.admin"] } } },
  channels: { telegram: { botToken: "x", groups: { "-100": { requireMention: true } } }, discord: { activityType: 1, token: "${NOBODY_SET}" }, aPluginsOwn: { x: [1] } },
  agents: { defaults: { heartbeat: { every: "30m" }, mdel: "p/m", sandbox: { mode: "maybe" } } },
  models: { providers: { p: { baseUrl: "http://u", apikey: "k", contextWindw: 1, frobnicate: true } } },
  localModelLean: true,
  tools: { exec: { sekurity: "deny" } },
}`)
	wantWarnings(t, warnings, `hearth.json:2: gateway.bnid is not a key that Hearth or OpenClaw knows: did you mean gateway.bind?
hearth.json:4: agents.defaults.mdel is not a key that Hearth or OpenClaw knows: did you mean agents.defaults.model?
hearth.json:5: models.providers.p.apikey is not a key that Hearth or OpenClaw knows: did you mean models.providers.p.apiKey?
hearth.json:5: models.providers.p.contextWindw is not a key that Hearth or OpenClaw knows: did you mean models.providers.p.contextWindow?
hearth.json:5: models.providers.p.frobnicate is not a key that Hearth or OpenClaw knows
hearth.json:6: localModelLean is not a key that Hearth or OpenClaw knows; there is agents.defaults.experimental.localModelLean
hearth.json:7: tools.exec.sekurity is not a key that Hearth or OpenClaw knows: did you mean tools.exec.security?
hearth.json: OpenClaw's keys that Hearth does not use: gateway, channels, agents.defaults.heartbeat, agents.defaults.sandbox (2 of the values there have the wrong type, 1 name variables that are not set)`)
	want := []string{
		`2 gateway: Unrecognized key: "bnid"`,
		`2 gateway.auth.mode: Invalid input: expected "none"|"token"|"password"|"trusted-proxy", received number`,
		`4 agents.defaults: Unrecognized key: "mdel"`,
		`4 agents.defaults.sandbox.mode: Invalid input: expected "off"|"non-main"|"all", received string`,
		`5 models.providers.p: Unrecognized key: "apikey"`,
		`5 models.providers.p: Unrecognized key: "contextWindw"`,
		`5 models.providers.p: Unrecognized key: "frobnicate"`,
		`6 <root>: Unrecognized key: "localModelLean"`,
		`7 tools.exec: Unrecognized key: "sekurity"`,
	}
	v := f.Validate()
	if v.Valid || len(v.Issues) != len(want) {
		t.Fatalf("issues %v", v.Issues)
	}
	for i, issue := range v.Issues {
		if got := string(rune('0'+issue.Line)) + " " + issue.String(); got != want[i] {
			t.Errorf("issue %d\n%s\nwant\n%s", i, got, want[i])
		}
	}
}

func TestBlocksOfTheFirstConfigsAreToldWhereTheyWent(t *testing.T) {
	_, warnings := newHome(t).config(`{
  agent: { model: "p/m" },
  whatsapp: { allowFrom: ["+1"] },
  channels: { telegram: { streamMode: "partial" } }, plugins: { installs: {} },
}`)
	wantWarnings(t, warnings, `hearth.json:2: agent is not a key that Hearth or OpenClaw knows: it is agents.defaults now
hearth.json:3: whatsapp is not a key that Hearth or OpenClaw knows: it is channels.whatsapp now
hearth.json: OpenClaw's keys that Hearth does not use: channels, plugins`)
}

func TestAnUnknownProtocolIsToldAndKept(t *testing.T) {
	f, warnings := newHome(t).config(`{models: { providers: {
  a: { api: "openai-completion", models: [{ id: "m", api: "magic" }, { id: "n" }] }, b: { api: "openai" },
} }}`)
	wantWarnings(t, warnings, `hearth.json:2: models.providers.a.api is "openai-completion", which Hearth does not know: did you mean openai-completions?
hearth.json:2: models.providers.a.models[0].api is "magic", which Hearth does not know`)
	a, b := f.Config.Models.Providers["a"], f.Config.Models.Providers["b"]
	if a.Protocol() != "openai-completion" || b.Protocol() != OpenAICompletions || a.Models[0].Protocol(a) != "magic" || a.Models[1].Protocol(b) != OpenAICompletions {
		t.Errorf("protocols %s, %s", a.Protocol(), b.Protocol())
	}
	if n := len(f.Validate().Issues); n != 2 {
		t.Errorf("%d issues", n)
	}
}

func TestWhatTheEnvBlockHoldsBesidesVariables(t *testing.T) {
	f, warnings := newHome(t).config(`{env: { A: "1", shellEnv: { enabled: false }, B: 2 }}`)
	wantWarnings(t, warnings, `hearth.json:1: env.B should be a string, but it is a number: the default is used`)
	if !reflect.DeepEqual(f.Config.Env.Flat, map[string]string{"A": "1"}) {
		t.Errorf("variables %v", f.Config.Env.Flat)
	}
}

func TestAKeyWrittenTwiceIsTold(t *testing.T) {
	f, warnings := newHome(t).config("{\n  models: { mode: 'merge' },\n  models: { mode: 'replace' },\n}")
	wantWarnings(t, warnings, "hearth.json:3: models is written twice: the last one counts")
	if f.Config.Models.Mode != "replace" {
		t.Errorf("mode %s", f.Config.Models.Mode)
	}
}

func TestAProviderMayBeServedInSeveralPlaces(t *testing.T) {
	rows := []struct{ name, written, first, others, warning string }{
		{"one address", `baseUrl: "http://a:1"`, "http://a:1", "[]", ""},
		{"a list where OpenClaw has one", `baseUrl: ["http://a:1", "http://b:1"]`, "http://a:1", "[http://b:1]", ""},
		{"the other spelling", `baseURL: ["http://a:1", "http://b:1"]`, "http://a:1", "[http://b:1]", ""},
		{"a key of its own", `baseUrls: ["http://a:1", "http://b:1"]`, "http://a:1", "[http://b:1]", ""},
		{"both", `baseUrl: "http://a:1", baseUrls: ["http://b:1", "http://c:1"]`, "http://a:1", "[http://b:1 http://c:1]", ""},
		{"none stands there twice", `baseUrl: "http://a:1", baseUrls: ["http://b:1", "http://a:1", "http://b:1"]`, "http://a:1", "[http://b:1]", ""},
		{"an empty list", `baseUrl: []`, "", "[]", ""},
		{"what is no text is left out", `baseUrl: ["http://a:1", 7]`, "http://a:1", "[]",
			"hearth.json:1: models.providers.p.baseUrl[1] should be a string, but it is a number: the default is used"},
	}
	for _, row := range rows {
		f, warnings := newHome(t).config(`{models: {providers: {p: {` + row.written + `}}}}`)
		wantWarnings(t, warnings, row.warning)
		p := f.Config.Models.Providers["p"]
		if p.BaseURL != row.first || fmt.Sprint(p.BaseURLs) != row.others {
			t.Errorf("%s: %q and %v, want %q and %s", row.name, p.BaseURL, p.BaseURLs, row.first, row.others)
		}
	}
}

func TestANumberOfNothingIsNoLimit(t *testing.T) {
	f, warnings := newHome(t).config(`{
  models: { providers: { a: { baseUrl: "http://u", maxTokens: 0, slots: 2, models: [
    { id: "m", contextWindow: -5, maxTokens: 100 },
    { id: "n", contextWindow: 0, contextTokens: 1 },
  ] } } },
  agents: { defaults: { contextTokens: -1 } },
}`)
	wantWarnings(t, warnings, `hearth.json:2: models.providers.a.maxTokens is 0 and cannot be less than 1: the default is used
hearth.json:3: models.providers.a.models[0].contextWindow is -5 and cannot be less than 1: the default is used
hearth.json:4: models.providers.a.models[1].contextWindow is 0 and cannot be less than 1: the default is used
hearth.json:6: agents.defaults.contextTokens is -1 and cannot be less than 1: the default is used`)
	p := f.Config.Models.Providers["a"]
	if p.Slots != 2 || p.Models[0].ContextWindow != 0 || p.Models[0].MaxTokens != 100 || p.Models[1].ContextTokens != 1 {
		t.Errorf("read %+v", p)
	}
}

func TestAnAddressThatNoRequestCanGoTo(t *testing.T) {
	h := newHome(t)
	h.vars["SET"] = "elsewhere"
	f, warnings := h.config(`{ models: { providers: {
  a: { baseUrl: "localhost:1234/v1" },
  b: { baseUrl: ["http://127.0.0.1:1/v1", "http:/box.local/v1"] },
  c: { baseURL: "ftp://box.local" },
  d: { baseUrl: "http://box.local:99999/v1" },
  e: { baseUrl: "" }, f: { baseUrl: "${UNSET}" }, g: { baseUrl: "${SET}" },
} } }`)
	wantWarnings(t, warnings, `hearth.json:6: missing env var "UNSET" at models.providers.f.baseUrl
hearth.json:2: models.providers.a.baseUrl cannot be used: address "localhost:1234/v1" does not begin with http:// or https://; write http://localhost:1234/v1
hearth.json:3: models.providers.b.baseUrl[1] cannot be used: address has no host: ""; write http://box.local/v1
hearth.json:4: models.providers.c.baseURL cannot be used: address "ftp://box.local" does not begin with http:// or https://
hearth.json:5: models.providers.d.baseUrl cannot be used: address has no usable port: "99999"`)
	if issues := f.Issues(); len(issues) != 4 || issues[0].Path != "models.providers.a.baseUrl" || !strings.HasPrefix(issues[0].Message, "Invalid address: ") {
		t.Errorf("issues %v", issues)
	}
}
