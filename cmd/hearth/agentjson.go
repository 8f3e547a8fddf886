package main

import (
	"context"
	"strings"
	"time"

	"hearth"
	"hearth/agent"
	"hearth/prompt"
	"hearth/session"
)

// The shape of `agent --json`: OpenClaw's fields, and ours under meta.hearth.
type agentJSON struct {
	Payloads []payload `json:"payloads"`
	Meta     agentMeta `json:"meta"`
}

type payload struct {
	Text     string  `json:"text"`
	MediaURL *string `json:"mediaUrl"`
	IsError  bool    `json:"isError,omitempty"`
}

type agentMeta struct {
	DurationMS int64       `json:"durationMs"`
	AgentMeta  sessionMeta `json:"agentMeta"`
	Aborted    bool        `json:"aborted"`
	// SystemPrompt is left out where no prompt was made, as the fields of the turn's record.
	SystemPrompt   *promptReport  `json:"systemPromptReport,omitempty"`
	FinalPrompt    string         `json:"finalPromptText,omitempty"`
	FinalText      string         `json:"finalAssistantVisibleText"`
	FinalRaw       string         `json:"finalAssistantRawText,omitempty"`
	Liveness       string         `json:"livenessState"`
	StopReason     string         `json:"stopReason,omitempty"`
	ExecutionTrace traceMeta      `json:"executionTrace"`
	Shaping        requestShaping `json:"requestShaping"`
	ToolSummary    toolSummary    `json:"toolSummary"`
	Completion     *completion    `json:"completion,omitempty"`
	Error          *failure       `json:"error,omitempty"`
	Hearth         hearthDetails  `json:"hearth"`
}

type sessionMeta struct {
	SessionID     string        `json:"sessionId"`
	Provider      string        `json:"provider"`
	Model         string        `json:"model"`
	ContextTokens int           `json:"contextTokens"`
	Usage         *hearth.Usage `json:"usage,omitempty"`
	LastCallUsage *hearth.Usage `json:"lastCallUsage,omitempty"`
}

type traceMeta struct {
	WinnerProvider string         `json:"winnerProvider"`
	WinnerModel    string         `json:"winnerModel"`
	Attempts       []attemptTrace `json:"attempts"`
	FallbackUsed   bool           `json:"fallbackUsed"`
	Runner         string         `json:"runner"` // OpenClaw's word for a turn in this process
}

// attemptTrace is one model call.
type attemptTrace struct {
	Provider  string `json:"provider"`
	Model     string `json:"model"`
	Result    string `json:"result"` // success, timeout, aborted or error
	Reason    string `json:"reason,omitempty"`
	Error     string `json:"error,omitempty"`
	ElapsedMS int64  `json:"elapsedMs"`
}

func attempt(r hearth.Report) attemptTrace {
	p := r.Phases
	a := attemptTrace{
		Provider: r.Target.Provider, Model: r.Target.Model, Result: "error", Reason: string(r.Reason), Error: r.Error,
		ElapsedMS: (p.Queue + p.Connect + p.Load + p.Read + p.Write).Milliseconds(),
	}
	switch r.Reason {
	case "":
		a.Result = "success"
	case hearth.ReasonTimeout, hearth.ReasonStalled:
		a.Result = "timeout"
	case hearth.ReasonCancelled:
		a.Result = "aborted"
	default:
	}
	return a
}

// requestShaping is what the person's wishes made of the requests.
type requestShaping struct {
	Thinking string `json:"thinking,omitempty"` // the level in force; "" leaves it to the model
}

type toolSummary struct {
	Calls    int      `json:"calls"`
	Tools    []string `json:"tools"`
	Failures int      `json:"failures"` // results that say that something went wrong
}

// completion says how the last model call ended.
type completion struct {
	FinishReason string `json:"finishReason"`
	StopReason   string `json:"stopReason"`
}

// promptReport is how much of the prompt is ours.
type promptReport struct {
	Source    string `json:"source"`
	Workspace string `json:"workspaceDir,omitempty"`
	System    struct {
		Chars int `json:"chars"`
	} `json:"systemPrompt"`
	Tools struct {
		SchemaChars int          `json:"schemaChars"`
		Entries     []toolReport `json:"entries"`
	} `json:"tools"`
}

type toolReport struct {
	Name         string `json:"name"`
	SummaryChars int    `json:"summaryChars"`
	SchemaChars  int    `json:"schemaChars"`
}

// hearthDetails is what OpenClaw has no field for.
type hearthDetails struct {
	Session string   `json:"session"`
	Turn    string   `json:"turn"`
	Steps   int      `json:"steps"`
	Tools   []string `json:"tools"` // offered to the model
	// Catalogue are the tools behind tool_search, where there are too many to offer.
	Catalogue []string        `json:"catalogue,omitempty"`
	Lean      bool            `json:"localModelLean"`
	Reports   []hearth.Report `json:"reports"`
	// CostUSD is what the turn cost by the prices of the config or the catalog; left out
	// where a price is not known.
	CostUSD *float64 `json:"costUsd,omitempty"`
}

