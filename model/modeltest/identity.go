package modeltest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// An Identity is which program the server pretends to be on every path that is no model
// call: what its lists, its health and its errors look like.
type Identity string

// The identities. The empty one knows only /v1/models, in its plainest form.
const (
	LlamaCpp      Identity = "llama.cpp"
	OllamaServer  Identity = "ollama"
	LMStudio      Identity = "lmstudio"
	VLLM          Identity = "vllm"
	SGLang        Identity = "sglang"
	MLX           Identity = "mlx"
	LiteLLM       Identity = "litellm"
	LlamaSwap     Identity = "llama-swap"
	OpenAI        Identity = "openai"
	AnyCompatible Identity = ""
)

// Identities are all of them.
var Identities = []Identity{AnyCompatible, LlamaCpp, OllamaServer, LMStudio, VLLM, SGLang, MLX, LiteLLM, LlamaSwap, OpenAI}

// serveOther answers what is no model call.
func (s *Server) serveOther(w http.ResponseWriter, r Request) {
	x := &Exchange{Request: r, server: s, w: w}
	switch s.cfg.Identity {
	case LlamaCpp:
		w.Header().Set("Server", "llama.cpp")
	case LMStudio:
		w.Header().Set("X-Powered-By", "Express")
	case VLLM, SGLang:
		w.Header().Set("Server", "uvicorn")
	case LiteLLM:
		w.Header().Set("Server", "uvicorn")
		w.Header().Set("X-Litellm-Version", "1.98.0")
	case MLX:
		w.Header().Set("Server", "BaseHTTP/0.6 Python/3.12.4")
	default:
	}
	body, ok := s.page(r)
	switch {
	case ok:
		x.Status(http.StatusOK, body)
	case s.cfg.Identity == LMStudio: // it says everything with 200
		x.Status(http.StatusOK, fmt.Sprintf(`{"error":%s}`, js(fmt.Sprintf("Unexpected endpoint or method. (%s %s)", r.Method, r.Path))))
	case s.cfg.Identity == LlamaCpp:
		x.Status(http.StatusNotFound, `{"error":{"message":"File Not Found","type":"not_found_error","code":404}}`)
	case s.cfg.Identity == OllamaServer:
		x.Status(http.StatusNotFound, "404 page not found")
	case s.cfg.Identity == MLX:
		x.Status(http.StatusNotFound, "Not Found")
	default:
		x.Status(http.StatusNotFound, `{"detail":"Not Found"}`)
	}
}

// page gives the body of a path that the identity serves.
func (s *Server) page(r Request) (string, bool) {
	if r.Path == "/v1/models" {
		return s.listModels(), true
	}
	if !strings.HasPrefix(r.Path, "/") || s.cfg.Identity == AnyCompatible || s.cfg.Identity == OpenAI {
		return "", false
	}
	switch s.cfg.Identity {
	case LlamaCpp:
		return s.llamaPage(r)
	case OllamaServer:
		return s.ollamaPage(r)
	case LMStudio:
		return s.studioPage(r)
	}
	if s.cfg.Identity == VLLM && r.Path == "/tokenize" {
		return s.tokenized(toTokenize(r).Prompt), true
	}
	first := s.cfg.Models[0]
	pages := map[Identity]map[string]string{
		VLLM: {"/version": `{"version":"0.11.0"}`, "/health": "", "/ping": "", "/metrics": "# HELP vllm:num_requests_running Number of requests.\nvllm:num_requests_running{engine=\"0\",model_name=" + js(first.ID) + "} 0.0\n"},
		SGLang: {"/health": "", "/get_model_info": fmt.Sprintf(`{"model_path":%s,"tokenizer_path":%s,"is_generation":true,"preferred_sampling_params":null}`, js(first.ID), js(first.ID)),
			"/get_server_info": fmt.Sprintf(`{"model_path":%s,"context_length":%d,"max_running_requests":48,"max_req_input_len":%d,"version":"0.5.3"}`, js(first.ID), first.Window, first.Window-6)},
		MLX:     {"/health": `{"status": "ok"}`},
		LiteLLM: {"/health/liveliness": `"I'm alive!"`, "/health/liveness": `"I'm alive!"`, "/health/readiness": `{"status":"healthy","db":"Not connected","litellm_version":"1.98.0"}`},
		LlamaSwap: {"/health": "OK", "/api/version": `{"version":"158","commit":"abcdef","build_date":"2026-01-01T00:00:00Z"}`,
			"/running": fmt.Sprintf(`{"running":[{"model":%s,"state":"ready","cmd":"llama-server","proxy":"http://127.0.0.1:5800","ttl":0}]}`, js(first.ID))},
	}
	body, ok := pages[s.cfg.Identity][r.Path]
	return body, ok
}

