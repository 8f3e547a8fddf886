package hostile

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"

	"hearth/model/modeltest"
)

// TestLessonsAreLearnedOnce runs the program twice against a server that refuses one
// thing: the first run is told no, says it another way and tells the person; the second
// run, a new process, knows.
func TestLessonsAreLearnedOnce(t *testing.T) {
	for _, c := range []struct {
		row, note string
		gone      string // what requests no longer hold
		image     bool
	}{
		{row: "refuses stream_options", gone: `"stream_options"`,
			note: "note: http://BOX refuses stream_options, so it will not count tokens while streaming; this is remembered\n"},
		{row: "refuses a field that it does not know", gone: `"tool_choice"`,
			note: "note: http://BOX refuses the field \"tool_choice\", which is now left out; this is remembered\n"},
		{row: "refuses a keyword in a tool's schema", gone: `"enum"`,
			note: "note: http://BOX refuses \"enum\" in tool schemas, which is now left out; this is remembered\n"},
		{row: "wants max_completion_tokens", gone: `"max_tokens"`,
			note: "note: http://BOX wants the output limit in \"max_completion_tokens\"; this is remembered\n"},
		{row: "refuses content that is a list", gone: `"content":[`, image: true,
			note: "note: http://BOX takes message content only as plain text; this is remembered\n"},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			server := modeltest.NewServer(t, modeltest.Config{})
			server.Always(modeltest.Named(c.row).Serve)
			h := newHouse(t, server.URL, modeltest.Completions)
			args := []string{"agent", "--message", "Hello"}
			if c.image {
				var b bytes.Buffer
				if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
					t.Fatal(err)
				}
				h.write(t, "work/dot.png", b.String())
				args = append(args, "--file", "dot.png")
			}
			first := h.run(t, args...)
			if got := strings.ReplaceAll(first.err, strings.TrimPrefix(server.URL, "http://"), "BOX"); first.code != 0 || first.out != "The kettle is on.\n" || got != c.note {
				t.Errorf("first run: exit %d, %q, and on standard error\n%swant\n%s", first.code, first.out, got, c.note)
			}
			second := h.run(t, "agent", "--message", "And now?")
			if second.code != 0 || second.out != "The kettle is on.\n" || second.err != "" {
				t.Errorf("second run: exit %d, %q, %q; want no word about it", second.code, second.out, second.err)
			}
			requests := server.Requests()
			if len(requests) != 3 {
				t.Fatalf("the server got %d requests, want one that it refuses and two that it answers", len(requests))
			}
			for i, r := range requests {
				if held := bytes.Contains(r.Body, []byte(c.gone)); held != (i == 0) {
					t.Errorf("request %d holds %s: %v\n%s", i, c.gone, held, r.Body)
				}
			}
		})
	}
}

// TestWhatAServerGaveGoesBackToIt runs the program twice against a server that refuses a
// conversation without what it gave with its own call. What has no rule to be kept is
// learned from the refusal, and the answer follows in the same turn; the second run, a new
// process that read the conversation from disk, knows.
func TestWhatAServerGaveGoesBackToIt(t *testing.T) {
	const lesson = "note: http://BOX wants a model's reasoning back with the answer it led to; this is remembered\n"
	for _, c := range []struct {
		row, protocol, note string
		requests            int
	}{
		{"wants its reasoning back", modeltest.Completions, lesson, 4},
		{"wants its reasoning back, in the words of DeepSeek V4", modeltest.Completions, lesson, 4},
		{"wants its reasoning back, in the words of Kimi", modeltest.Completions, lesson, 4},
		{"wants its thinking block back", modeltest.Messages, lesson, 4},
		{"wants the signature of its calls back", modeltest.Completions, "", 3},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			server := modeltest.NewServer(t, modeltest.Config{})
			server.Always(modeltest.Named(c.row).Serve)
			h := newHouse(t, server.URL, c.protocol)
			h.write(t, "work/notes.txt", "kettle")
			first := h.run(t, "agent", "--message", "Hello")
			if got := strings.ReplaceAll(first.err, strings.TrimPrefix(server.URL, "http://"), "BOX"); first.code != 0 || first.out != "The kettle is on.\n" || !strings.HasSuffix(got, c.note) || c.note == "" && strings.Contains(got, "note:") {
				t.Errorf("first run: exit %d, %q, and on standard error\n%swant at its end\n%s", first.code, first.out, got, c.note)
			}
			second := h.run(t, "agent", "--message", "And now?")
			if second.code != 0 || second.out != "The kettle is on.\n" || second.err != "" {
				t.Errorf("second run: exit %d, %q, %q; want no word about it", second.code, second.out, second.err)
			}
			requests := server.Requests()
			if len(requests) != c.requests {
				t.Fatalf("the server got %d requests, want %d", len(requests), c.requests)
			}
			answered, later := requests[len(requests)-2].Body, requests[len(requests)-1].Body
			if i := bytes.LastIndex(answered, []byte(`}],"max_tokens"`)); i < 0 || !bytes.HasPrefix(later, answered[:i]) {
				t.Errorf("the second run's request does not extend\n%s\n%s", answered, later)
			}
		})
	}
}
