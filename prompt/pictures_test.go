package prompt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/prompt"
)

// What a picture takes is learned by itself: it says nothing of words.
func TestAGaugeLearnsPicturesApart(t *testing.T) {
	plan := &prompt.Plan{System: strings.Repeat("s", 3700)}
	truth := prompt.Ratio{ASCII: 0.4, Other: 0.75, Picture: 2_500}
	const head = 900
	var series []prompt.Sample
	var w prompt.Weight
	for _, add := range []prompt.Weight{{ASCII: 800}, {ASCII: 900}, {ASCII: 700}, {ASCII: 100, Pictures: 5}, {ASCII: 800}} {
		w = w.Add(add)
		series = append(series, prompt.Sample{Weight: w, Tokens: head + truth.Tokens(w)})
	}
	got := prompt.Gauge{}.Learn(plan, series)
	near := func(a, b float64) bool { return a > b*0.9 && a < b*1.1 }
	if !near(got.Ratio.ASCII, truth.ASCII) || !near(got.Ratio.Picture, truth.Picture) || !near(float64(got.Head), head) {
		t.Errorf("learned %+v of %+v", got, truth)
	}
	if without := (prompt.Gauge{}).Learn(plan, series[:3]); without.Ratio.Picture != 0 || without.Tokens(prompt.Weight{Pictures: 1}) != 800 {
		t.Errorf("%+v was learned of pictures that nobody saw", without.Ratio)
	}
}

func TestPicturesThatNobodyCountedAreToBlameFirst(t *testing.T) {
	had := prompt.Gauge{Ratio: prompt.Ratio{ASCII: 0.3, Other: 0.8}}
	for _, c := range []struct{ pictures, estimate, tokens, each int }{
		{pictures: 5, estimate: 11_000, tokens: 19_500, each: 2_500},
		{pictures: 5, estimate: 11_000, tokens: 10_000, each: 800},
		{pictures: 0, estimate: 11_000, tokens: 19_500, each: 800},
		{pictures: 1, estimate: 2_000, tokens: 90_000, each: 16_000},
	} {
		got := had.RaisePictures(c.pictures, c.estimate, c.tokens)
		if each := got.Tokens(prompt.Weight{Pictures: 1}); each != c.each || got.Ratio.ASCII != 0.3 || got.Ratio.Other != 0.8 {
			t.Errorf("%+v: %+v", c, got.Ratio)
		}
	}
}

// What is left out of a conversation before anything that its model has read.
func TestWhatNobodyReadIsLeftOut(t *testing.T) {
	own, other := hearth.ModelRef{Provider: "p", Model: "m"}, hearth.ModelRef{Provider: "p", Model: "n"}
	said := func(words, pictures int) hearth.Message {
		m := hearth.Message{ID: "said", Role: hearth.RoleUser, Parts: []hearth.Part{{Text: strings.Repeat("word ", words), Provenance: hearth.FromOwner}}}
		for i := range pictures {
			m.Parts = append(m.Parts, hearth.Part{Blob: &hearth.Blob{MIME: "image/png", Name: fmt.Sprintf("%d.png", i)}, Provenance: hearth.FromOwner})
		}
		return m
	}
	answer := func(by hearth.ModelRef) hearth.Message {
		return hearth.Message{ID: "answer", Role: hearth.RoleAssistant, Model: by, Parts: []hearth.Part{{Text: "Yes.", Provenance: hearth.FromModel}}}
	}
	note := answer(hearth.ModelRef{})
	for name, c := range map[string]struct {
		said   hearth.Message
		answer hearth.Message
		blind  bool
		want   string // words and pictures
	}{
		"two pictures that nobody answered":            {said(10, 2), note, false, "[] [said]"},
		"one picture":                                  {said(10, 1), note, false, "[] []"},
		"pictures that were answered":                  {said(10, 9), answer(own), false, "[] []"},
		"a few pictures that another model answered":   {said(10, 2), answer(other), false, "[] []"},
		"many pictures that another model answered":    {said(10, 7), answer(other), false, "[] [said]"},
		"words beside pictures that were too much":     {said(500, 9), note, false, "[] [said]"},
		"words that were too much, and pictures":       {said(5_000, 2), note, false, "[said] [said]"},
		"words that were too much":                     {said(5_000, 0), note, false, "[said] []"},
		"pictures that the model is not shown anyway":  {said(10, 9), note, true, "[] []"},
		"a little of both, which another one answered": {said(10, 1), answer(other), false, "[] []"},
	} {
		plan := &prompt.Plan{Target: own, Window: 10_000, Capabilities: model.Capabilities{Vision: !c.blind}}
		cuts := prompt.Unread(plan, prompt.Gauge{}, []hearth.Message{c.said, c.answer}, 2)
		if got := fmt.Sprint(cuts.Words, cuts.Pictures); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if again := prompt.Unread(plan.Cut(cuts), prompt.Gauge{}, []hearth.Message{c.said, c.answer}, 2); !again.None() {
			t.Errorf("%s: chosen twice: %+v", name, again)
		}
		if recent := prompt.Unread(plan, prompt.Gauge{}, []hearth.Message{c.said, c.answer}, 0); !recent.None() {
			t.Errorf("%s: chosen of what is recent: %+v", name, recent)
		}
	}
}

func TestAPictureThatWasLeftOutLeavesASentence(t *testing.T) {
	m := hearth.Message{ID: "a", Role: hearth.RoleUser, Parts: []hearth.Part{
		{Text: "look", Provenance: hearth.FromOwner},
		{Blob: &hearth.Blob{MIME: "image/png", Name: "cat]\n.png"}, Provenance: hearth.FromOwner},
		{Blob: &hearth.Blob{MIME: "image/png"}, Provenance: hearth.FromOwner},
	}}
	had := (&prompt.Plan{Capabilities: model.Capabilities{Vision: true}}).Cut(prompt.Cuts{Pictures: []hearth.MessageID{"a", "gone"}})
	plan := &prompt.Plan{Capabilities: had.Capabilities}
	plan.CutAs(had, []hearth.Message{m})
	if !slices.Equal(plan.Pictureless, []hearth.MessageID{"a"}) {
		t.Errorf("kept %v", plan.Pictureless)
	}
	var sent []string
	for _, p := range prompt.Build(plan, []hearth.Message{m}).Messages[0].Parts {
		if p.Blob != nil {
			t.Error("a picture is sent")
		}
		sent = append(sent, p.Text)
	}
	want := []string{"look", "[Left out, because it did not fit the context window: cat| .png]", "[Left out, because it did not fit the context window: image/png]"}
	if !slices.Equal(sent, want) {
		t.Errorf("sent %q, want %q", sent, want)
	}
	if m.Parts[1].Blob == nil {
		t.Error("the message itself was changed")
	}
}
