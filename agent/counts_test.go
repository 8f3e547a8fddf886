package agent_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiktoken-go/tokenizer"

	"hearth"
	"hearth/agent"
	"hearth/model"
	"hearth/prompt"
)

// learned is where gauges are kept between sessions.
type learned struct {
	mu     sync.Mutex // guards the fields below
	ratios map[string][2]float64
	writes int
	codec  tokenizer.Codec // of the server; nil = it does not tell
	asked  int
}

func (l *learned) Tokenize(_ context.Context, _ model.Target, texts []string) []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	if l.codec == nil {
		return nil
	}
	counts := make([]int, len(texts))
	for i, text := range texts {
		ids, _, err := l.codec.Encode(text)
		if err != nil {
			return nil
		}
		counts[i] = len(ids)
	}
	return counts
}

func (l *learned) TokenRatio(origin, id string) (ascii, other float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.ratios[origin+" "+id]
	return r[0], r[1]
}

func (l *learned) TokensCounted(origin, id string, ascii, other float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ratios == nil {
		l.ratios = make(map[string][2]float64)
	}
	l.ratios[origin+" "+id] = [2]float64{ascii, other}
	l.writes++
}

// talkIn is a conversation with a server that counts as real ones do.
func talkIn(t *testing.T, codec tokenizer.Codec, kept *learned, language string) *scene {
	s := newScene(t, nil)
	s.cfg.Router = &counted{codec: codec, say: func(n int) string { return passage(n+3, language) }}
	s.cfg.Counts = kept
	s.agent = agent.New(s.cfg)
	return s
}

func TestANewConversationCountsAsTheLastOneTaught(t *testing.T) {
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		t.Fatal(err)
	}
	kept := &learned{}
	first := talkIn(t, codec, kept, "Russian")
	for n := range 4 {
		if _, err := first.say(passage(n, "Russian")); err != nil {
			t.Fatal(err)
		}
	}
	next := talkIn(t, codec, kept, "Russian")
	text := passage(5, "Russian")
	if _, err := next.agent.Accept(t.Context(), next.mem, prompt.Incoming{Text: text}); err != nil {
		t.Fatal(err)
	}
	c, err := next.agent.Context(t.Context(), next.mem)
	if err != nil {
		t.Fatal(err)
	}
	ids, _, err := codec.Encode(next.mem.entries[0].Message.Parts[0].Text + text)
	if err != nil {
		t.Fatal(err)
	}
	within(t, "the first message of the next conversation", c.Used-c.System-c.Tools, len(ids), 0.15)
}

func TestTooLittleToTellAnythingIsNotKept(t *testing.T) {
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		t.Fatal(err)
	}
	kept := &learned{}
	s := talkIn(t, codec, kept, "English")
	s.cfg.Router = &counted{codec: codec, say: func(int) string { return "Yes." }}
	s.agent = agent.New(s.cfg)
	for range 4 {
		if _, err := s.say("ok?"); err != nil {
			t.Fatal(err)
		}
	}
	if kept.writes > 0 {
		t.Errorf("%v was kept", kept.ratios)
	}
}

func TestTheFirstRequestIsEstimatedByTheServersOwnTokenizer(t *testing.T) {
	for _, encoding := range []tokenizer.Encoding{tokenizer.Cl100kBase, tokenizer.O200kBase} {
		codec, err := tokenizer.Get(encoding)
		if err != nil {
			t.Fatal(err)
		}
		for language := range languages {
			t.Run(fmt.Sprintf("%s/%s", encoding, language), func(t *testing.T) {
				kept := &learned{codec: codec}
				s := newScene(t, nil, &counter{name: "look", effect: hearth.EffectRead}, &counter{name: "peek", effect: hearth.EffectRead})
				server := &counted{codec: codec, say: func(n int) string { return passage(n+3, language) }}
				s.cfg.Router, s.cfg.Counts = server, kept
				s.agent = agent.New(s.cfg)
				for n := range 3 {
					if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: passage(n, language)}); err != nil {
						t.Fatal(err)
					}
					c, err := s.agent.Context(t.Context(), s.mem)
					if err != nil {
						t.Fatal(err)
					}
					s.turn()
					within(t, fmt.Sprintf("request %d", n+1), c.Used, server.tokens[n], 0.15)
					if c.Tokenizer != (n == 0) {
						t.Errorf("request %d: by the tokenizer %t", n+1, c.Tokenizer)
					}
				}
				if kept.asked != 1 {
					t.Errorf("the tokenizer was asked %d times in one epoch", kept.asked)
				}
			})
		}
	}
}

func TestAFallbacksFirstRequestIsCountedTooAndOnlyItsOwn(t *testing.T) {
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		t.Fatal(err)
	}
	kept := &learned{codec: codec}
	s := talkIn(t, codec, kept, "Russian")
	for n := range 2 {
		if _, err := s.say(passage(n, "Russian")); err != nil {
			t.Fatal(err)
		}
	}
	other := model.Target{Ref: hearth.ModelRef{Provider: "other", Model: "m2"}, Layers: model.Layers{Default: model.DefaultLayer()}}
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return []model.Target{other}, nil }
	s.agent = agent.New(s.cfg)
	for n := range 2 {
		if _, err := s.say(passage(n, "Russian")); err != nil {
			t.Fatal(err)
		}
	}
	if kept.asked != 2 {
		t.Errorf("asked %d times for two models", kept.asked)
	}
}

// deaf is a tokenizer that never answers.
type deaf struct{ learned }

func (d *deaf) Tokenize(ctx context.Context, _ model.Target, _ []string) []int {
	<-ctx.Done()
	return nil
}

func TestATurnWaitsThreeTenthsOfASecondForATokenizer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, []step{{text: "Hello."}, {text: "Again."}})
		s.cfg.Counts = &deaf{}
		s.agent = agent.New(s.cfg)
		began := time.Now()
		for range 2 {
			if out, err := s.say("hi"); err != nil || out.Answer == "" {
				t.Fatalf("got %+v, %v", out, err)
			}
		}
		if waited := time.Since(began); waited != 300*time.Millisecond {
			t.Errorf("two turns waited %s", waited)
		}
	})
}
