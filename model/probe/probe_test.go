package probe_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/model/modeltest"
	"hearth/model/openai"
	"hearth/model/probe"
)

// parrot is a model server whose habits are switched on one by one.
type parrot struct {
	habits []string
	calls  int
	sent   []string // what each request looked like
}

func (p *parrot) has(habit string) bool { return slices.Contains(p.habits, habit) }

func (p *parrot) Stream(_ context.Context, r *model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		p.calls++
		extra := string(r.ExtraBody)
		for _, shape := range r.Shapes {
			extra += string(shape)
		}
		p.sent = append(p.sent, extra)
		text, err := p.answer(r, extra)
		if err != nil {
			yield(model.Delta{}, err)
			return
		}
		in := 20
		if p.has("hides cached") && p.calls == 2 {
			in = 1
		}
		use := hearth.Usage{Input: in, Output: 2}
		if p.has("caches") && p.calls == 2 {
			use.CacheRead = 19
		}
		off := r.Thinking == "off" && (p.has("switch " + r.Capabilities.ThinkingFormat))
		if p.has("thinks") && !off {
			yield(model.Delta{Thinking: "Let me see."}, nil)
		}
		called := len(r.Tools) > 0 && p.has("tools") && (strings.Contains(question(r), "Use the tool") || strings.Contains(extra, "required") && p.has("forced"))
		if called {
			yield(model.Delta{Call: &hearth.ToolCall{Name: r.Tools[0].Name, Arguments: `{"city":"Paris"}`}}, nil)
		} else {
			yield(model.Delta{Text: text}, nil)
		}
		yield(model.Delta{Usage: &use}, nil)
		yield(model.Delta{Stop: hearth.StopEnd}, nil)
	}
}

func (p *parrot) answer(r *model.Request, extra string) (string, error) {
	no := func(reason hearth.Reason, words string) (string, error) {
		return "", &hearth.Error{Op: "chat", Reason: reason, HTTPStatus: 400, Err: errors.New(words)}
	}
	var picture *hearth.Blob
	if len(r.Messages) > 0 {
		picture = r.Messages[0].Parts[len(r.Messages[0].Parts)-1].Blob
	}
	switch {
	case p.has("down"):
		return no(hearth.ReasonUnreachable, "connection refused")
	case p.has("dies") && p.calls > 2:
		return no(hearth.ReasonUnreachable, "connection refused")
	case len(r.Tools) > 0 && p.has("refuses tools"):
		return no(hearth.ReasonToolsRefused, "does not support tools")
	case len(r.Tools) > 0 && p.has("calls as text"):
		return "[get_weather]\n{\"city\":\"Paris\"}\n[END_TOOL_REQUEST]", nil
	case strings.Contains(extra, `"type":"text"`) && p.has("strings only"):
		return no(hearth.ReasonBadRequest, "expected a string")
	case strings.Count(extra, `"system"`) > 1 && p.has("one system"):
		return no(hearth.ReasonServer, "System message must be at the beginning.")
	case strings.Count(extra, `"role":"user"`) == 2 && !strings.Contains(extra, "assistant") && p.has("alternates"):
		return no(hearth.ReasonBadRequest, "roles must alternate")
	case strings.Contains(extra, "developer") && p.has("developer"):
		return "Pineapple.", nil
	case picture != nil && p.has("refuses images"):
		return no(hearth.ReasonServer, "image input is not supported")
	case picture != nil && p.has("sees"):
		return "Red", nil
	}
	if p.has("thinks aloud") {
		return "<think>\nLet me see.\n</think>\n\nok", nil
	}
	if p.has("closes what it never opened") {
		return "Let me see.\n</think>\n\nok", nil
	}
	return "ok", nil
}

func question(r *model.Request) string {
	if len(r.Messages) == 0 {
		return ""
	}
	return r.Messages[0].Parts[0].Text
}

// A shape that a server never saw tells nothing about it: the questions go out through
// the protocol's own encoder.
func TestShapesReachTheServer(t *testing.T) {
	server := modeltest.NewServer(t, modeltest.Config{})
	at, err := model.ParseEndpoint(server.URL + "/v1")
	if err != nil {
		t.Fatal(err)
	}
	p := openai.New(openai.Config{Client: model.NewClient(model.ClientConfig{Provider: "box", Endpoint: at})})
	if _, err := probe.Probe(t.Context(), probe.Subject{Provider: p, Protocol: "openai-completions", Base: model.Request{Model: "test-model"}}); err != nil {
		t.Fatal(err)
	}
	var sent strings.Builder
	for _, r := range server.Requests() {
		sent.Write(r.Body)
	}
	for _, want := range []string{
		`"messages":[{"role":"user","content":[{"type":"text",`, `{"role":"system","content":"Be very brief."},`,
		`"messages":[{"role":"user","content":"Hello."},{"role":"user",`, `"messages":[{"role":"developer",`,
	} {
		if !strings.Contains(sent.String(), want) {
			t.Errorf("no request holds %s", want)
		}
	}
}

