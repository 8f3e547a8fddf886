package modeltest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"hearth"
	"hearth/model"
)

// patience is how long anything in the suite may take before it counts as stuck.
const patience = 2 * time.Minute

// Conformance is what every model.Provider passes. newProvider makes one for a server
// at a root URL (http://127.0.0.1:PORT, without /v1), with the default clocks and with
// loopback allowed.
func Conformance(t *testing.T, newProvider func(baseURL string) model.Provider) {
	t.Helper()
	before := runtime.NumGoroutine()
	var protocol string
	t.Run("answers", func(t *testing.T) {
		s := suite{t: t, server: NewServer(t, Config{}), newProvider: newProvider}
		s.answers()
		if requests := s.server.Requests(); len(requests) > 0 {
			protocol = requests[0].Protocol
		}
	})
	if protocol == "" {
		t.Fatal("the provider sent nothing to any path of the four protocols")
	}
	for _, c := range []struct {
		name string
		run  func(s *suite)
	}{
		{"sends what it says it sends", (*suite).sent},
		{"parts thinking from text", (*suite).thinking},
		{"gives whole calls", (*suite).calls},
		{"counts tokens", (*suite).usage},
		{"says why the model stopped", (*suite).stops},
		{"sends images", (*suite).images},
		{"says that it waits", (*suite).waits},
		{"says that it writes while a call is written", (*suite).writes},
		{"holds no more than a model writes", (*suite).endless},
		{"holds no more of a name than a name is", (*suite).named},
		{"stops when it is cancelled", (*suite).cancel},
		{"stops when nobody reads on", (*suite).abandon},
		{"serves several callers at once", (*suite).parallel},
		{"encodes the same request to the same bytes", (*suite).deterministic},
		{"extends its requests", (*suite).extends},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run(&suite{t: t, protocol: protocol, server: NewServer(t, Config{}), newProvider: newProvider})
		})
	}
	for _, p := range Pathologies() {
		if p.On(protocol) {
			t.Run("a server that "+p.Name, func(t *testing.T) {
				s := &suite{t: t, protocol: protocol, server: NewServer(t, Config{}), newProvider: newProvider}
				s.pathology(p)
			})
		}
	}
	t.Run("leaves no goroutine behind", func(t *testing.T) {
		awaitGoroutines(t, before)
	})
}

