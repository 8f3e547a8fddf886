package probe_test

import (
	"strconv"
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

// TestHoldsIsWhatTheServerShows of a prompt that was read a while ago.
func TestHoldsIsWhatTheServerShows(t *testing.T) {
	const used = `[{"id":0,"is_processing":false,"id_task":40,"n_prompt_tokens":950}]`
	started := func(ago time.Duration) string {
		return "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds " + strconv.FormatFloat(float64(time.Now().Add(-ago).UnixMilli())/1000, 'e', 12, 64) + "\n"
	}
	rows := []struct {
		name, scene, path, reply string
		ago                      time.Duration
		prompt, answer           int
		want                     bool
	}{
		{name: "llama-server has prompt and answer", scene: "llamacpp-captured.txt", path: "/slots", reply: used, ago: time.Hour, prompt: 900, answer: 51, want: true},
		{name: "it has fewer tokens", scene: "llamacpp-captured.txt", path: "/slots", reply: used, prompt: 951, answer: 51},
		{name: "it has more", scene: "llamacpp-captured.txt", path: "/slots", reply: used, prompt: 900, answer: 20},
		{name: "it works for somebody else", scene: "llamacpp-captured.txt", path: "/slots", reply: `[{"id":0,"is_processing":true,"id_task":40,"n_prompt_tokens":950}]`, prompt: 900, answer: 51},
		{name: "one of its slots has it", scene: "llamacpp-captured.txt", path: "/slots", reply: `[{"id":0},{"id":1,"id_task":4,"n_prompt_tokens":940}]`, prompt: 900, answer: 51, want: true},
		{name: "it was started anew", scene: "llamacpp-captured.txt", path: "/none", prompt: 900, answer: 51},
		{name: "it does not show its slots", scene: "llamacpp-captured.txt", path: "/slots", reply: `{"error":{"code":501}}`, prompt: 900, answer: 51},
		{name: "Ollama was asked lately", scene: "ollama.txt", path: "/none", ago: time.Minute, prompt: 900, want: true},
		{name: "long ago", scene: "ollama.txt", path: "/none", ago: 6 * time.Minute, prompt: 900},
		{name: "LM Studio was asked lately", scene: "lmstudio.txt", path: "/none", ago: time.Minute, prompt: 900, want: true},
		{name: "vLLM runs since before that", scene: "vllm.txt", path: "/metrics", reply: started(time.Hour), ago: time.Minute, prompt: 900, want: true},
		{name: "it was started since", scene: "vllm.txt", path: "/metrics", reply: started(30 * time.Second), ago: time.Minute, prompt: 900},
		{name: "it does not say", scene: "vllm.txt", path: "/metrics", reply: "vllm:num_requests_running 0\n", ago: time.Minute, prompt: 900},
		{name: "a server that nobody knows", scene: "unknown.txt", path: "/none", ago: time.Second, prompt: 900},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			c := client(t, overlaid(t, row.scene, row.path, row.reply).URL)
			d := probe.NewDescriber(probe.OpenCache(""), time.Hour)
			at := model.Target{Endpoint: c.Endpoint()}
			had := model.Reading{Origin: at.Endpoint.Origin, At: time.Now().Add(-row.ago), Prompt: row.prompt, Answer: row.answer}
			if d.Holds(t.Context(), at, had) {
				t.Error("a server that was never asked holds it")
			}
			if _, err := d.Host(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if got := d.Holds(t.Context(), at, had); got != row.want {
				t.Errorf("holds %v, want %v", got, row.want)
			}
		})
	}
}
