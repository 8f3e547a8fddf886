package agent_test

import (
	"sync"
	"testing"

	"github.com/tiktoken-go/tokenizer"

	"hearth/agent"
	"hearth/prompt"
)

// learned is where gauges are kept between sessions.
type learned struct {
	mu     sync.Mutex // guards the fields below
	ratios map[string][2]float64
	writes int
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
