package openai

import (
	"encoding/json"
	"slices"

	"hearth/model"
	"hearth/model/internal/body"
)

const off = model.ThinkingOff

// thinking gives the members that switch thinking and the arguments of the chat
// template. An empty level says nothing.
func (e *encoder) thinking() ([]body.Member, error) {
	kwargs, err := body.Members(e.req.ChatTemplateKwargs)
	if err != nil {
		return nil, err
	}
	var ms []body.Member
	switch level := e.req.Thinking; e.caps.ThinkingFormat {
	case "qwen-chat-template":
		if level != "" {
			kwargs = withDefaults(kwargs,
				body.Member{Name: "enable_thinking", Value: truth(level != off)},
				body.Member{Name: "preserve_thinking", Value: truth(true)})
		}
	case "qwen":
		if level != "" {
			ms = append(ms, body.Member{Name: "enable_thinking", Value: truth(level != off)})
		}
	case "deepseek", "zai":
		ms = append(ms, kind(level)...)
		if e.caps.ReasoningShaped && level != off {
			ms = append(ms, e.effort(level)...)
		}
	case "together":
		if level != "" {
			ms = append(ms, body.Member{Name: "reasoning", Value: body.Object(body.Member{Name: "enabled", Value: truth(level != off)})})
		}
	case "openrouter":
		if word := e.caps.Effort(level, "none"); word != "" {
			ms = append(ms, body.Member{Name: "reasoning", Value: body.Object(body.Member{Name: "effort", Value: body.Quote(word)})})
		}
	default:
		if e.caps.ReasoningShaped || e.caps.Reasoning && !e.caps.ProxyLike {
			ms = append(ms, e.effort(level)...)
		}
	}
	if len(kwargs) > 0 {
		ms = append(ms, body.Member{Name: "chat_template_kwargs", Value: body.Object(kwargs...)})
	}
	return ms, nil
}

// withDefaults adds what the owner's own arguments do not already say.
func withDefaults(own []body.Member, defaults ...body.Member) []body.Member {
	var out []body.Member
	for _, d := range defaults {
		if !slices.ContainsFunc(own, func(m body.Member) bool { return m.Name == d.Name }) {
			out = append(out, d)
		}
	}
	return append(out, own...)
}

func kind(level string) []body.Member {
	if level == "" {
		return nil
	}
	word := "enabled"
	if level == off {
		word = "disabled"
	}
	return []body.Member{{Name: "thinking", Value: body.Object(body.Member{Name: "type", Value: body.Quote(word)})}}
}

func truth(b bool) []byte {
	v, _ := json.Marshal(b) // a bool always has a JSON form
	return v
}

func (e *encoder) effort(level string) []body.Member {
	word := e.caps.Effort(level, "")
	if word == "" {
		return nil
	}
	return []body.Member{{Name: "reasoning_effort", Value: body.Quote(word)}}
}
