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
	"hearth/policy"
	"hearth/prompt"
	"hearth/session"
	"hearth/tool"
)

// noTool says why a call cannot be run. A tool that the model was shown when the
// conversation began may have been taken away since.
func (r *run) noTool(plan *prompt.Plan, name string) string {
	if slices.Contains(plan.ToolNames(), name) {
		return fmt.Sprintf("The tool %s is no longer allowed: the owner took it away during this conversation. Go on without it.", name)
	}
	return fmt.Sprintf("There is no tool named %q. The tools are: %s.", name, strings.Join(plan.ToolNames(), ", "))
}

// runCalls settles the open calls of the newest answer, in order: each is decided on,
// marked as started where it has effects, run, and its result appended. It stops at a
// question for a person.
func (r *run) runCalls(ctx context.Context) error {
	calls := slices.Clone(r.st.open)
	for i, call := range calls {
		if err := ctx.Err(); err != nil {
			return err
		}
		if i >= r.limits.CallsPerStep {
			res := failed(call, fmt.Sprintf("Not run: at most %d calls are run at a time. Call it again if it is still needed.", r.limits.CallsPerStep))
			if err := r.settle(ctx, call, res); err != nil {
				return err
			}
			continue
		}
		if err := r.runCall(ctx, call); err != nil || r.out.Question != nil {
			return err
		}
	}
	return nil
}

func (r *run) runCall(ctx context.Context, call hearth.ToolCall) error {
	t, ok := r.tools[call.Name]
	plan := r.epochs[r.chain[0].Ref].plan
	if !ok {
		res := failed(call, r.noTool(plan, call.Name))
		return errors.Join(r.settle(ctx, call, res), r.stopLoop(call, res))
	}
	if r.st.started[call.ID] {
		return r.settle(ctx, call, interrupted(r.st, call))
	}
	if err := wrong(t, call); err != nil {
		// Such a call would do nothing, so nobody is asked about it.
		res := failed(call, call.Name+": "+err.Error())
		return errors.Join(r.settle(ctx, call, res), r.stopLoop(call, res))
	}
	effect := t.Effect(call)
	decision := r.decide(t, call, effect)
	switch decision.Verdict {
	case policy.Allow:
	case policy.Ask:
		return r.question(ctx, t, call, decision)
	default: // policy.Deny, and whatever else is not a yes
		r.emit(hearth.Event{Kind: hearth.EventToolStart, Call: &call, Decision: "denied: " + decision.Reason})
		res := failed(call, "Not allowed: "+decision.Reason)
		return errors.Join(r.settle(ctx, call, res), r.stopLoop(call, res))
	}
	if effect != hearth.EffectRead {
		if err := r.append(ctx, &session.Commit{Messages: []hearth.Message{
			r.markMessage(r.st.turn, hearth.Mark{Kind: hearth.MarkStarted, Call: call.ID})}}); err != nil {
			return err
		}
	}
	r.emit(hearth.Event{Kind: hearth.EventToolStart, Call: &call})
	res, err := r.execute(ctx, t, call)
	if err != nil {
		return err
	}
	r.out.Calls = append(r.out.Calls, call.Name)
	if err := r.settle(ctx, call, prompt.FreezeResult(plan, res)); err != nil {
		return err
	}
	return r.stopLoop(call, res)
}

// wrong says what is wrong with a call's arguments: a tool that checks them itself knows
// best, for all others their own schema decides.
func wrong(t tool.Tool, call hearth.ToolCall) error {
	if c, ok := t.(tool.Checker); ok {
		return c.Check(call)
	}
	args, ok := tidyArguments(call.Arguments)
	if !ok {
		return errors.New("the arguments are not a JSON object: " + quoteShort(call.Arguments))
	}
	return tool.Fits(t.Spec(), args)
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
		tidy.Arguments, _ = tidyArguments(call.Arguments)
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

// tidyArguments gives the argument object of a call; models write nothing for "none".
func tidyArguments(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if s == "" || s == "null" {
		return "{}", true
	}
	return s, strings.HasPrefix(s, "{") && json.Valid([]byte(s))
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

// settle appends a call's result.
func (r *run) settle(ctx context.Context, call hearth.ToolCall, res hearth.ToolResult) error {
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
		if m, ok := r.st.approved[call.ID]; ok && m.Hash == action(t, call) && r.cfg.Now().Before(m.Until) {
			return policy.Decision{Verdict: policy.Allow, Rule: "approved", Reason: "the owner said yes to this call"}
		}
	}
	return d
}

// action names what a call would do now: the call, and what the tool foresees of it. A
// symlink that leads elsewhere by the time of the answer makes it another action.
func action(t tool.Tool, call hearth.ToolCall) string {
	f, ok := t.(tool.Foreseer)
	if !ok {
		return policy.Hash(call)
	}
	argv, targets := f.Foresee(call)
	return policy.Hash(call, slices.Concat(argv, []string{"\x00"}, targets)...)
}

// question stops the turn for a person. The question is durable before it is shown.
func (r *run) question(ctx context.Context, t tool.Tool, call hearth.ToolCall, d policy.Decision) error {
	until := r.cfg.Now().Add(r.limits.QuestionTTL).Round(time.Second)
	q := &Approval{Call: call, Text: call.Name + " " + call.Arguments, Rule: d.Rule, Reason: d.Reason, Hash: action(t, call), Until: until}
	if ds, ok := t.(tool.Describer); ok {
		q.Text = ds.Describe(call)
	}
	mark := hearth.Mark{Kind: hearth.MarkAsked, Call: call.ID, Hash: q.Hash, Until: until, Reason: d.Reason}
	if err := r.append(ctx, &session.Commit{Messages: []hearth.Message{r.markMessage(r.st.turn, mark)}}); err != nil {
		return err
	}
	r.out.Question = q
	return nil
}
