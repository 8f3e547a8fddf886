package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hearth"
	"hearth/internal/escape"
	"hearth/policy"
	"hearth/prompt"
	"hearth/session"
	"hearth/tool"
)

// noTool says why a call cannot be run. A tool that the model was shown when the
// conversation began may have been taken away since.
func noTool(plan *prompt.Plan, name string) string {
	switch {
	case plan.Indexed:
		return fmt.Sprintf("There is no tool named %q. Find one with %s.", name, tool.SearchName)
	case slices.Contains(plan.ToolNames(), name):
		return fmt.Sprintf("The tool %s is no longer allowed: the owner took it away during this conversation. Go on without it.", name)
	case len(plan.Tools) == 0:
		return fmt.Sprintf("There is no tool named %q. There are no tools in this conversation: answer in words.", name)
	default:
		return fmt.Sprintf("There is no tool named %q. The tools are: %s.", name, strings.Join(plan.ToolNames(), ", "))
	}
}

// uncalled takes the calls out of an answer of a model that was given no tools: there is
// nothing that they could reach, and the next request has no place for them. A sentence
// stands for them, so that the answer is never empty.
func (r *run) uncalled(ans *answer) {
	es := r.epochs[ans.target]
	if es == nil || len(es.plan.Tools) > 0 || len(ans.calls) == 0 {
		return
	}
	called := fmt.Sprintf("the tool %q", ans.calls[0].Name)
	if n := len(ans.calls); n > 1 {
		called = fmt.Sprintf("%d tools, %q first", n, ans.calls[0].Name)
	}
	said := fmt.Sprintf("(The model called %s, though it was given no tools. Nothing was run.)", called)
	if ans.text.Len() > 0 {
		said = "\n" + said
	}
	ans.text.WriteString(said)
	ans.calls = nil
	r.emit(hearth.Event{Kind: hearth.EventText, Text: said})
	r.notice("hidden_call", fmt.Sprintf("the model called %s, though it was given no tools; nothing was run", called))
}

// runCalls settles the open calls of the newest answer, in order: each is decided on,
// marked as started where it has effects, run, and its result appended. It stops at a
// question for a person.
func (r *run) runCalls(ctx context.Context) error {
	calls := slices.Clone(r.st.open)
	offered, err := r.callerPlan(ctx)
	if err != nil {
		return err
	}
	for i, call := range calls {
		if err := ctx.Err(); err != nil {
			return err
		}
		if i >= r.limits.CallsPerStep {
			res := failed(call, fmt.Sprintf("Not run: at most %d calls are run at a time. Call it again if it is still needed.", r.limits.CallsPerStep))
			if err := r.settle(ctx, call, call, res); err != nil {
				return err
			}
			continue
		}
		if err := r.runCall(ctx, offered, call); err != nil || r.out.Question != nil {
			return err
		}
	}
	return nil
}

// callerPlan is the plan that offered the tools of the newest answer's calls: a fallback
// may have an index where the primary has none. A model that has left the chain since is
// judged by the primary's.
func (r *run) callerPlan(ctx context.Context) (*prompt.Plan, error) {
	if es := r.epochs[r.st.caller]; es != nil {
		return es.plan, nil
	}
	for _, target := range r.chain {
		if target.Ref == r.st.caller { // it answered in another process
			plan, _, err := r.liveOrNew(ctx, r.t, target)
			return plan, err
		}
	}
	return r.epochs[r.chain[0].Ref].plan, nil
}

