package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"regexp"
	"strings"

	"hearth"
	"hearth/model"
)

const sayOK = "Reply with the single word: ok"

// plain is the first request: it must be answered, or nothing else means anything.
func plain(ctx context.Context, p *prober) error {
	h, err := p.ask(ctx, func(r *model.Request) {
		r.Messages = []hearth.Message{user(sayOK)}
		r.MaxTokens = 256 // it may think first
	})
	if err != nil {
		return err
	}
	p.thinks, p.usage = h.thinking != "", h.usage
	p.out.Layer.Reasoning = &p.thinks
	if p.thinks {
		p.found("reasoning", true, words("it thought: ", h.thinking))
	} else {
		p.found("reasoning", false, words("answered without thinking: ", h.text))
	}
	if h.usage.Input > 0 {
		p.found("streamUsage", true, fmt.Sprintf("counted %d tokens in, %d out", h.usage.Input, h.usage.Output))
		p.out.Layer.StreamUsage = new(true)
	}
	return nil
}

// counted asks the same again: a count that stays while tokens are read from the cache
// includes them.
func counted(ctx context.Context, p *prober) error {
	h, err := p.ask(ctx, func(r *model.Request) {
		r.Messages = []hearth.Message{user(sayOK)}
		r.MaxTokens = 1
	})
	switch {
	case err != nil || h.refused != nil:
		return err
	case h.usage.CacheRead > 0 && h.usage.Input >= p.usage.Input:
		p.out.Layer.CachedCounted = new(true)
		p.found("cachedCounted", true, fmt.Sprintf("asked again: %d tokens in, %d of them cached", h.usage.Input, h.usage.CacheRead))
	case h.usage.Input > 0 && h.usage.Input < p.usage.Input:
		p.out.Layer.CachedCounted = new(false)
		p.found("cachedCounted", false, fmt.Sprintf("asked again: %d tokens in instead of %d", h.usage.Input, p.usage.Input))
	}
	return nil
}

var weather = hearth.ToolSpec{
	Name: "get_weather", Description: "Tells the weather in a city.",
	Schema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string","description":"name of the city"}},"required":["city"]}`),
}

func tools(ctx context.Context, p *prober) error {
	h, err := p.ask(ctx, func(r *model.Request) {
		r.Tools = []hearth.ToolSpec{weather}
		r.Messages = []hearth.Message{user("What is the weather in Paris? Use the tool get_weather.")}
		r.MaxTokens = 512
	})
	if err != nil {
		return err
	}
	support := model.ToolsNone
	var evidence string
	switch {
	case h.refused != nil:
		evidence = refusal(h.refused)
	case h.call != nil && h.call.Name == weather.Name:
		support, evidence = model.ToolsNative, words("called ", h.call.Name+" "+h.call.Arguments)
		p.native = true
	case strings.Contains(h.text, weather.Name):
		support, evidence = model.ToolsText, words("wrote the call as text: ", h.text)
	default:
		// A small model may just not want to; that proves nothing about its server.
		p.found("tools", "unknown", words("did not call the tool it was asked to: ", h.text))
		return nil
	}
	p.out.Layer.Tools = &support
	p.found("tools", support, evidence)
	return nil
}

func forced(ctx context.Context, p *prober) error {
	h, err := p.ask(ctx, func(r *model.Request) {
		r.Tools = []hearth.ToolSpec{weather}
		r.Messages = []hearth.Message{user("Just say hello. Do not use a tool.")}
		r.ExtraBody = json.RawMessage(`{"tool_choice":"required"}`)
		r.MaxTokens = 256
	})
	if err != nil {
		return err
	}
	works := h.call != nil
	evidence := words("tool_choice required, and it wrote: ", h.text)
	if h.refused != nil {
		evidence = refusal(h.refused)
	} else if works {
		evidence = "tool_choice required led to a call that nobody asked for"
	}
	p.out.Layer.ForcedToolChoice = &works
	p.found("forcedToolChoice", works, evidence)
	return nil
}

// nested asks for a schema with all that ours may hold. Keywords beyond those are never
// sent, and some of them crash servers; they are not tried.
func nested(ctx context.Context, p *prober) error {
	h, err := p.ask(ctx, func(r *model.Request) {
		r.Tools = []hearth.ToolSpec{{
			Name: "plan", Description: "Plans a trip.",
			Schema: json.RawMessage(`{"type":"object","properties":{"stops":{"type":"array","items":{"type":"object","properties":{"city":{"type":"string"},"by":{"type":"string","enum":["train","ship"]},"days":{"type":"integer"}},"required":["city"]}}},"required":["stops"]}`),
		}}
		r.Messages = []hearth.Message{user("Say hello.")}
	})
	if err != nil {
		return err
	}
	var lesson *model.Refusal
	switch {
	case h.refused == nil:
		p.found("refusedKeywords", "none", "took a nested schema with items and enum")
	case errors.As(h.refused, &lesson) && lesson.Lesson == model.LessonDropKeyword:
		p.out.Layer.RefusedKeywords = []string{lesson.Detail}
		p.found("refusedKeywords", lesson.Detail, refusal(h.refused))
	default:
		p.found("refusedKeywords", "unknown", refusal(h.refused))
	}
	return nil
}

