package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"hearth/config"
	"hearth/model"
)

// configLayer is what the config says a model can do: the most trusted layer.
func configLayer(p config.Provider, m config.Model, listed bool, agentCap int) model.Layer {
	var l model.Layer
	native := firstSet(m.ContextWindow, p.ContextWindow)
	limit := native
	for _, c := range []int{m.ContextTokens, p.ContextTokens, agentCap} {
		if c > 0 && (limit == 0 || c < limit) {
			limit = c
		}
	}
	l.Window, l.TrainedMax = some(limit), some(native)
	l.MaxTokens = some(firstSet(m.MaxTokens, p.MaxTokens))
	if listed {
		l.Reasoning = m.Reasoning
		if len(m.Input) > 0 {
			sees := slices.Contains(m.Input, "image")
			l.Vision = &sees
		}
	}
	compatLayer(m.Compat, &l)
	return l
}

// compatLayer maps a compat block.
func compatLayer(c config.Compat, l *model.Layer) {
	l.StringContent, l.StrictKeys, l.DeveloperRole = c.RequiresStringContent, c.StrictMessageKeys, c.SupportsDeveloperRole
	l.StreamUsage, l.PromptCacheKey = c.SupportsUsageInStreaming, c.SupportsPromptCacheKey
	l.ToolResultName, l.ReasoningShaped = c.RequiresToolResultName, c.SupportsReasoningEffort
	l.ReplayThinking = firstPointer(c.RequiresReasoningContent, c.RequiresThinkingAsText)
	l.Efforts = c.SupportedReasoningEfforts
	l.RefusedKeywords = c.UnsupportedToolSchemaKeywords
	for _, level := range slices.Sorted(maps.Keys(c.ReasoningEffortMap)) {
		l.EffortMap = append(l.EffortMap, model.EffortWord{Level: level, Word: c.ReasoningEffortMap[level]})
	}
	if c.SupportsReasoningEffort == nil && (len(c.SupportedReasoningEfforts) > 0 || len(c.ReasoningEffortMap) > 0) {
		yes := true
		l.ReasoningShaped = &yes
	}
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

func firstPointer(values ...*bool) *bool {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
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
