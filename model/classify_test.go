package model_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"hearth"
	"hearth/model"
)

func TestErrorCorpus(t *testing.T) {
	rows := 0
	for _, file := range []string{"testdata/errors/local.txtar", "testdata/errors/hosted.txtar"} {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			rows++
			t.Run(f.Name, func(t *testing.T) {
				seen, want := captured(t, string(f.Data))
				e := model.Classify(seen)
				if got := summary(e); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
				_ = told(t, e)
				for _, s := range []string{e.Cause, e.Try} {
					if !strings.HasSuffix(s, ".") && !strings.Contains(s, ": hearth ") && !strings.HasSuffix(s, ")") || strings.Contains(s, "{") {
						t.Errorf("not a sentence: %q", s)
					}
				}
			})
		}
	}
	if rows < 130 {
		t.Errorf("only %d rows", rows)
	}
}

// captured reads one file of the corpus.
func captured(t *testing.T, data string) (model.Seen, string) {
	t.Helper()
	head, body, _ := strings.Cut(data+"\n", "\n\n")
	seen := model.Seen{Op: "openai chat", Provider: "box", Model: "qwen3", Header: http.Header{}, Body: []byte(strings.TrimSuffix(body, "\n"))}
	want := ""
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "status":
			seen.Status, _ = strconv.Atoi(value)
		case "want":
			want = value
		default:
			seen.Header.Set(name, value)
		}
	}
	return seen, want
}

func summary(e *hearth.Error) string {
	s := string(e.Reason)
	if o, ok := errors.AsType[*model.Overflow](e); ok {
		if o.Window > 0 {
			s += fmt.Sprintf(" window=%d", o.Window)
		}
		if o.Prompt > 0 {
			s += fmt.Sprintf(" prompt=%d", o.Prompt)
		}
		if o.Prompt > 0 && !o.Exact {
			s += " about"
		}
	}
	if r, ok := errors.AsType[*model.Refusal](e); ok {
		s += " lesson=" + string(r.Lesson)
		if r.Lesson == model.LessonDropField || r.Lesson == model.LessonDropKeyword || r.Lesson == model.LessonMaxTokensField {
			s += ":" + r.Detail
		}
	}
	if e.TooLarge {
		s += " too-large"
	}
	if e.RetryAfter > 0 {
		s += " retry=" + e.RetryAfter.String()
	}
	return s
}

