package hostile

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth/model/modeltest"
)

// TestTwoPlacesForOneModel: a conversation stays with the server that read it, moves with
// one notice when that one dies, and stays where it then is when the first one is back.
// Each request begins with all of the one before, whichever server gets it.
func TestTwoPlacesForOneModel(t *testing.T) {
	start := func(name, address string) *modeltest.Server {
		s, err := modeltest.Start(modeltest.Config{Default: modeltest.Say(modeltest.Reply{Text: name})}, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	servers := map[string]*modeltest.Server{"left": start("left", "127.0.0.1:0"), "right": start("right", "127.0.0.1:0")}
	h := newHouse(t, servers["left"].URL, modeltest.Completions)
	h.write(t, "state/hearth.json", fmt.Sprintf(`{
  agents: { defaults: { workspace: %q } },
  models: { providers: { box: { baseUrl: ["%s/v1", "%s/v1"], models: [{ id: "test-model", contextWindow: 32768 }] } } },
}
`, filepath.Join(h.dir, "work"), servers["left"].URL, servers["right"].URL))
	p := h.converse(t, "up")
	home := p.say("one")
	if servers[home] == nil {
		t.Fatalf("answered %q", home)
	}
	away := map[string]string{"left": "right", "right": "left"}[home]
	if got := p.say("two"); got != home {
		t.Errorf("the second answer came from %s, want %s, which has read the conversation", got, home)
	}
	servers[home].Close()
	for _, words := range []string{"three", "four"} {
		if got := p.say(words); got != away {
			t.Errorf("%s: %q answered, want %s", words, got, away)
		}
	}
	back := start(home, strings.TrimPrefix(servers[home].URL, "http://"))
	if got := p.say("five"); got != away {
		t.Errorf("%s answered, want %s, which has read the conversation since", got, away)
	}
	p.end()
	want := fmt.Sprintf("note: %s did not answer", servers[home].URL)
	if notes := strings.Count(p.err.String(), "note: "); notes != 1 || !strings.Contains(p.err.String(), want) {
		t.Errorf("want one note, %q\n%s", want, p.err)
	}
	if n := len(back.Requests()); n != 0 {
		t.Errorf("the server that came back got %d requests", n)
	}
	checkExtends(t, append(servers[home].Requests(), servers[away].Requests()...))
}

// TestAPrimaryThatReturns: while it is dead the other model answers, which is told once;
// when it is back it answers the next message, which is told once. Nobody does anything
// for that but to talk on.
func TestAPrimaryThatReturns(t *testing.T) {
	answers := func(name string) modeltest.Config {
		return modeltest.Config{Models: []modeltest.Model{{ID: name}}, Default: modeltest.Say(modeltest.Reply{Text: name})}
	}
	first, spare := modeltest.NewServer(t, answers("first")), modeltest.NewServer(t, answers("spare"))
	h := newHouse(t, first.URL, modeltest.Completions)
	h.write(t, "state/hearth.json", fmt.Sprintf(`{
  agents: { defaults: { workspace: %q, model: { primary: "box/first", fallbacks: ["other/spare"] } } },
  models: { providers: {
    box: { baseUrl: "%s/v1", models: [{ id: "first", contextWindow: 32768 }] },
    other: { baseUrl: "%s/v1", models: [{ id: "spare", contextWindow: 32768 }] },
  } },
}
`, filepath.Join(h.dir, "work"), first.URL, spare.URL))
	first.Close()
	p := h.converse(t, "up")
	for range 3 {
		if got := p.say("Hello"); got != "spare" {
			t.Errorf("%q answered, want the spare one", got)
		}
	}
	back, err := modeltest.Start(answers("first"), strings.TrimPrefix(first.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Close)
	unhurried := time.NewTicker(50 * time.Millisecond) // it is looked for every few seconds
	defer unhurried.Stop()
	for p.say("Are you there?") != "first" {
		<-unhurried.C
	}
	if got := p.say("And now?"); got != "first" {
		t.Errorf("%q answered, want the first choice", got)
	}
	p.end()
	var notes []string
	for line := range strings.Lines(p.err.String()) {
		if strings.HasPrefix(line, "note: ") {
			notes = append(notes, strings.TrimSpace(line))
		}
	}
	if len(notes) != 2 || !strings.HasSuffix(notes[0], "asking other/spare instead") || notes[1] != "note: box/first answers again" {
		t.Errorf("told %q", notes)
	}
}

// person talks with a program, a line at a time.
type person struct {
	t      *testing.T
	in     io.WriteCloser
	out    *bufio.Reader
	err    *bytes.Buffer // to be read after end
	finish func()
}

// converse starts the program; end waits for its end.
func (h house) converse(t *testing.T, args ...string) *person {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	cmd := h.command(ctx, args...)
	p := &person{t: t, err: new(bytes.Buffer)}
	cmd.Stderr = p.err
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	p.finish = func() {
		if !ended {
			ended = true
			_ = p.in.Close() // the program may have ended by itself
			_ = cmd.Wait()   // what it said is looked at instead
			stop()
		}
	}
	t.Cleanup(p.finish)
	return p
}

// say gives the program's answer to a line; it must be one line.
func (p *person) say(words string) string {
	p.t.Helper()
	if _, err := io.WriteString(p.in, words+"\n"); err != nil {
		p.t.Fatal(err)
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.finish()
		p.t.Fatalf("after %q: %v\n%s", words, err, p.err)
	}
	return strings.TrimSpace(line)
}

// end closes the program's input and waits until it is gone.
func (p *person) end() { p.finish() }
