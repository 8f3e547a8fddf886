package probe

import "testing"

func TestParameters(t *testing.T) {
	for id, want := range map[string]float64{
		"qwen3:8b": 8, "Qwen3-30B-A3B-6bit": 30, "gemma-3n-e4b": 0, "llama-3.3-70b-instruct-q4_k_m": 70,
		"smollm-135m": 0.135, "mixtral-8x7b": 56, "phi-4": 0, "qwen3-0.6b": 0.6, "7B": 7, "805K": 0.000805,
		"qwen3-4b-a3b-8b": 8, "gpt-oss:20b": 20, "": 0,
	} {
		if got := paramsOf(id); got != want {
			t.Errorf("%s: %v billion, want %v", id, got, want)
		}
	}
}

func TestNotForChat(t *testing.T) {
	for _, id := range []string{"nomic-embed-text:latest", "text-embedding-3-small", "BAAI/bge-m3", "qwen3-reranker-4b", "all-MiniLM-L6-v2", "whisper-large", "intfloat/e5-large", "llama-guard-3"} {
		if !looksLikeEmbedding(id) {
			t.Errorf("%s is not for chat", id)
		}
	}
	for _, id := range []string{"qwen3:8b", "gemma-3-12b", "llama3", "mistral-small", "deepseek-r1", "gpt-oss:20b"} {
		if looksLikeEmbedding(id) {
			t.Errorf("%s is for chat", id)
		}
	}
}

func FuzzParams(f *testing.F) {
	f.Add("Qwen3-30B-A3B")
	f.Add("8x7b-8x7b")
	f.Fuzz(func(t *testing.T, id string) {
		if paramsOf(id) < 0 {
			t.Error("negative")
		}
	})
}
