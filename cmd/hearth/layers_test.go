package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/config"
	"hearth/model"
)

// rowLayer is the config layer of a provider's only model.
func rowLayer(t *testing.T, row string) model.Layer {
	t.Helper()
	a := scene(t, `{models: {providers: {box: {baseUrl: "http://127.0.0.1:1/v1", models: [`+row+`]}}}}`)
	p := a.file.Config.Models.Providers["box"]
	return configLayer(p, p.Models[0], true, 0)
}

func TestEachFieldOfAModelReachesItsCapability(t *testing.T) {
	for row, want := range map[string]model.Layer{
		`contextWindow: 9000, contextTokens: 8000, maxTokens: 7, reasoning: true, input: ["text", "image"]`: {Window: new(8000), TrainedMax: new(9000), MaxTokens: new(7), Reasoning: new(true), Vision: new(true)},
		`input: ["text"]`: {Vision: new(false)},
		`thinkingLevelMap: {off: null, high: "deep"}`:                                       {EffortMap: []model.EffortWord{{Level: "high", Word: "deep"}, {Level: "off"}}, ReasoningShaped: new(true)},
		`thinkingLevelMap: {off: null}`:                                                     {EffortMap: []model.EffortWord{{Level: "off"}}},
		`thinkingLevelMap: {high: "deep"}, compat: {reasoningEffortMap: {high: "deepest"}}`: {EffortMap: []model.EffortWord{{Level: "high", Word: "deepest"}}, ReasoningShaped: new(true)},
		`compat: {supportedReasoningEfforts: ["low", "xhigh"]}`:                             {Efforts: []string{"low", "xhigh"}, ReasoningShaped: new(true)},
		`compat: {supportedReasoningEfforts: ["low"], supportsReasoningEffort: false}`:      {Efforts: []string{"low"}, ReasoningShaped: new(false)},
		`compat: {supportsReasoningEffort: true}`:                                           {ReasoningShaped: new(true)},
		`compat: {supportsTools: false}`:                                                    {Tools: new(model.ToolsNone)},
		`compat: {supportsTools: true}`:                                                     {Tools: new(model.ToolsNative)},
		`compat: {supportsTemperature: false}`:                                              {RefusedFields: []string{"temperature"}},
		`compat: {supportsDeveloperRole: false, supportsUsageInStreaming: false}`:           {DeveloperRole: new(false), StreamUsage: new(false)},
		`compat: {supportsPromptCacheKey: true}`:                                            {PromptCacheKey: new(true)},
		`compat: {requiresStringContent: true, strictMessageKeys: true}`:                    {StringContent: new(true), StrictKeys: new(true)},
		`compat: {maxTokensField: "max_completion_tokens", thinkingFormat: "qwen"}`:         {MaxTokensField: new("max_completion_tokens"), ThinkingFormat: new("qwen")},
		`compat: {requiresToolResultName: true, requiresMistralToolIds: true}`:              {ToolResultName: new(true), ToolIDs9: new(true)},
		`compat: {requiresAssistantAfterToolResult: true}`:                                  {AnswerToResults: new(true)},
		`compat: {requiresThinkingAsText: true}`:                                            {ThinkingAsText: new(true), ReplayThinking: new(true)},
		`compat: {requiresThinkingAsText: false}`:                                           {ThinkingAsText: new(false)},
		`compat: {requiresReasoningContentOnAssistantMessages: true}`:                       {ReplayThinking: new(true), NeedsReasoning: new(true)},
		`compat: {requiresReasoningContentOnAssistantMessages: false}`:                      {ReplayThinking: new(false)},
		`compat: {visibleReasoningDetailTypes: ["response.output_text"]}`:                   {VisibleDetails: []string{"response.output_text"}},
		`compat: {unsupportedToolSchemaKeywords: ["enum"]}`:                                 {RefusedKeywords: []string{"enum"}},
		`compat: {toolCallArgumentsEncoding: "object"}`:                                     {ArgumentObjects: new(true)},
		`compat: {toolCallArgumentsEncoding: "html-entities"}`:                              {},
	} {
		if got := rowLayer(t, `{id: "m", name: "M", `+row+`}`); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngives %s\nwant  %s", row, said(got), said(want))
		}
	}
}

// said writes the fields that a layer sets.
func said(l model.Layer) string {
	var out []string
	v := reflect.ValueOf(l)
	for f, value := range v.Fields() {
		if !value.IsNil() {
			out = append(out, fmt.Sprintf("%s=%v", f.Name, reflect.Indirect(value)))
		}
	}
	return strings.Join(out, " ")
}

