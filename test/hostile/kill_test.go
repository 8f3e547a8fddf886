package hostile

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/model/modeltest"
)

// kills is how often the program is killed. Each time a whole turn follows.
const kills = 100

// TestKillAtAnyMoment kills the program, as kill -9 does, at random moments of a turn
// that reads a file and runs a command. Each time the person's words that had reached
// the model's server are on disk, once; the transcript is one that a model server
// accepts; no command ran twice, and one whose result was kept ran once; the next turn
// works; and every request begins with all of the one before, byte for byte.
func TestKillAtAnyMoment(t *testing.T) {
	rounds := kills
	if testing.Short() {
		rounds = 10
	}
	server := modeltest.NewServer(t, modeltest.Config{Default: readRunAnswer})
	h := newHouse(t, server.URL, modeltest.Completions)
	h.write(t, "state/hearth.json", fmt.Sprintf(`{
  agents: { defaults: { workspace: %q } },
  tools: { exec: { security: "full", ask: "off" } },
  models: { providers: { box: { baseUrl: "%s/v1", models: [{ id: "test-model", contextWindow: 1000000 }] } } },
}
`, filepath.Join(h.dir, "work"), server.URL))
	began := time.Now()
	if s := h.run(t, "agent", "--session", "k", "--message", "words 0."); s.code != 0 {
		t.Fatalf("the first turn: exit %d\n%s%s", s.code, s.out, s.err)
	}
	whole := time.Since(began)
	seed := uint64(time.Now().UnixNano())
	t.Logf("a turn takes %v; seed %d", whole, seed)
	random := rand.New(rand.NewPCG(seed, 1))
	finished := 0
	for i := 1; i <= rounds; i++ {
		if h.killed(t, time.Duration(random.Int64N(int64(whole))), "agent", "--session", "k", "--message", fmt.Sprintf("words %d.", i)) {
			finished++
		}
		s := h.run(t, "agent", "--session", "k", "--message", fmt.Sprintf("after %d.", i))
		if s.code != 0 || !strings.Contains(s.out, "The list says milk.") {
			t.Fatalf("the turn after kill %d: exit %d\n%s%s", i, s.code, s.out, s.err)
		}
	}
	t.Logf("%d of %d turns were over before they were killed", finished, rounds)
	if finished == rounds {
		t.Error("no turn was killed: the test shows nothing")
	}
	messages := h.transcript(t, "k")
	if len(messages) < 4*rounds {
		t.Fatalf("the transcript has only %d messages", len(messages))
	}
	checkRoles(t, messages)
	h.checkCommands(t, messages)
	reached := map[int]bool{}
	for _, r := range server.Requests() {
		for i := 1; i <= rounds; i++ {
			if strings.Contains(string(r.Body), fmt.Sprintf("words %d.", i)) {
				reached[i] = true
			}
		}
	}
	for i := 1; i <= rounds; i++ {
		kept := said(messages, fmt.Sprintf("words %d.", i))
		if kept > 1 || reached[i] && kept != 1 {
			t.Errorf("words %d reached the server: %v, and are in the transcript %d times", i, reached[i], kept)
		}
		if n := said(messages, fmt.Sprintf("after %d.", i)); n != 1 {
			t.Errorf("what was said after kill %d is in the transcript %d times", i, n)
		}
	}
	t.Logf("%d of %d killed messages had reached the server", len(reached), rounds)
	checkExtends(t, server.Requests())
}

// readRunAnswer calls read for a person's words, exec for what was read, and answers the
// command's result. Each command writes its own line.
func readRunAnswer(x *modeltest.Exchange) {
	items := messagesOf(x.Body)
	var last, before struct {
		Role  string `json:"role"`
		Calls []struct {
			Function struct {
				Name string `json:"name"`
			} `json:"function"`
		} `json:"tool_calls"`
	}
	if n := len(items); n > 1 && json.Unmarshal(items[n-1], &last) == nil && last.Role == "tool" && json.Unmarshal(items[n-2], &before) != nil {
		before.Calls = nil
	}
	id := fmt.Sprintf("call_%d", len(items))
	call := hearth.ToolCall{ID: hearth.CallID(id), Name: "read", Arguments: `{"path":"notes.txt"}`}
	switch {
	case last.Role == "tool" && len(before.Calls) == 1 && before.Calls[0].Function.Name == "read":
		call.Name, call.Arguments = "exec", fmt.Sprintf(`{"command":"echo %s >> ran.txt"}`, id)
	case last.Role == "tool":
		modeltest.Say(modeltest.Reply{Text: "The list says milk."})(x)
		return
	}
	modeltest.Say(modeltest.Reply{Calls: []hearth.ToolCall{call}})(x)
}

