package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/config"
	"hearth/tool"
)

func TestWhyNamesTheBreaks(t *testing.T) {
	var b strings.Builder
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.Local)
	whyJSON{Breaks: []epochBreak{{Epoch: 4, Model: hearth.ModelRef{Provider: "p", Model: "m"}, Began: at, Reason: "compaction", FirstDiff: 812, TokensLost: 90, Detail: "the window\nwas full"}}}.print(&b)
	if want := "break       epoch 4 of p/m, 2026-05-01 12:00: compaction, differs at byte 812, 90 tokens read again (the window was full)\n"; b.String() != want {
		t.Errorf("got %q\nwant %q", b.String(), want)
	}
}

func TestLocalModelLeanLeavesToolsOut(t *testing.T) {
	lean := true
	a := &app{file: &config.File{Config: config.Config{}}}
	tools := []tool.Tool{named("read"), named("browser"), named("cron"), named("message")}
	if got := strings.Join(a.surface(choice{}, tools), " "); got != "read browser cron message" {
		t.Errorf("unasked: %s", got)
	}
	a.file.Config.Agents.Defaults.Experimental.LocalModelLean = &lean
	if got := strings.Join(a.surface(choice{}, tools), " "); got != "read" {
		t.Errorf("lean: %s", got)
	}
}

// named is a tool of which only the name matters.
type named string

func (n named) Spec() hearth.ToolSpec              { return hearth.ToolSpec{Name: string(n)} }
func (named) Effect(hearth.ToolCall) hearth.Effect { return hearth.EffectRead }
func (named) Run(context.Context, hearth.ToolCall) (hearth.ToolResult, error) {
	return hearth.ToolResult{}, nil
}
