package openai

import (
	"hearth"
	"hearth/model"
)

// first gives the first that is not 0.
func first(counts ...model.Count) int {
	for _, c := range counts {
		if c > 0 {
			return int(c)
		}
	}
	return 0
}

// shared turns a usage into ours, whichever spelling the server uses.
func (u *usage) shared(c *model.Capabilities) hearth.Usage {
	out := hearth.Usage{
		Input:        first(u.PromptTokens, u.InputTokens, u.PromptN),
		Output:       first(u.CompletionTokens, u.OutputTokens, u.PredictedN),
		CacheWrite:   int(u.CacheCreation),
		Reasoning:    int(u.ReasoningTokens),
		CacheCounted: c.CachedCounted,
	}
	for _, d := range []*promptDetails{u.PromptDetails, u.InputDetails} {
		if d != nil && d.CachedTokens != nil {
			out.CacheRead, out.CacheCounted = max(out.CacheRead, int(*d.CachedTokens)), true
		}
	}
	for _, n := range []*model.Count{u.Cached, u.CacheHit, u.CacheRead} {
		if n != nil {
			out.CacheRead, out.CacheCounted = max(out.CacheRead, int(*n)), true
		}
	}
	for _, d := range []*outputDetails{u.CompletionDetails, u.OutputDetails} {
		if d != nil {
			out.Reasoning = max(out.Reasoning, int(d.ReasoningTokens))
		}
	}
	out.Total = max(int(u.TotalTokens), out.Input+out.Output)
	return out
}

// shared turns llama.cpp's measurements into a usage, for servers that send no other.
func (t *timings) usage() hearth.Usage {
	in, out := int(t.CacheN+t.PromptN), int(t.PredictedN)
	return hearth.Usage{Input: in, Output: out, CacheRead: int(t.CacheN), Total: in + out, CacheCounted: true}
}

func (t *timings) shared() model.Timing {
	return model.Timing{
		PromptTokens: int(t.PromptN), CachedTokens: int(t.CacheN), OutputTokens: int(t.PredictedN),
		PromptMS: t.PromptMS, OutputMS: t.PredictedMS,
		PromptPerSec: t.PromptPerSecond, OutputsPerSec: t.PredictedPerSecond,
	}
}
