package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"hearth"
	"hearth/config"
	"hearth/model"
)

// configLayer is what the config says a model can do: the most trusted layer.
// widest is the most that any agent plans for, 0 for all there is: a server is asked for the
// same window by all of them, because many load a model anew for another one.
func configLayer(p config.Provider, m config.Model, listed bool, widest int) model.Layer {
	var l model.Layer
	native := firstSet(m.ContextWindow, p.ContextWindow)
	limit := native
	for _, c := range []int{m.ContextTokens, p.ContextTokens, widest} {
		if c > 0 && (limit == 0 || c < limit) {
			limit = c
		}
	}
	l.Window, l.TrainedMax = some(limit), some(native)
	l.MaxTokens = some(firstSet(m.MaxTokens, p.MaxTokens))
	if where := hearth.Locality(cmp.Or(m.Locality, p.Locality)); where != "" {
		l.Locality = &where
	}
	if listed {
		l.Reasoning = m.Reasoning
		if len(m.Input) > 0 {
			sees := slices.Contains(m.Input, "image")
			l.Vision = &sees
		}
	}
	compatLayer(m.Compat, &l)
	levelLayer(m, &l)
	return l
}

// compatLayer maps a compat block.
func compatLayer(c config.Compat, l *model.Layer) {
	l.StringContent, l.StrictKeys, l.DeveloperRole = c.RequiresStringContent, c.StrictMessageKeys, c.SupportsDeveloperRole
	l.StreamUsage, l.PromptCacheKey = c.SupportsUsageInStreaming, c.SupportsPromptCacheKey
	l.ToolResultName, l.ReasoningShaped = c.RequiresToolResultName, c.SupportsReasoningEffort
	l.ToolIDs9, l.AnswerToResults, l.ThinkingAsText = c.RequiresMistralToolIDs, c.RequiresAssistantAfterTool, c.RequiresThinkingAsText
	l.ReplayThinking = c.RequiresReasoningContent
	if isTrue(c.RequiresReasoningContent) { // that nobody requires it leaves a server free to say that it does
		l.NeedsReasoning = c.RequiresReasoningContent
	}
	if l.ReplayThinking == nil && isTrue(c.RequiresThinkingAsText) {
		l.ReplayThinking = c.RequiresThinkingAsText
	}
	l.VisibleDetails = c.VisibleReasoningDetailTypes
	if c.ToolCallArgumentsEncoding != "" {
		l.ArgumentObjects = new(c.ToolCallArgumentsEncoding == "object")
	}
	l.Efforts = c.SupportedReasoningEfforts
	l.RefusedKeywords = c.UnsupportedToolSchemaKeywords
	if c.MaxTokensField != "" {
		l.MaxTokensField = &c.MaxTokensField
	}
	if c.ThinkingFormat != "" {
		l.ThinkingFormat = &c.ThinkingFormat
	}
	if c.SupportsTools != nil {
		support := model.ToolsNative
		if !*c.SupportsTools {
			support = model.ToolsNone
		}
		l.Tools = &support
	}
	if c.SupportsTemperature != nil && !*c.SupportsTemperature {
		l.RefusedFields = append(l.RefusedFields, "temperature")
	}
}

// levelLayer says which levels of thinking a model has, and the server's words for them.
// A level with a word of its own is declared by that; naming any has efforts sent.
func levelLayer(m config.Model, l *model.Layer) {
	words := map[string]string{}
	for level, word := range m.ThinkingLevelMap {
		words[level] = ""
		if word != nil {
			words[level] = *word
		}
	}
	maps.Copy(words, m.Compat.ReasoningEffortMap)
	for _, level := range slices.Sorted(maps.Keys(words)) {
		l.EffortMap = append(l.EffortMap, model.EffortWord{Level: level, Word: words[level]})
	}
	named := len(m.Compat.SupportedReasoningEfforts) > 0 || slices.ContainsFunc(l.EffortMap, func(w model.EffortWord) bool { return w.Word != "" })
	if m.Compat.SupportsReasoningEffort == nil && named {
		l.ReasoningShaped = new(true)
	}
}

func isTrue(b *bool) bool { return b != nil && *b }

// some gives a pointer to a number that is set.
func some(n int) *int {
	if n <= 0 {
		return nil
	}
	return &n
}

func firstSet(values ...int) int {
	for _, v := range values {
		if v > 0 {
			return v
		}
	}
	return 0
}

// requestParams sorts the owner's free settings into what a request has places for:
// extra_body and chat_template_kwargs have their own, the rest are the server's options.
func requestParams(p config.Params) model.Params {
	var out model.Params
	options := config.Params{}
	for _, key := range slices.Sorted(maps.Keys(p)) {
		switch value := p[key]; key {
		case "extra_body", "extraBody":
			out.ExtraBody = mergeObjects(out.ExtraBody, value)
		case "chat_template_kwargs", "chatTemplateKwargs":
			out.ChatTemplateKwargs = mergeObjects(out.ChatTemplateKwargs, value)
		case "preload", "qwenThinkingFormat": // ours to act on, not the server's to read
		default:
			options[key] = value
		}
	}
	if len(options) > 0 {
		out.Options = canonicalObject(options)
	}
	return out
}

// merged gives the params of all layers, later ones winning.
func merged(layers ...config.Params) config.Params {
	out := config.Params{}
	for _, l := range layers {
		for k, v := range l {
			if k == "extra_body" || k == "chat_template_kwargs" {
				v = mergeObjects(out[k], v)
			}
			out[k] = v
		}
	}
	return out
}

// mergeObjects gives the members of both, over winning. What is no object is ignored.
func mergeObjects(under, over json.RawMessage) json.RawMessage {
	a, b := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if len(under) > 0 && json.Unmarshal(under, &a) != nil {
		return nil
	}
	if json.Unmarshal(over, &b) != nil {
		return under
	}
	maps.Copy(a, b)
	return canonicalObject(a)
}

// canonicalObject writes the members in sorted order, so that equal settings give equal
// bytes.
func canonicalObject(m map[string]json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(key)
		if err != nil {
			continue // a Go string always encodes
		}
		b.Write(name)
		b.WriteByte(':')
		if json.Compact(&b, m[key]) != nil {
			b.WriteString("null")
		}
	}
	b.WriteByte('}')
	return b.Bytes()
}
