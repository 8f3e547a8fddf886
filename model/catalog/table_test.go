package catalog

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"charm.land/catwalk/pkg/catwalk"
	"charm.land/catwalk/pkg/embedded"

	"hearth"
)

var update = flag.Bool("update", false, "write models.tsv from the library and the overlay")

// ours are the library's providers that have rows here, by its ids.
var ours = map[catwalk.InferenceProvider]string{
	catwalk.InferenceProviderAnthropic: "anthropic", catwalk.InferenceProviderOpenAI: "openai",
	catwalk.InferenceProviderOpenRouter: "openrouter", catwalk.InferenceProviderGemini: "google",
	catwalk.InferenceProviderMiniMax: "minimax", catwalk.InferenceProviderMoonshot: "moonshot",
	catwalk.InferenceProviderZAI: "zai", catwalk.InferenceProviderDeepSeek: "deepseek",
	catwalk.InferenceProviderGROQ: "groq",
}

func rowOf(provider string, m catwalk.Model) Model {
	row := Model{
		Ref: hearth.ModelRef{Provider: provider, Model: m.ID}, Name: strings.ReplaceAll(m.Name, "\t", " "),
		Window: int(m.ContextWindow), MaxTokens: int(m.DefaultMaxTokens),
		Cost:      Cost{Input: m.CostPer1MIn, Output: m.CostPer1MOut},
		Reasoning: m.CanReason, Vision: m.SupportsImages,
	}
	for _, word := range m.ReasoningLevels {
		if word != "none" {
			row.Efforts = append(row.Efforts, word)
		}
	}
	// The library's two cached prices mean reading or writing, depending on the row: what
	// is cheaper than input is reading, what is up to a quarter dearer is writing.
	for _, v := range []float64{m.CostPer1MInCached, m.CostPer1MOutCached} {
		switch {
		case v > 0 && v < row.Cost.Input:
			row.Cost.CacheRead = v
		case v > row.Cost.Input && v <= 1.3*row.Cost.Input:
			row.Cost.CacheWrite = v
		}
	}
	return row
}