// runCall settles one call. What is decided on, asked about, run and compared is what
// the call does: a tool_call is the call that it stands for. What answers it on the wire
// bears the name that the model called.
func (r *run) runCall(ctx context.Context, offered *prompt.Plan, wire hearth.ToolCall) error {
	if r.st.started[wire.ID] {
		return r.settle(ctx, wire, wire, interrupted(r.st, wire))
	}
	t, call, err := r.tool(offered, wire)
	if err == nil {
		err = wrong(t, call)
	}
	if err != nil {
		// Such a call would do nothing, so nobody is asked about it.
		return r.refuse(ctx, wire, call, err.Error())
	}
	effect := t.Effect(call)
	decision := r.decide(t, call, effect)
	switch decision.Verdict {
	case policy.Allow:
	case policy.Ask:
		return r.question(ctx, t, call, decision)
	default: // policy.Deny, and whatever else is not a yes
		r.emit(hearth.Event{Kind: hearth.EventToolStart, Call: &call, Text: describe(t, call), Decision: "denied: " + decision.Reason})
		return r.refuse(ctx, wire, call, "Not allowed: "+decision.Reason)
	}
	if effect != hearth.EffectRead {
		if err := r.append(ctx, &session.Commit{Messages: []hearth.Message{
			r.markMessage(r.st.turn, hearth.Mark{Kind: hearth.MarkStarted, Call: call.ID})}}); err != nil {
			return err
		}
	}
	r.emit(hearth.Event{Kind: hearth.EventToolStart, Call: &call, Text: describe(t, call)})
	res, err := r.execute(ctx, t, call)
	if err != nil {
		return err
	}
	r.out.Calls = append(r.out.Calls, call.Name)
	// The transcript is the primary's, whoever stands in for it.
	if err := r.settle(ctx, wire, call, prompt.FreezeResult(r.epochs[r.chain[0].Ref].plan, res)); err != nil {
		return err
	}
	return r.stopLoop(call, res)
}

// tool gives the tool that a call reaches, and the call as that tool reads it. What the
// plan did not offer is out of reach, whatever the agent has.
func (r *run) tool(plan *prompt.Plan, call hearth.ToolCall) (tool.Tool, hearth.ToolCall, error) {
	if plan.Indexed && tool.IsCall(call.Name) {
		called, err := tool.Called(call)
		if err != nil {
			return nil, call, fmt.Errorf("%s: %w", call.Name, err)
		}
		call = called
	}
	if t, ok := r.tools[call.Name]; ok && (plan.Indexed || slices.Contains(plan.ToolNames(), call.Name)) {
		return t, call, nil
	}
	if plan.Indexed {
		if t, ok := tool.NewIndex(r.specs, plan.CallName()).Find(call.Name); ok {
			return t, call, nil
		}
	}
	return nil, call, errors.New(noTool(plan, call.Name))
}

// refuse settles a call that is not run.
func (r *run) refuse(ctx context.Context, wire, call hearth.ToolCall, why string) error {
	res := failed(call, why)
	return errors.Join(r.settle(ctx, wire, call, res), r.stopLoop(call, res))
}

// wrong says what is wrong with a call's arguments: a tool that checks them itself knows
// best, for all others their own schema decides.
func wrong(t tool.Tool, call hearth.ToolCall) error {
	var err error
	if c, ok := t.(tool.Checker); ok {
		err = c.Check(call)
	} else if args, ok := call.Object(); ok {
		err = tool.Fits(t.Spec(), args)
	} else {
		err = errors.New("the arguments are not a JSON object: " + quoteShort(call.Arguments))
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", call.Name, err)
	}
	return err
}

// stopLoop ends the turn when a call has had the same result too often.
func (r *run) stopLoop(call hearth.ToolCall, res hearth.ToolResult) error {
	r.done = append(r.done, policy.Step{Call: call, Result: res})
	if policy.Repeats(r.done) >= r.limits.Repeats {
		return r.limit("the model made the same call %d times with the same result (%s)", r.limits.Repeats, call.Name)
	}
	return nil
}

// execute runs a tool and makes sure that the result answers the call.
func (r *run) execute(ctx context.Context, t tool.Tool, call hearth.ToolCall) (hearth.ToolResult, error) {
	tidy := call
	if _, reads := t.(tool.Checker); !reads { // one that checks has found them in order as they are
		tidy.Arguments, _ = call.Object()
	}
	res, err := t.Run(tool.NewContext(ctx, r.st.tainted), tidy)
	if err != nil {
		return hearth.ToolResult{}, &hearth.Error{Op: "tool " + call.Name, Reason: hearth.ReasonInternal, Err: err}
	}
	res.CallID, res.Name = call.ID, call.Name
	if redact := r.cfg.Redact; redact != nil {
		res.Text = redact(res.Text)
		if len(res.Detail) > 0 {
			res.Detail = json.RawMessage(redact(string(res.Detail)))
		}
	}
	return res, nil
}