// awaitGoroutines waits until no more goroutines run than before.
func awaitGoroutines(t *testing.T, before int) {
	t.Helper()
	deadline, tick := time.After(patience/3), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for runtime.NumGoroutine() > before+2 { // the test's own runner may be about to end
		select {
		case <-tick.C:
		case <-deadline:
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines ran before, %d now:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// suite is one test of one provider against one server.
type suite struct {
	t           *testing.T
	protocol    string
	server      *Server
	newProvider func(baseURL string) model.Provider
}

// NewRequest gives a request as a turn sends it: one message, the tools read and exec.
func NewRequest(text string) *model.Request {
	c := model.Layers{Default: model.DefaultLayer()}.Merge()
	c.Vision, c.Locality = true, hearth.LocalityMachine
	return &model.Request{
		Model:  "test-model",
		System: "You are a test.",
		Tools: []hearth.ToolSpec{
			{Name: "exec", Description: "Runs a command.", Schema: []byte(`{"type":"object","properties":{"command":{"type":"string"}},"required":["command"]}`)},
			{Name: "read", Description: "Reads a file.", Schema: []byte(`{"type":"object","properties":{"path":{"type":"string","enum":["notes.txt","a"]}},"required":["path"]}`)},
		},
		Messages:     []hearth.Message{{ID: "m1", Role: hearth.RoleUser, Parts: []hearth.Part{{Text: text, Provenance: hearth.FromOwner}}}},
		MaxTokens:    512,
		Capabilities: c,
	}
}

// toolNames are those of NewRequest.
var toolNames = []string{"read", "exec"}

// A Result is all that a stream brought.
type Result struct {
	Text     string
	Thinking string
	Calls    []hearth.ToolCall
	Notices  []hearth.Notice
	Waits    []hearth.Wait
	Usage    hearth.Usage
	Answered string
	Opaque   []json.RawMessage
	Stop     hearth.StopReason
	Sent     *model.Sent
	Body     []byte // a copy of Sent.Body
	Err      error
}

// Collect reads a stream to its end, through model.Visible.
func Collect(deltas iter.Seq2[model.Delta, error], tools ...string) Result {
	var r Result
	for d, err := range model.Visible(deltas, tools, nil, model.Begun{}) {
		r.add(d, err)
	}
	return r
}

func (r *Result) add(d model.Delta, err error) {
	if err != nil {
		r.Err = err
		return
	}
	r.Text += d.Text
	r.Thinking += d.Thinking
	if d.TextWasThinking {
		r.Text, r.Thinking = "", r.Thinking+r.Text
	}
	switch {
	case d.Call != nil:
		r.Calls = append(r.Calls, *d.Call)
	case d.Opaque != nil:
		r.Opaque = append(r.Opaque, slices.Clone(d.Opaque))
	case d.Notice != nil:
		r.Notices = append(r.Notices, *d.Notice)
	case d.Wait != nil:
		r.Waits = append(r.Waits, *d.Wait)
	case d.Usage != nil:
		r.Usage = *d.Usage
	case d.Sent != nil:
		r.Sent, r.Body = d.Sent, slices.Clone(d.Sent.Body)
	}
	if d.Answered != "" {
		r.Answered = d.Answered
	}
	if d.Stop != "" {
		r.Stop = d.Stop
	}
}

// ask sends one request and collects what comes, holding it to the contract of Stream.
func (s *suite) ask(ctx context.Context, req *model.Request) Result {
	s.t.Helper()
	ctx, stop := context.WithTimeoutCause(ctx, patience, errors.New("the suite's patience ended"))
	defer stop()
	return Collect(s.held(s.newProvider(s.server.URL).Stream(ctx, req)), toolNames...)
}

// held checks what every stream must hold to.
func (s *suite) held(deltas iter.Seq2[model.Delta, error]) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		n, ended := 0, false
		for d, err := range deltas {
			if ended {
				s.t.Errorf("delta %d came after the end: %+v, %v", n, d, err)
			}
			if n == 0 && d.Sent == nil {
				s.t.Errorf("the first delta does not hold Sent: %+v, %v", d, err)
			}
			n++
			ended = err != nil || d.Stop != ""
			s.holds(d, err)
			if !yield(d, err) {
				return
			}
		}
		if !ended {
			s.t.Errorf("the stream ended without Stop and without an error")
		}
	}
}

func (s *suite) holds(d model.Delta, err error) {
	fields := 0
	for _, set := range []bool{d.Text != "", d.Thinking != "", d.Call != nil, d.Usage != nil, d.Timing != nil, d.Wait != nil, d.Notice != nil, d.Sent != nil, d.Opaque != nil} {
		if set {
			fields++
		}
	}
	if fields > 1 {
		s.t.Errorf("a delta holds %d things: %+v", fields, d)
	}
	if d.Stop == hearth.StopCut || d.Stop == hearth.StopCancelled {
		s.t.Errorf("a cut stream is an error, not a Stop of %q", d.Stop)
	}
	if err == nil {
		return
	}
	e, ok := errors.AsType[*hearth.Error](err)
	switch {
	case !ok:
		s.t.Errorf("error %T is no *hearth.Error: %v", err, err)
	case e.Op == "" || e.Reason == "" || e.Cause == "" || e.Try == "":
		s.t.Errorf("an error lacks what a person needs: op %q, reason %q, cause %q, try %q", e.Op, e.Reason, e.Cause, e.Try)
	case fields > 0 || d.Stop != "":
		s.t.Errorf("beside an error the delta is not empty: %+v", d)
	}
}

func (s *suite) answers() {
	s.server.Script(Say(Reply{Text: answer}))
	got := s.ask(s.t.Context(), NewRequest("Hello"))
	if got.Err != nil || got.Text != answer || got.Stop != hearth.StopEnd || got.Thinking != "" || len(got.Calls) > 0 {
		s.t.Errorf("got %+v", got)
	}
	if n := len(s.server.Requests()); n != 1 {
		s.t.Errorf("%d requests were sent for one call", n)
	}
	if s.server.Gone() != 0 {
		s.t.Error("the connection was closed before the answer was whole")
	}
}

func (s *suite) sent() {
	s.server.Script(Say(Reply{Text: answer}))
	got := s.ask(s.t.Context(), NewRequest("Hello"))
	requests := s.server.Requests()
	if got.Err != nil || len(requests) != 1 {
		s.t.Fatalf("error %v, %d requests", got.Err, len(requests))
	}
	if string(requests[0].Body) != string(got.Body) {
		s.t.Errorf("Sent says\n%s\nand the server got\n%s", got.Body, requests[0].Body)
	}
	if kind := requests[0].Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		s.t.Errorf("Content-Type is %q", kind)
	}
	if agent := requests[0].Header.Get("User-Agent"); strings.Contains(strings.ToLower(agent), "hearth") {
		s.t.Errorf("User-Agent %q tells the server who we are", agent)
	}
	for _, want := range []string{"Hello", "You are a test.", `"read"`, "Runs a command."} {
		if !strings.Contains(string(got.Body), want) {
			s.t.Errorf("the body lacks %s:\n%s", want, got.Body)
		}
	}
}