// build makes the table. Mistral is not in the library; OpenRouter's rows of its dated
// models have the same ids there.
func build() string {
	rows := slices.Clone(overlay)
	known := map[hearth.ModelRef]bool{}
	for _, m := range rows {
		known[m.Ref] = true
	}
	add := func(m Model) {
		if !known[m.Ref] {
			known[m.Ref] = true
			rows = append(rows, m)
		}
	}
	for _, p := range embedded.GetAll() {
		id, ok := ours[p.ID]
		if !ok {
			continue
		}
		for _, m := range p.Models {
			row := rowOf(id, m)
			add(row)
			if name, ok := strings.CutPrefix(m.ID, "mistralai/"); ok && date.MatchString(name) {
				row.Ref = hearth.ModelRef{Provider: "mistral", Model: name}
				row.Name = strings.TrimPrefix(row.Name, "Mistral: ")
				row.MaxTokens = 0 // OpenRouter's own limit
				add(row)
			}
		}
	}
	order := map[string]int{}
	for i, p := range providers {
		order[p.ID] = i
	}
	slices.SortFunc(rows, func(a, b Model) int {
		if a.Ref.Provider != b.Ref.Provider {
			return order[a.Ref.Provider] - order[b.Ref.Provider]
		}
		return strings.Compare(a.Ref.Model, b.Ref.Model)
	})
	lines := []string{header}
	for i := range rows {
		lines = append(lines, rows[i].line())
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestTheTableIsCurrent(t *testing.T) {
	want := build()
	if *update {
		if err := os.WriteFile("models.tsv", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Error("models.tsv is not what the library and the overlay give: run go generate ./model/catalog")
	}
}

func TestEveryLineIsARow(t *testing.T) {
	n := 0
	for m := range Models("") {
		n++
		if line := m.line() + "\n"; !strings.Contains(table, line) {
			t.Errorf("%s reads back as another line", m.Ref)
		}
		if m.Window == 0 {
			t.Errorf("%s has no window", m.Ref)
		}
	}
	if lines := strings.Count(table, "\n") - 1; n != lines || n < 300 {
		t.Errorf("%d rows in %d lines", n, lines)
	}
	for _, p := range providers {
		some := false
		for range Models(p.ID) {
			some = true
		}
		if !some {
			t.Errorf("%s has no models", p.ID)
		}
	}
}

func TestLookup(t *testing.T) {
	rows := []struct{ ref, want string }{
		{"anthropic/claude-sonnet-4-5", "anthropic/claude-sonnet-4-5-20250929"},
		{"anthropic/claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5-20250929"},
		{"anthropic/claude-opus-4-6-20260101", "anthropic/claude-opus-4-6"},
		{"openai/gpt-4o-2024-08-06", "openai/gpt-4o"},
		{"openai/gpt-4o-mini", "openai/gpt-4o-mini"},
		{"mistral/mistral-large-latest", "mistral/mistral-large-2512"},
		{"openrouter/mistralai/mistral-large-2512", "openrouter/mistralai/mistral-large-2512"},
		{"groq/llama-3.3-70b-versatile", "groq/llama-3.3-70b-versatile"},
		{"openai/gpt-9", ""}, {"nobody/gpt-4o", ""},
	}
	for _, row := range rows {
		provider, id, _ := strings.Cut(row.ref, "/")
		m, ok := Lookup(hearth.ModelRef{Provider: provider, Model: id})
		if ok != (row.want != "") || m.Ref.String() != row.want {
			t.Errorf("%s: %s (%v), want %s", row.ref, m.Ref, ok, row.want)
		}
	}
	m, _ := Lookup(hearth.ModelRef{Provider: "anthropic", Model: "claude-sonnet-4-5"})
	if m.Cost != (Cost{Input: 3, Output: 15, CacheRead: 0.3, CacheWrite: 3.75}) || m.Window != 200000 && m.Window != 1000000 {
		t.Errorf("got %+v", m)
	}
	l := m.Layer()
	if l.Window == nil || !*l.Vision || !*l.Reasoning {
		t.Errorf("layer %+v", l)
	}
}

func TestModelsThatWantTheirReasoningBack(t *testing.T) {
	for id, want := range map[string]bool{
		"deepseek/deepseek-v4-pro": true, "moonshot/kimi-k2.5": true, "moonshot/moonshot-v1-8k": false,
		"openai/gpt-5": false, "zai/glm-4.6": false, "groq/moonshotai/kimi-k2-instruct-0905": false,
	} {
		provider, name, _ := strings.Cut(id, "/")
		m, ok := Lookup(hearth.ModelRef{Provider: provider, Model: name})
		if l := m.Layer(); !ok || (l.NeedsReasoning != nil && *l.NeedsReasoning) != want {
			t.Errorf("%s: listed %v, layer %+v", id, ok, l.NeedsReasoning)
		}
	}
}

func TestProviders(t *testing.T) {
	for _, p := range Providers() {
		if !p.Owns(p.BaseURL) || p.Owns("http://127.0.0.1:4000/v1") || !strings.HasPrefix(p.BaseURL, "https://") || len(p.KeyEnv) == 0 {
			t.Errorf("%+v", p)
		}
		if l := p.Layer(); l.Locality == nil || *l.Locality != hearth.LocalityHosted {
			t.Errorf("%s is not hosted", p.ID)
		}
	}
	if p, ok := Find("OpenAI"); !ok || p.Layer().ProxyLike == nil || *p.Layer().ProxyLike {
		t.Error("OpenAI's own host is no proxy")
	}
	if _, ok := Find("ollama"); ok {
		t.Error("local servers have no rows")
	}
}

func TestSeesImages(t *testing.T) {
	rows := []struct {
		ids        string
		yes, known bool
	}{
		{"gpt-4o gpt-4.1-mini gpt-5 gpt-5.6-sol gpt-10 o1 o3-mini openai/o4-mini claude-3-opus claude-sonnet-4-5 claude-haiku gemini-2.5-flash", true, true},
		{"qwen2.5-vl-7b qwen3vl Qwen/Qwen3-VL-30B llama-3.2-vision llava:13b pixtral-12b internvl3 mllama minicpm-v:8b glm-4v glm-4.5v some-vl-model", true, true},
		{"llama3.3 deepseek-r1 mistral-small mixtral-8x7b kimi-k2 moonshot-v1 codestral devstral phi-4 qwq-32b codellama qwen3:8b", false, true},
		{"gpt-oss:20b my-model gemma-3-12b granite", false, false},
	}
	for _, row := range rows {
		for id := range strings.FieldsSeq(row.ids) {
			if yes, known := SeesImages(id); yes != row.yes || known != row.known {
				t.Errorf("%s: %v (known %v), want %v (%v)", id, yes, known, row.yes, row.known)
			}
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for b.Loop() {
		if _, ok := Lookup(hearth.ModelRef{Provider: "groq", Model: "llama-3.3-70b-versatile"}); !ok {
			b.Fatal("gone")
		}
	}
}

func TestGoogleIsReachedWhereItSpeaksChatCompletions(t *testing.T) {
	for in, want := range map[string]string{
		"https://generativelanguage.googleapis.com/v1beta":         "https://generativelanguage.googleapis.com/v1beta/openai",
		"https://generativelanguage.googleapis.com":                "https://generativelanguage.googleapis.com/v1beta/openai",
		"https://generativelanguage.googleapis.com/v1beta/openai/": "https://generativelanguage.googleapis.com/v1beta/openai/",
		"http://127.0.0.1:8080/v1beta":                             "http://127.0.0.1:8080/v1beta",
		"":                                                         "",
	} {
		if got := Compatible(in); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}
