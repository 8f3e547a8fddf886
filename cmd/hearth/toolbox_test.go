package main

import "testing"

func TestResultsFitTheWindow(t *testing.T) {
	for _, row := range []struct {
		name, model string
		least, most int
	}{
		{"nobody knows the window", `{id: "m"}`, 5_000, 20_000},
		{"a small one", `{id: "m", contextTokens: 8192}`, 2_000, 8_000},
		{"a large one", `{id: "m", contextWindow: 131072}`, readMaxBytes, 64_000},
	} {
		a := scene(t, `{models: {providers: {box: {baseUrl: "http://127.0.0.1:1/v1", models: [`+row.model+`]}}}}`)
		if got := a.toolbox.resultBytes(t.Context(), choice{}); got < row.least || got > row.most {
			t.Errorf("%s: %d bytes, want %d to %d", row.name, got, row.least, row.most)
		}
	}
}
