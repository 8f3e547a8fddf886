package main

import (
	"bytes"
	"fmt"

	"hearth/config"
	"hearth/model"
)

// leftUnsaid tells what becomes of a level that a person asked for where it is not what the
// word promises; "" where the model is told of it, or there is nothing to tell. Whether it
// is told is read from the bytes that would be sent, which no table can contradict.
func leftUnsaid(level string, t model.Target) string {
	encoder, ok := t.Provider.(model.Encoder)
	if level == "" || !ok {
		return ""
	}
	caps := t.Layers.Merge()
	sent := func(level string) []byte {
		s, err := encoder.Encode(&model.Request{
			Model: t.Ref.Model, Messages: bare("hello", nil), Thinking: level, Capabilities: caps, MaxTokens: t.Params.MaxTokens,
			ChatTemplateKwargs: t.Params.ChatTemplateKwargs, Options: t.Params.Options, ExtraBody: t.Params.ExtraBody,
		})
		if err != nil { // the real request will say why
			return nil
		}
		return s.Body
	}
	asked := sent(level)
	switch from := t.Layers.Sources()["reasoning"]; {
	case level == model.ThinkingOff:
		if caps.Reasoning && t.Protocol != config.AnthropicMessages && bytes.Equal(asked, sent("")) {
			return fmt.Sprintf("%s is not told to answer without thinking: how is not known; hearth models probe %s finds out", t.Ref, t.Ref)
		}
	case !bytes.Equal(asked, sent("")):
		for _, other := range caps.Levels() {
			if other != model.ThinkingOff && !bytes.Equal(asked, sent(other)) {
				return ""
			}
		}
		return fmt.Sprintf("%s is asked to think, but not how much: no levels of it are known", t.Ref)
	case from != "" && !caps.Reasoning:
		return fmt.Sprintf("%s is not told to think at level %s: it does not think, says the %s", t.Ref, level, from)
	default:
		return fmt.Sprintf("%s is not told to think at level %s: how is not known; hearth models probe %s finds out", t.Ref, level, t.Ref)
	}
	return ""
}
