package model_test

import (
	"testing"

	"hearth"
	"hearth/model"
)

// Only what the model broke is worth the same request once more.
func TestErrorsThatAreWorthTheSameRequestAgain(t *testing.T) {
	rows := []struct {
		status int
		body   string
		again  bool
	}{
		{500, `{"error":"error parsing tool call: raw='{\"a\":', err=unexpected end of JSON input"}`, true},
		{400, `{"error":{"message":"Failed to call a function. Please adjust your prompt.","code":"tool_use_failed"}}`, true},
		{500, `{"error":"llama-server process has terminated: exit status 2"}`, false},
		{400, `{"error":{"message":"'messages' is required"}}`, false},
	}
	for _, row := range rows {
		e := model.Classify(model.Seen{Op: "chat", Status: row.status, Body: []byte(row.body)})
		if e.Again != row.again || row.again && e.Reason != hearth.ReasonServer {
			t.Errorf("%s: again %v, reason %s", row.body, e.Again, e.Reason)
		}
	}
}
