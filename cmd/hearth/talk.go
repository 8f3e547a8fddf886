package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hearth"
	"hearth/agent"
	"hearth/config"
	"hearth/internal/terminal"
	"hearth/model"
	"hearth/prompt"
	"hearth/session"
)

// choice is what a command line or a chat chose for a conversation.
type choice struct {
	agent     string // agent id; "" = the default one
	session   string // session name; "" = main, "new" = begin one
	model     string // ref or alias; "" = the configured one
	thinking  string
	timeout   timeLimit
	workspace string // "" = the configured one
	canAsk    bool
	leaves    bool // Ctrl-D at the terminal ends it, also before it has begun
	lenient   bool // fall back to the demo model when nothing else is there
}

// talk is one conversation in use by a front door. It owns its transcript until close.
type talk struct {
	*app
	choice  choice
	t       session.Transcript
	release func()
	agent   *agent.Agent
	kit     *toolkit
	read    bool            // the server has read this conversation since it last changed otherwise than by a turn
	tidied  bool            // the conversation was looked at for tidying since it last changed
	notices []hearth.Notice // of the words that were accepted, to be shown with their answer
	began   *config.File    // as it was when the conversation took it up
	after   func(time.Duration) <-chan time.Time
}

// errLeft is the cause of a context that its person ended with Ctrl-D.
var errLeft = errors.New("the person left")

// waitedInVain says what ended the wait for a conversation that somebody else has.
func waitedInVain(ctx context.Context, err error) error {
	held, ok := errors.AsType[*session.HeldError](err)
	cause := context.Cause(ctx)
	if !ok || cause == nil {
		return err
	}
	e := &hearth.Error{Op: "wait for the conversation", Reason: hearth.ReasonCancelled, Err: cause,
		Cause: fmt.Sprintf("It is in use by process %d (%s).", held.Holder.PID, held.Holder.Command),
		Try:   "Close that one, or talk in another conversation: hearth agent --session NAME."}
	if errors.Is(cause, errTimeout) {
		e.Reason = hearth.ReasonTimeout
	}
	return e
}

// notKept adds to an error that the message it stopped is in no session: whoever sent it
// has to send it again.
func notKept(err error) error {
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok {
		return err
	}
	kept := *e
	if kept.Cause == "" {
		kept.Cause = advice[kept.Reason].cause
	}
	kept.Cause = strings.TrimSpace(kept.Cause + " The message was not kept.")
	return &kept
}

func (k *talk) close() {
	k.kit.close()
	k.release()
}

// assemble makes the agent from the config as it is now.
func (k *talk) assemble(ctx context.Context) error {
	old := k.kit
	kit, err := k.toolbox.toolkit(ctx, k.choice)
	if err != nil {
		return err
	}
	k.kit = kit
	k.agent = agent.New(k.agentConfig(k.choice, kit))
	old.close()
	return nil
}

// agentConfig maps the config to an agent.
func (a *app) agentConfig(c choice, kit *toolkit) agent.Config {
	own, _ := a.file.Config.Agents.Agent(c.agent)
	compaction := a.file.Config.Agents.Defaults.Compaction
	cfg := agent.Config{
		Router:  a.calls.router,
		Targets: func(ctx context.Context) ([]model.Target, error) { return a.targets.chain(ctx, c) },
		Known:   func() []model.Target { return a.targets.knownChain(c) },
		Anew:    func(ctx context.Context, t model.Target) model.Target { return a.targets.anew(ctx, c, t) },
		Tools:   kit.tools,
		Dir:     kit.workspace,
		Rules:   a.toolbox.rules(c, kit.workspace),
		House:   func() (prompt.House, error) { return a.toolbox.house(kit, own) },
		Room:    prompt.Room{KeepRecentTokens: compaction.KeepRecentTokens},
		Counts:  a.servers.describer,
		CanAsk:  c.canAsk,
		Redact:  kit.mask,
		Now:     time.Now,
		NewID:   newID,
	}
	if a.archive.store != nil {
		cfg.Blob = a.archive.store.Blob
	}
	if compaction.ReserveTokens != nil {
		cfg.Room.ReserveTokens = *compaction.ReserveTokens
	}
	cfg.SummaryWishes = strings.TrimSpace(compaction.CustomInstructions)
	cfg.NoCompaction = compaction.Enabled != nil && !*compaction.Enabled
	if s := a.file.Config.Agents.Defaults.TimeoutSeconds; c.timeout.given { // and is the context's
		cfg.Limits.Turn = -1
	} else if s != nil && *s >= 0 {
		cfg.Limits.Turn, cfg.Limits.Total = -1, time.Duration(*s)*time.Second // 0 is no limit
	}
	return cfg
}

// asker answers a question for a person: yes or no.
type asker func(ctx context.Context, q agent.Approval) (bool, error)

// accept makes a person's words durable, before anything else is done about them.
func (k *talk) accept(ctx context.Context, in prompt.Incoming) (err error) {
	k.tidied = false
	told, err := k.agent.Accept(ctx, k.t, in)
	k.notices = append(k.notices, told...) // what an Accept that failed had to say comes with the next message
	err = tooLate(ctx, err)
	if err != nil && hearth.ReasonOf(err) != hearth.ReasonStorage && !errors.Is(err, errTimeout) {
		return notKept(err)
	}
	return err // a store says itself that nothing was saved
}

