package agent_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/agent"
	"hearth/model"
	"hearth/prompt"
)

var noImages = &model.Refusal{Lesson: model.LessonNoImages, Words: "image input is not supported"}

// sighted is a scene whose model is said to see, by its server or by the config. The target
// may be changed between turns.
func sighted(t *testing.T, by func(*model.Layers) *model.Layer, steps []step) (*scene, *model.Target) {
	s := newScene(t, steps)
	targets, err := s.cfg.Targets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	targets[0].Provider = measured{}
	by(&targets[0].Layers).Vision = new(true)
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return slices.Clone(targets), nil }
	s.cfg.Blob = func(context.Context, string) ([]byte, error) { return []byte("picture"), nil }
	s.cfg.Room.KeepRecentTokens = 1
	s.agent = agent.New(s.cfg)
	return s, &targets[0]
}

func byServer(l *model.Layers) *model.Layer { return &l.Server }
func byConfig(l *model.Layers) *model.Layer { return &l.Config }

// show has a turn with a message, and a picture where one is named, and gives what the
// person was told.
func (s *scene) show(text, picture string) (told []string) {
	s.Helper()
	in := prompt.Incoming{Text: text}
	if picture != "" {
		in.Images = []hearth.Blob{{Hash: picture, MIME: "image/png", Name: picture, Bytes: 7}}
	}
	notices, err := s.agent.Accept(s.Context(), s.mem, in)
	if err != nil {
		s.Fatal(err)
	}
	for _, n := range notices {
		told = append(told, n.Text)
	}
	if _, err := s.agent.Turn(s.Context(), s.mem, func(e hearth.Event) {
		if e.Kind == hearth.EventNotice {
			told = append(told, e.Notice.Text)
		}
	}); err != nil {
		s.Fatalf("%s: %v", text, err)
	}
	return told
}

// sees says of each request whether it may show pictures to its model.
func (s *scene) sees() (all []bool) {
	for _, req := range s.script.asked {
		all = append(all, req.Capabilities.Vision)
	}
	return all
}

func (s *scene) began() (reasons []string) {
	for _, e := range s.mem.epochs {
		reasons = append(reasons, strings.TrimSpace(e.Reason+" "+e.Detail))
	}
	return reasons
}

func (s *scene) wantAll(what string, got []string, want ...string) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Errorf("%s: %q, want %q", what, got, want)
	}
}

// Another model under the same name reads text only: what was shown is left out from then
// on, and nobody waits for a refusal.
func TestAServerThatSeesNoMoreIsSentNoPictures(t *testing.T) {
	s, now := sighted(t, byServer, []step{{text: "A cat."}, {text: "b"}, {text: "c"}, {text: "d"}, {text: "e"}})
	s.wantAll("told", s.show("look", "cat.png"))
	now.Layers.Server.Vision = new(false)
	s.wantAll("told of the swap", s.show("and?", "dog.png"), "local/m reads text only now: 2 images of this conversation left out, and it is told so")
	s.wantAll("told later", s.show("well", ""))
	s.wantAll("told of a new picture", s.show("this", "hen.png"),
		`1 image(s) were not sent: local/m reads text only. Declare input: ["text","image"] for that model if its server can see.`)
	now.Layers.Server.Vision = new(true)
	s.wantAll("told when it sees again", s.show("back", ""))
	if got, want := s.sees(), []bool{true, false, false, false, false}; !slices.Equal(got, want) {
		t.Errorf("pictures were sent: %v, want %v", got, want)
	}
	s.wantAll("epochs", s.began(), "first", "refresh local/m takes no images now, its server says")
}

