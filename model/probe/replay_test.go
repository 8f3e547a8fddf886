package probe_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/model/probe"
)

// cachingServer keeps the tokens that it read and wrote, as a server's KV cache does, and
// reads what a chat template makes of each request; every word is a token.
type cachingServer struct {
	template string // what becomes of the reasoning of earlier answers: keeps, drops, trims, insists
	rollback bool   // the cache can be cut back to where a prompt differs
	counts   string // how it tells what it had: usage, timings, never
	refuses  bool   // reasoning that is sent back
	mute     bool   // it does not think
	endless  bool   // it never comes to an answer
	calls    int
	cache    []string
}

func (s *cachingServer) render(r *model.Request) (prompt []string, replayed bool) {
	for _, m := range r.Messages {
		var thought, text string
		for _, p := range m.Parts {
			thought += p.Thinking
			text += p.Text
		}
		prompt = append(prompt, "<"+string(m.Role)+">")
		if m.Role == hearth.RoleAssistant && r.Capabilities.ReplayThinking {
			replayed = true
		} else if s.template != "insists" { // it writes what it was given nothing for
			thought = ""
		}
		if m.Role == hearth.RoleAssistant && s.template != "drops" && thought != "" {
			prompt = append(append(prompt, "<think>"), strings.Fields(thought)...)
			if s.template != "trims" {
				prompt = append(prompt, "</think>")
			}
		}
		prompt = append(append(prompt, strings.Fields(text)...), "<end>")
	}
	return append(prompt, "<assistant>"), replayed
}

func (s *cachingServer) Stream(_ context.Context, r *model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		s.calls++
		prompt, replayed := s.render(r)
		if replayed && s.refuses {
			yield(model.Delta{}, &hearth.Error{Op: "chat", Reason: hearth.ReasonBadRequest, HTTPStatus: 400, Err: errors.New("reasoning_content: Extra inputs are not permitted")})
			return
		}
		cached := 0
		for cached < min(len(prompt)-1, len(s.cache)) && prompt[cached] == s.cache[cached] {
			cached++
		}
		if cached < len(s.cache) && !s.rollback && cached < len(prompt)-1 {
			cached = 0
		}
		thought := strings.TrimSpace(strings.Repeat(fmt.Sprintf("let me count %d ", s.calls), 12))
		text := fmt.Sprintf("There are %d of them.", s.calls)
		answer := append(append([]string{"<think>"}, strings.Fields(thought)...), "</think>")
		if s.mute {
			thought, answer = "", nil
		}
		if s.endless {
			text = ""
		}
		answer = append(append(answer, strings.Fields(text)...), "<end>")
		s.cache = slices.Concat(prompt, answer)
		deltas := []model.Delta{{Thinking: thought}, {Text: text}}
		use := hearth.Usage{Input: len(prompt), Output: len(answer)}
		switch s.counts {
		case "usage":
			use.CacheRead = cached
		case "timings":
			deltas = append(deltas, model.Delta{Timing: &model.Timing{PromptTokens: len(prompt) - cached, CachedTokens: cached}})
		}
		for _, d := range append(deltas, model.Delta{Usage: &use}, model.Delta{Stop: hearth.StopEnd}) {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func TestReplay(t *testing.T) {
	for _, row := range []struct {
		name     string
		server   cachingServer
		want     string
		evidence string
		requests int
	}{
		{"a template that keeps reasoning wants it back", cachingServer{template: "keeps", rollback: true, counts: "usage"}, "true", "of the 112 tokens of its answers it read 112 again without its reasoning; with it, 0 of 112", 6},
		{"so does one whose line ends differ", cachingServer{template: "trims", rollback: true, counts: "usage"}, "true", "with it, 14 of 112", 6},
		{"a cache that cannot be cut back makes it matter more", cachingServer{template: "keeps", counts: "timings"}, "true", "it read 186 again without its reasoning; with it, 0 of 112", 6},
		{"a template that drops reasoning does not care", cachingServer{template: "drops", rollback: true, counts: "usage"}, "false", "it makes no difference", 6},
		{"nor with a cache that cannot be cut back", cachingServer{template: "drops", counts: "timings"}, "unknown", "the server does not say", 6},
		{"a server that keeps the reasoning itself", cachingServer{template: "insists", rollback: true, counts: "timings"}, "false", "it read 0 again without its reasoning", 6},
		{"a server that takes none back", cachingServer{template: "keeps", rollback: true, counts: "usage", refuses: true}, "false", "refused: reasoning_content: Extra inputs", 5},
		{"a server that counts nothing", cachingServer{template: "keeps", rollback: true, counts: "never"}, "unknown", "the server does not say", 6},
		{"a model that does not think this time", cachingServer{template: "keeps", counts: "usage", mute: true}, "unknown", "it answered without thinking: There are 1", 1},
		{"a model that thinks too long", cachingServer{template: "keeps", counts: "usage", endless: true}, "unknown", "it thought longer than this test waits: let me count", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			res, err := probe.Replay(t.Context(), probe.Subject{Provider: &row.server, Protocol: "openai-completions", Base: model.Request{Model: "m"}})
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Findings) != 1 || res.Findings[0].Field != "replayThinking" || res.Findings[0].Value != row.want || !strings.Contains(res.Findings[0].Evidence, row.evidence) {
				t.Errorf("found %+v, want %s: …%s…", res.Findings, row.want, row.evidence)
			}
			got := "unknown"
			if v := res.Layer.ReplayThinking; v != nil {
				got = fmt.Sprint(*v)
			}
			if got != row.want {
				t.Errorf("the layer says %s", got)
			}
			if row.server.calls != row.requests || res.Requests != row.requests {
				t.Errorf("%d requests (said %d), want %d", row.server.calls, res.Requests, row.requests)
			}
		})
	}
}

func TestReplayTellsNothingWhereOthersCameBetween(t *testing.T) {
	server := &cachingServer{template: "keeps", rollback: true, counts: "usage"}
	asked := 0
	res, err := probe.Replay(t.Context(), probe.Subject{Provider: server, Protocol: "openai-completions", GiveWay: func(context.Context) (bool, error) {
		asked++
		return asked == 3, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Findings) != 1 || res.Findings[0].Value != "unknown" || res.Layer.ReplayThinking != nil || !strings.Contains(res.Findings[0].Evidence, "somebody else") {
		t.Errorf("found %+v", res.Findings)
	}
}

func TestOthersMayComeBeforeEveryRequest(t *testing.T) {
	server := &cachingServer{template: "keeps", rollback: true, counts: "usage"}
	gone, asked := errors.New("ctrl-c"), 0
	_, err := probe.Replay(t.Context(), probe.Subject{Provider: server, Protocol: "openai-completions", GiveWay: func(context.Context) (bool, error) {
		if asked != server.calls {
			t.Errorf("%d requests, and others could come %d times", server.calls, asked)
		}
		if asked++; asked == 3 {
			return false, gone
		}
		return false, nil
	}})
	if !errors.Is(err, gone) || server.calls != 2 {
		t.Errorf("%v after %d requests, want the end before the third", err, server.calls)
	}
}

func TestReplayEndsWithTheServer(t *testing.T) {
	p := &parrot{habits: []string{"thinks", "dies"}}
	res, err := probe.Replay(t.Context(), probe.Subject{Provider: p, Protocol: "openai-completions"})
	if hearth.ReasonOf(err) != hearth.ReasonUnreachable || len(res.Findings) > 0 || res.Layer.ReplayThinking != nil {
		t.Errorf("found %+v, %v", res.Findings, err)
	}
}
