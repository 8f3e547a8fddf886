package agent

import (
	"context"

	"hearth"
	"hearth/prompt"
	"hearth/session"
)

// Context is what fills a conversation's window, by the estimate that decides about
// shortening it.
type Context struct {
	Target   hearth.ModelRef
	Window   int
	Known    bool // somebody said the window; else it is a guess
	Limit    int  // above which the conversation is shortened
	Used     int  // tokens of the next request, without what will be said
	System   int  // of them, system text
	Files    []FileCost
	Tools    int // of them, tool schemas
	Summary  int // of them, the summary of what came before
	Messages int // how many are in it
	// Tokenizer says that this is by the server's own tokenizer, before anything was sent.
	Tokenizer bool
	ToolList  []string
	Thinking  string // the level asked for; "" leaves it to the model
	// Catalogue are the tools that are reached through ToolList, where that is an index.
	Catalogue []string
	Epoch     session.Epoch
	Facts     []hearth.Fact
}

// A FileCost is what one of the owner's files, or the list of skills, takes of the system
// text: as the epoch has it, without what later messages told.
type FileCost struct {
	Name   string // for a person
	Tokens int
}

// Context looks at what the next request of a conversation will hold. It changes nothing.
func (a *Agent) Context(ctx context.Context, t session.Transcript) (Context, error) {
	chain, err := a.cfg.Targets(ctx)
	if err != nil {
		return Context{}, err
	}
	st, primary, err := a.current(ctx, t, chain)
	if err != nil {
		return Context{}, err
	}
	c, err := a.outsideTurn(t, chain, st, primary).conversation(ctx, chain[0])
	if err != nil {
		return Context{}, err
	}
	plan := c.es.plan
	out := Context{
		Target: plan.Target, Window: plan.Window, Known: plan.Capabilities.WindowKnown, Limit: a.cfg.Room.Limit(plan),
		Used: c.tokens, Tokenizer: c.gauge.Tokenizer, ToolList: plan.ToolNames(), Thinking: plan.Params.Thinking, Epoch: c.es.epoch, Messages: len(c.messages), Facts: prompt.KnownFacts(plan, c.messages),
	}
	if plan.Indexed {
		out.Catalogue = a.toolNames()
	}
	head := c.gauge.HeadTokens(plan)
	if whole := prompt.UsualRatio.Tokens(prompt.WeighHead(plan)); whole > 0 {
		out.System = head * prompt.UsualRatio.Tokens(prompt.WeighText(plan.System)) / whole
	}
	for _, s := range plan.Shares {
		out.Files = append(out.Files, FileCost{s.Name, out.System * s.Bytes / max(len(plan.System), 1)})
	}
	out.Tools = head - out.System
	out.Summary = c.gauge.Tokens(prompt.WeighSummary(plan))
	return out, nil
}