// The config says that a model sees, and its server refuses pictures, which is the last
// word: for the whole conversation, whatever else is learned or summed up in it.
func TestAServerThatRefusesPicturesIsSentNoMore(t *testing.T) {
	s, now := sighted(t, byConfig, []step{
		{text: "a"}, {text: "Something.", refuse: noImages}, {text: "c"}, {text: "d"},
		{text: "e", refuse: &model.Refusal{Lesson: model.LessonOneSystem, Words: "one system"}}, {text: "f"},
	})
	now.Layers.Server.Vision = new(false) // it says so, and its owner says otherwise
	s.wantAll("told", s.show("hi", ""))
	s.wantAll("told of the refusal", s.show("look", "cat.png")) // by the router
	s.wantAll("told later", s.show("well", ""))
	s.wantAll("told of a new picture", s.show("this", "hen.png"),
		"1 image(s) were not sent: local/m refused images in this conversation. Begin anew (/new) when its server can see.")
	s.wantAll("told of another lesson", s.show("more", ""))
	s.compact()
	s.wantAll("told after a summary", s.show("on", ""))
	if got, want := s.sees(), []bool{true, true, false, false, false, false, false, false, false}; !slices.Equal(got, want) {
		t.Errorf("pictures were sent: %v, want %v", got, want)
	}
	s.wantAll("epochs", s.began(), "first", "server-refused", "server-refused", "compaction summed up 8 messages")
	for i := 3; i < 5; i++ {
		before := encode(s.script.asked[i-1])
		if encode(s.script.asked[i]).Prefix(len(before.Items)) != before.Prefix(len(before.Items)) {
			t.Errorf("request %d does not extend the one before", i+1)
		}
	}
}

// A conversation can be summed up when nobody has found out yet that its server refuses
// what was shown in it.
func TestASummaryIsAskedForWithoutThePicturesThatAreRefused(t *testing.T) {
	s, _ := sighted(t, byConfig, []step{{text: "A cat."}, {text: "b"}, {text: "They saw a cat.", refuse: noImages}, {text: "d"}})
	s.show("look", "cat.png")
	s.show("and?", "dog.png")
	if err := s.agent.Compact(t.Context(), s.mem, "", nil); err != nil {
		t.Fatal(err)
	}
	s.wantAll("told after it", s.show("on", ""))
	if got, want := s.sees(), []bool{true, true, true, false, false}; !slices.Equal(got, want) {
		t.Errorf("pictures were sent: %v, want %v", got, want)
	}
	s.wantAll("epochs", s.began(), "first", "compaction summed up 2 messages")
}

// What the owner declares waits for the end of an epoch, and wins over what a server says.
func TestWhatTheConfigSaysOfPicturesEndsNoEpoch(t *testing.T) {
	for name, edit := range map[string]func(*model.Target){
		"the server says no, the config yes": func(now *model.Target) { now.Layers.Server.Vision = new(false) },
		"the config says no":                 func(now *model.Target) { now.Layers.Config.Vision = new(false) },
		"both say no": func(now *model.Target) {
			now.Layers.Config.Vision, now.Layers.Server.Vision = new(false), new(false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, now := sighted(t, byConfig, []step{{text: "A cat."}, {text: "b"}})
			s.show("look", "cat.png")
			edit(now)
			s.show("and?", "")
			if got, want := s.sees(), []bool{true, true}; !slices.Equal(got, want) {
				t.Errorf("pictures were sent: %v, want %v", got, want)
			}
			s.wantAll("epochs", s.began(), "first")
		})
	}
}

// A server that takes content as plain text only has no place for a picture.
func TestAPictureForAServerOfPlainTextIsToldOf(t *testing.T) {
	s, now := sighted(t, byConfig, []step{{text: "a", refuse: &model.Refusal{Lesson: model.LessonStringContent, Words: "expected a string"}}, {text: "b"}})
	now.Protocol = "openai-completions"
	s.wantAll("told of the refusal", s.show("look", "cat.png")) // by the router
	now.Layers.Server.StringContent = new(true)
	s.wantAll("told of a new picture", s.show("this", "hen.png"),
		"1 image(s) were not sent: local/m is sent plain text only, because its server takes nothing else (or compat.requiresStringContent says so).")
	s.wantAll("epochs", s.began(), "first", "server-refused")
}
