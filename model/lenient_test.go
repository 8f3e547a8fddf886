package model_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"hearth/model"
)

func TestACountIsReadHoweverAServerWritesIt(t *testing.T) {
	for in, want := range map[string]int{
		`7`: 7, `7.0`: 7, `7.9`: 7, `7e2`: 700, `"7"`: 7, `1073741823`: 1<<30 - 1,
		`null`: 0, `-5`: 0, `1073741824`: 0, `99999999999999999999`: 0, `1e300`: 0, `"many"`: 0, `{}`: 0, `[7]`: 0, `true`: 0, `"NaN"`: 0,
	} {
		n := model.Count(99)
		if err := json.Unmarshal([]byte(in), &n); err != nil || int(n) != want {
			t.Errorf("%s is read as %d (%v), want %d", in, n, err, want)
		}
	}
}

func TestAFieldOfAnotherTypeStaysEmpty(t *testing.T) {
	var said struct {
		Model string
		Done  bool
		Text  string
	}
	if err := model.ReadJSON([]byte(`{"model":{"id":"x"},"done":"yes","text":"hi"}`), &said); err != nil || said.Text != "hi" || said.Model != "" {
		t.Errorf("%+v, %v", said, err)
	}
	for _, odd := range []string{`{"model":`, `[1]`, `"model"`} {
		if model.ReadJSON([]byte(odd), &said) == nil {
			t.Errorf("%s is no error", odd)
		}
	}
}

func TestWhatWouldTakeFarMoreMemoryThanItHasIsNotRead(t *testing.T) {
	var said struct {
		Choices []struct{ A, B, C, D string }
		Text    string
	}
	hostile := `{"choices":[` + strings.Repeat("{},", 1<<20) + `{}]}`
	if model.ReadJSON([]byte(hostile), &said) == nil || cap(said.Choices) > 0 {
		t.Errorf("%d structs were made", cap(said.Choices))
	}
	code, err := json.Marshal(strings.Repeat("\\{[,\"", 1<<20)) // one long text, such as a file that is written
	if err != nil {
		t.Fatal(err)
	}
	if err := model.ReadJSON([]byte(`{"text":`+string(code)+`}`), &said); err != nil || len(said.Text) != 5<<20 {
		t.Errorf("%d bytes, %v", len(said.Text), err)
	}
}

func TestAnAbsurdNumberInARefusalIsNoCount(t *testing.T) {
	for _, body := range []string{
		`{"error":{"message":"request (99999999999999999999 tokens) exceeds the available context size (99999999999999999999 tokens), try increasing it"}}`,
		`{"error":{"message":"prompt is too long: 9,223,372,036,854,775,807 tokens > 9,223,372,036,854,775,807 maximum"}}`,
		`{"error":{"code":400,"message":"too long","type":"exceed_context_size_error","n_prompt_tokens":1e300,"n_ctx":-4}}`,
	} {
		err := model.Classify(model.Seen{Status: 400, Body: []byte(body)})
		if o, ok := errors.AsType[*model.Overflow](err); !ok || o.Window != 0 || o.Prompt != 0 || o.Exact {
			t.Errorf("%s: window %d, prompt %d (%v)", body, o.Window, o.Prompt, err)
		}
	}
}