func (s *suite) thinking() {
	s.server.Script(Say(Reply{Thinking: "Is it hot?", Text: answer}))
	got := s.ask(s.t.Context(), NewRequest("Hello"))
	if got.Err != nil || got.Text != answer || strings.TrimSpace(got.Thinking) != "Is it hot?" {
		s.t.Errorf("got %+v", got)
	}
}

func (s *suite) calls() {
	calls := []hearth.ToolCall{{ID: "call_1", Name: "read", Arguments: readArgs}, {ID: "call_2", Name: "exec", Arguments: execArgs}}
	// Servers that number the calls of each answer anew use an id twice in a conversation.
	s.server.Script(Say(Reply{Calls: calls}))
	again := NewRequest("Hello")
	again.Messages = append(again.Messages,
		hearth.Message{ID: "m2", Role: hearth.RoleAssistant, Parts: []hearth.Part{{Call: &calls[0]}}},
		hearth.Message{ID: "m3", Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{CallID: calls[0].ID, Name: calls[0].Name, Text: "tea"}}}})
	for _, c := range s.ask(s.t.Context(), again).Calls {
		if c.ID == calls[0].ID {
			s.t.Errorf("a call got the id %q, which an earlier one has", c.ID)
		}
	}
	for n := 1; n <= 2; n++ {
		s.server.Script(Say(Reply{Calls: calls[:n]}))
		got := s.ask(s.t.Context(), NewRequest("Hello"))
		if got.Err != nil || got.Text != "" || got.Stop != hearth.StopToolCalls {
			s.t.Errorf("got %+v", got)
		}
		s.sameCalls(got.Calls, []string{"read " + readArgs, "exec " + execArgs}[:n])
		for i := range min(n, len(got.Calls)) {
			if s.protocol != Ollama && got.Calls[i].ID != calls[i].ID { // Ollama's ids never go back to it
				s.t.Errorf("call %d has id %q, the server's is %q", i, got.Calls[i].ID, calls[i].ID)
			}
		}
	}
}

// sameCalls compares names and arguments, and wants ids that differ.
func (s *suite) sameCalls(got []hearth.ToolCall, want []string) {
	s.t.Helper()
	var texts []string
	ids := map[hearth.CallID]bool{}
	for _, c := range got {
		texts = append(texts, c.Name+" "+c.Arguments)
		if c.ID == "" || ids[c.ID] {
			s.t.Errorf("call id %q is empty or used twice", c.ID)
		}
		ids[c.ID] = true
	}
	if !slices.Equal(texts, want) {
		s.t.Errorf("got calls %q, want %q", texts, want)
	}
}

func (s *suite) usage() {
	s.server.Script(Say(Reply{Text: answer}), Say(Reply{Text: answer, Usage: &hearth.Usage{Input: 1000, Output: 20, CacheRead: 900, Total: 1020}}))
	if got := s.ask(s.t.Context(), NewRequest("Hello")); got.Usage.Input == 0 || got.Usage.Output == 0 || got.Usage.Total != got.Usage.Input+got.Usage.Output {
		s.t.Errorf("got %+v", got.Usage)
	}
	got := s.ask(s.t.Context(), NewRequest("Hello"))
	if got.Usage.Input != 1000 || got.Usage.Output != 20 {
		s.t.Errorf("got %+v, want 1000 tokens in, cached ones included, and 20 out", got.Usage)
	}
	if s.protocol != Ollama && got.Usage.CacheRead != 900 {
		s.t.Errorf("got %d cached tokens, want 900", got.Usage.CacheRead)
	}
}

