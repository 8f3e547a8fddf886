package ollama

import (
	"encoding/json"

	"hearth/model"
)

// chunk is one line of an answer.
type chunk struct {
	Model      string  `json:"model"`
	Message    message `json:"message"`
	Done       bool    `json:"done"`
	DoneReason string  `json:"done_reason"`

	// Of the last line. Durations are nanoseconds. prompt_eval_count is absent when the
	// whole prompt was read from the cache.
	LoadDuration       float64     `json:"load_duration"`
	PromptEvalCount    model.Count `json:"prompt_eval_count"`
	PromptEvalDuration float64     `json:"prompt_eval_duration"`
	EvalCount          model.Count `json:"eval_count"`
	EvalDuration       float64     `json:"eval_duration"`

	// Error is set when the server breaks in the middle of an answer; the status stays 200.
	Error json.RawMessage `json:"error"`
}

type message struct {
	Content   string     `json:"content"`
	Thinking  string     `json:"thinking"`
	ToolCalls []toolCall `json:"tool_calls"`
}

type toolCall struct {
	Function struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"function"`
}