func TestLevelsAreWhatIsDeclaredAndWhatHasAWord(t *testing.T) {
	for row, want := range map[string]string{
		``: "off minimal low medium high",
		`compat: {supportedReasoningEfforts: ["low", "medium", "high", "xhigh"], reasoningEffortMap: {xhigh: "xhigh"}}`: "off low medium high xhigh",
		`compat: {supportedReasoningEfforts: ["none", "high"]}`:                                                         "off high",
		`thinkingLevelMap: {off: null, minimal: null, max: "max"}`:                                                      "low medium high max",
	} {
		caps := model.Layers{Config: rowLayer(t, `{id: "m", name: "M", `+row+`}`)}.Merge()
		if got := strings.Join(caps.Levels(), " "); got != want {
			t.Errorf("%s: levels are %s, want %s", row, got, want)
		}
	}
}

// The warning about keys that do nothing here is honest only as long as the others do
// something: every field of the config's structs is read by some code, or tagged unused.
func TestNoKeyIsTakenAndThenForgotten(t *testing.T) {
	code := ""
	for _, dir := range []string{".", "../../config"} {
		names, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if name := n.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
				b, err := os.ReadFile(dir + "/" + name)
				if err != nil {
					t.Fatal(err)
				}
				code += string(b)
			}
		}
	}
	read := map[string]bool{}
	for _, m := range regexp.MustCompile(`\.([A-Z]\w*)`).FindAllStringSubmatch(code, -1) {
		read[m[1]] = true
	}
	forgotten := map[string]bool{}
	walkConfig(reflect.TypeFor[config.Config](), "config", map[reflect.Type]bool{}, func(path string, f reflect.StructField) {
		if !read[f.Name] && f.Name != "Schema" { // which is for editors
			forgotten[path] = true
		}
	})
	if len(forgotten) > 0 {
		t.Errorf("nothing reads these keys: %q", slices.Sorted(maps.Keys(forgotten)))
	}
}

// walkConfig calls f for each key of a config type that is not tagged unused.
func walkConfig(t reflect.Type, path string, seen map[reflect.Type]bool, f func(string, reflect.StructField)) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return
	}
	seen[t] = true
	for _, field := range reflect.VisibleFields(t) {
		key := field.Tag.Get("json")
		if !field.IsExported() || field.Anonymous || key == "" || key == "-" || field.Tag.Get("unused") != "" {
			continue
		}
		f(path+"."+key, field)
		walkConfig(field.Type, path+"."+key, seen, f)
	}
}

// TestSeedBlocksMakeTargets takes the config blocks of OpenClaw's documentation pages as
// people paste them, up to the request's address and protocol.
func TestSeedBlocksMakeTargets(t *testing.T) {
	dir := cmp.Or(os.Getenv("HEARTH_SEED_BLOCKS"), "../../../shared/data/seed-blocks")
	blocks, err := filepath.Glob(filepath.Join(dir, "*.json5"))
	if err != nil || len(blocks) == 0 {
		t.Skipf("no config blocks in %s; HEARTH_SEED_BLOCKS names another folder", dir)
	}
	const (
		minimax = "lmstudio/minimax-m2.1-gs32 openai-responses http://127.0.0.1:1234 196608 8192"
		mine    = "lmstudio/my-local-model openai-responses http://127.0.0.1:1234 196608 8192"
		local   = "local/my-local-model openai-responses http://127.0.0.1:8000 120000 8192"
	)
	for name, want := range map[string]string{
		"000-1": minimax, "001-1": mine, "002-1": minimax, "003-1": minimax, "004-1": mine,
		"000-2": "anthropic/claude-sonnet-4-5 anthropic-messages https://api.anthropic.com:443 200000 0",
		"001-2": "anthropic/claude-sonnet-4-6 anthropic-messages https://api.anthropic.com:443 200000 0",
		"002-2": "anthropic/claude-sonnet-4-5 anthropic-messages https://api.anthropic.com:443 200000 0",
		"003-2": "anthropic/claude-sonnet-4-5 anthropic-messages https://api.anthropic.com:443 200000 0",
		"004-2": "anthropic/claude-sonnet-4-6 anthropic-messages https://api.anthropic.com:443 200000 0",
		"000-3": local, "001-3": local, "002-3": local, "003-3": local,
		"004-3": "local/my-local-model openai-completions http://127.0.0.1:8000 120000 8192",
		"004-4": "",
		"004-5": "local/gpt-5.4 openai-responses http://127.0.0.1:8000 196608 8192",
	} {
		text, err := os.ReadFile(filepath.Join(dir, name+".json5"))
		if err != nil {
			t.Fatal(err)
		}
		a := scene(t, string(text))
		got := ""
		if ref := a.roster.chosenRef(choice{}); ref != (hearth.ModelRef{}) {
			c, err := a.targets.target(t.Context(), choice{}, ref.String())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = fmt.Sprintf("%s %s %s %d %d", c.Ref, c.Protocol, c.Endpoint.Origin, c.Layers.Merge().Window, c.Params.MaxTokens)
		}
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", name, got, want)
		}
	}
}