func (s *suite) stops() {
	for _, stop := range []hearth.StopReason{hearth.StopEnd, hearth.StopLength} {
		s.server.Script(Say(Reply{Text: answer, Stop: stop}))
		if got := s.ask(s.t.Context(), NewRequest("Hello")); got.Stop != stop {
			s.t.Errorf("got stop %q, want %q", got.Stop, stop)
		}
	}
}

func (s *suite) images() {
	req := NewRequest("What is this?")
	pixel := []byte("\x89PNG not really")
	req.Messages[0].Parts = append(req.Messages[0].Parts, hearth.Part{Blob: &hearth.Blob{Hash: "abc", MIME: "image/png", Bytes: len(pixel), Data: pixel}})
	s.server.Script(Say(Reply{Text: answer}))
	got := s.ask(s.t.Context(), req)
	if got.Err != nil || !strings.Contains(string(got.Body), base64.StdEncoding.EncodeToString(pixel)) {
		s.t.Errorf("error %v; the body lacks the image:\n%s", got.Err, got.Body)
	}
}

func (s *suite) waits() {
	open := make(chan struct{})
	s.server.Script(Say(Reply{Text: answer, Before: open}))
	ctx, stop := context.WithTimeout(s.t.Context(), patience)
	defer stop()
	said, opened := false, false
	for d, err := range s.newProvider(s.server.URL).Stream(ctx, NewRequest("Hello")) {
		if err != nil {
			s.t.Fatalf("got %v; said that it waits: %v", err, said)
		}
		if d.Wait != nil && (d.Wait.Phase == hearth.PhaseReading || d.Wait.Phase == hearth.PhaseLoading) && !opened {
			said, opened = true, true
			close(open)
		}
	}
	if !said {
		s.t.Error("no Wait said that the server was loading or reading")
	}
}

// writes has a call of which the server sends the beginning. Only what says that the
// model writes tells a turn that its own time has begun.
func (s *suite) writes() {
	s.server.Script(func(x *Exchange) {
		frames := x.reply(Reply{Calls: []hearth.ToolCall{{ID: "call_1", Name: readName, Arguments: readArgs}}})
		opens := slices.IndexFunc(frames, func(f Frame) bool { return strings.Contains(f.Data, `"`+readName+`"`) })
		x.Frames(frames[:opens+1]...)
		x.Hang()
	})
	ctx, stop := context.WithTimeout(s.t.Context(), patience)
	defer stop()
	for d, err := range s.newProvider(s.server.URL).Stream(ctx, NewRequest("Hello")) {
		if err != nil {
			s.t.Fatalf("got %v before anything said that the model writes", err)
		}
		if d.Call != nil || d.Wait != nil && d.Wait.Phase == hearth.PhaseWriting {
			return
		}
	}
	s.t.Error("nothing said that the model writes")
}

// endless: a server whose model thinks one thing again and again. That it comes to an end
// after all is for the one who holds all of it.
func (s *suite) endless() {
	const megabyte, most = 1 << 20, 32 << 20
	s.server.Script(func(x *Exchange) {
		r := Reply{Thinking: strings.Repeat("tea ", megabyte/4), Pieces: megabyte}
		pieces, _ := r.frames(x)
		first := r.first(x.Protocol)
		x.Frames(pieces[:first]...)
		for sent := 0; sent < 2*most && x.ctx.Err() == nil; sent += megabyte {
			x.Frames(pieces[first])
		}
		x.Drop()
	})
	got := s.ask(s.t.Context(), NewRequest("Hello"))
	if held := len(got.Thinking); hearth.ReasonOf(got.Err) != hearth.ReasonCut || held < most/2 || held > most {
		s.t.Errorf("%d bytes are held, and the error is %v", held, got.Err)
	}
	if !errors.Is(got.Err, model.ErrLeft) {
		s.t.Errorf("the error %v does not say that the server may go on", got.Err)
	}
	if e, ok := errors.AsType[*hearth.Error](got.Err); ok && strings.Contains(e.Cause, "memory") {
		s.t.Errorf("a person is told %q", e.Cause)
	}
}

