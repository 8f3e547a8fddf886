package hostile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// result is what is promised of `hearth agent --json`, success or failure.
type result struct {
	Payloads []struct {
		Text    string `json:"text"`
		IsError bool   `json:"isError,omitempty"`
	} `json:"payloads"`
	Meta struct {
		Error *struct {
			Kind    string `json:"kind"`
			Message string `json:"message"`
		} `json:"error,omitempty"`
		StopReason string `json:"stopReason,omitempty"`
		Text       string `json:"finalAssistantVisibleText,omitempty"`
	} `json:"meta"`
}

// printed checks that one object was printed and nothing else, and gives of it what is
// promised.
func printed(t *testing.T, text string) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	var r result
	if err := d.Decode(&r); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("more than one value in %q", text)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
