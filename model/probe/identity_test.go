package probe_test

import (
	"testing"

	"hearth/model/modeltest"
	"hearth/model/probe"
)

// The servers that other rooms test against are taken for what they pretend to be.
func TestPretendedServersAreRecognised(t *testing.T) {
	kinds := map[modeltest.Identity]probe.Kind{
		modeltest.LlamaCpp: probe.KindLlamaCpp, modeltest.OllamaServer: probe.KindOllama, modeltest.LMStudio: probe.KindLMStudio,
		modeltest.VLLM: probe.KindVLLM, modeltest.SGLang: probe.KindSGLang, modeltest.MLX: probe.KindMLX,
		modeltest.LiteLLM: probe.KindLiteLLM, modeltest.LlamaSwap: probe.KindLlamaSwap,
		modeltest.OpenAI: probe.KindUnknown, modeltest.AnyCompatible: probe.KindUnknown,
	}
	says := map[modeltest.Identity]bool{ // which of them tell the window in force
		modeltest.LlamaCpp: true, modeltest.OllamaServer: true, modeltest.LMStudio: true, modeltest.VLLM: true, modeltest.SGLang: true,
	}
	for _, id := range modeltest.Identities {
		server := modeltest.NewServer(t, modeltest.Config{Identity: id, Models: []modeltest.Model{{ID: "qwen3-8b", Window: 8192, TrainedMax: 40960}}})
		h, err := probe.Identify(t.Context(), client(t, server.URL+"/v1"))
		if err != nil {
			t.Errorf("%q: %v", id, err)
			continue
		}
		if want, ok := kinds[id]; !ok || h.Kind != want {
			t.Errorf("%q is taken for %s, want %s", id, h.Kind, want)
		}
		if len(h.Models) == 0 {
			t.Errorf("%q: no models", id)
		}
		l := h.Layer("qwen3-8b")
		if says[id] && (l.Window == nil || *l.Window != 8192) {
			t.Errorf("%q: window %v, want 8192", id, l.Window)
		}
		if n := len(server.Requests()); n != 0 {
			t.Errorf("%q: %d model calls were made", id, n)
		}
	}
}