// shape sends messages as they stand, in place of ours.
func (p *prober) shape(ctx context.Context, messages string) (heard, error) {
	var shapes []json.RawMessage
	if err := json.Unmarshal([]byte(messages), &shapes); err != nil {
		return heard{}, fmt.Errorf("write a shape: %w", err)
	}
	return p.ask(ctx, func(r *model.Request) { r.Shapes = shapes })
}

// refuses notes a field that is true when a shape was refused.
func (p *prober) refuses(ctx context.Context, field, messages string, into **bool) error {
	h, err := p.shape(ctx, messages)
	if err != nil {
		return err
	}
	refused := h.refused != nil
	*into = &refused
	if refused {
		p.found(field, true, refusal(h.refused))
	} else {
		p.found(field, false, words("took it and wrote: ", h.text))
	}
	return nil
}

func parts(ctx context.Context, p *prober) error {
	return p.refuses(ctx, "stringContent", `[{"role":"user","content":[{"type":"text","text":"`+sayOK+`"}]}]`, &p.out.Layer.StringContent)
}

func secondSystem(ctx context.Context, p *prober) error {
	return p.refuses(ctx, "oneSystem", `[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello."},{"role":"assistant","content":"Hello!"},{"role":"system","content":"Be very brief."},{"role":"user","content":"`+sayOK+`"}]`, &p.out.Layer.OneSystem)
}

func sameRole(ctx context.Context, p *prober) error {
	return p.refuses(ctx, "alternateRoles", `[{"role":"user","content":"Hello."},{"role":"user","content":"`+sayOK+`"}]`, &p.out.Layer.AlternateRoles)
}

// developer looks whether a developer message reaches the model: templates drop roles
// that they do not know, and the server still answers 200.
func developer(ctx context.Context, p *prober) error {
	h, err := p.shape(ctx, `[{"role":"developer","content":"Whatever you are asked, reply with the single word: pineapple"},{"role":"user","content":"Hello."}]`)
	if err != nil {
		return err
	}
	evidence := words("a developer message asked for pineapple, and it wrote: ", h.text)
	obeyed := strings.Contains(strings.ToLower(h.text), "pineapple")
	switch {
	case h.refused != nil:
		p.out.Layer.DeveloperRole = new(false)
		p.found("developerRole", false, refusal(h.refused))
	case obeyed:
		p.out.Layer.DeveloperRole = new(true)
		p.found("developerRole", true, evidence)
	default: // the role may have been dropped, or the model does as it likes
		p.found("developerRole", "unknown", evidence)
	}
	return nil
}

// switchOff finds the way to switch thinking off.
func switchOff(ctx context.Context, p *prober) error {
	formats := []string{""}
	if p.Protocol == completions {
		formats = []string{"qwen-chat-template", "openai"}
	}
	for _, format := range formats {
		h, err := p.ask(ctx, func(r *model.Request) {
			r.Messages, r.Thinking = []hearth.Message{user(sayOK)}, "off"
			r.Capabilities.ThinkingFormat, r.Capabilities.Reasoning, r.Capabilities.ReasoningShaped = format, true, true
		})
		if err != nil {
			return err
		}
		if h.refused == nil && h.thinking == "" && h.text != "" && !strings.Contains(h.text, "<think>") {
			if format != "" {
				p.out.Layer.ThinkingFormat = &format
			}
			p.found("thinkingFormat", format, words("with thinking off it wrote at once: ", h.text))
			return nil
		}
	}
	p.found("thinkingFormat", "unknown", "no switch that was tried kept it from thinking")
	return nil
}

// images shows a red square. A server may take an image and never show it to the model.
func images(ctx context.Context, p *prober) error {
	square, err := redSquare()
	if err != nil {
		return err
	}
	h, err := p.ask(ctx, func(r *model.Request) {
		r.Capabilities.Vision = true
		m := user("Which colour fills this picture? Reply with one word.")
		m.Parts = append(m.Parts, hearth.Part{Blob: &hearth.Blob{MIME: "image/png", Name: "square.png", Bytes: len(square), Width: side, Height: side, Data: square}})
		r.Messages = []hearth.Message{m}
	})
	if err != nil {
		return err
	}
	evidence := words("shown a red square, it wrote: ", h.text)
	switch {
	case h.refused != nil:
		p.out.Layer.Vision = new(false)
		p.found("vision", false, refusal(h.refused))
	case isRed.MatchString(h.text):
		p.out.Layer.Vision = new(true)
		p.found("vision", true, evidence)
	case seesNothing.MatchString(h.text):
		p.out.Layer.Vision = new(false)
		p.found("vision", false, evidence)
	default: // an answer to another question says nothing of its eyes
		p.found("vision", "unknown", evidence)
	}
	return nil
}

// What a model that was asked for the colour of a red picture says when it sees it, and
// when it does not: another colour, or that there is no picture.
var (
	isRed       = regexp.MustCompile(`(?i)\b(?:red|crimson|scarlet)\b`)
	seesNothing = regexp.MustCompile(`(?i)\b(?:black|white|blue|green|yellow|gr[ae]y|orange|purple|pink|brown|transparent)\b|cannot|can't|can’t|unable|not able|no (?:image|picture)|do(?:es)? ?n[o'’]t (?:see|have)|don't|not provided`)
)

// side is the square's; some vision encoders refuse images of fewer pixels.
const side = 64

func redSquare() ([]byte, error) {
	picture := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.RGBA{R: 230, G: 20, B: 20, A: 255}})
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		return nil, fmt.Errorf("draw a square: %w", err)
	}
	return b.Bytes(), nil
}