// each joins one text for each model.
func (s *Server) each(row func(m Model) string) string {
	var rows []string
	for _, m := range s.cfg.Models {
		if text := row(m); text != "" {
			rows = append(rows, text)
		}
	}
	return strings.Join(rows, ",")
}

// listModels is GET /v1/models.
func (s *Server) listModels() string {
	owner := map[Identity]string{
		LlamaCpp: "llamacpp", OllamaServer: "library", LMStudio: "organization_owner", VLLM: "vllm",
		SGLang: "sglang", LiteLLM: "openai", LlamaSwap: "llama-swap", OpenAI: "system",
	}[s.cfg.Identity]
	return `{"object":"list","data":[` + s.each(func(m Model) string {
		row := fmt.Sprintf(`{"id":%s,"object":"model","created":1700000000`, js(m.ID))
		if owner != "" {
			row += `,"owned_by":` + js(owner)
		}
		switch s.cfg.Identity {
		case LlamaCpp:
			row += fmt.Sprintf(`,"meta":{"vocab_type":2,"n_vocab":32000,"n_ctx":%d,"n_ctx_train":%d,"n_embd":512,"n_params":%d,"size":1000}`, m.Window, m.TrainedMax, int64(7_000_000_000))
		case VLLM, SGLang:
			row += fmt.Sprintf(`,"root":%s,"parent":null,"max_model_len":%d`, js(m.ID), m.Window)
		default:
		}
		return row + "}"
	}) + `]}`
}

func (s *Server) llamaPage(r Request) (string, bool) {
	m := s.cfg.Models[0]
	switch r.Path {
	case "/health", "/v1/health":
		return `{"status":"ok"}`, true
	case "/props":
		return fmt.Sprintf(`{"default_generation_settings":{"n_ctx":%d,"params":{}},"total_slots":1,"model_alias":%s,"model_path":%s,"modalities":{"vision":%t,"audio":false},"chat_template":"{{ messages }}","chat_template_caps":{"supports_tools":%t,"supports_parallel_tool_calls":true},"bos_token":"<s>","eos_token":"</s>","build_info":"b9000-abcdef","is_sleeping":false}`,
			m.Window, js(m.ID), js("/models/"+m.ID+".gguf"), m.Vision, !m.NoTools), true
	case "/slots":
		return fmt.Sprintf(`[{"id":0,"id_task":-1,"n_ctx":%d,"speculative":false,"is_processing":%t,"params":{},"next_token":{"n_decoded":0,"n_remain":-1}}]`, m.Window, s.busy()), true
	case "/tokenize":
		return s.tokenized(toTokenize(r).Content), true
	}
	return "", false
}

// tokenizeRequest asks a tokenizer: llama.cpp's names the text content, vLLM's prompt.
type tokenizeRequest struct {
	Content string `json:"content"`
	Prompt  string `json:"prompt"`
}

func toTokenize(r Request) (t tokenizeRequest) {
	_ = json.Unmarshal(r.Body, &t) // what is no such request has no text to count
	return t
}

// tokenized is a tokenizer's answer.
func (s *Server) tokenized(text string) string {
	n := s.count(text)
	return fmt.Sprintf(`{"count":%d,"tokens":[%s]}`, n, strings.TrimSuffix(strings.Repeat("1,", n), ","))
}

func (s *Server) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now > 0
}

