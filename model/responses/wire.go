package responses

import (
	"bytes"
	"encoding/json"

	"hearth/model"
)

// event is any frame of a response stream. Servers differ in which fields they fill.
type event struct {
	Type  string          `json:"type"`
	Delta json.RawMessage `json:"delta"` // a string, or an object with text at some servers
	Text  string          `json:"text"`  // of a text that is whole
	Item  *item           `json:"item"`
	// OutputIndex and ItemID say which item an event belongs to, Arguments and Name what
	// became of a call.
	OutputIndex *model.Count    `json:"output_index"`
	ItemID      string          `json:"item_id"`
	Arguments   json.RawMessage `json:"arguments"`
	Name        string          `json:"name"`
	Response    *response       `json:"response"`
	Error       json.RawMessage `json:"error"`
	Message     string          `json:"message"` // of an error event
	Code        string          `json:"code"`
}

// response is the whole response, as created, completed, incomplete and failed carry it.
type response struct {
	Status     string          `json:"status"`
	Model      string          `json:"model"`
	Output     []item          `json:"output"`
	Usage      *usage          `json:"usage"`
	Error      json.RawMessage `json:"error"`
	Incomplete *struct {
		Reason string `json:"reason"`
	} `json:"incomplete_details"`
}

// item is one output item.
type item struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"` // a string; an object at some servers
	Content   []content       `json:"content"`
	Summary   []content       `json:"summary"`
	Phase     string          `json:"phase"` // of a message
	raw       json.RawMessage
}

type content struct {
	Type string `json:"type"`
	Text string `json:"text"`

	Refusal string `json:"refusal"`
}

type usage struct {
	Input        model.Count `json:"input_tokens"`
	Output       model.Count `json:"output_tokens"`
	Total        model.Count `json:"total_tokens"`
	InputDetails *struct {
		Cached *model.Count `json:"cached_tokens"`
	} `json:"input_tokens_details"`
	OutputDetails *struct {
		Reasoning model.Count `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
}

// UnmarshalJSON keeps the item's own bytes, which reasoning is sent back with; but for
// white space, which no store keeps.
func (i *item) UnmarshalJSON(b []byte) error {
	type plain item
	if err := model.ReadJSON(b, (*plain)(i)); err != nil {
		return err
	}
	var raw bytes.Buffer
	if err := json.Compact(&raw, b); err != nil {
		return err
	}
	i.raw = raw.Bytes()
	return nil
}

// text reads a JSON string, or the text of an object, or the bytes themselves.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var o content
	if json.Unmarshal(raw, &o) == nil && o.Text != "" {
		return o.Text
	}
	if len(raw) > 0 && raw[0] == '{' {
		return string(raw)
	}
	return ""
}
