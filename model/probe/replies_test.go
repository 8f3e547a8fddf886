package probe

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hearth/model"
)

// What any server says, to any question, of whatever kind it seems to be: nothing is
// believed that no server can mean, such as a window of minus one, or slots for a billion.
func FuzzReplies(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	kinds := []Kind{KindLMStudio, KindOllama, KindLlamaCpp, KindVLLM, KindSGLang, KindLiteLLM, KindLlamaSwap, KindKobold, KindTabby, KindLocalAI, KindUnknown}
	add := func(body string) {
		for kind := range kinds {
			f.Add(uint(kind), []byte(body))
		}
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for section := range strings.SplitSeq(string(raw), "\n-- ") {
			_, body, _ := strings.Cut(section, "\n\n")
			add(body)
		}
	}
	add(`{"data":[{"id":"m","max_model_len":-1,"context_length":-1,"meta":{"n_ctx_train":-1,"n_params":-1}}],"total_slots":-1,"default_generation_settings":{"n_ctx":-1}}`)
	add(`{"data":[{"id":"m","max_model_len":4611686018427387904,"context_length":4611686018427387904,"meta":{"n_ctx_train":4611686018427387904},"parameters":{"max_batch_size":1000000000},` +
		`"model_name":"m","model_info":{"max_input_tokens":1e18,"max_output_tokens":1e18}}],"total_slots":1000000000,"default_generation_settings":{"n_ctx":1e18},"value":1e18,` +
		`"models":[{"name":"m","key":"m","max_context_length":1e18,"context_length":1e18,"loaded_instances":[{"config":{"context_length":1e18,"parallel":1000000000}}]}],` +
		`"model_info":{"llama.context_length":1e18},"parameters":"num_ctx 4611686018427387904","context_length":8,"max_total_num_tokens":1000000000,"max_running_requests":1000000000}`)
	long := strings.Repeat("long ", 1000)
	add(`{"version":"` + long + `","build_info":"` + long + `","data":[{"id":"m","state":"` + long + `","type":"` + long + `","status":{"value":"` + long + `"}}],"models":[{"name":"m","remote_host":"` + long + `"}]}`)
	at, err := model.ParseEndpoint("http://127.0.0.1:9")
	if err != nil {
		f.Fatal(err)
	}
	nobody, cancel := context.WithCancel(f.Context()) // what is not prepared here is not answered
	cancel()
	f.Fuzz(func(t *testing.T, kind uint, body []byte) {
		a := newAsker(model.NewClient(model.ClientConfig{Endpoint: at}), 0)
		said := reply{status: http.StatusOK, body: body}
		for _, question := range []string{
			"/v1/models", "/api/v1/models", "/api/v0/models", "/api/tags", "/api/ps", `/api/show {"model":"m"}`, "/props", "/slots",
			"/metrics", "/get_server_info", "/model/info", "/running", "/v1/model", "/upstream/m/props", "/api/extra/true_max_context_length",
		} {
			a.memo[question] = said
		}
		h := Host{Kind: kinds[kind%uint(len(kinds))]}
		a.list(nobody, &h)
		for _, id := range append(h.IDs(), "m") {
			l := h.Layer(id)
			for name, n := range map[string]*int{"window": l.Window, "trained for": l.TrainedMax, "longest answer": l.MaxTokens, "slots": l.Slots} {
				if n != nil && (*n <= 0 || *n >= 1<<30) {
					t.Errorf("%s, %s: %s %d of %q", h.Kind, id, name, *n, body)
				}
			}
			for field, where := range l.Evidence {
				if len(where) > 1000 {
					t.Errorf("%s: the evidence for %s has %d bytes", h.Kind, field, len(where))
				}
			}
			if l.Slots != nil && *l.Slots > mostSlots {
				t.Errorf("%s: %d slots of %q", h.Kind, *l.Slots, body)
			}
			if p := l.ParamsB; p != nil && !(*p > 0) {
				t.Errorf("%s, %s: %v billion parameters of %q", h.Kind, id, *p, body)
			}
		}
		taskOf(said, 1)
		countOf(KindVLLM, said)
	})
}
