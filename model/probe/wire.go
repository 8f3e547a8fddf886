package probe

import (
	"encoding/json"
	"time"

	"hearth/model"
)

// The replies of the servers, as they name things. Only the fields that are read.

type swapVersion struct {
	Version   string `json:"version"`
	Commit    string `json:"commit"`
	BuildDate string `json:"build_date"`
}

type openAIList struct {
	Data []openAIModel `json:"data"`
}

type openAIModel struct {
	ID            string      `json:"id"`
	OwnedBy       string      `json:"owned_by"`
	Parent        string      `json:"parent"`
	MaxModelLen   model.Count `json:"max_model_len"`  // vLLM, SGLang
	ContextLength model.Count `json:"context_length"` // llama-swap, exo
	Meta          struct {
		NCtx      model.Count `json:"n_ctx"`
		NCtxTrain model.Count `json:"n_ctx_train"`
		NParams   int64       `json:"n_params"`
		Size      int64       `json:"size"`
	} `json:"meta"`
	Status struct {
		Value string `json:"value"` // llama.cpp's router, llama-swap
	} `json:"status"`
	Architecture struct {
		InputModalities []string `json:"input_modalities"`
	} `json:"architecture"`
	Parameters struct { // TabbyAPI
		MaxSeqLen    model.Count `json:"max_seq_len"`
		CacheSize    model.Count `json:"cache_size"`
		MaxBatchSize model.Count `json:"max_batch_size"`
		UseVision    *bool       `json:"use_vision"`
	} `json:"parameters"`
}

type lmStudioModels struct {
	Models []struct {
		Type         string      `json:"type"`
		Key          string      `json:"key"`
		DisplayName  string      `json:"display_name"`
		SizeBytes    int64       `json:"size_bytes"`
		ParamsString string      `json:"params_string"`
		MaxContext   model.Count `json:"max_context_length"`
		Loaded       []struct {
			ID     string `json:"id"`
			Config struct {
				ContextLength model.Count `json:"context_length"`
				Parallel      model.Count `json:"parallel"`
			} `json:"config"`
		} `json:"loaded_instances"`
		Capabilities *struct {
			Vision    bool `json:"vision"`
			Tools     bool `json:"trained_for_tool_use"`
			Reasoning *struct {
				Allowed []string `json:"allowed_options"`
			} `json:"reasoning"`
		} `json:"capabilities"`
	} `json:"models"`
}

type lmStudioOldModels struct {
	Data []struct {
		ID            string      `json:"id"`
		Type          string      `json:"type"`
		State         string      `json:"state"`
		MaxContext    model.Count `json:"max_context_length"`
		LoadedContext model.Count `json:"loaded_context_length"`
		Capabilities  []string    `json:"capabilities"`
	} `json:"data"`
}

type ollamaDetails struct {
	Family        string `json:"family"`
	ParameterSize string `json:"parameter_size"`
}

type ollamaTags struct {
	Models []struct {
		Name         string        `json:"name"`
		Modified     time.Time     `json:"modified_at"`
		Size         int64         `json:"size"`
		Details      ollamaDetails `json:"details"`
		Capabilities []string      `json:"capabilities"` // since 0.33
		RemoteHost   string        `json:"remote_host"`
	} `json:"models"`
}

type ollamaRunning struct {
	Models []struct {
		Name          string      `json:"name"`
		ContextLength model.Count `json:"context_length"`
	} `json:"models"`
}

type ollamaShow struct {
	Parameters   string                     `json:"parameters"`
	Capabilities []string                   `json:"capabilities"`
	Details      ollamaDetails              `json:"details"`
	RemoteHost   string                     `json:"remote_host"`
	Info         map[string]json.RawMessage `json:"model_info"` // "llama.context_length": 8192
}

type llamaProps struct {
	BuildInfo  string      `json:"build_info"`
	ModelAlias string      `json:"model_alias"`
	TotalSlots model.Count `json:"total_slots"`
	Default    struct {
		NCtx model.Count `json:"n_ctx"`
	} `json:"default_generation_settings"`
	Modalities *struct {
		Vision bool `json:"vision"`
	} `json:"modalities"`
	TemplateCaps *struct {
		Tools    *bool `json:"supports_tools"`
		Preserve *bool `json:"supports_preserve_reasoning"`
	} `json:"chat_template_caps"`
}

// sglangInfo leaves out the launch arguments that the reply also holds: one is the key.
type sglangInfo struct {
	Version        string      `json:"version"`
	ContextLength  model.Count `json:"context_length"`
	MaxRunning     model.Count `json:"max_running_requests"`
	MaxTotalTokens model.Count `json:"max_total_num_tokens"`
}

type liteLLMInfo struct {
	Data []struct {
		Name string `json:"model_name"`
		Info struct {
			MaxInput  model.Count `json:"max_input_tokens"`
			MaxOutput model.Count `json:"max_output_tokens"`
			Tools     *bool       `json:"supports_function_calling"`
			Vision    *bool       `json:"supports_vision"`
			Mode      string      `json:"mode"`
		} `json:"model_info"`
	} `json:"data"`
}

type swapRunning struct {
	Running []struct {
		Model string `json:"model"`
		State string `json:"state"`
	} `json:"running"`
}

type llamaSlot struct {
	ID         int  `json:"id"`
	Processing bool `json:"is_processing"`
	Task       int  `json:"id_task"`
	Tokens     int  `json:"n_prompt_tokens"` // of the newest request, with what was answered; none before the first
}
