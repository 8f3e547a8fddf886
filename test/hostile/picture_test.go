package hostile

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"

	"hearth/model/modeltest"
)

// TestAPictureThatAServerRefuses has the config say that a model sees and its server refuse
// pictures: the first one is refused, left out and told of, and the conversation goes on. A
// new process knows it from the conversation, and tells of a new picture at once; a new
// conversation asks the server again.
func TestAPictureThatAServerRefuses(t *testing.T) {
	var dot bytes.Buffer
	if err := png.Encode(&dot, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	for protocol, c := range map[string]struct{ picture, body, words string }{
		modeltest.Completions: {
			`"image_url"`, `{"error":{"code":500,"message":"image input is not supported - hint: if this is unexpected, you may need to provide the mmproj","type":"server_error"}}`,
			"image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
		},
		modeltest.Responses: {`"input_image"`, `{"error":"Model does not support images. Please use a model that does."}`, "Model does not support images. Please use a model that does."},
		modeltest.Messages: {
			`"type":"image"`, `{"type":"error","error":{"type":"invalid_request_error","message":"this model does not support image input"},"request_id":"req_1"}`,
			"this model does not support image input",
		},
		modeltest.Ollama: {`"images":[`, `{"error":"this model is missing data required for image input"}`, "this model is missing data required for image input"},
	} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			server := modeltest.NewServer(t, modeltest.Config{})
			server.Always(func(x *modeltest.Exchange) {
				if bytes.Contains(x.Body, []byte(c.picture)) {
					x.Status(500, c.body)
					return
				}
				modeltest.Say(modeltest.Reply{Text: "The kettle is on."})(x)
			})
			h := newHouse(t, server.URL, protocol)
			h.write(t, "work/dot.png", dot.String())
			refused := "note: box/test-model takes no images (" + c.words + "); they are left out, and it is told so\n"
			for _, turn := range []struct {
				args []string
				told string
			}{
				{[]string{"--message", "Hello"}, ""},
				{[]string{"--message", "Look", "--file", "dot.png"}, refused},
				{[]string{"--message", "And now?"}, ""},
				{[]string{"--message", "Another", "--file", "dot.png"}, "note: 1 image(s) were not sent: box/test-model refused images in this conversation. Begin anew (/new) when its server can see.\n"},
				{[]string{"--message", "Anew", "--file", "dot.png", "--session", "other"}, refused},
			} {
				if got := h.run(t, append([]string{"agent"}, turn.args...)...); got.code != 0 || got.out != "The kettle is on.\n" || got.err != turn.told {
					t.Errorf("%v: exit %d, %q, and on standard error\n%swant\n%s", turn.args, got.code, got.out, got.err, turn.told)
				}
			}
			var held []bool
			for _, r := range server.Requests() {
				if r.Protocol != "" {
					held = append(held, bytes.Contains(r.Body, []byte(c.picture)))
				}
			}
			if len(held) != 7 || held[0] || !held[1] || held[2] || held[3] || held[4] || !held[5] || held[6] {
				t.Errorf("pictures were in these requests: %v", held)
			}
			if last := server.Requests(); !strings.Contains(string(last[len(last)-1].Body), "Left out, because this model reads text only: dot.png") {
				t.Errorf("the model is not told: %s", last[len(last)-1].Body)
			}
		})
	}
}
