package anthropic

import (
	"encoding/json"

	"hearth/model"
)

// event is the data of one event; which fields are set depends on Type.
type event struct {
	Type         string          `json:"type"`
	Index        int             `json:"index"`
	Message      json.RawMessage `json:"message"`       // message_start: a message; words beside some errors
	ContentBlock contentBlock    `json:"content_block"` // content_block_start
	Delta        delta           `json:"delta"`         // content_block_delta, message_delta
	Usage        usage           `json:"usage"`         // message_delta
	Error        json.RawMessage `json:"error"`
}

// message is the answer as it begins, or the whole of it where the server does not stream.
type message struct {
	Type       string         `json:"type"`
	Model      string         `json:"model"`
	Content    []contentBlock `json:"content"`
	StopReason string         `json:"stop_reason"`
	Usage      usage          `json:"usage"`
}

type contentBlock struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	Thinking  string          `json:"thinking"`
	Signature string          `json:"signature"`
	Data      string          `json:"data"` // redacted_thinking
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
}

type delta struct {
	Type        string `json:"type"`
	Text        string `json:"text"`
	Thinking    string `json:"thinking"`
	Signature   string `json:"signature"`
	PartialJSON string `json:"partial_json"`
	StopReason  string `json:"stop_reason"`
}

// usage counts input without what was read from or written to the cache.
type usage struct {
	Input      model.Count  `json:"input_tokens"`
	Output     model.Count  `json:"output_tokens"`
	CacheRead  *model.Count `json:"cache_read_input_tokens"`
	CacheWrite *model.Count `json:"cache_creation_input_tokens"`
}
