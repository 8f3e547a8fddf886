//go:build unix

package test_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hearth/model/modeltest"
	"hearth/session"
)

// missing is a model that the config has and the server has not.
const missing = "missing-model"

// turns is how long the scenario is.
const turns = 200

// Two hundred turns of one person, in each protocol, with everything that happens to
// people on the way: tools, pictures, edited instructions, an edited config, a tool that
// comes late, midnight while it runs, other time zones, restarts, two upgrades, a server that breaks, refuses or is gone,
// and Ctrl-C. Within an epoch every request begins with all bytes of the one before, as
// the server received them. Where one does not, the scene says why it may, and the
// program has a row that says the same, with the byte at which the two differ.
func TestTwoHundredTurns(t *testing.T) {
	began := time.Now()
	all := releases(t)
	for _, api := range modeltest.Protocols {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			s := newStory(t, all, api)
			for n, sc := range scenes() {
				s.turn(n+1, sc)
			}
			s.close()
			s.rows()
			s.told()
			if s.chats < 4 {
				t.Errorf("the chat was begun %d times, want three restarts at least", s.chats)
			}
			t.Logf("%d requests in %d epochs, %d chats, %v since the builds began", s.requests, len(s.epochs), s.chats, time.Since(began).Round(time.Millisecond))
		})
	}
}

// The releases of the program that the scenario knows.
const (
	firstRelease = iota
	nextRelease  // another version, the same code
	lastRelease  // another encoder: it writes a line's end in JSON differently
)

