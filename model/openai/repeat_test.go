package openai

import (
	"reflect"
	"strings"
	"testing"

	"hearth/internal/sse"
	"hearth/model"
)

// decode gives the deltas of events, and how many of them were read by a pattern. With
// whole, each is decoded as if it were the first of its kind.
func decode(whole bool, events ...string) (out []model.Delta, byPattern int, err error) {
	d := newDecoder(asking(), &quiet{})
	for _, text := range events {
		if whole {
			d.pattern = pattern{}
		}
		if _, ok := d.pattern.text([]byte(text)); ok {
			byPattern++
		}
		if err = d.event(sse.Event{Data: []byte(text)}); err != nil {
			break
		}
	}
	d.flush(func(m ...model.Delta) bool { out = append(out, m...); return true })
	return out, byPattern, err
}

func TestAnEventThatRepeatsThePreviousOneIsReadByItsPattern(t *testing.T) {
	const llama = `{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"%"}}],"created":1,"id":"c","model":"m","object":"chat.completion.chunk"}`
	const vllm = `{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content": "%"},"logprobs":null,"finish_reason":null}],"usage":null}`
	const thought = `{"model":"m","choices":[{"delta":{"role":"assistant","content":null,"reasoning_content":"%"}}]}`
	for _, row := range []struct {
		name, event string
		texts       []string
		byPattern   int
	}{
		{"llama.cpp's", llama, []string{"a", " kettle", "is", "on."}, 3},
		{"vLLM's", vllm, []string{"a", "b", "c"}, 2},
		{"thoughts", thought, []string{"a", "b", "c", "d"}, 3},
		{"other thoughts", strings.ReplaceAll(thought, "reasoning_content", "reasoning"), []string{"a", "b", "c"}, 2},
		{"what needs unescaping is decoded", llama, []string{"a", `\n`, "\u00e9", `\"`, "b"}, 1},
		{"nothing said", llama, []string{"a", "", "b"}, 1},
		{"the text of a model that knows the protocol", llama, []string{`content`, `}}]`, `,`, `[DONE]`}, 3},
		{"counts in every event", strings.Replace(vllm, `"usage":null`, `"usage":{"prompt_tokens":3,"completion_tokens":2}`, 1), []string{"a", "b", "c"}, 0},
		{"timings in every event", strings.Replace(llama, `"created":1`, `"timings":{"predicted_n":2}`, 1), []string{"a", "b", "c"}, 0},
		{"the last of two keys counts", `{"choices":[{"delta":{"content":"%","content":"%"}}]}`, []string{"a", "b"}, 0},
		{"whatever its case", `{"choices":[{"delta":{"content":"%","Content":"%"}}]}`, []string{"a", "b"}, 0},
		{"also where the other happens to be the same", `{"choices":[{"delta":{"content":"%","Content":"z"}}]}`, []string{"z", "b"}, 0},
		{"a thought beside the text", `{"choices":[{"delta":{"content":"%","reasoning":"%"}}]}`, []string{"a", "b"}, 0},
		{"the end", strings.Replace(llama, `"finish_reason":null`, `"finish_reason":"stop"`, 1), []string{"a", "b"}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			var events []string
			for _, text := range row.texts {
				events = append(events, strings.ReplaceAll(row.event, "%", text))
			}
			want, _, wantErr := decode(true, events...)
			got, byPattern, err := decode(false, events...)
			if !reflect.DeepEqual(got, want) || (err == nil) != (wantErr == nil) {
				t.Errorf("by pattern %+v, %v\nwhole %+v, %v", got, err, want, wantErr)
			}
			if byPattern != row.byPattern {
				t.Errorf("%d events were read by a pattern, want %d", byPattern, row.byPattern)
			}
		})
	}
}

func TestAServerThatRepeatsNothingIsNotLearnedFromForever(t *testing.T) {
	d := newDecoder(asking(), &quiet{})
	for n := range 20 {
		event := `{"created":` + strings.Repeat("1", n+1) + `,"choices":[{"delta":{"content":"a"}}]}`
		if err := d.event(sse.Event{Data: []byte(event)}); err != nil {
			t.Fatal(err)
		}
	}
	if d.pattern.unused != enoughPatterns {
		t.Errorf("%d patterns were made, want %d", d.pattern.unused, enoughPatterns)
	}
}

// FuzzPattern holds that a pattern never reads an event otherwise than decoding it does.
func FuzzPattern(f *testing.F) {
	f.Add(`{"choices":[{"delta":{"content":"`, `"}}]}`, "a", "b")
	f.Add(`{"choices":[{"delta":{"reasoning":"`, `"}}],"content":"a"}`, "a", "content")
	f.Add(`{"content":"a","choices":[{"delta":{"Content":"`, `"},"text":"a"}]}`, "a", "b")
	f.Add(`{"choices":[{"delta":{"content":"`, `"},"message":{"content":"x"}}]}`, "a", `"`)
	f.Fuzz(func(t *testing.T, head, tail, a, b string) {
		events := []string{head + a + tail, head + b + tail, head + a + b + tail, head + a + tail}
		want, _, wantErr := decode(true, events...)
		got, _, err := decode(false, events...)
		if !reflect.DeepEqual(got, want) || (err == nil) != (wantErr == nil) {
			t.Fatalf("by pattern %+v, %v\nwhole %+v, %v", got, err, want, wantErr)
		}
	})
}
