package openai

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/model/modeltest"
)

// What a server attaches to a call goes back with that call, byte for byte, also after the
// conversation was stored; and not with another one.
func TestWhatIsAttachedToACallGoesBackWithIt(t *testing.T) {
	const call = `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":%i,"id":"%d","type":"function","function":{"name":"read","arguments":"%a"}%x}]}}]}`
	chunk := func(index, id, args, extra string) string {
		return "data: " + strings.NewReplacer("%i", index, "%d", id, "%a", args, "%x", extra).Replace(call) + "\n\n"
	}
	const signed = `"extra_content":{"google": {"thought_signature":"A<b>&/+=="}, "n":1.50}`
	for _, row := range []struct {
		name, stream string
		has, lacks   []string
	}{
		{"to the first of two", chunk("0", "a", `{}`, ","+signed) + chunk("1", "b", `{}`, ""), []string{`"id":"a","type":"function","function":{"name":"read","arguments":"{}"},` + signed + `},{"id":"b"`}, []string{`"b","type":"function","function":{"name":"read","arguments":"{}"},"extra`}},
		{"to the second of two", chunk("0", "a", `{}`, "") + chunk("1", "b", `{}`, ","+signed), []string{`"id":"b","type":"function","function":{"name":"read","arguments":"{}"},` + signed + `}]`}, []string{`"arguments":"{}"},"extra_content":{"google": {"thought_signature":"A<b>&/+=="}, "n":1.50}},{`}},
		{"behind the arguments", chunk("0", "a", `{}`, "") + `data: {"choices":[{"delta":{"tool_calls":[{"index":0,` + signed + `}]}}]}` + "\n\n", []string{signed}, nil},
		{"to no call", `data: {"choices":[{"delta":{"content":"Hi","tool_calls":[{"index":0,` + signed + `}]}}]}` + "\n\n", []string{`"content":"Hi"}`}, []string{"extra_content", "tool_calls"}},
		{"null", chunk("0", "a", `{}`, `,"extra_content":null`), []string{`"tool_calls":[{"id":"a"`}, []string{"extra_content"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := providerFor(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(row.stream + "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n"))
			})
			req := typical()
			req.Messages = req.Messages[:1]
			r := modeltest.Collect(p.Stream(t.Context(), req), "read")
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			answer := hearth.Message{ID: "2", Role: hearth.RoleAssistant}
			for _, raw := range r.Opaque {
				answer.Parts = append(answer.Parts, hearth.Part{Opaque: raw})
			}
			if r.Text != "" {
				answer.Parts = append(answer.Parts, text(r.Text))
			}
			for i := range r.Calls {
				r.Calls[i].ID = hearth.CallID(strings.TrimPrefix(string(r.Calls[i].ID), "call_"))
				answer.Parts = append(answer.Parts, hearth.Part{Call: &r.Calls[i]})
			}
			stored, err := json.Marshal(answer)
			if err != nil {
				t.Fatal(err)
			}
			var loaded hearth.Message
			if err := json.Unmarshal(stored, &loaded); err != nil {
				t.Fatal(err)
			}
			for _, m := range []hearth.Message{answer, loaded} {
				next := *req
				next.Messages = append(next.Messages[:1:1], m)
				sent, err := encode(&next)
				if err != nil {
					t.Fatal(err)
				}
				for _, has := range row.has {
					if !strings.Contains(string(sent.Body), has) {
						t.Errorf("%s\nlacks %s", sent.Body, has)
					}
				}
				for _, lacks := range row.lacks {
					if strings.Contains(string(sent.Body), lacks) {
						t.Errorf("%s\nholds %s", sent.Body, lacks)
					}
				}
			}
		})
	}
}

// A call that another model made has no signature; where one is wanted, the first of an
// answer says so in the vendor's own word for it.
func TestACallWithoutItsSignature(t *testing.T) {
	req := typical()
	req.Messages = []hearth.Message{say(hearth.RoleAssistant, called("a", "read", "{}"), called("b", "read", "{}"))}
	for _, signed := range []bool{false, true} {
		req.Capabilities = model.Capabilities{SignedCalls: signed}
		sent, err := encode(req)
		if err != nil {
			t.Fatal(err)
		}
		const word = `"function":{"name":"read","arguments":"{}"},"extra_content":{"google":{"thought_signature":"skip_thought_signature_validator"}}},{"id":"b"`
		if n := strings.Count(string(sent.Body), "extra_content"); strings.Contains(string(sent.Body), word) != signed || n > 1 {
			t.Errorf("signed %v: %s", signed, sent.Body)
		}
	}
}