// named: what a server calls its model goes into each report.
func (s *suite) named() {
	s.server.Script(Say(Reply{Text: answer, Model: strings.Repeat("größer", 1<<17)}))
	got := s.ask(s.t.Context(), NewRequest("Hello"))
	if n := len(got.Answered); n == 0 || n > 2048 || !utf8.ValidString(got.Answered) || got.Text != answer || got.Err != nil {
		s.t.Errorf("the name is kept in %d bytes; %q, %v", n, got.Text, got.Err)
	}
}

func (s *suite) cancel() {
	why := errors.New("the person wants something else")
	for _, when := range []string{"before it answers", "in the middle"} {
		behave := func(x *Exchange) { x.Hang() }
		if when != "before it answers" {
			behave = func(x *Exchange) { x.Frames(until(x, part)...); x.Hang() }
		}
		gone := s.server.Gone()
		s.server.Script(behave)
		got := s.cancelled(when != "before it answers", why)
		if hearth.ReasonOf(got.Err) != hearth.ReasonCancelled || !errors.Is(got.Err, why) {
			s.t.Errorf("%s: got %v, want ReasonCancelled with the cause kept", when, got.Err)
		}
		s.awaitGone(gone + 1)
	}
}

// cancelled asks, and cancels once the server has the request and, if wanted, the first
// text came.
func (s *suite) cancelled(afterText bool, why error) Result {
	ctx, cancel := context.WithCancelCause(s.t.Context())
	defer cancel(nil)
	text := make(chan struct{})
	var once sync.Once
	result := make(chan Result, 1)
	go func() {
		watched := func(yield func(model.Delta, error) bool) {
			for d, err := range s.held(s.newProvider(s.server.URL).Stream(ctx, NewRequest("Hello"))) {
				if !yield(d, err) {
					return
				}
				if strings.Contains(d.Text, "kettle") {
					once.Do(func() { close(text) })
				}
			}
		}
		result <- Collect(watched, toolNames...)
	}()
	wait, stop := context.WithTimeout(s.t.Context(), patience)
	defer stop()
	if err := s.server.AwaitOpen(wait, 1); err != nil {
		s.t.Fatalf("the request did not arrive: %v", err)
	}
	if afterText {
		select {
		case <-text:
		case <-wait.Done():
			s.t.Fatal("the first text did not come")
		}
	}
	cancel(why)
	select {
	case r := <-result:
		return r
	case <-wait.Done():
		s.t.Fatal("the stream went on after it was cancelled")
		return Result{}
	}
}

// awaitGone waits until n clients have closed their connections early.
func (s *suite) awaitGone(n int) {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.t.Context(), patience)
	defer stop()
	if err := s.server.await(ctx, func() bool { return s.server.gone >= n && s.server.now == 0 }); err != nil {
		s.t.Errorf("the server still works for somebody who is gone: %v", err)
	}
}

func (s *suite) abandon() {
	s.server.Script(func(x *Exchange) { x.Frames(until(x, part)...); x.Hang() })
	for d, err := range s.newProvider(s.server.URL).Stream(s.t.Context(), NewRequest("Hello")) {
		if err != nil {
			s.t.Fatal(err)
		}
		if d.Text != "" {
			break
		}
	}
	s.awaitGone(1)
}

func (s *suite) parallel() {
	const callers = 8
	s.server.Always(func(x *Exchange) {
		for i := range callers {
			if strings.Contains(string(x.Body), fmt.Sprintf("caller %d.", i)) {
				Say(Reply{Text: fmt.Sprintf("for %d", i)})(x)
			}
		}
	})
	p := s.newProvider(s.server.URL)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			got := Collect(s.held(p.Stream(s.t.Context(), NewRequest(fmt.Sprintf("caller %d.", i)))), toolNames...)
			if want := fmt.Sprintf("for %d", i); got.Text != want {
				s.t.Errorf("got %q, %v, want %q", got.Text, got.Err, want)
			}
		})
	}
	all.Wait()
}

func (s *suite) pathology(p Pathology) {
	s.t.Helper()
	if p.Down {
		s.server.Close()
	} else {
		s.server.Always(p.Serve)
	}
	var got Result
	if p.Hangs {
		got = s.cancelled(p.Want.Text != "", errors.New("somebody stopped it"))
	} else {
		got = s.ask(s.t.Context(), NewRequest("Hello"))
	}
	s.check(got, p.Want)
	if requests := s.server.Requests(); !p.Down && len(requests) != 1 {
		s.t.Errorf("%d requests were sent; a Provider never retries", len(requests))
	}
}