func agentResult(k *talk, out agent.Outcome, err error, took time.Duration) agentJSON {
	r := agentJSON{Meta: agentMeta{
		DurationMS: took.Milliseconds(), FinalText: out.Answer,
		ExecutionTrace: traceMeta{Attempts: []attemptTrace{}, Runner: "embedded"}, Liveness: liveness(out, err),
		ToolSummary: toolSummary{Calls: len(out.Calls), Tools: distinct(out.Calls)},
	}}
	m := &r.Meta
	won := answered(out)
	if won {
		m.StopReason = string(out.Stop)
		m.Completion = &completion{FinishReason: m.StopReason, StopReason: m.StopReason}
		m.ExecutionTrace.WinnerProvider, m.ExecutionTrace.WinnerModel = out.Target.Provider, out.Target.Model
	}
	m.AgentMeta = sessionMeta{Provider: out.Target.Provider, Model: out.Target.Model, ContextTokens: out.Window}
	if out.Usage != (hearth.Usage{}) {
		m.AgentMeta.Usage, m.AgentMeta.LastCallUsage = &out.Usage, &out.LastCall
	}
	for _, rep := range out.Reports {
		if won && rep.Reason != "" {
			m.ExecutionTrace.FallbackUsed = m.ExecutionTrace.FallbackUsed || rep.Target != out.Target
		}
		m.ExecutionTrace.Attempts = append(m.ExecutionTrace.Attempts, attempt(rep))
	}
	m.Hearth = hearthDetails{Turn: string(out.Turn), Steps: out.Steps, Reports: out.Reports, Tools: out.Tools, Catalogue: out.Catalogue}
	if m.Hearth.Reports == nil {
		m.Hearth.Reports = []hearth.Report{}
	}
	if m.Hearth.Tools == nil {
		m.Hearth.Tools = []string{}
	}
	if k != nil {
		info := k.t.Info()
		m.AgentMeta.SessionID, m.Hearth.Session = string(info.ID), info.Key.Name
		m.Hearth.Lean, m.Hearth.CostUSD = k.lean(k.choice), k.roster.costOf(out.Reports)
	}
	if out.Answer != "" {
		r.Payloads = append(r.Payloads, payload{Text: out.Answer})
	}
	if err != nil {
		reason := hearth.ReasonOf(err)
		m.Aborted = reason == hearth.ReasonCancelled
		m.Error = &failure{Kind: string(reason), Message: err.Error()}
		r.Payloads = append(r.Payloads, payload{Text: err.Error(), IsError: true})
	}
	if out.Question != nil {
		r.Payloads = append(r.Payloads, payload{Text: "This needs your consent, and nobody could be asked: " + out.Question.Text, IsError: true})
	}
	if r.Payloads == nil {
		r.Payloads = []payload{}
	}
	return r
}

// liveness is OpenClaw's word for where a turn stands: one that waits for consent is paused,
// one with a part of an answer abandoned, one that failed before that blocked.
func liveness(out agent.Outcome, err error) string {
	switch {
	case out.Question != nil:
		return "paused"
	case err == nil:
		return "working"
	case out.Answer != "":
		return "abandoned"
	default:
		return "blocked"
	}
}

// answered reports whether a model gave the turn its end. Without it the outcome names
// the model that was to be asked, which is no winner.
func answered(out agent.Outcome) bool {
	n := len(out.Reports)
	return out.Answer != "" || n > 0 && out.Reports[n-1].Reason == ""
}

func distinct(names []string) []string {
	out := []string{}
	seen := map[string]bool{}
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// turnRecord is what agent --json tells of a turn beside its outcome. What is not known is zero.
type turnRecord struct {
	plan      *prompt.Plan
	workspace string
	prompt    string // the message as the model got it
	raw       string // the last model call's text before markup was taken out
	failures  int    // of tools
}

// record reads what the transcript holds of a turn, which must still be owned.
func (k *talk) record(ctx context.Context, out agent.Outcome) turnRecord {
	r := turnRecord{workspace: k.kit.workspace}
	if answered(out) {
		r.raw = k.calls.raw.text.String()
	}
	if e, ok, err := k.t.Epoch(ctx, out.Target); err == nil && ok {
		r.plan, _ = prompt.DecodePlan(e.Plan) // one that cannot be read is not told of
	}
	if len(out.Reports) == 0 {
		return r
	}
	for e, err := range k.t.Since(ctx, session.Seq(out.Reports[0].Through)) {
		if err != nil || e.Message.Turn != out.Turn {
			continue
		}
		var texts []string
		for _, p := range e.Message.Parts {
			switch {
			case p.Text != "":
				texts = append(texts, p.Text)
			case p.Result != nil && p.Result.Failed:
				r.failures++
			}
		}
		if e.Message.Role == hearth.RoleUser {
			r.prompt = strings.Join(texts, "\n")
		}
	}
	return r
}

func (m *agentMeta) add(r turnRecord) {
	m.FinalPrompt, m.FinalRaw, m.ToolSummary.Failures = r.prompt, r.raw, r.failures
	if r.plan == nil {
		return
	}
	m.Shaping.Thinking = r.plan.Params.Thinking
	report := promptReport{Source: "run", Workspace: r.workspace}
	report.System.Chars = len([]rune(r.plan.System))
	report.Tools.Entries = []toolReport{}
	for _, t := range r.plan.Tools {
		report.Tools.SchemaChars += len(t.Schema)
		report.Tools.Entries = append(report.Tools.Entries, toolReport{t.Name, len([]rune(t.Description)), len(t.Schema)})
	}
	m.SystemPrompt = &report
}