// goOn runs what the transcript says is still to be done. Questions go to ask; without
// one, a question ends the turn.
func (k *talk) goOn(ctx context.Context, p *presenter, ask asker) (agent.Outcome, error) {
	var total agent.Outcome
	for _, n := range k.notices {
		p.Emit(hearth.Event{Kind: hearth.EventNotice, Notice: n})
	}
	k.notices = nil
	k.calls.awaken(ctx, k.choice, func(w hearth.Wait) { p.Emit(hearth.Event{Kind: hearth.EventWait, Wait: w}) })
	defer func() {
		for _, text := range k.services.lastWords() {
			p.Emit(hearth.Event{Kind: hearth.EventNotice, Notice: hearth.Notice{Kind: "service", Text: text}})
		}
	}()
	for {
		out, err := k.agent.Turn(ctx, k.t, k.onceWaiting(p.Emit))
		k.read = k.read || k.answeredBy(out.Target)
		out = joined(total, out)
		if err != nil || out.Question == nil || ask == nil {
			return out, err
		}
		p.Emit(hearth.Event{Kind: hearth.EventWait}) // nothing is waited for while a person thinks
		yes, err := ask(ctx, *out.Question)
		if err != nil {
			return out, k.agent.Stop(ctx, k.t, err)
		}
		if err := k.agent.Decide(ctx, k.t, *out.Question, yes); err != nil {
			return out, err
		}
		total = out
	}
}

// answeredBy reports whether a model is the one that a message is for: its server has then
// read the conversation.
func (k *talk) answeredBy(ref hearth.ModelRef) bool {
	chain := k.targets.knownChain(k.choice)
	return len(chain) > 0 && chain[0].Ref == ref
}

// onceWaiting leaves out what was said before of settings that wait: it stays true for
// every turn of a conversation and is news in the first.
func (k *talk) onceWaiting(emit func(hearth.Event)) func(hearth.Event) {
	return func(e hearth.Event) {
		if e.Kind != hearth.EventNotice || e.Notice.Kind != "config-waits" && e.Notice.Kind != "low-context-window" || k.once(e.Notice.Text) {
			emit(e)
		}
	}
}

// joined adds what happened before a question to what happened after it.
func joined(before, after agent.Outcome) agent.Outcome {
	after.Usage = before.Usage.Add(after.Usage)
	after.Steps += before.Steps
	after.Calls = append(before.Calls, after.Calls...)
	after.Reports = append(before.Reports, after.Reports...)
	return after
}

// consent asks at a terminal. The text shows the exact action; what it says is made from
// the call and never from the model's prose. Only a yes is one; Ctrl-C ends the turn.
func consent(s streams, in lines) asker {
	return func(ctx context.Context, q agent.Approval) (bool, error) {
		fmt.Fprintf(s.err, "\nThe model wants to do this:\n  %s\nNote: %s.\n", q.Text, q.Reason)
		for {
			answer, err := in.Answer(ctx, "Allow it, this once? [y/N] ")
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			if errors.Is(err, terminal.ErrInterrupted) {
				return false, err
			}
			if err != nil {
				return false, nil //nolint:nilerr // an end of input is a no
			}
			switch strings.ToLower(strings.TrimSpace(answer)) {
			case "y", "yes":
				return true, nil
			case "", "n", "no":
				return false, nil
			}
		}
	}
}

// open takes the session and assembles an agent for it. Where nothing can be asked or no
// folder is there to work in, no session is begun.
func (a *app) open(ctx context.Context, c choice) (*talk, error) {
	if err := a.ready(ctx, c); err != nil {
		a.journal.logFailure(err)
		return nil, err
	}
	store, err := a.archive.sessions(ctx)
	if err != nil {
		return nil, err
	}
	key := session.Key{Agent: a.agentID(c.agent), Name: c.session}
	if key.Name == "" {
		key.Name = "main"
	}
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	opt := session.OwnOptions{New: c.session == "new", Wait: func(h session.Holder) {
		a.sessionHeld(h)
		if c.leaves && terminal.TypedEnd(a.io.terminal) {
			leave(errLeft)
		}
	}}
	if opt.New {
		key.Name = "s-" + newID()[:8]
	}
	t, release, err := store.Own(ctx, key, opt)
	if err != nil {
		return nil, waitedInVain(ctx, err)
	}
	k := &talk{app: a, choice: c, t: t, release: release, began: a.file, after: time.After}
	if err := k.assemble(ctx); err != nil {
		release()
		return nil, err
	}
	return k, nil
}

// ready reports what is wrong with a choice before anything is kept of it.
func (a *app) ready(ctx context.Context, c choice) error {
	if err := a.knownAgent(c.agent); err != nil {
		return err
	}
	if err := a.roster.choosable("choose a model", c); err != nil {
		return err
	}
	if _, err := a.targets.candidates(ctx, c); err != nil {
		return err
	}
	_, err := a.workspace(c)
	return err
}

// sessionHeld says once who has the session that we wait for.
func (a *app) sessionHeld(h session.Holder) {
	if a.once("session held") {
		fmt.Fprintf(a.io.err, "waiting: this conversation is in use by process %d (%s). Ctrl-C stops waiting; hearth agent --session NAME talks in another one.\n", h.PID, oneLine(h.Command))
	}
}
