package openai

import (
	"encoding/json"

	"hearth"
	"hearth/model"
	"hearth/model/internal/body"
)

// extra is what a server attached to a call, as it is kept with the message that holds the
// call. Google's endpoint attaches the signature of the thoughts that led to it, and refuses
// the conversation without (https://ai.google.dev/gemini-api/docs/thought-signatures).
// Whatever stands there goes back unread, to the model that it came from.
type extra struct {
	Type    string `json:"type"`
	Call    int    `json:"call"` // its place among the message's calls; their ids may have been changed
	Name    string `json:"name"`
	Content string `json:"content"` // JSON, byte for byte
}

const extraType = "extra_content"

// unsigned is what Google takes for the signature of a call that another model made
// (https://ai.google.dev/gemini-api/docs/thought-signatures, "FAQs").
const unsigned = `{"google":{"thought_signature":"skip_thought_signature_validator"}}`

// keep gives the delta that has it stored.
func (x extra) keep() model.Delta {
	x.Type = extraType
	b, err := json.Marshal(x)
	if err != nil {
		return model.Delta{} // strings and numbers always can
	}
	return model.Delta{Opaque: b}
}

// extraOf gives what was attached to the call at a place in a message.
func extraOf(m *hearth.Message, place int, name string) string {
	for i := range m.Parts {
		var x extra
		if raw := m.Parts[i].Opaque; len(raw) == 0 || json.Unmarshal(raw, &x) != nil || x.Type != extraType {
			continue
		}
		if x.Call == place && x.Name == name && json.Valid([]byte(x.Content)) {
			return x.Content
		}
	}
	return ""
}

// extra gives the member that a call is sent back with. Of calls side by side the first
// one is signed.
func (e *encoder) extra(m *hearth.Message, place int, name string) []body.Member {
	content := extraOf(m, place, name)
	if content == "" && e.caps.SignedCalls && place == 0 {
		content = unsigned
	}
	if content == "" {
		return nil
	}
	return []body.Member{{Name: "extra_content", Value: []byte(content)}}
}
