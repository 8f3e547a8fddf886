package test_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/model/modeltest"
)

// The program is killed (-9) a hundred times at random points of a turn that reads,
// writes and runs something. Whatever the model server was asked, the person's words are
// in the transcript; the next turn works; no command ran twice; and every request still
// extends the one before.
func TestKilledAtAnyPointNothingIsLostOrRepeated(t *testing.T) {
	program := build(t)
	for _, api := range []string{"openai-completions", "anthropic-messages"} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, program, api)
			w.server.Always(step)
			w.ask("Message 0: warm up")
			const seed = 20261121
			random := rand.New(rand.NewPCG(seed, uint64(len(api))))
			asked := []string{"Message 0:"} // what the server saw, so that it must be on the disk
			for round := 1; round <= 50; round++ {
				words := fmt.Sprintf("Message %d:", round)
				before := len(w.server.Requests())
				w.killed(random, words+" do all of it")
				if len(w.server.Requests()) > before {
					asked = append(asked, words)
				}
				words = fmt.Sprintf("Again %d:", round)
				w.ask(words + " are you there?")
				asked = append(asked, words)
			}
			w.transcriptHolds(asked)
			w.ranOnce()
			var last []byte
			for i, r := range w.server.Requests() {
				if !json.Valid(r.Body) {
					continue // killed while it was being sent
				}
				if last != nil {
					for _, c := range extends(last, r.Body) {
						t.Errorf("request %d: %s", i, c)
					}
				}
				last = r.Body
			}
			t.Logf("%d requests, %d of %d messages reached the server", len(w.server.Requests()), len(asked), 101)
		})
	}
}

// A server may take long to say what it is, and then nobody knows yet what a conversation
// with it will look like. The person's words are on the disk before it is asked: the
// program is killed while it waits, and the words are found, and answered, once.
func TestKilledWhileTheServerIsAskedWhatItIsNothingIsLost(t *testing.T) {
	w := newWorld(t, build(t), "openai-completions")
	w.server.Always(step)
	config := w.read("state/hearth.json")
	const seed = 20261122
	random := rand.New(rand.NewPCG(seed, 1))
	for round := 1; round <= 12; round++ {
		name, words := fmt.Sprint("talk", round), fmt.Sprintf("Message %d:", round)
		asked := make(chan struct{}, 1)
		silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case asked <- struct{}{}:
			default: // it asks more than once
			}
			<-r.Context().Done()
		}))
		w.write("state/hearth.json", strings.ReplaceAll(config, w.server.URL, silent.URL))
		cmd := w.command("agent", "--session", name, "--message", words+" do all of it")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		gone := make(chan struct{})
		go func() {
			_ = cmd.Wait() // it is killed
			close(gone)
		}()
		select {
		case <-asked:
		case <-gone:
			t.Fatal("it ended without asking the server")
		}
		select {
		case <-time.After(time.Duration(random.IntN(20_000)) * time.Microsecond):
		case <-gone: // the machine is slow, and it has given up
		}
		_ = cmd.Process.Kill() // it may have ended this moment
		<-gone
		silent.Close()
		w.write("state/hearth.json", config)
		for _, look := range [][]string{{"sessions", "show", name}, {"sessions", "search", "--session", name, words}} {
			if stdout, stderr, err := w.run(look...); err != nil || strings.Count(stdout, words) != 1 {
				t.Fatalf("round %d: %q gives %v\n%s%s", round, look, err, stdout, stderr)
			}
		}
		if round%2 == 0 { // two of them, of which one is answered
			continue
		}
		again := fmt.Sprintf("Again %d:", round)
		if stdout, stderr, err := w.run("agent", "--session", name, "--message", again+" are you there?"); err != nil || !strings.Contains(stderr, "was interrupted and has no answer") {
			t.Fatalf("round %d: %v\n%s%s", round, err, stdout, stderr)
		}
		body := string(w.server.Requests()[len(w.server.Requests())-1].Body)
		for _, said := range []string{words, again, "No answer was given"} {
			if strings.Count(body, said) != 1 {
				t.Errorf("round %d: the model is told %q %d times:\n%s", round, said, strings.Count(body, said), body)
			}
		}
	}
	if n := len(w.server.Requests()); n != 6 {
		t.Errorf("%d model calls", n)
	}
}

