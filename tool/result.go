package tool

import (
	"context"
	"encoding/json"
	"fmt"

	"hearth"
)

// Failed is the result of a call that did not do what was asked, in words for the
// model. from says who is behind any bytes that the words quote.
func Failed(call hearth.ToolCall, from hearth.Provenance, format string, args ...any) hearth.ToolResult {
	return hearth.ToolResult{CallID: call.ID, Name: call.Name, Text: fmt.Sprintf(format, args...), Failed: true, From: from}
}

// Detail encodes what a person may look at beside the text. A value that cannot be
// encoded is left out: it is never worth failing a call for.
func Detail(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return raw
}

type turnKey struct{}

// NewContext tells the tools that run under ctx whether the model has read bytes of
// somebody other than the owner, so that what they write can be remembered as such.
// The agent sets it for every call.
func NewContext(ctx context.Context, tainted bool) context.Context {
	return context.WithValue(ctx, turnKey{}, tainted)
}

// TaintedTurn reports what NewContext was told; without it, true: forgetting to say is
// not trust.
func TaintedTurn(ctx context.Context) bool {
	tainted, ok := ctx.Value(turnKey{}).(bool)
	return tainted || !ok
}
