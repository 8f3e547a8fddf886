package probe_test

import (
	"testing"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/probe"
)

// TestLoadedIsWhatNeedsNoLoading: exactly the request that is looked at.
func TestLoadedIsWhatNeedsNoLoading(t *testing.T) {
	running := func(window string) string {
		return `{"models":[{"name":"qwen3:8b","model":"qwen3:8b","context_length":` + window + `}]}`
	}
	rows := []struct {
		name, scene, path, reply, id string
		caps                         model.Capabilities
		options                      string
		where                        hearth.Locality
		want                         bool
	}{
		{name: "Ollama has it with that window", scene: "ollama.txt", path: "/api/ps", reply: running("16384"), id: "qwen3:8b", caps: model.Capabilities{Served: 16384, Window: 8000}, want: true},
		{name: "with another window", scene: "ollama.txt", path: "/api/ps", reply: running("4096"), id: "qwen3:8b", caps: model.Capabilities{Served: 16384}},
		{name: "with a larger one", scene: "ollama.txt", path: "/api/ps", reply: running("32768"), id: "qwen3:8b", caps: model.Capabilities{Served: 16384}},
		{name: "with the window that the owner wrote", scene: "ollama.txt", path: "/api/ps", reply: running("9000"), id: "qwen3:8b", options: `{"num_ctx":9000}`, want: true},
		{name: "it does not say with which", scene: "ollama.txt", path: "/api/ps", reply: running("0"), id: "qwen3:8b"},
		{name: "Ollama has nothing in memory", scene: "ollama.txt", path: "/api/ps", reply: `{"models":[]}`, id: "qwen3:8b"},
		{name: "Ollama does not say", scene: "ollama.txt", path: "/api/ps", reply: `broken`, id: "qwen3:8b"},
		{name: "a vendor's server", scene: "ollama.txt", path: "/api/ps", reply: running("16384"), id: "qwen3:8b", caps: model.Capabilities{Served: 16384}, where: hearth.LocalityHosted},
		{name: "LM Studio has put it out of memory since", scene: "lmstudio.txt", path: "/api/v1/models", reply: `{"models":[{"type":"llm","key":"m","loaded_instances":[]}]}`, id: "m"},
		{name: "LM Studio has it", scene: "lmstudio.txt", path: "/api/v1/models", reply: `{"models":[{"type":"llm","key":"m","loaded_instances":[{"id":"m","config":{"context_length":4096}}]}]}`, id: "m", want: true},
		{name: "llama-server has one model", scene: "llamacpp-captured.txt", path: "/none", id: "any", want: true},
		{name: "llama-server is asleep", scene: "llamacpp-captured.txt", path: "/props", reply: `{"is_sleeping":true}`, id: "any"},
		{name: "of several, it has put this one to sleep", scene: "llamacpp.txt", path: "/v1/models", reply: `{"data":[{"id":"a","status":{"value":"sleeping"}},{"id":"b","status":{"value":"loaded"}}]}`, id: "a"},
		{name: "of several, it has this one", scene: "llamacpp.txt", path: "/v1/models", reply: `{"data":[{"id":"a","status":{"value":"sleeping"}},{"id":"b","status":{"value":"loaded"}}]}`, id: "b", want: true},
		{name: "a server that nobody knows", scene: "unknown.txt", path: "/none", id: "m"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			c := client(t, overlaid(t, row.scene, row.path, row.reply).URL)
			d := probe.NewDescriber(probe.OpenCache(""), time.Hour)
			at := model.Target{Endpoint: c.Endpoint()}
			if row.where != "" {
				at.Endpoint.Locality = row.where
			}
			req := &model.Request{Model: row.id, Capabilities: row.caps, Options: []byte(row.options)}
			if d.Loaded(t.Context(), at, req) {
				t.Error("a server that was never asked has it loaded")
			}
			if _, err := d.Host(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if got := d.Loaded(t.Context(), at, req); got != row.want {
				t.Errorf("loaded %v, want %v", got, row.want)
			}
		})
	}
}
