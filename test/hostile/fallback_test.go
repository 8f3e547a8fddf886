package hostile

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"hearth/model/modeltest"
)

// TestASecondModel says when the second model is asked and what the person is told of
// the change: one line on standard error.
func TestASecondModel(t *testing.T) {
	const spare = "The spare one answers."
	for _, c := range []struct {
		row    string
		out    string
		errHas string // of standard error
		code   int
		asked  int // requests that the second server got
	}{
		{row: "refuses the connection", out: spare, errHas: "note: box/test-model did not answer (dial tcp BOX: connect: connection refused); asking spare/other-model instead", asked: 1},
		{row: "closes the connection without a byte", out: spare, errHas: "note: box/test-model did not answer (the server closed the connection without an answer: EOF); asking spare/other-model instead", asked: 1},
		{row: "sends headers and then nothing at all", out: spare, errHas: "note: box/test-model did not answer (the stream ended without a finish reason); asking spare/other-model instead", asked: 1},
		{row: "answers with nginx's page for a dead server", out: spare, errHas: `note: box/test-model did not answer (a web page titled "502 Bad Gateway"); asking spare/other-model instead`, asked: 1},
		{row: "wants a key", out: spare, errHas: "note: box/test-model did not answer (Unauthorized); asking spare/other-model instead", asked: 1},
		{row: "says in prose when to come back", out: spare, errHas: "asking spare/other-model instead", asked: 1},
		{row: "does not have the model, in vLLM's words", out: spare, errHas: "asking spare/other-model instead", asked: 1},
		{row: "is out of quota", out: spare, errHas: "asking spare/other-model instead", asked: 1},
		{row: "dies in the middle of its answer", out: "The kettle", errHas: "hearth: ask box/test-model: read answer: unexpected EOF", code: 4},
		{row: "does not fit the prompt into its window, in the words of vllm", errHas: "hearth: ask box/test-model: HTTP 400: This model's maximum context length is 4096 tokens.", code: 1},
		{row: "does not like the conversation's shape", errHas: "hearth: ask box/test-model: HTTP 400: Error rendering prompt", code: 1},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			p := modeltest.Named(c.row)
			first := modeltest.NewServer(t, modeltest.Config{})
			second := modeltest.NewServer(t, modeltest.Config{Models: []modeltest.Model{{ID: "other-model"}}, Default: modeltest.Say(modeltest.Reply{Text: spare})})
			if p.Down {
				first.Close()
			} else {
				first.Always(p.Serve)
			}
			h := newHouse(t, first.URL, modeltest.Completions)
			h.write(t, "state/hearth.json", fmt.Sprintf(`{
  agents: { defaults: { workspace: %q, model: { primary: "box/test-model", fallbacks: ["spare/other-model"] } } },
  models: { providers: {
    box: { baseUrl: "%s/v1", models: [{ id: "test-model", contextWindow: 32768 }] },
    spare: { baseUrl: "%s/v1", models: [{ id: "other-model", contextWindow: 32768 }] },
  } },
}
`, filepath.Join(h.dir, "work"), first.URL, second.URL))
			got := h.run(t, "agent", "--message", "Hello")
			got.err = strings.ReplaceAll(got.err, strings.TrimPrefix(first.URL, "http://"), "BOX")
			if got.code != c.code || strings.TrimSpace(got.out) != c.out || !strings.Contains(got.err, c.errHas) {
				t.Errorf("exit %d\n%s%s\nwant exit %d, %q, and on standard error %q", got.code, got.out, got.err, c.code, c.out, c.errHas)
			}
			if c.code == 0 && strings.Count(got.err, "\n") != 1 {
				t.Errorf("a change of model is one line, got\n%s", got.err)
			}
			if n := len(second.Requests()); n != c.asked {
				t.Errorf("the second server got %d requests, want %d", n, c.asked)
			}
		})
	}
}