func (s *Server) ollamaPage(r Request) (string, bool) {
	details := `"details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],"parameter_size":"7.0B","quantization_level":"Q4_K_M"}`
	switch r.Path {
	case "/":
		return "Ollama is running", true
	case "/api/version":
		return `{"version":"0.17.4"}`, true
	case "/api/tags":
		return `{"models":[` + s.each(func(m Model) string {
			return fmt.Sprintf(`{"name":%s,"model":%s,"modified_at":"2026-01-02T03:04:05Z","size":4000000000,"digest":"abc",%s}`, js(m.ID), js(m.ID), details)
		}) + `]}`, true
	case "/api/ps":
		return `{"models":[` + s.each(func(m Model) string {
			if m.Unloaded {
				return ""
			}
			return fmt.Sprintf(`{"name":%s,"model":%s,"size":4000000000,"digest":"abc",%s,"expires_at":"2026-01-02T03:09:05Z","size_vram":4000000000,"context_length":%d}`, js(m.ID), js(m.ID), details, m.Window)
		}) + `]}`, true
	case "/api/show":
		m := s.named((&Exchange{Request: r}).asked("model"))
		if m == nil {
			return "", false
		}
		return fmt.Sprintf(`{"modelfile":"","parameters":"","template":"","details":{"family":"llama","parameter_size":"7.0B","quantization_level":"Q4_K_M"},"model_info":{"general.architecture":"llama","llama.context_length":%d},"capabilities":%s}`, m.TrainedMax, js(m.capabilities())), true
	}
	return "", false
}

func (s *Server) named(id string) *Model {
	for i := range s.cfg.Models {
		if s.cfg.Models[i].ID == id {
			return &s.cfg.Models[i]
		}
	}
	return nil
}

// capabilities are a model's, in Ollama's words.
func (m Model) capabilities() []string {
	if m.Embedding {
		return []string{"embedding"}
	}
	words := []string{"completion"}
	if !m.NoTools {
		words = append(words, "tools")
	}
	if m.Vision {
		words = append(words, "vision")
	}
	if m.Thinking {
		words = append(words, "thinking")
	}
	return words
}

func (s *Server) studioPage(r Request) (string, bool) {
	switch r.Path {
	case "/api/v1/models":
		return `{"models":[` + s.each(func(m Model) string {
			kind, loaded := "llm", ""
			if m.Embedding {
				kind = "embedding"
			}
			if !m.Unloaded {
				loaded = fmt.Sprintf(`{"id":%s,"config":{"context_length":%d,"eval_batch_size":512,"parallel":4,"flash_attention":true,"offload_kv_cache_to_gpu":true}}`, js(m.ID), m.Window)
			}
			return fmt.Sprintf(`{"type":%s,"publisher":"someone","key":%s,"display_name":%s,"architecture":"llama","quantization":{"name":"Q4_K_M","bits_per_weight":4},"size_bytes":4000000000,"params_string":"7B","loaded_instances":[%s],"max_context_length":%d,"format":"gguf","capabilities":{"vision":%t,"trained_for_tool_use":%t},"description":null}`,
				js(kind), js(m.ID), js(m.ID), loaded, m.TrainedMax, m.Vision, !m.NoTools)
		}) + `]}`, true
	case "/api/v1/models/load":
		id := (&Exchange{Request: r}).asked("model")
		return fmt.Sprintf(`{"type":"llm","instance_id":%s,"load_time_seconds":1.5,"status":"loaded"}`, js(id)), true
	case "/api/v0/models":
		return `{"object":"list","data":[` + s.each(func(m Model) string {
			state, loaded := "not-loaded", ""
			if !m.Unloaded {
				state, loaded = "loaded", fmt.Sprintf(`,"loaded_context_length":%d`, m.Window)
			}
			return fmt.Sprintf(`{"id":%s,"object":"model","type":"llm","publisher":"someone","arch":"llama","compatibility_type":"gguf","quantization":"Q4_K_M","state":%s,"max_context_length":%d%s}`, js(m.ID), js(state), m.TrainedMax, loaded)
		}) + `]}`, true
	}
	return "", false
}
