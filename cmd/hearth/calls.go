package main

import (
	"context"
	"iter"
	"log/slog"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/model/route"
)

// calls gets questions answered: it has the server started and the model loaded where that
// is wanted, and takes out of an answer what is not for a person.
type calls struct {
	*home
	journal  *journal
	roster   *roster
	servers  *servers
	services *services
	targets  *targets
	router   *route.Router
	// raw is what the newest call's server sent as text; nil where nobody wants it. It is set
	// before the first call.
	raw *rawText
}

// newCalls gives c its router.
func newCalls(c *calls) *calls {
	d := c.servers.describer
	c.router = route.New(route.Config{
		Acquire:    c.servers.slots.Acquire,
		Visible:    c.visible,
		Prepare:    c.prepare,
		Loaded:     d.Loaded,
		Holds:      d.Holds,
		Learn:      d.Learn,
		Overflowed: d.Overflowed,
		Listed:     func(t model.Target) []string { return d.Listed(t.Endpoint.Origin) },
		Cooldown:   c.servers.cooldowns,
		Replicas:   c.servers.slots,
		Speeds:     d,
		Left:       d.Left,
	})
	return c
}

// prepare starts the server where its owner wants that, and has it load the model, where
// it can be told to and params.preload of the provider, the model or the agents does not
// say false.
func (cs *calls) prepare(ctx context.Context, lane model.Lane, t model.Target, req *model.Request, wait func(hearth.Wait)) error {
	if err := cs.services.serve(ctx, lane, t, wait); err != nil {
		return err
	}
	cs.servers.describer.Census(ctx, t.Endpoint)
	if p, ok := cs.roster.provider(t.Ref.Provider); ok {
		row, _ := p.Model(t.Ref.Model)
		agents := cs.file.Config.Agents
		if string(merged(p.Params, row.Params, agents.ParamsFor(agents.DefaultID(), t.Ref.String()))["preload"]) == "false" {
			return nil
		}
	}
	return cs.servers.describer.Prepare(ctx, t, req, wait)
}

// visible takes hidden markup out of an answer, and logs text that only looks like a call.
func (cs *calls) visible(from model.Target, deltas iter.Seq2[model.Delta, error], tools []string) iter.Seq2[model.Delta, error] {
	if cs.raw != nil {
		deltas = cs.raw.listen(deltas)
	}
	return model.Visible(deltas, tools, func(l model.LookAlike) {
		cs.journal.logger().Warn("the reply looks like a tool call, but the server emitted no structured one; it stays text",
			slog.String("run", cs.journal.run), slog.String("model", from.Ref.String()), slog.String("pattern", l.Pattern), slog.String("tool", l.Tool), slog.Bool("registered", l.Registered))
	}, cs.servers.describer.Begun(from))
}

// awaken starts the server of the chosen model before anything is planned for it: what
// it serves, its window above all, can only be asked of one that runs. An error is told
// by the call that follows, which may have another model to ask.
func (cs *calls) awaken(ctx context.Context, c choice, wait func(hearth.Wait)) {
	ref := cs.roster.chosenRef(c)
	if ref == (hearth.ModelRef{}) {
		return
	}
	t, err := cs.targets.target(ctx, c, ref.String())
	if err != nil {
		return
	}
	once, cancel := context.WithCancel(ctx)
	defer cancel()
	_ = cs.services.serve(once, model.LaneOwner, t.Target, wait)
}

// ask makes one call without system text, tools or a transcript.
func (cs *calls) ask(ctx context.Context, chain []model.Target, messages []hearth.Message, p *presenter) (string, inferDetails, error) {
	details := inferDetails{Reports: []hearth.Report{}}
	q := model.Question{Chain: chain, Lane: model.LaneOwner, Session: hearth.SessionID("infer-" + newID()), Build: func(t model.Target) (*model.Request, error) {
		return &model.Request{
			Model: t.Ref.Model, Messages: messages, MaxTokens: t.Params.MaxTokens, Thinking: t.Params.Thinking, Capabilities: t.Layers.Merge(),
			ChatTemplateKwargs: t.Params.ChatTemplateKwargs, Options: t.Params.Options, ExtraBody: t.Params.ExtraBody,
		}, nil
	}}
	var text strings.Builder
	for d, err := range cs.router.Stream(ctx, q) {
		switch {
		case err != nil:
			return text.String(), details, err
		case d.Text != "":
			text.WriteString(d.Text)
			p.Emit(hearth.Event{Kind: hearth.EventText, Text: d.Text})
		case d.Thinking != "":
			p.Emit(hearth.Event{Kind: hearth.EventThinking, Text: d.Thinking})
		case d.Wait != nil:
			p.Emit(hearth.Event{Kind: hearth.EventWait, Wait: *d.Wait})
		case d.Notice != nil:
			p.Emit(hearth.Event{Kind: hearth.EventNotice, Notice: *d.Notice})
		case d.Report != nil:
			details.Reports = append(details.Reports, *d.Report)
			details.Usage = d.Report.Usage
			p.Emit(hearth.Event{Kind: hearth.EventReport, Report: d.Report})
		}
		if d.TextWasThinking { // it was shown, but it is no part of the answer
			text.Reset()
		}
		if d.Stop != "" {
			details.Stop = string(d.Stop)
		}
	}
	return text.String(), details, nil
}

// bare is a message with nothing of ours in it.
func bare(text string, images []hearth.Blob) []hearth.Message {
	m := hearth.Message{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: text, Provenance: hearth.FromOwner}}}
	for i := range images {
		m.Parts = append(m.Parts, hearth.Part{Blob: &images[i], Provenance: hearth.FromOwner})
	}
	return []hearth.Message{m}
}

// rawText keeps the text of the newest model call as its server sent it.
type rawText struct{ text strings.Builder }

func (r *rawText) listen(deltas iter.Seq2[model.Delta, error]) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		for d, err := range deltas {
			if d.Sent != nil {
				r.text.Reset()
			}
			r.text.WriteString(d.Text)
			if !yield(d, err) {
				return
			}
		}
	}
}
