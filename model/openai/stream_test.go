package openai

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/internal/sse"
	"hearth/model"
)

func providerFor(tb testing.TB, h http.HandlerFunc) *Provider {
	tb.Helper()
	server := httptest.NewServer(h)
	tb.Cleanup(server.Close)
	return New(Config{Client: model.NewClient(model.ClientConfig{Provider: "box", Endpoint: model.Endpoint{BaseURL: server.URL + "/v1"}})})
}

func TestWhatIsSentIsToldFirst(t *testing.T) {
	var got []byte
	p := providerFor(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v1/chat/completions" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		var b bytes.Buffer
		_, _ = b.ReadFrom(r.Body)
		got = b.Bytes()
		_, _ = w.Write([]byte("data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"))
	})
	var told []byte
	n := 0
	for d, err := range p.Stream(t.Context(), typical()) {
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 && d.Sent != nil {
			told = d.Sent.Body
		}
		n++
	}
	if told == nil || !bytes.Equal(told, got) {
		t.Errorf("told %s\nsent %s", told, got)
	}
}

func TestStoppingEarlyTellsTheServer(t *testing.T) {
	for _, after := range []string{"connecting", "text"} {
		t.Run(after, func(t *testing.T) {
			left := make(chan struct{})
			p := providerFor(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = w.Write([]byte("data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n"))
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
				close(left)
			})
			for d, err := range p.Stream(t.Context(), typical()) {
				if err != nil {
					t.Fatal(err)
				}
				if d.Wait != nil && string(d.Wait.Phase) == after {
					return // nothing was dialled
				}
				if d.Text != "" {
					break
				}
			}
			<-left
		})
	}
}

func TestAnExtraBodyThatIsNoObject(t *testing.T) {
	req := typical()
	req.ExtraBody = []byte(`[1]`)
	for d, err := range New(Config{Client: model.NewClient(model.ClientConfig{})}).Stream(t.Context(), req) {
		if hearth.ReasonOf(err) != hearth.ReasonConfig {
			t.Errorf("got %+v, %v", d, err)
		}
	}
}

// quiet is a clock without an exchange.
type quiet struct{ begun bool }

func (q *quiet) Token() bool {
	first := !q.begun
	q.begun = true
	return first
}
func (q *quiet) Finished() {}
func (q *quiet) FrameError(b []byte) *hearth.Error {
	return model.Classify(model.Seen{Op: op, Status: 200, Body: b})
}
func (*quiet) TooLong() *hearth.Error { return &hearth.Error{Op: op, Reason: hearth.ReasonCut} }
func (q *quiet) Ended(err error) *hearth.Error {
	return &hearth.Error{Op: op, Reason: hearth.ReasonCut, Err: fmt.Errorf("ended: %w", err)}
}

// FuzzDecoder: whatever a server sends, an answer ends in one Stop or one error, calls
// have ids of their own, and how the bytes are cut changes nothing.
func FuzzDecoder(f *testing.F) {
	f.Add("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"read\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	f.Add(": keepalive 1/2\n\nevent: error\ndata: {\"error\":\"x\"}\n\n")
	f.Fuzz(func(t *testing.T, s string) {
		d := newDecoder(asking(), &quiet{})
		var out []model.Delta
		keep := func(m ...model.Delta) bool { out = append(out, m...); return true }
		events := sse.NewDecoder(strings.NewReader(s), sse.Config{})
		var err error
		for err == nil && !d.done {
			var e sse.Event
			if e, err = events.Next(); err == nil {
				err = d.event(e)
			}
			d.flush(keep)
		}
		end := d.end(err)
		d.flush(keep)
		stops := 0
		ids := map[hearth.CallID]bool{"old": true}
		for _, m := range out {
			if m.Stop != "" {
				stops++
			}
			if m.Call != nil {
				if ids[m.Call.ID] {
					t.Fatalf("id %s twice", m.Call.ID)
				}
				ids[m.Call.ID] = true
			}
		}
		if (stops == 1) == (end != nil) {
			t.Fatalf("%d stops and error %v", stops, end)
		}
		if e, ok := errors.AsType[*hearth.Error](end); end != nil && (!ok || e.Reason == "") {
			t.Fatalf("%v", end)
		}
	})
}

// BenchmarkToken is the cost of one streamed token, sockets of both sides included.
func BenchmarkToken(b *testing.B) {
	const tokens = 2000
	frame := []byte(`data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1700000000,"model":"qwen3","system_fingerprint":"b1","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}` + "\n\n")
	last := []byte("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	for _, row := range []struct {
		name  string
		write func(w http.ResponseWriter)
	}{
		{"each flushed", func(w http.ResponseWriter) {
			c := http.NewResponseController(w)
			for range tokens {
				_, _ = w.Write(frame)
				_ = c.Flush()
			}
		}},
		{"all at once", func(w http.ResponseWriter) { _, _ = w.Write(slices.Repeat(frame, tokens)) }},
	} {
		b.Run(row.name, func(b *testing.B) {
			p := providerFor(b, func(w http.ResponseWriter, _ *http.Request) {
				row.write(w)
				_, _ = w.Write(last)
			})
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for d, err := range p.Stream(b.Context(), typical()) {
					if err != nil {
						b.Fatal(err)
					}
					if d.Text != "" {
						n++
					}
				}
				if n != tokens {
					b.Fatalf("%d tokens", n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/tokens, "ns/token")
		})
	}
}

// A server that begins one call after the other, or one with a name without an end, is not
// gathered from until memory ends.
func TestCallsWithoutAnEndAreLeft(t *testing.T) {
	for name, call := range map[string]func(i int) string{
		"calls": func(i int) string { return fmt.Sprintf(`{"index":%d,"id":"call_%d","function":{"name":"read"}}`, i, i) },
		"names": func(i int) string {
			return fmt.Sprintf(`{"index":%d,"id":"call_%d","function":{"name":"%s"}}`, i, i, strings.Repeat("a", 1<<20))
		},
	} {
		d, err := newDecoder(asking(), &quiet{}), error(nil)
		for i := 0; i < 5000 && err == nil; i++ {
			if name == "names" && i > 64 {
				break
			}
			err = d.event(sse.Event{Data: fmt.Appendf(nil, `{"choices":[{"delta":{"tool_calls":[%s]}}]}`, call(i))})
		}
		if err == nil {
			t.Errorf("%s: %d calls are held", name, len(d.calls.list))
		}
	}
}