// releases builds the program as it was, as it is and as it may once be.
func releases(t *testing.T) (programs [3]string) {
	t.Helper()
	dependOnSources(t)
	dir := t.TempDir()
	// Of all of them, what runs is told the time by the scenario.
	clocked := map[string]string{
		"../cmd/hearth/talk.go":  edited(t, dir, "../cmd/hearth/talk.go", "Now:     time.Now,", "Now:     clock,"),
		"../cmd/hearth/clock.go": filepath.Join(dir, "clock.go"),
	}
	if err := os.WriteFile(clocked["../cmd/hearth/clock.go"], []byte(clockSource), 0o600); err != nil {
		t.Fatal(err)
	}
	encoder := maps.Clone(clocked)
	encoder["../model/internal/body/text.go"] = edited(t, dir, "../model/internal/body/text.go", "escaped = `\\n`", "escaped = `\\u000a`")
	for i, replaced := range []map[string]string{clocked, clocked, encoder} {
		overlay := filepath.Join(dir, fmt.Sprint("overlay", i, ".json"))
		replace := map[string]string{}
		for source, with := range replaced {
			path, err := filepath.Abs(source)
			if err != nil {
				t.Fatal(err)
			}
			replace[path] = with
		}
		list, err := json.Marshal(map[string]map[string]string{"Replace": replace})
		if err == nil {
			err = os.WriteFile(overlay, list, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		flags := []string{"-overlay", overlay}
		programs[i] = filepath.Join(dir, fmt.Sprint("hearth", i))
		args := append([]string{"build", "-o", programs[i], "-ldflags", fmt.Sprintf("-X main.version=v%d.0.0", i+1)}, flags...)
		tell(t, append(append([]string{"go"}, args...), "../cmd/hearth")...)
	}
	if a, b := tell(t, programs[0], "version"), tell(t, programs[1], "version"); a == b {
		t.Fatalf("two releases are both %s", a)
	}
	return programs
}

// edited writes a copy of a source file in which one place is another.
func edited(t *testing.T, dir, source, was, becomes string) string {
	t.Helper()
	text, err := os.ReadFile(source)
	if err != nil || bytes.Count(text, []byte(was)) != 1 {
		t.Fatalf("%s does not hold %s once (%v)", source, was, err)
	}
	copied := filepath.Join(dir, filepath.Base(source))
	if err := os.WriteFile(copied, bytes.Replace(text, []byte(was), []byte(becomes), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}

// clockSource is the clock of the releases: a file beside the state folder says what time
// it is, or how far it is from the true one.
const clockSource = `package main

import (
	"os"
	"path/filepath"
	"time"
)

func clock() time.Time {
	now := time.Now()
	told, err := os.ReadFile(filepath.Join(os.Getenv("HEARTH_HOME"), "..", "clock"))
	if err != nil {
		return now
	}
	if stands, err := time.Parse(time.RFC3339, string(told)); err == nil {
		return stands.Local()
	}
	off, err := time.ParseDuration(string(told))
	if err != nil {
		panic(err)
	}
	return now.Add(off)
}
`

// A scene is one turn: what the person does before, how the server behaves, how it ends.
type scene struct {
	name    string
	before  func(s *story)
	flags   []string              // of a process of its own; nil = a line in the chat
	answers []modeltest.Behaviour // one for each request, in order
	ends    ending
	told    string            // what the person sees on standard error at the end of a failed turn
	breaks  map[string]string // by model: why its request need not begin with the one before
	resumes int               // the turn that the chat, when it begins, answers before this one
	leaves  bool              // the person leaves the chat afterwards: a model that failed rests as long as one runs
}

// An ending is how a turn is over.
type ending int

const (
	answered  ending = iota
	failed           // the program says so and ends
	unheard          // Ctrl-C before the first word
	cut              // Ctrl-C in the middle of the answer
	halted           // Ctrl-C while a command runs
	crashed          // kill -9 in the middle of the answer
	commanded        // a chat command, which is no turn
)

// story is a world in which one conversation goes on for long.
type story struct {
	*world
	releases [3]string
	settings settings
	chat     *running
	chats    int

	n        int              // the turn
	requests int              // looked at so far
	last     map[string]*sent // newest request, by model
	newest   []byte           // of all
	session  int              // counted from 0
	epochs   []epochSeen
	midnight time.Time // that passes while the chat runs
	dates    []string  // on both sides of it, as the model is told
}

// epochSeen is the beginning of an epoch, as the server saw it.
type epochSeen struct {
	turn, session int
	model         string
	reason        string
	firstDiff     int
}

// settings are what the config says, beside what never changes.
type settings struct{ primary, fallbacks, row, tools string }

func newStory(t *testing.T, all [3]string, api string) *story {
	s := &story{world: newWorld(t, all[firstRelease], api), releases: all, last: map[string]*sent{}}
	s.zones = filepath.Join(tell(t, "go", "env", "GOROOT"), "lib", "time", "zoneinfo.zip")
	s.server = modeltest.NewServer(t, modeltest.Config{Models: []modeltest.Model{{ID: "test-model", Vision: true}, {ID: "second-model", Vision: true}}})
	picture := image.NewRGBA(image.Rect(0, 0, 9, 7))
	picture.Set(4, 3, color.RGBA{R: 200, A: 255})
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	s.write("work/dot.png", b.String())
	s.set(settings{tools: `deny: ["exec"]`})
	return s
}

// set writes the config. Zero settings are the usual ones.
func (s *story) set(c settings) {
	s.settings = c
	if c.primary == "" {
		c.primary = "box/test-model"
	}
	if c.fallbacks == "" {
		c.fallbacks = `"box/second-model"`
	}
	if c.tools == "" {
		c.tools = `deny: []`
	}
	base := s.server.URL + "/v1"
	if s.api == modeltest.Messages || s.api == modeltest.Ollama {
		base = s.server.URL
	}
	s.write("state/hearth.json", fmt.Sprintf(`{
  models: { providers: {
    box: { api: %q, baseUrl: %q, models: [
      { id: "test-model", contextWindow: 400000, input: ["text", "image"] %s },
      { id: "second-model", contextWindow: 400000, input: ["text", "image"] },
      { id: %q, contextWindow: 400000, input: ["text", "image"] } ] },
    gone: { api: %q, baseUrl: "http://127.0.0.1:1", models: [{ id: "no-model", contextWindow: 400000 }] },
  } },
  agents: { defaults: { model: { primary: %q, fallbacks: [%s] }, workspace: %q, compaction: { keepRecentTokens: 900 } } },
  tools: { exec: { security: "full", ask: "off" }, %s },
}`, s.api, base, c.row, missing, s.api, c.primary, c.fallbacks, filepath.Join(s.dir, "work"), c.tools))
}

// upgrade has the person install another release.
func (s *story) upgrade(release int) { s.close(); s.program = s.releases[release] }

// travel takes the person to another time zone.
func (s *story) travel(zone string) { s.close(); s.zone = zone }

// strikes has the clock stand still at a time before or after the next midnight of
// Kiritimati, where the person is, while the program runs on.
func (s *story) strikes(after time.Duration) {
	if s.chat == nil {
		s.t.Errorf("turn %d: nothing runs at midnight", s.n)
	}
	if s.midnight.IsZero() {
		now := time.Now().In(time.FixedZone("+14", 14*60*60))
		s.midnight = time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, now.Location())
	}
	at := s.midnight.Add(after)
	s.tick(at.Format(time.RFC3339))
	s.dates = append(s.dates, at.Format("[Mon 2006-01-02 15:04 MST]"))
}

// goesOn has the clock run again, from the time at which it stands.
func (s *story) goesOn(after time.Duration) {
	s.tick(time.Until(s.midnight.Add(after)).String())
}

// tick sets the clock, which the program may look at at any moment: never half of it.
func (s *story) tick(text string) {
	s.write("clock.new", text)
	if err := os.Rename(filepath.Join(s.dir, "clock.new"), filepath.Join(s.dir, "clock")); err != nil {
		s.t.Fatal(err)
	}
}

// turn plays one scene.
func (s *story) turn(n int, sc scene) {
	s.t.Helper()
	s.n = n
	if sc.before != nil {
		sc.before(s)
	}
	if s.t.Failed() {
		s.t.FailNow() // what comes after would say nothing new
	}
	s.server.Script(sc.answers...)
	words := fmt.Sprintf("Turn %d: %s. Grüße <b>&amp;</b> \U0001F525", n, sc.name)
	if sc.flags != nil {
		s.alone(words, sc)
	} else {
		s.line(words, sc)
	}
	if got := len(s.server.Requests()) - s.requests; got != len(sc.answers) {
		s.t.Fatalf("turn %d (%s): the server was asked %d times, want %d", n, sc.name, got, len(sc.answers))
	}
	s.look(sc)
}

// alone says something with a process of its own.
func (s *story) alone(words string, sc scene) {
	s.t.Helper()
	s.close()
	stdout, stderr, err := s.run(slices.Concat([]string{"agent", "--message", words}, sc.flags)...)
	if (err != nil) != (sc.ends == failed) || !strings.Contains(stderr, sc.told) {
		s.t.Fatalf("turn %d (%s): %v\n%s%s", s.n, sc.name, err, stdout, stderr)
	}
}

// line says something in the chat.
func (s *story) line(words string, sc scene) {
	s.t.Helper()
	if s.chat == nil {
		s.chat = s.start("up")
		s.chats++
	}
	c := s.chat
	if sc.ends == commanded {
		c.say(sc.name)
		if sc.name == "/new" {
			c.hears("A new conversation")
			s.session, s.last = s.session+1, map[string]*sent{}
			return
		}
		c.sees(sc.told)
		return
	}
	c.say(words)
	switch sc.ends {
	case answered:
		c.hears(mark(s.n))
		if sc.resumes > 0 {
			c.hears(mark(sc.resumes))
			c.sees(fmt.Sprintf("Turn %d:", sc.resumes))
		}
		if sc.leaves {
			s.close()
		}
		return
	case failed: // the chat goes on, and says so at its end
		_ = c.in.Close()
	case unheard:
		c.until("a request arrives", func() bool { return len(s.server.Requests()) > s.requests })
		c.signal(syscall.SIGINT)
	case cut:
		c.hears("The kettle")
		c.signal(syscall.SIGINT)
	case crashed:
		c.hears("The kettle")
		c.signal(syscall.SIGKILL)
	case halted:
		begun := filepath.Join(s.dir, "work", fmt.Sprint("begun", s.n))
		c.until("the command runs", func() bool { _, err := os.Stat(begun); return err == nil })
		c.signal(syscall.SIGINT)
	}
	s.chat = nil
	code := c.end()
	if code == 0 || !strings.Contains(c.err.String(), sc.told) {
		s.t.Fatalf("turn %d (%s): exit code %d\n%s\n%s", s.n, sc.name, code, c.out.String(), c.err.String())
	}
}

// close has the person leave the chat.
func (s *story) close() {
	s.t.Helper()
	if s.chat == nil {
		return
	}
	c := s.chat
	s.chat = nil
	_ = c.in.Close() // it reads the end of its input, or is gone
	if code := c.end(); code != 0 {
		s.t.Fatalf("after turn %d: the chat ends with %d\n%s\n%s", s.n, code, c.out.String(), c.err.String())
	}
}

// look compares what the server received since the last turn with what it had received
// before, model by model.
func (s *story) look(sc scene) {
	s.t.Helper()
	mayBreak := map[string]string{}
	maps.Copy(mayBreak, sc.breaks)
	for _, r := range s.server.Requests()[s.requests:] {
		s.requests++
		now := take(r.Body)
		if now == nil {
			s.t.Fatalf("turn %d (%s): request %d cannot be read: %s", s.n, sc.name, s.requests, clip(r.Body))
		}
		before := s.last[now.model]
		s.last[now.model], s.newest = now, now.body
		switch {
		case now.model == missing: // it is asked once
		case before == nil:
			reason := "first"
			if s.session > 0 {
				reason = "new"
			}
			s.epochs = append(s.epochs, epochSeen{s.n, s.session, now.model, reason, 0})
		case now.continues(before):
		case mayBreak[now.model] != "":
			s.epochs = append(s.epochs, epochSeen{s.n, s.session, now.model, mayBreak[now.model], differAt(before.body, now.body)})
			delete(mayBreak, now.model)
		default:
			for _, c := range extends(before.body, now.body) {
				s.t.Errorf("turn %d (%s): request %d: %s", s.n, sc.name, s.requests, c)
			}
			s.t.Errorf("turn %d (%s): request %d leaves the one before at byte %d", s.n, sc.name, s.requests, differAt(before.body, now.body))
		}
	}
	for _, date := range s.dates {
		if s.session == 0 && sc.ends == answered && !sc.leaves && !bytes.Contains(s.newest, []byte(date)) {
			s.t.Errorf("turn %d (%s): the model is not told %s", s.n, sc.name, date)
		}
	}
	for model, reason := range mayBreak {
		s.t.Errorf("turn %d (%s): no request to %s broke with the one before, though %s should make it", s.n, sc.name, model, reason)
	}
}

// sent is a request as it arrived, taken apart no more than needed: a conversation has
// hundreds of them, each as long as itself.
type sent struct {
	body  []byte
	model string
	stem  []byte // up to the last message
	rest  map[string]json.RawMessage
}

func take(body []byte) *sent {
	all := members(body)
	list := "messages"
	if all[list] == nil {
		list = "input"
	}
	at := bytes.Index(body, slices.Concat([]byte(`"`+list+`":`), all[list]))
	s := &sent{body: body, rest: all}
	if len(all[list]) < 2 || at < 0 || json.Unmarshal(all["model"], &s.model) != nil {
		return nil
	}
	s.stem = body[:at+len(list)+3+len(all[list])-1] // without the closing bracket
	return s
}

// continues reports whether a request begins with all that another told the model.
func (s *sent) continues(before *sent) bool {
	for _, name := range templated {
		if !bytes.Equal(s.rest[name], before.rest[name]) {
			return false
		}
	}
	return bytes.HasPrefix(s.body, before.stem)
}

// differAt gives the first byte at which two bodies differ.
func differAt(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// rows compares the program's own account of the epochs with what the server saw.
func (s *story) rows() {
	s.t.Helper()
	var list struct{ Sessions []session.Info }
	s.json(&list, "sessions", "list", "--json")
	slices.SortFunc(list.Sessions, func(a, b session.Info) int { return a.Created.Compare(b.Created) })
	if len(list.Sessions) != s.session+1 {
		s.t.Fatalf("%d sessions, want %d", len(list.Sessions), s.session+1)
	}
	var told []session.Epoch
	var sessions []int
	for i, info := range list.Sessions {
		var of struct{ Epochs []session.Epoch }
		s.json(&of, "sessions", "epochs", string(info.ID), "--json")
		for _, e := range of.Epochs {
			if e.Model.Provider == "box" && e.Model.Model != missing || e.Reason != "first" {
				told, sessions = append(told, e), append(sessions, i)
			}
		}
	}
	if len(told) != len(s.epochs) {
		s.t.Errorf("%d epochs have a row, the server saw %d", len(told), len(s.epochs))
	}
	for i, saw := range s.epochs[:min(len(told), len(s.epochs))] {
		e := told[i]
		if got := (epochSeen{saw.turn, sessions[i], e.Model.Model, e.Reason, e.FirstDiff}); got != saw {
			s.t.Errorf("the row of epoch %d says %+v, the server saw %+v", i, got, saw)
		}
		if e.Began.IsZero() || i > 0 && e.Began.Before(told[i-1].Began) {
			s.t.Errorf("epoch %d began at %v, after %v", i, e.Began, told[max(0, i-1)].Began)
		}
		if broke := e.Reason != "first" && e.Reason != "new"; broke != (e.TokensLost > 0) {
			s.t.Errorf("epoch %d (%s) cost %d tokens", i, e.Reason, e.TokensLost)
		}
		s.t.Logf("turn %3d: %-12s %-16s differs at byte %6d, %6d tokens lost", saw.turn, e.Model.Model, e.Reason, e.FirstDiff, e.TokensLost)
	}
}

func (s *story) json(into any, args ...string) {
	s.t.Helper()
	stdout, stderr, err := s.run(args...)
	if err == nil {
		err = json.Unmarshal([]byte(stdout), into)
	}
	if err != nil {
		s.t.Fatalf("%q: %v\n%s%s", args, err, stdout, stderr)
	}
}

// mark is in the answer of a turn.
func mark(n int) string { return fmt.Sprintf("(end of %d)", n) }

// told checks that the last request still tells what changed since the last epoch began,
// and that nothing was forgotten on the way.
func (s *story) told() {
	s.t.Helper()
	s.tells("Turn 194:", "You are calm indeed", "AGENTS.md was removed", " +0545]", "No answer was given", kettle[len("work/"):],
		"# MEMORY.md", "MEMORY.md was added to", "She has a cat.")
}

// tells checks what the newest request tells the model.
func (s *story) tells(all ...string) {
	s.t.Helper()
	for _, words := range all {
		if !bytes.Contains(s.newest, []byte(words)) {
			s.t.Errorf("turn %d: the newest request does not tell %q", s.n, words)
		}
	}
}

// The failures of a server, in no server's particular words.
func breaksDown(x *modeltest.Exchange) { x.Status(500, `{"error":"it broke"}`) }

func hasNoSuchModel(x *modeltest.Exchange) {
	x.Status(404, fmt.Sprintf(`{"error":{"message":"model '%s' not found","type":"not_found_error"}}`, x.Model()))
}

// refusesEnum knows no "enum" in the schemas of tools.
func refusesEnum(x *modeltest.Exchange) {
	if !bytes.Contains(x.Body, []byte(`"enum"`)) {
		x.Status(500, `{"error":"the request has no enum to refuse"}`)
		return
	}
	x.Status(400, `{"error":{"message":"Unsupported JSON schema keyword: 'enum'","type":"invalid_request_error"}}`)
}

// pathology is what servers were seen to do.
func pathology(name string) modeltest.Behaviour { return modeltest.Named(name).Serve }