func TestWhatAPersonReads(t *testing.T) {
	rows := []struct{ name, status, body, want string }{
		{"overflow", "400", `{"error":{"code":400,"message":"request (5629 tokens) exceeds the available context size (4096 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":5629,"n_ctx":4096}}`,
			"openai chat: HTTP 400: request (5629 tokens) exceeds the available context size (4096 tokens), try increasing it\n" +
				"The conversation has 5629 tokens and qwen3 was loaded with room for 4096.\n" +
				"Load the model with a larger context window, or make the conversation shorter (/compact, /new)."},
		{"HTTPS, asked without", "400", `Client sent an HTTP request to an HTTPS server.`,
			"openai chat: HTTP 400: Client sent an HTTP request to an HTTPS server.\nThe server at that port speaks HTTPS.\nWrite https:// instead of http:// in models.providers.box.baseUrl."},
		{"HTTPS of nginx, asked without", "400", `<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>`,
			"openai chat: HTTP 400: a web page titled \"400 The plain HTTP request was sent to HTTPS port\"\nThe server at that port speaks HTTPS.\nWrite https:// instead of http:// in models.providers.box.baseUrl."},
		{"wrong path", "200", `{"error":"Unexpected endpoint or method. (POST /chat/completions)"}`,
			"openai chat: Unexpected endpoint or method. (POST /chat/completions)\nThe server has no such path.\nLM Studio's address ends in /v1: correct models.providers.box.baseUrl."},
		{"unknown model", "404", `{"error":"model 'qwen3' not found"}`,
			"openai chat: HTTP 404: model 'qwen3' not found\nProvider box does not offer qwen3 at this address.\nSee what it offers: hearth models list --refresh"},
		{"control characters", "500", "{\"error\":\"a\\u001b[31m\\nb\"}",
			"openai chat: HTTP 500: a [31m b\nProvider box broke while it worked on the request.\nLook at its log for the time of this request, and ask again."},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			status, _ := strconv.Atoi(row.status)
			e := model.Classify(model.Seen{Op: "openai chat", Provider: "box", Model: "qwen3", Status: status, Body: []byte(row.body)})
			if got := e.Error() + "\n" + e.Cause + "\n" + e.Try; got != row.want {
				t.Errorf("got\n%s\nwant\n%s", got, row.want)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	rows := []struct {
		header, value, words string
		want                 time.Duration
	}{
		{"Retry-After", "7", "", 7 * time.Second},
		{"Retry-After", "0.5", "", 500 * time.Millisecond},
		{"Retry-After", "6ms", "", 6 * time.Millisecond},
		{"Retry-After", "1m3.5s", "", 63500 * time.Millisecond},
		{"Retry-After", "114h18m0s", "", 114*time.Hour + 18*time.Minute},
		{"Retry-After", "Sat, 21 Nov 2026 10:00:20 GMT", "", 20 * time.Second},
		{"Retry-After", "Sat, 21 Nov 2026 09:00:00 GMT", "", 0},
		{"Retry-After", "-3", "", 0},
		{"Retry-After", "NaN", "", 0},
		{"Retry-After", "1e300", "", 7 * 24 * time.Hour},
		{"Retry-After", "soon", "Please try again in 1m3s.", 63 * time.Second},
		{"Retry-After-Ms", "1500", "", 1500 * time.Millisecond},
		{"", "", "try again in 6ms", 6 * time.Millisecond},
		{"", "", "Retry after 30 seconds", 30 * time.Second},
		{"", "", `"retryDelay": "37s"`, 37 * time.Second},
		{"", "", "try again later", 0},
	}
	for _, row := range rows {
		h := http.Header{}
		if row.header != "" {
			h.Set(row.header, row.value)
		}
		if got := model.RetryAfter(h, row.words, now); got != row.want {
			t.Errorf("%s: %s %q: got %s, want %s", row.header, row.value, row.words, got, row.want)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(400, `{"error":{"message":"{\"error\":\"x\"}","code":"400"}}`)
	f.Add(200, `[{"detail":[{"loc":["body",1],"msg":"x"}]}]`)
	f.Add(502, `<title>x`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		e := model.Classify(model.Seen{Op: "x", Status: status, Body: []byte(body)})
		if e.Reason == "" || e.Cause == "" || e.Try == "" || e.Err == nil || len(e.Error()) > 4096 {
			t.Fatalf("%#v", e)
		}
	})
}

func TestASilentOverflowNamesTheWindowOnlyWhereTheCountsFillIt(t *testing.T) {
	req := &model.Request{Model: "m", Capabilities: model.Capabilities{Window: 40_000, WindowKnown: true}}
	for name, c := range map[string]struct {
		usage  hearth.Usage
		stop   hearth.StopReason
		none   bool
		window int
	}{
		"the prompt fills the window":               {hearth.Usage{Input: 40_000}, hearth.StopEnd, false, 40_000},
		"it stops for length before the first word": {hearth.Usage{Input: 10_000}, hearth.StopLength, false, 0},
		"it wrote something":                        {hearth.Usage{Input: 10_000, Output: 5}, hearth.StopLength, true, 0},
		"it had nothing to say":                     {hearth.Usage{Input: 10_000}, hearth.StopEnd, true, 0},
	} {
		err := model.SilentOverflow("chat", req, c.usage, c.stop)
		if (err == nil) != c.none {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.none {
			continue
		}
		if o, ok := errors.AsType[*model.Overflow](err); !ok || o.Window != c.window || o.Prompt != c.usage.Input {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// Only a count of the whole request says how a model counts.
func TestANumberInARefusalIsACountOrNot(t *testing.T) {
	for words, exact := range map[string]bool{
		`request (12345 tokens) exceeds the available context size (8192 tokens), try increasing it`:                                                                                   true,
		`This model's maximum context length is 8192 tokens. However, your messages resulted in 12345 tokens.`:                                                                         true,
		`prompt is too long: 12345 tokens > 8192 maximum`:                                                                                                                              true,
		`This model's maximum context length is 8192 tokens. However, you requested 0 output tokens and your prompt contains at least 8193 input tokens, for a total of at least 8193`: false,
		`You passed 98765 input characters and requested 512 output tokens. However, the model's context length is only 8192 tokens`:                                                   false,
		`The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 6144>= n_ctx: 4096).`:                                                        false,
		`Trying to keep the first 6144 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.`:                  false,
		`context size has been exceeded`: false,
	} {
		err := model.Classify(model.Seen{Status: 400, Body: fmt.Appendf(nil, `{"error":{"message":%q}}`, words)})
		if o, ok := errors.AsType[*model.Overflow](err); !ok || o.Exact != exact {
			t.Errorf("%s: %+v", words, o)
		}
	}
}
