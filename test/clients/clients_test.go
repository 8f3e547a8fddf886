//go:build clients

package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"hearth"
	"hearth/model/modeltest"
)

// understood is what a client made of an answer.
type understood struct {
	Model, Thinking, Text, Stop string
	Calls                       [][]any // id, name, arguments
	Usage                       []int   // prompt, answer
}

func TestOfficialClientsUnderstandOurServer(t *testing.T) {
	dir := install(t)
	usage := &hearth.Usage{Input: 120, Output: 34, Total: 154}
	call := func(id, city string) hearth.ToolCall {
		return hearth.ToolCall{ID: hearth.CallID(id), Name: "get_weather", Arguments: `{"city":"` + city + `"}`}
	}
	calls := [][]any{{"call_1", "get_weather", map[string]any{"city": "Göteborg"}}, {"call_2", "get_weather", map[string]any{"city": "Lima"}}}
	rows := []struct {
		name  string
		reply modeltest.Reply
		want  understood
		stops map[string]string // by protocol
	}{
		{
			"a thought, a few words and two calls",
			modeltest.Reply{Thinking: "They ask for two cities.", Text: "I look it up. 👋🏽", Calls: []hearth.ToolCall{call("call_1", "Göteborg"), call("call_2", "Lima")}, Usage: usage},
			understood{Thinking: "They ask for two cities.", Text: "I look it up. 👋🏽", Calls: calls},
			map[string]string{modeltest.Completions: "tool_calls", modeltest.Responses: "completed", modeltest.Messages: "tool_use", modeltest.Ollama: "stop"},
		},
		{
			"an answer that was cut",
			modeltest.Reply{Text: "It is cold in", Stop: hearth.StopLength, Usage: usage},
			understood{Text: "It is cold in", Calls: [][]any{}},
			map[string]string{modeltest.Completions: "length", modeltest.Responses: "max_output_tokens", modeltest.Messages: "max_tokens", modeltest.Ollama: "length"},
		},
	}
	for _, protocol := range modeltest.Protocols {
		for _, row := range rows {
			t.Run(protocol+"/"+row.name, func(t *testing.T) {
				server := modeltest.NewServer(t, modeltest.Config{Default: modeltest.Say(row.reply)})
				want := row.want
				want.Model, want.Stop, want.Usage = "test-model", row.stops[protocol], []int{120, 34}
				if got := ask(t, dir, protocol, server.URL); !reflect.DeepEqual(got, want) {
					t.Errorf("the client understood\n%+v\nwant\n%+v", got, want)
				}
			})
		}
	}
}

// install gives a folder with the clients in it.
func install(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "ask.js"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error")
	return dir
}

func ask(t *testing.T, dir, protocol, url string) (got understood) {
	t.Helper()
	out := run(t, dir, "node", "ask.js", protocol, url)
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return got
}

func run(t *testing.T, dir, program string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var errs bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, errs.String())
	}
	return out
}
