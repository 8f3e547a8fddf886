package model

import "slices"

// ThinkingOff is the level that asks for no thinking.
const ThinkingOff = "off"

// usual are the levels of a model nobody described.
var usual = []string{"minimal", "low", "medium", "high"}

// order is how levels are listed to a person.
var order = []string{ThinkingOff, "minimal", "low", "medium", "high", "xhigh", "max", "adaptive"}

// Levels lists what may be asked of the model: "off", the declared levels or the usual
// ones, and those that have a word of their own; without those it is said not to have.
func (c *Capabilities) Levels() []string {
	levels := c.Efforts
	if levels == nil {
		levels = usual
	}
	levels = append([]string{ThinkingOff}, levels...)
	for _, w := range c.EffortMap {
		levels = slices.DeleteFunc(levels, func(level string) bool { return level == w.Level })
		if w.Word != "" {
			levels = append(levels, w.Level)
		}
	}
	rank := func(level string) int {
		if i := slices.Index(order, level); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(levels, func(a, b string) int { return rank(a) - rank(b) })
	return slices.Compact(slices.DeleteFunc(levels, func(level string) bool { return level == "none" }))
}

// Level gives the level to ask for where a config names one that the model may not have:
// that one, else the next lower one, else the lowest above it; "" where it has none. So
// OpenClaw maps stored levels: adaptive stands where medium does.
func (c *Capabilities) Level(stored string) string {
	levels := c.Levels()
	if slices.Contains(levels, stored) {
		return stored
	}
	if stored == "adaptive" {
		stored = "medium"
	}
	want, below, above := slices.Index(order, stored), "", ""
	if stored == "ultra" { // OpenClaw's name for more than the most
		want = len(order)
	}
	if want < 0 {
		return ""
	}
	for _, level := range levels {
		at := slices.Index(order, level)
		if at <= 0 || level == "adaptive" { // off is no level of thinking, and some words have no rank
			continue
		}
		if at <= want {
			below = level
		} else if above == "" {
			above = level
		}
	}
	if below == "" {
		return above
	}
	return below
}

// Effort gives the word to send for a level: the owner's own, the level itself where it
// is declared or usual, else the nearest below. "off" without a word of its own sends
// offWord; "" means that nothing is sent.
func (c *Capabilities) Effort(level, offWord string) string {
	for _, w := range c.EffortMap {
		if w.Level == level && level != "" {
			return w.Word
		}
	}
	allowed := c.Efforts
	if allowed == nil {
		allowed = []string{"low", "medium", "high"}
	}
	switch {
	case level == "":
		return ""
	case level == ThinkingOff:
		if slices.Contains(allowed, "none") {
			return "none"
		}
		return offWord
	case slices.Contains(allowed, level):
		return level
	}
	for _, word := range nearest[level] {
		if slices.Contains(allowed, word) {
			return word
		}
	}
	return ""
}

// nearest lists what stands in for a level that a server does not have.
var nearest = map[string][]string{
	"minimal":  {"low", "medium", "high"},
	"low":      {"minimal", "medium", "high"},
	"medium":   {"low", "high"},
	"high":     {"medium", "low"},
	"xhigh":    {"high", "medium", "low"},
	"max":      {"xhigh", "high", "medium", "low"},
	"adaptive": {"medium", "low", "high"},
}
