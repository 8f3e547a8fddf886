package anthropic

import (
	"encoding/json"

	"hearth/model/internal/body"
)

// thought is a thinking block as it is kept with the message it belongs to, and where it
// stood: behind so many bytes of text and so many calls of its answer.
type thought struct {
	Type       string `json:"type"` // thinking, redacted_thinking
	Thinking   string `json:"thinking,omitempty"`
	Signature  string `json:"signature,omitempty"`
	Data       string `json:"data,omitempty"` // of a redacted one
	AfterText  int    `json:"afterText,omitempty"`
	AfterCalls int    `json:"afterCalls,omitempty"`
}

// readThought reads what keep wrote. The same model may have been spoken to in another
// protocol before, whose data is not ours.
func readThought(data json.RawMessage) (t thought, ok bool) {
	if len(data) == 0 || json.Unmarshal(data, &t) != nil || t.AfterText < 0 || t.AfterCalls < 0 {
		return thought{}, false
	}
	return t, t.Type == "thinking" || t.Type == "redacted_thinking"
}

// keep gives the thought as it is stored.
func (t thought) keep() json.RawMessage {
	b, err := json.Marshal(t)
	if err != nil {
		return nil // strings and numbers always can
	}
	return b
}

// block is the thought as the server wrote it.
func (t thought) block() []byte {
	kind := body.Member{Name: "type", Value: body.Quote(t.Type)}
	if t.Type == "redacted_thinking" {
		return body.Object(kind, body.Member{Name: "data", Value: body.Quote(t.Data)})
	}
	return body.Object(kind,
		body.Member{Name: "thinking", Value: body.Quote(t.Thinking)},
		body.Member{Name: "signature", Value: body.Quote(t.Signature)},
	)
}