// check compares what came with what a row wants.
func (s *suite) check(got Result, want Want) {
	s.t.Helper()
	s.checkError(got.Err, want)
	if !textFits(got.Text, want.Text) {
		s.t.Errorf("got text %.300q, want %.300q", got.Text, want.Text)
	}
	if got.Thinking != want.Thinking {
		s.t.Errorf("got thinking %q, want %q", got.Thinking, want.Thinking)
	}
	if want.Reason == "" {
		s.sameCalls(got.Calls, want.Calls)
		s.checkStop(got.Stop, want)
	}
	if want.Answered != "" && got.Answered != want.Answered {
		s.t.Errorf("the server named %q, got %q", want.Answered, got.Answered)
	}
	if want.Notice != "" && !slices.ContainsFunc(got.Notices, func(n hearth.Notice) bool { return n.Kind == want.Notice }) {
		s.t.Errorf("got notices %v, want one of the kind %q", got.Notices, want.Notice)
	}
	if want.Reading > 0 && !slices.ContainsFunc(got.Waits, func(w hearth.Wait) bool {
		return w.Phase == hearth.PhaseReading && w.Done == want.Reading && w.Total == want.Reading
	}) {
		s.t.Errorf("got waits %+v, want one with %d tokens read", got.Waits, want.Reading)
	}
	u := got.Usage
	if min(u.Input, u.Output, u.Total, u.CacheRead, u.CacheWrite, u.Reasoning) < 0 || int64(max(u.Input, u.Output, u.Total)) > 1<<40 {
		s.t.Errorf("got an absurd count %+v", u)
	}
	if w := want.Usage; w != nil && (u.Input != w.Input || u.Output != w.Output) {
		s.t.Errorf("got usage %+v, want %+v", u, *w)
	}
}

func (s *suite) checkStop(got hearth.StopReason, want Want) {
	s.t.Helper()
	if want.Stop == "" {
		want.Stop = hearth.StopEnd
		if len(want.Calls) > 0 {
			want.Stop = hearth.StopToolCalls
		}
	}
	// A server that says tool_calls without calls, or stop with them, is passed on as it
	// is or put right; whoever acts looks at the calls.
	if got != want.Stop && !(isOver(got) && isOver(want.Stop)) {
		s.t.Errorf("got stop %q, want %q", got, want.Stop)
	}
}

func isOver(stop hearth.StopReason) bool {
	return stop == hearth.StopEnd || stop == hearth.StopToolCalls
}

func (s *suite) checkError(err error, want Want) {
	s.t.Helper()
	if want.Reason == "" {
		if err != nil {
			s.t.Errorf("got the error %v, want none", err)
		}
		return
	}
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok {
		s.t.Errorf("got the error %v, want one with the reason %q", err, want.Reason)
		return
	}
	if e.Reason != want.Reason {
		s.t.Errorf("got the reason %q (%v), want %q", e.Reason, err, want.Reason)
	}
	if e.RetryAfter != want.RetryAfter {
		s.t.Errorf("got RetryAfter %v, want %v", e.RetryAfter, want.RetryAfter)
	}
	if !strings.Contains(err.Error(), want.Words) {
		s.t.Errorf("the error %q lost the server's words %q", err, want.Words)
	}
	if errors.Is(err, model.ErrLeft) {
		s.t.Errorf("the error %q says that the server may go on, which it does not", err)
	}
	refusal, teaches := errors.AsType[*model.Refusal](err)
	switch {
	case want.Lesson == "" && teaches:
		s.t.Errorf("the error teaches %q; nothing is to be learned here", refusal.Lesson)
	case want.Lesson != "" && !teaches:
		s.t.Errorf("the error %q does not teach %q", err, want.Lesson)
	case want.Lesson != "" && refusal.Lesson != want.Lesson, want.Detail != "" && refusal.Detail != want.Detail:
		s.t.Errorf("the error teaches %q %q, want %q %q", refusal.Lesson, refusal.Detail, want.Lesson, want.Detail)
	}
}
