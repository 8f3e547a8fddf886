package openai

import (
	"bytes"
	"encoding/json"

	"hearth/model"
)

// chunk is one event of a stream, and also a whole answer: those differ in whether a
// choice has a delta or a message. A field of another type than expected stays empty.
type chunk struct {
	Model          word            `json:"model"`
	Object         word            `json:"object"`
	Choices        []choice        `json:"choices"`
	Usage          *usage          `json:"usage"`
	XGroq          *xGroq          `json:"x_groq"`
	Timings        *timings        `json:"timings"`
	PromptProgress *progress       `json:"prompt_progress"`
	Error          json.RawMessage `json:"error"`
	Detail         json.RawMessage `json:"detail"`
	Message        json.RawMessage `json:"message"`
}

type xGroq struct {
	Usage *usage          `json:"usage"`
	Error json.RawMessage `json:"error"`
}

type choice struct {
	Delta        *delta `json:"delta"`
	Message      *delta `json:"message"`
	FinishReason word   `json:"finish_reason"`
	Text         word   `json:"text"`  // servers that answer as if to a completion
	Usage        *usage `json:"usage"` // Moonshot puts it here
}

type delta struct {
	Content          said              `json:"content"`
	Reasoning        word              `json:"reasoning"`
	ReasoningContent word              `json:"reasoning_content"`
	ReasoningText    word              `json:"reasoning_text"`
	Thinking         word              `json:"thinking"`
	ReasoningDetails []reasoningDetail `json:"reasoning_details"`
	Refusal          word              `json:"refusal"`
	ToolCalls        []toolCall        `json:"tool_calls"`
	FunctionCall     *function         `json:"function_call"`
}

// holds reports whether a piece of an answer says anything.
func (p *delta) holds() bool {
	return p.Content != (said{}) || p.Reasoning+p.ReasoningContent+p.ReasoningText+p.Thinking+p.Refusal != "" ||
		len(p.ReasoningDetails)+len(p.ToolCalls) > 0 || p.FunctionCall != nil
}

type reasoningDetail struct {
	Type    string `json:"type"`
	Text    word   `json:"text"`
	Summary word   `json:"summary"`
}

type toolCall struct {
	Index    *model.Count `json:"index"`
	ID       word         `json:"id"`
	Function function     `json:"function"`
	// Extra is for the server itself, when it gets the call back.
	Extra json.RawMessage `json:"extra_content"`
	// Some servers leave the function object out.
	Name      word `json:"name"`
	Arguments word `json:"arguments"`
}

type function struct {
	Name      word `json:"name"`
	Arguments word `json:"arguments"`
}

// said is what a message says: a string, a part, or a list of parts. Magistral on
// Mistral's API, and proxies in front of it, put the thoughts into parts of their own
// (https://docs.mistral.ai/capabilities/reasoning); they are no part of the answer.
type said struct{ text, thinking string }

// UnmarshalJSON never fails.
func (s *said) UnmarshalJSON(b []byte) error {
	*s = said{}
	if len(b) > 0 && (b[0] == '[' || b[0] == '{') {
		s.add(b)
		return nil
	}
	s.text = asWritten(b)
	return nil
}

// add takes a part, or a list of them; what is neither stays as it is.
func (s *said) add(b []byte) {
	var list []json.RawMessage
	if b[0] == '[' && json.Unmarshal(b, &list) == nil {
		for _, part := range list {
			s.add(part)
		}
		return
	}
	var part struct {
		Type      string `json:"type"`
		Text      *word  `json:"text"`
		Thinking  *word  `json:"thinking"`
		Reasoning *word  `json:"reasoning"`
	}
	_ = json.Unmarshal(b, &part) // a field of another type stays empty
	switch {
	case part.Thinking != nil:
		s.thinking += string(*part.Thinking)
	case part.Reasoning != nil:
		s.thinking += string(*part.Reasoning)
	case part.Text != nil && (part.Type == "thinking" || part.Type == "reasoning"):
		s.thinking += string(*part.Text)
	case part.Text != nil:
		s.text += string(*part.Text)
	case part.Type == "":
		s.text += asWritten(b)
	}
}

// asWritten gives a string, or JSON as it was written.
func asWritten(b []byte) string {
	var w word
	_ = w.UnmarshalJSON(b) // it never fails
	return string(w)
}

// A word is text that servers also send as null, as a list of parts, or, where it holds
// JSON, as the value itself.
type word string

// UnmarshalJSON never fails.
func (w *word) UnmarshalJSON(b []byte) error {
	*w = ""
	if len(b) == 0 || b[0] == 'n' {
		return nil
	}
	switch b[0] {
	case '"':
		if bytes.IndexByte(b, '\\') < 0 && isASCII(b) {
			*w = word(b[1 : len(b)-1]) // most tokens need no unescaping
			return nil
		}
		var s string
		if err := json.Unmarshal(b, &s); err == nil {
			*w = word(s)
		}
	case '[':
		var parts []struct {
			Text word `json:"text"`
		}
		if err := json.Unmarshal(b, &parts); err == nil {
			for _, p := range parts {
				*w += p.Text
			}
			return nil
		}
		*w = word(b)
	default:
		*w = word(b)
	}
	return nil
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// usage in all its spellings.
type usage struct {
	PromptTokens     model.Count `json:"prompt_tokens"`
	CompletionTokens model.Count `json:"completion_tokens"`
	InputTokens      model.Count `json:"input_tokens"`
	OutputTokens     model.Count `json:"output_tokens"`
	PromptN          model.Count `json:"prompt_n"`
	PredictedN       model.Count `json:"predicted_n"`
	TotalTokens      model.Count `json:"total_tokens"`

	PromptDetails     *promptDetails `json:"prompt_tokens_details"`
	InputDetails      *promptDetails `json:"input_tokens_details"`
	CompletionDetails *outputDetails `json:"completion_tokens_details"`
	OutputDetails     *outputDetails `json:"output_tokens_details"`
	ReasoningTokens   model.Count    `json:"reasoning_tokens"`        // SGLang
	Cached            *model.Count   `json:"cached_tokens"`           // Moonshot
	CacheHit          *model.Count   `json:"prompt_cache_hit_tokens"` // DeepSeek
	CacheRead         *model.Count   `json:"cache_read_input_tokens"` // proxies in front of Anthropic
	CacheCreation     model.Count    `json:"cache_creation_input_tokens"`
}

type promptDetails struct {
	CachedTokens *model.Count `json:"cached_tokens"`
}

type outputDetails struct {
	ReasoningTokens model.Count `json:"reasoning_tokens"`
}

// timings are llama.cpp's own measurements.
type timings struct {
	CacheN             model.Count `json:"cache_n"`
	PromptN            model.Count `json:"prompt_n"`
	PromptMS           float64     `json:"prompt_ms"`
	PromptPerSecond    float64     `json:"prompt_per_second"`
	PredictedN         model.Count `json:"predicted_n"`
	PredictedMS        float64     `json:"predicted_ms"`
	PredictedPerSecond float64     `json:"predicted_per_second"`
}

// progress is llama.cpp's answer to return_progress.
type progress struct {
	Total     model.Count `json:"total"`
	Cache     model.Count `json:"cache"`
	Processed model.Count `json:"processed"`
	TimeMS    model.Count `json:"time_ms"`
}