// checkCommands compares the lines that commands wrote with the calls in a transcript.
func (h house) checkCommands(t *testing.T, messages []hearth.Message) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, "work", "ran.txt"))
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]int{}
	for line := range strings.Lines(string(text)) {
		ran[strings.TrimSpace(line)]++
	}
	kept, broken := 0, 0
	for _, m := range messages {
		for _, p := range m.Parts {
			switch {
			case p.Result == nil || p.Result.Name != "exec":
			case p.Result.Failed:
				broken++
			case ran[string(p.Result.CallID)] != 1:
				t.Errorf("the command of %s has a result and ran %d times: %s", p.Result.CallID, ran[string(p.Result.CallID)], p.Result.Text)
			default:
				kept++
			}
		}
	}
	for id, n := range ran {
		if n > 1 {
			t.Errorf("the command of %s ran %d times", id, n)
		}
	}
	t.Logf("%d commands ran, %d results are kept, %d were interrupted", len(ran), kept, broken)
	if kept == 0 {
		t.Error("no command ran: the test shows nothing")
	}
}

func messagesOf(body []byte) []json.RawMessage {
	var request struct {
		Messages []json.RawMessage `json:"messages"`
	}
	if json.Unmarshal(body, &request) != nil {
		return nil
	}
	return request.Messages
}

// killed runs the program and kills it after a while; it reports whether it was over
// before.
func (h house) killed(t *testing.T, after time.Duration, args ...string) bool {
	t.Helper()
	cmd := h.command(t.Context(), args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may be over
	defer timer.Stop()
	return cmd.Wait() == nil
}

// transcript gives a session's messages, without marks.
func (h house) transcript(t *testing.T, name string) (messages []hearth.Message) {
	t.Helper()
	s := h.run(t, "sessions", "show", name, "--json")
	var shown struct {
		Messages []struct {
			Message hearth.Message `json:"message"`
		} `json:"messages"`
	}
	if err := json.Unmarshal([]byte(s.out), &shown); err != nil {
		t.Fatalf("sessions show: %v: exit %d %s", err, s.code, s.err)
	}
	for _, m := range shown.Messages {
		if m.Message.Role != hearth.RoleMark {
			messages = append(messages, m.Message)
		}
	}
	return messages
}

// said counts the person's messages that hold some words.
func said(messages []hearth.Message, words string) (n int) {
	for _, m := range messages {
		for _, p := range m.Parts {
			if m.Role == hearth.RoleUser && strings.Contains(p.Text, words) {
				n++
			}
		}
	}
	return n
}

// checkRoles holds a transcript to what every model server accepts: people and model
// take turns, and each call has one result before anything else is said.
func checkRoles(t *testing.T, messages []hearth.Message) {
	t.Helper()
	open := map[hearth.CallID]bool{}
	var before hearth.Role
	for i, m := range messages {
		switch {
		case m.Role == hearth.RoleUser && (before == hearth.RoleUser || before == hearth.RoleTool),
			m.Role == hearth.RoleAssistant && before != hearth.RoleUser && before != hearth.RoleTool,
			m.Role != hearth.RoleTool && len(open) > 0:
			t.Errorf("message %d is of %s behind %s, %d calls open: %+v", i, m.Role, before, len(open), m)
		}
		for _, p := range m.Parts {
			switch {
			case p.Call != nil && open[p.Call.ID]:
				t.Errorf("message %d repeats the call %s", i, p.Call.ID)
			case p.Call != nil:
				open[p.Call.ID] = true
			case p.Result != nil && !open[p.Result.CallID]:
				t.Errorf("message %d answers the call %s, which is not open", i, p.Result.CallID)
			case p.Result != nil:
				delete(open, p.Result.CallID)
			}
		}
		before = m.Role
	}
	if len(open) > 0 || before != hearth.RoleAssistant {
		t.Errorf("the transcript ends with %s, %d calls open", before, len(open))
	}
}

// checkExtends holds each request to the one before: all its messages, byte for byte.
func checkExtends(t *testing.T, requests []modeltest.Request) {
	t.Helper()
	var before []json.RawMessage
	for i, r := range requests {
		now := messagesOf(r.Body)
		for n, item := range before {
			if n >= len(now) || string(now[n]) != string(item) {
				t.Fatalf("request %d does not begin with request %d: message %d of %d was\n%s\nand is\n%s", i, i-1, n, len(before), item, strings.Join(texts(now[min(n, len(now)):min(n+1, len(now))]), ""))
			}
		}
		before = now
	}
}

func texts(items []json.RawMessage) (all []string) {
	for _, item := range items {
		all = append(all, string(item))
	}
	return all
}
