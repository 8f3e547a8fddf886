package model

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// AskedWindow is the window that a request names to a server that loads a model with it
// (Capabilities.WindowAsked); 0 where its owner wrote something odd. Without it an Ollama
// uses a default that may be as small as 4096; another value than on the call before makes it
// load the model again.
func (r *Request) AskedWindow() int {
	if written, ok := askedIn(r.Options); ok {
		n, _ := strconv.Atoi(string(written)) // 0 is unknown
		return n
	}
	switch caps := &r.Capabilities; {
	case caps.Served > 0:
		return caps.Served
	case caps.WindowKnown && caps.Window > 0:
		return caps.Window
	case caps.TrainedMax > 0:
		return min(caps.TrainedMax, DefaultWindow)
	default:
		return DefaultWindow
	}
}

// askWindow is the name of the option that a window is asked for with.
const askWindow = "num_ctx"

func askedIn(options json.RawMessage) (value json.RawMessage, ok bool) {
	all := map[string]json.RawMessage{}
	if json.Unmarshal(options, &all) != nil {
		return nil, false
	}
	value, ok = all[askWindow]
	return bytes.TrimSpace(value), ok
}

// WithWindowOf gives options that ask for the window which others ask for, or for none as
// they do. All else stays, to the byte where nothing changes.
func WithWindowOf(options, others json.RawMessage) json.RawMessage {
	had, hadAny := askedIn(options)
	want, wantAny := askedIn(others)
	if hadAny == wantAny && bytes.Equal(had, want) {
		return options
	}
	all := map[string]json.RawMessage{}
	if len(options) > 0 && json.Unmarshal(options, &all) != nil {
		return options // what is no object goes out as no options
	}
	if delete(all, askWindow); wantAny {
		all[askWindow] = want
	}
	if len(all) == 0 {
		return nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(all) != nil {
		return options // it was valid a moment ago
	}
	return bytes.TrimSpace(out.Bytes())
}