func TestProbe(t *testing.T) {
	rows := []struct {
		name, protocol string
		habits         []string
		want           string
		most           int
	}{
		{"an able server", "openai-completions", []string{"tools", "forced", "caches", "developer", "sees"},
			"reasoning=false streamUsage=true cachedCounted=true tools=native forcedToolChoice=true refusedKeywords=none stringContent=false oneSystem=false alternateRoles=false developerRole=true vision=true", 10},
		{"a fussy one", "openai-completions", []string{"refuses tools", "hides cached", "strings only", "one system", "alternates", "refuses images"},
			"reasoning=false streamUsage=true cachedCounted=false tools=none stringContent=true oneSystem=true alternateRoles=true developerRole=unknown vision=false", 8},
		{"a model that thinks", "openai-completions", []string{"tools", "thinks", "switch openai"},
			"reasoning=true streamUsage=true tools=native forcedToolChoice=false refusedKeywords=none stringContent=false oneSystem=false alternateRoles=false developerRole=unknown thinkingFormat=openai vision=unknown", 12},
		{"a model whose thinking stands in its text", "openai-completions", []string{"thinks aloud"},
			"reasoning=true streamUsage=true tools=unknown stringContent=false oneSystem=false alternateRoles=false developerRole=unknown thinkingFormat=unknown vision=unknown", 11},
		{"a model whose template opens its thinking", "openai-completions", []string{"closes what it never opened"},
			"reasoning=true streamUsage=true tools=unknown stringContent=false oneSystem=false alternateRoles=false developerRole=unknown thinkingFormat=unknown vision=unknown", 11},
		{"calls as text", "openai-completions", []string{"calls as text"},
			"reasoning=false streamUsage=true tools=text stringContent=false oneSystem=false alternateRoles=false developerRole=unknown vision=unknown", 8},
		{"a model that will not call", "openai-completions", nil,
			"reasoning=false streamUsage=true tools=unknown stringContent=false oneSystem=false alternateRoles=false developerRole=unknown vision=unknown", 8},
		{"another protocol", "ollama", []string{"tools", "sees", "thinks", "switch "},
			"reasoning=true streamUsage=true tools=native refusedKeywords=none thinkingFormat= vision=true", 6},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p := &parrot{habits: row.habits}
			var tried []string
			res, err := probe.Probe(t.Context(), probe.Subject{Provider: p, Protocol: row.protocol, Base: model.Request{Model: "m"}, Progress: func(c string) { tried = append(tried, c) }})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range res.Findings {
				got = append(got, f.Field+"="+f.Value)
				if f.Evidence == "" || res.Layer.Evidence[f.Field] != f.Evidence {
					t.Errorf("%s has no evidence", f.Field)
				}
			}
			if all := strings.Join(got, " "); all != row.want {
				t.Errorf("found\n%s\nwant\n%s", all, row.want)
			}
			if res.Requests != p.calls || p.calls > row.most || len(tried) == 0 {
				t.Errorf("%d requests (said %d), want at most %d", p.calls, res.Requests, row.most)
			}
		})
	}
}

func TestAProbeStopsWhenTheServerIsGone(t *testing.T) {
	for habit, want := range map[string]int{"down": 0, "dies": 2} {
		p := &parrot{habits: []string{habit}}
		res, err := probe.Probe(t.Context(), probe.Subject{Provider: p, Protocol: "openai-completions"})
		if hearth.ReasonOf(err) != hearth.ReasonUnreachable || len(res.Findings) != want || p.calls > 3 {
			t.Errorf("%s: %d findings after %d requests, %v", habit, len(res.Findings), p.calls, err)
		}
	}
}

func TestAProbeKeepsTheOptions(t *testing.T) {
	p := &parrot{}
	base := model.Request{Model: "m", Options: []byte(`{"num_ctx":4096}`)}
	seen := 0
	watch := providerFunc(func(ctx context.Context, r *model.Request) iter.Seq2[model.Delta, error] {
		if string(r.Options) == `{"num_ctx":4096}` && r.Model == "m" && r.MaxTokens > 0 {
			seen++
		}
		return p.Stream(ctx, r)
	})
	if _, err := probe.Probe(t.Context(), probe.Subject{Provider: watch, Protocol: "ollama", Base: base}); err != nil || seen != p.calls {
		t.Errorf("%d of %d requests kept the options, %v", seen, p.calls, err)
	}
}

type providerFunc func(context.Context, *model.Request) iter.Seq2[model.Delta, error]

func (f providerFunc) Stream(ctx context.Context, r *model.Request) iter.Seq2[model.Delta, error] {
	return f(ctx, r)
}

// What a model that was shown a red square may answer, and what that says of its eyes.
func TestAnswersToARedSquare(t *testing.T) {
	for text, want := range map[string]string{
		"Red": "true", "It is **crimson**.": "true", "The picture is blue.": "false", "I cannot see images.": "false",
		"I don't see a picture.": "false", "There is no image attached.": "false", "ok": "unknown", "answer 8": "unknown", "Preferred.": "unknown",
	} {
		out, err := probe.Probe(t.Context(), probe.Subject{Provider: saying(text), Protocol: "openai-completions"})
		at := slices.IndexFunc(out.Findings, func(f probe.Finding) bool { return f.Field == "vision" })
		if err != nil || at < 0 || out.Findings[at].Value != want || (out.Layer.Vision == nil) != (want == "unknown") {
			t.Errorf("%q: %+v, %v, want %s", text, out.Findings, err, want)
		}
	}
}

// saying is a model that answers everything with the same words.
type saying string

func (s saying) Stream(context.Context, *model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		_ = yield(model.Delta{Text: string(s)}, nil) && yield(model.Delta{Stop: hearth.StopEnd}, nil)
	}
}

// rambler never ends an answer, whatever it was to have at most.
type rambler struct{ asked, stopped int }

func (p *rambler) Stream(_ context.Context, _ *model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		p.asked++
		for range 100_000 {
			if !yield(model.Delta{Text: "and again "}, nil) {
				p.stopped++
				return
			}
		}
	}
}

func TestAModelThatNeverEndsIsStopped(t *testing.T) {
	server := new(rambler)
	_, err := probe.Probe(t.Context(), probe.Subject{Provider: server, Base: model.Request{Model: "m"}})
	if err != nil || server.asked == 0 || server.stopped != server.asked {
		t.Errorf("%v: %d of %d answers were stopped", err, server.stopped, server.asked)
	}
}