// step answers as a model does that was told to read, write and run something, one after
// the other. It goes by what it is shown, as a real one does.
func step(x *modeltest.Exchange) {
	body := string(x.Body)
	message, again := strings.LastIndex(body, "Message "), strings.LastIndex(body, "Again ")
	if again > message {
		says("I am here.")(x)
		return
	}
	var round int
	if _, err := fmt.Sscanf(body[message:], "Message %d:", &round); err != nil {
		x.Status(400, err.Error())
		return
	}
	shown := strings.Count(body[message:], `"tool_result"`) + strings.Count(body[message:], `"role":"tool"`)
	todo := []hearth.ToolCall{
		{Name: "read", Arguments: `{"path":"notes.txt"}`},
		{Name: "write", Arguments: fmt.Sprintf(`{"path":"poem%d.txt","content":"roses\n"}`, round)},
		{Name: "exec", Arguments: fmt.Sprintf(`{"command":"echo %d >> ran.txt"}`, round)},
	}
	if shown >= len(todo) {
		says("All done.")(x)
		return
	}
	call := todo[shown]
	call.ID = hearth.CallID(fmt.Sprintf("call_%d_%d", round, shown))
	modeltest.Say(modeltest.Reply{Calls: []hearth.ToolCall{call}})(x)
}

// ask takes a turn that must work.
func (w *world) ask(words string) {
	w.t.Helper()
	if stdout, stderr, err := w.run("agent", "--json", "--message", words); err != nil {
		w.t.Fatalf("%s %v\n%s%s", words, err, stdout, stderr)
	}
}

// killed takes a turn and kills the program somewhere in it: some time after it started,
// or some time after a request of it arrived.
func (w *world) killed(random *rand.Rand, words string) {
	w.t.Helper()
	cmd := w.command("agent", "--json", "--message", words)
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it was killed, or had finished before
		close(gone)
	}()
	requests := len(w.server.Requests()) + random.IntN(5)
	wait := time.Duration(random.IntN(20_000)) * time.Microsecond
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for len(w.server.Requests()) < requests {
		select {
		case <-gone:
			return
		case <-tick.C:
		}
	}
	select {
	case <-gone:
	case <-time.After(wait):
		_ = cmd.Process.Kill() // it may have ended this moment
		<-gone
	}
}

// transcriptHolds checks that the transcript can be read and holds what was said, once.
func (w *world) transcriptHolds(said []string) {
	w.t.Helper()
	var list struct{ Sessions []struct{ ID string } }
	stdout, stderr, err := w.run("sessions", "list", "--json")
	if err != nil || json.Unmarshal([]byte(stdout), &list) != nil || len(list.Sessions) != 1 {
		w.t.Fatalf("sessions list: %v\n%s%s", err, stdout, stderr)
	}
	var shown struct {
		Messages []struct {
			Seq     int
			Message hearth.Message
		}
	}
	stdout, stderr, err = w.run("sessions", "show", list.Sessions[0].ID, "--json")
	if err != nil || json.Unmarshal([]byte(stdout), &shown) != nil {
		w.t.Fatalf("sessions show: %v\n%s", err, stderr)
	}
	found := map[string]int{}
	for i, m := range shown.Messages {
		if m.Seq != i+1 {
			w.t.Fatalf("message %d has number %d", i+1, m.Seq)
		}
		if m.Message.Role != hearth.RoleUser {
			continue
		}
		for _, p := range m.Message.Parts {
			if words, _, ok := strings.Cut(p.Text, ":"); ok {
				found[words+":"]++
			}
		}
	}
	for _, words := range said {
		if found[words] != 1 {
			w.t.Errorf("%q is there %d times", words, found[words])
		}
	}
}

// ranOnce checks that no command ran twice.
func (w *world) ranOnce() {
	w.t.Helper()
	ran, err := os.ReadFile(filepath.Join(w.dir, "work/ran.txt"))
	if err != nil {
		w.t.Fatal(err)
	}
	lines := strings.Fields(string(bytes.TrimSpace(ran)))
	slices.Sort(lines)
	if once := slices.Compact(slices.Clone(lines)); len(once) != len(lines) {
		w.t.Errorf("commands ran more than once: %q", lines)
	}
	w.t.Logf("%d commands ran", len(lines))
}
