package model_test

import (
	"slices"
	"strings"
	"testing"

	"hearth/model"
)

func TestAProfileIsCutOffOnlyWhereOneIsNamed(t *testing.T) {
	profiles := []string{"anthropic:work", "google:me@example.org", "me", "cf/llama"}
	for _, c := range []struct{ name, word, model, profile string }{
		{"no at sign", "lmstudio/qwen3-30b", "lmstudio/qwen3-30b", ""},
		{"a ref with a profile", "anthropic/claude@anthropic:work", "anthropic/claude", "anthropic:work"},
		{"an alias with a profile", "opus@anthropic:work", "opus", "anthropic:work"},
		{"a quantisation is no profile", "lmstudio/name@q4_k_m", "lmstudio/name@q4_k_m", ""},
		{"a quantisation and a profile", "lmstudio/name@q4_k_m@me", "lmstudio/name@q4_k_m", "me"},
		{"a date is no profile", "vertex/claude@20240620", "vertex/claude@20240620", ""},
		{"an at sign at the front of an id", "workers-ai/@cf/meta/llama", "workers-ai/@cf/meta/llama", ""},
		{"a profile with an at sign is taken whole", "google/gemini@google:me@example.org", "google/gemini", "google:me@example.org"},
		{"an empty profile is none", "anthropic/claude@", "anthropic/claude@", ""},
		{"an empty model is none", "@me", "@me", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, p := model.SplitProfile(c.word, func(_, profile string) bool { return slices.Contains(profiles, profile) })
			if m != c.model || p != c.profile {
				t.Errorf("got %q and %q, want %q and %q", m, p, c.model, c.profile)
			}
		})
	}
}

func TestRefsAreSplitAtTheFirstSlash(t *testing.T) {
	for word, want := range map[string]string{
		"LMStudio/Qwen/Qwen3":     "lmstudio/Qwen/Qwen3",
		" z.ai/glm ":              "zai/glm",
		"lm-studio/name@q4_k_m":   "lmstudio/name@q4_k_m",
		"workers-ai/@cf/meta/a b": "workers-ai/@cf/meta/a b",
	} {
		if ref, ok := model.ParseRef(word); !ok || ref.String() != want {
			t.Errorf("%q: %v, %v, want %s", word, ref, ok, want)
		}
	}
	for _, word := range []string{"", "alias", "/id", "provider/", " / ", "a/b\nc", "a/b\u009b2Jc"} {
		if ref, ok := model.ParseRef(word); ok {
			t.Errorf("%q is no ref, and became %v", word, ref)
		}
	}
}

func FuzzSplitProfile(f *testing.F) {
	f.Add("anthropic/claude@anthropic:work", "anthropic:work")
	f.Add("lmstudio/name@q4_k_m", "me")
	f.Add("@@", "@")
	f.Fuzz(func(t *testing.T, word, known string) {
		named := func(m, profile string) bool {
			if m == "" || profile == "" {
				t.Errorf("asked about %q and %q", m, profile)
			}
			return profile == known
		}
		m, p := model.SplitProfile(word, named)
		switch {
		case p == "" && m != word:
			t.Errorf("%q lost something: %q", word, m)
		case p != "" && (p != known || m+"@"+p != word):
			t.Errorf("%q became %q and %q", word, m, p)
		}
	})
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"lmstudio/qwen/qwen3-30b", " Z.AI / glm-4.6 ", "a/", "/b", "ollama/name@q4_k_m", "a/b\n", "a/ /b", "İ/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, ok := model.ParseRef(s)
		if !ok {
			if ref.String() != "" {
				t.Fatalf("%q is no ref, and is %+v", s, ref)
			}
			return
		}
		if ref.Provider == "" || ref.Model == "" || strings.Contains(ref.Provider, "/") || strings.TrimSpace(ref.Provider) != ref.Provider {
			t.Fatalf("%q is %+v", s, ref)
		}
		if again, ok := model.ParseRef(ref.String()); !ok || again != ref {
			t.Fatalf("%q is %+v, which is written %q and read as %+v", s, ref, ref.String(), again)
		}
	})
}
