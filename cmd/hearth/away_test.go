package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"hearth/model/modeltest"
)

// visitor is a person at a chat: what they do before they write, and what they write.
type visitor []func() string

func (v *visitor) Next(context.Context, string) (string, error) {
	if len(*v) == 0 {
		return "", io.EOF
	}
	step := (*v)[0]
	*v = (*v)[1:]
	return step(), nil
}

func (v *visitor) Answer(context.Context, string) (string, error) { return "", io.EOF }

func (v *visitor) Stopped() {}

func (v *visitor) says(text string) { *v = append(*v, func() string { return text }) }

// A conversation whose window is filling up is shortened while its person is away. When
// they come back in the middle of it, they are answered at once and nothing is lost.
func TestAChatIsTidiedWhileItsPersonIsAway(t *testing.T) {
	t.Setenv("HEARTH_DISCOVER", "off")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	never, asked := make(chan struct{}), make(chan struct{}, 1)
	slow := true // set while no call is open
	server := modeltest.NewServer(t, modeltest.Config{Identity: modeltest.LlamaCpp, Window: 8000, Default: func(x *modeltest.Exchange) {
		r := modeltest.Reply{Text: "I see."}
		if bytes.Contains(x.Body, []byte("about to be shortened")) {
			r.Text = "It is all about mulberries."
			if slow {
				r.After = never
				asked <- struct{}{}
			}
		}
		modeltest.Say(r)(x)
	}})
	a := scene(t, fmt.Sprintf(`{models: {providers: {box: {baseUrl: "%s/v1", models: [{id: "test-model"}]}}},
		agents: {defaults: {workspace: %q}}}`, server.URL, t.TempDir()))
	var out, errs bytes.Buffer
	a.io.out, a.io.err = &out, &errs
	k, err := a.open(ctx, choice{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	threeMinutes := make(chan time.Time)
	k.after = func(time.Duration) <-chan time.Time { return threeMinutes }
	pass := func() {
		select {
		case threeMinutes <- time.Time{}:
		case <-ctx.Done():
			t.Error("nobody waits for the person to be away")
		}
	}
	until := func(err error) {
		if err != nil {
			t.Errorf("%v; so far: %d calls\n%s%s", err, len(server.Requests()), out.String(), errs.String())
		}
	}

	var person visitor
	const turns = 7
	for range turns {
		person.says(strings.Repeat("Mulberries grow slowly. ", 120))
	}
	var before int // calls when the person was last away
	person = append(person,
		func() string { // they come back in the middle of it
			before = len(server.Requests())
			pass()
			select {
			case <-asked:
			case <-ctx.Done():
				t.Error("no summary was asked for")
			}
			return "Am I in time?"
		},
		func() string { // and stay away longer: the new prompt is read ahead as well
			if got := len(server.Requests()); got != before+2 || server.Gone() != 1 {
				t.Errorf("%d calls, %d of them left", got-before, server.Gone())
			}
			slow, before = false, len(server.Requests())
			pass()
			until(server.Await(ctx, before+2))
			return "And now?"
		},
		func() string { return "/why" },
	)
	if err := (chat{k}).converse(ctx, &person); err != nil {
		t.Fatal(err)
	}
	requests := server.Requests()
	if n := strings.Count(out.String(), "I see."); n != turns+2 {
		t.Errorf("%d answers to %d messages:\n%s%s", n, turns+2, out.String(), errs.String())
	}
	if last := requests[len(requests)-1].Body; !bytes.Contains(last, []byte("It is all about mulberries.")) || bytes.Contains(last, []byte("about to be shortened")) {
		t.Errorf("the last request is not the shortened conversation: %.300s", last)
	}
	if !strings.Contains(errs.String(), "note: while you were away, the ") {
		t.Errorf("the person was not told:\n%s", errs.String())
	}
	// What was done unasked shows in /why, with the call that made it.
	for _, want := range []string{"housekeeping lane", "compaction"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("/why does not tell of the %s:\n%s", want, out.String())
		}
	}
}

func TestAnOwnerMayWantNothingDoneWhileTheyAreAway(t *testing.T) {
	k := &talk{app: scene(t, `{agents: {defaults: {compaction: {background: false}}}}`)}
	if k.mayTidy() {
		t.Error("agents.defaults.compaction.background: false is not honoured")
	}
	if k.app = scene(t, `{}`); !k.mayTidy() {
		t.Error("the default is not to tidy")
	}
}