func quoteShort(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

func failed(call hearth.ToolCall, text string) hearth.ToolResult {
	return hearth.ToolResult{CallID: call.ID, Name: call.Name, Text: text, Failed: true, From: hearth.FromGateway}
}

// settle appends a call's result. wire is the call as the model made it.
func (r *run) settle(ctx context.Context, wire, call hearth.ToolCall, res hearth.ToolResult) error {
	res.CallID, res.Name = wire.ID, wire.Name
	m := r.message(r.st.turn, hearth.RoleTool)
	m.Parts = []hearth.Part{resultPart(res)}
	// The result of something that was done must be kept even if the turn is cancelled now.
	if err := r.append(context.WithoutCancel(ctx), &session.Commit{Messages: []hearth.Message{m}, Blobs: res.Blobs}); err != nil {
		return err
	}
	r.emit(hearth.Event{Kind: hearth.EventToolEnd, Call: &call, Result: &res})
	return nil
}

// decide asks policy, and honours an approval that is bound to this very action.
func (r *run) decide(t tool.Tool, call hearth.ToolCall, effect hearth.Effect) policy.Decision {
	if r.st.denied[call.ID] {
		return policy.Decision{Verdict: policy.Deny, Rule: "person-denied", Reason: "the owner said no to this call"}
	}
	in := policy.Input{Call: call, Effect: effect, Asker: r.st.asker, Tainted: r.st.tainted, CanAsk: r.cfg.CanAsk, Rules: r.cfg.Rules}
	if f, ok := t.(tool.Foreseer); ok {
		in.Argv, in.Targets = f.Foresee(call)
	}
	d := policy.Decide(in)
	if d.Verdict == policy.Ask {
		if m, ok := r.st.approved[call.ID]; ok && m.Hash == r.action(t, call) && r.cfg.Now().Before(m.Until) {
			return policy.Decision{Verdict: policy.Allow, Rule: "approved", Reason: "the owner said yes to this call"}
		}
	}
	return d
}

// action names what a call would do now: the call, the conversation and the folder it is
// made in, and what the tool foresees of it. A symlink that leads elsewhere by the time of
// the answer, or another workspace, makes it another action.
func (r *run) action(t tool.Tool, call hearth.ToolCall) string {
	bound := []string{string(r.t.Info().ID), r.cfg.Dir}
	if f, ok := t.(tool.Foreseer); ok {
		argv, targets := f.Foresee(call)
		bound = slices.Concat(bound, argv, []string{"\x00"}, targets)
	}
	return policy.Hash(call, bound...)
}

// describe is the exact action of a call, for a person.
func describe(t tool.Tool, call hearth.ToolCall) string {
	if d, ok := t.(tool.Describer); ok {
		return d.Describe(call)
	}
	return call.Name + " " + escape.Line(call.Arguments)
}

// question stops the turn for a person. The question is durable before it is shown.
func (r *run) question(ctx context.Context, t tool.Tool, call hearth.ToolCall, d policy.Decision) error {
	until := r.cfg.Now().Add(r.limits.QuestionTTL).Round(time.Second)
	q := &Approval{Call: call, Text: describe(t, call), Rule: d.Rule, Reason: d.Reason, Hash: r.action(t, call), Until: until}
	mark := hearth.Mark{Kind: hearth.MarkAsked, Call: call.ID, Hash: q.Hash, Until: until, Reason: d.Reason}
	if err := r.append(ctx, &session.Commit{Messages: []hearth.Message{r.markMessage(r.st.turn, mark)}}); err != nil {
		return err
	}
	r.out.Question = q
	return nil
}
