package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/prompt"
	"hearth/session"
)

// Why epochs begin: the reasons of session.Epoch.
const (
	epochFirst      = "first"
	epochNew        = "new"
	epochCompaction = "compaction"
	epochRefresh    = "refresh"
	epochRefused    = "server-refused"
	epochChanged    = "encoder-changed"
	epochRepaired   = "repaired"
)

// epochState is an epoch in use during a turn, and what was last sent in it.
type epochState struct {
	live
	lastItems  int    // of the newest request in this epoch; 0 before the first
	lastPrefix string // its hash
	loaded     bool
	checked    bool // the window passed the preflight
	encoded    *model.EncodedCache
}

// build gives the request for a candidate. A candidate that was taught something in
// this very call, or that never answered here before, gets a new epoch; it is stored
// with the answer, so that a lesson that was wrong leaves nothing behind.
func (r *run) build(ctx context.Context, target model.Target) (*model.Request, error) {
	es, err := r.epochFor(ctx, target)
	if err != nil {
		return nil, err
	}
	req, through, err := r.request(ctx, es)
	if err != nil {
		return nil, err
	}
	r.through = through
	if es.encoded == nil {
		es.encoded = r.memo.items(r.t.Info().ID, es.epoch.PlanHash)
	}
	req.Encoded = es.encoded
	if err := r.bound(ctx, target, req); err != nil {
		return nil, err
	}
	return req, nil
}

// bound says how much of the window is left for the answer.
func (r *run) bound(ctx context.Context, target model.Target, req *model.Request) error {
	f, now := r.fitting(target.Ref), r.epochs[target.Ref]
	c := f.seen
	if c == nil || c.es.epoch.ID != now.epoch.ID || c.es.epoch.PlanHash != now.epoch.PlanHash {
		var err error
		if c, err = r.conversation(ctx, target); err != nil {
			return err
		}
	}
	req.Left = c.left()
	if f.asksLess {
		req.Left = max(leastAnswer, f.least)
	}
	r.asksFor = 0
	if limited, ok := target.Provider.(model.Limited); ok {
		r.asksFor = limited.AnswerLimit(req)
	} else if req.MaxTokens > 0 {
		r.asksFor = req.Limit(req.MaxTokens)
	}
	return nil
}

// request gives what an epoch would send now, with further messages behind those that are
// kept, and the newest of those that are.
func (r *run) request(ctx context.Context, es *epochState, further ...hearth.Message) (req *model.Request, through session.Seq, err error) {
	messages, err := r.since(ctx, r.t, es.epoch.FirstSeq)
	if err != nil {
		return nil, 0, err
	}
	through = max(es.epoch.FirstSeq, 1) + session.Seq(len(messages)) - 1
	if len(further) > 0 {
		messages = slices.Concat(messages, further)
	}
	req = prompt.Build(es.plan, messages)
	if es.plan.Indexed {
		req.Callable = r.toolNames()
	}
	return req, through, r.fillBlobs(ctx, req.Messages, es.plan)
}

func (r *run) epochFor(ctx context.Context, target model.Target) (*epochState, error) {
	es, ok := r.epochs[target.Ref]
	if !ok {
		plan, epoch, err := r.liveOrNew(ctx, r.t, target)
		if err != nil {
			return nil, err
		}
		if epoch.ID == 0 {
			r.calibrate(ctx, target, plan, r.st.words())
			epoch, err = r.inherit(plan)
			if err != nil {
				return nil, err
			}
		}
		es = &epochState{live: live{plan, epoch}}
		r.epochs[target.Ref] = es
		r.st.tainted = r.st.tainted || plan.Tainted
	}
	if end, ok := r.ended(target, es); ok {
		var err error
		if es, err = r.follow(ctx, target, es, end); err != nil {
			return nil, err
		}
	}
	return es, r.preflight(ctx, target, es)
}

// preflight refuses a window that is too small for an agent before anything is sent. It
// warns of a small one before the first request of an epoch, and once a turn of settings
// that wait for the epoch's end.
func (r *run) preflight(ctx context.Context, target model.Target, es *epochState) error {
	if es.checked {
		return nil
	}
	es.checked = true
	if late := waiting(es.plan, target, r.specs); len(late) > 0 && r.st.steps == 0 {
		r.notice("config-waits", "changed since this conversation began, and applied when it begins anew (/new) or is summed up (/compact): "+strings.Join(late, "; "))
	}
	// What is served now counts: a model that was loaded anew with more room is not refused
	// for what it had when the epoch began.
	served, source := target.Layers.Merge(), target.Layers.WindowSource()
	if source == "config" {
		served.Window = max(served.Window, es.plan.WindowNow(target)) // less waits until the epoch ends
	}
	warning, err := prompt.Preflight(target.Ref, served, source)
	if warning == "" || r.st.steps > 0 {
		return err
	}
	if err := r.loadLast(ctx, es); err != nil {
		return err
	}
	if es.lastItems == 0 {
		r.notice("low-context-window", warning)
	}
	return err
}

// waiting is prompt.Plan.Waiting without a level of thinking that no byte of a request tells:
// beginning anew would change nothing.
func waiting(plan *prompt.Plan, target model.Target, tools []hearth.ToolSpec) []string {
	now := *plan
	now.Params.Thinking = target.Params.Thinking
	if encoder, ok := target.Provider.(model.Encoder); ok && plan.Params.Thinking != now.Params.Thinking {
		said := []hearth.Message{{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "hello"}}}}
		old, errOld := encoder.Encode(prompt.Build(plan, said))
		next, errNext := encoder.Encode(prompt.Build(&now, said))
		if errOld == nil && errNext == nil && bytes.Equal(old.Body, next.Body) {
			plan = &now
		}
	}
	return plan.Waiting(target, tools)
}

// inherit begins a fallback's epoch where the primary's begins, with its summary.
func (r *run) inherit(plan *prompt.Plan) (session.Epoch, error) {
	first := session.Seq(1)
	if primary := r.epochs[r.chain[0].Ref]; primary != nil {
		plan.GoOn(primary.plan)
		first = primary.epoch.FirstSeq
	}
	return r.newEpoch(plan, first, r.firstReason(r.t))
}

// taught reports whether the plan lacks something that the server has refused since.
// Only refusals end an epoch: other knowledge, and an edited config, wait until it ends
// anyway, also where the edit is about what the server has an opinion of.
func taught(had model.Capabilities, layers model.Layers) bool {
	said, now := layers.Server, layers.Merge()
	return lesson(said.StringContent, had.StringContent, now.StringContent) ||
		lesson(said.SignedCalls, had.SignedCalls, now.SignedCalls) ||
		lesson(said.NeedsReasoning, had.NeedsReasoning, now.NeedsReasoning) ||
		lesson(said.StrictKeys, had.StrictKeys, now.StrictKeys) ||
		lesson(said.DeveloperRole, had.DeveloperRole, now.DeveloperRole) ||
		lesson(said.OneSystem, had.OneSystem, now.OneSystem) ||
		lesson(said.AlternateRoles, had.AlternateRoles, now.AlternateRoles) ||
		lesson(said.StreamUsage, had.StreamUsage, now.StreamUsage) ||
		lesson(said.MaxTokensField, had.MaxTokensField, now.MaxTokensField) ||
		lesson(said.ImagesRefused, had.ImagesRefused, now.ImagesRefused) ||
		layers.Config.Vision == nil && !now.Vision && lesson(said.Vision, had.Vision, now.Vision) ||
		now.Tools == model.ToolsNone && lesson(said.Tools, had.Tools, now.Tools) ||
		had.Lacks(&said)
}

// lesson reports whether what is in force now was not before, and is what the server said.
func lesson[T comparable](said *T, had, now T) bool {
	return said != nil && *said == now && had != now
}

// An ending is why an epoch cannot go on.
type ending struct {
	reason, detail string // of the epoch that follows
	elsewhere      bool   // another server, which has read nothing of the conversation, goes on with it
}

// ended says why an epoch cannot go on with a target as it is now; ok is false where it can.
func (r *run) ended(target model.Target, es *epochState) (end ending, ok bool) {
	if why := moved(es.plan, target); why != "" && es.epoch.ID != 0 {
		return ending{reason: epochRefresh, detail: why, elsewhere: true}, true
	}
	if !taught(es.plan.Capabilities, target.Layers) {
		return ending{}, false
	}
	if gone := noLonger(es.plan.Capabilities, target.Layers.Merge()); target.Refused == nil && len(gone) > 0 {
		return ending{reason: epochRefresh, detail: fmt.Sprintf("%s takes no %s now, its server says", target.Ref, strings.Join(gone, " and no "))}, true
	}
	return ending{reason: epochRefused}, true
}

// noLonger names what a model was given and can be given no more: another one may be served
// under its name.
func noLonger(had, now model.Capabilities) (what []string) {
	if had.Tools != model.ToolsNone && now.Tools == model.ToolsNone {
		what = append(what, "tools")
	}
	if had.Vision && !now.Vision {
		what = append(what, "images")
	}
	return what
}

// follow gives the epoch after one that has ended: the same messages, with a plan made of
// what is known now. It is stored with the answer, so that a lesson that was wrong leaves
// nothing behind.
func (r *run) follow(ctx context.Context, target model.Target, old *epochState, end ending) (*epochState, error) {
	plan, err := r.renewed(target, old.plan)
	if err != nil {
		return nil, err
	}
	c, err := r.weighed(ctx, target, old)
	if err != nil {
		return nil, err
	}
	plan.Gauge.Ratio = c.gauge.Ratio
	if !end.elsewhere {
		plan.Heed(old.plan)
	}
	r.st.tainted = r.st.tainted || plan.Tainted
	if old.epoch.ID == 0 && old.lastItems == 0 { // it was never begun
		end = ending{reason: old.epoch.Reason, detail: old.epoch.Detail}
	}
	epoch, err := r.newEpoch(plan, old.epoch.FirstSeq, end.reason)
	if err != nil {
		return nil, err
	}
	epoch.Detail = end.detail
	es := &epochState{live: live{plan, epoch}, checked: old.checked}
	r.epochs[target.Ref] = es
	had, err := r.measure(ctx, target, es)
	if err != nil {
		return nil, err
	}
	if end.elsewhere {
		es.epoch.TokensLost = had / roughBytesPerToken
		r.notice("epoch", end.detail+": the server reads the conversation anew once")
	}
	if n := pictures(c.messages); n > 0 && target.Refused == nil && old.plan.Capabilities.Vision && !plan.Capabilities.Vision { // of a refusal the router tells
		r.notice("image-left-out", fmt.Sprintf("%s reads text only now: %s of this conversation left out, and it is told so", target.Ref, counted(n, "image")))
	}
	return es, nil
}

// pictures counts those in messages.
func pictures(messages []hearth.Message) (n int) {
	for i := range messages {
		for j := range messages[i].Parts {
			switch p := &messages[i].Parts[j]; {
			case p.Blob != nil:
				n++
			case p.Result != nil:
				n += len(p.Result.Blobs)
			}
		}
	}
	return n
}

// renewed gives a plan that goes on from an old one with what is known now.
func (a *Agent) renewed(target model.Target, old *prompt.Plan) (*prompt.Plan, error) {
	house, err := a.house()
	if err != nil {
		return nil, err
	}
	plan := prompt.NewPlan(target, house, a.specs)
	plan.GoOn(old)
	plan.Gauge.Ratio = old.Gauge.Ratio
	return plan, nil
}

// moved says, in words for a person, what its owner has changed about a model's server so
// that an epoch cannot go on there: another protocol, or another program, which has
// nothing of this conversation cached and may take other things. "" = nothing.
func moved(plan *prompt.Plan, target model.Target) string {
	if had := plan.Protocol; had != "" && target.Protocol != "" && had != target.Protocol {
		return fmt.Sprintf("%s is asked by %s now, not by %s (api in the config)", target.Ref, target.Protocol, had)
	}
	if had, now := plan.Capabilities.Server, target.Layers.Merge().Server; known(had) && known(now) && had != now {
		return fmt.Sprintf("%s is served by %s now, not by %s", target.Ref, now, had)
	}
	return ""
}

// known reports whether a probe could tell what a server is.
func known(server string) bool { return server != "" && server != "unknown" }

// sent compares a request with the one before in its epoch and completes the report. A
// difference that no rule explains ends the epoch; it is counted and logged, not hidden.
func (r *run) sent(ctx context.Context, es *epochState, s *model.Sent) (added []byte, err error) {
	if err := r.loadLast(ctx, es); err != nil {
		return nil, err
	}
	from := es.lastItems
	if es.lastPrefix != "" && (from > len(s.Items) || s.Prefix(from) != es.lastPrefix) {
		if err := r.breakEpoch(ctx, es, s); err != nil {
			return nil, err
		}
		from = 0
	}
	if es.lastPrefix == "" || from == 0 {
		added = append(added, s.Head...)
	}
	for _, item := range s.Items[min(from, len(s.Items)):] {
		added = append(added, item...)
	}
	es.lastItems, es.lastPrefix = len(s.Items), s.Prefix(len(s.Items))
	return added, nil
}

// loadLast finds what was last sent in an epoch by an earlier process.
func (r *run) loadLast(ctx context.Context, es *epochState) error {
	if es.loaded || es.epoch.ID == 0 {
		return nil
	}
	reports, err := r.t.LastReports(ctx, reportsToSearch)
	if err != nil {
		return err
	}
	for _, rep := range reports {
		// A request for a summary belongs to the epoch, and no other goes on from it.
		if rep.EpochID == es.epoch.ID && rep.Prefix != "" && rep.Through > 0 {
			es.lastItems, es.lastPrefix = rep.Items, rep.Prefix
		}
	}
	es.loaded = true
	return nil
}

// reportsToSearch bounds how far back the last request of an epoch is looked for.
const reportsToSearch = 200

// breakEpoch begins a new epoch because our own bytes changed: no rule of ours does that,
// so it is an upgrade, or somebody has edited what is stored.
func (r *run) breakEpoch(ctx context.Context, es *epochState, s *model.Sent) error {
	before, err := r.sentLast(ctx, r.t, es.epoch.Model)
	if err != nil {
		return err
	}
	d, _ := depart(before, s)
	detail, err := json.Marshal(map[string]string{"was": d.was, "now": d.now})
	if err != nil {
		return fmt.Errorf("describe the break: %w", err)
	}
	epoch := es.epoch
	epoch.ID, epoch.Reason, epoch.Detail, epoch.Began = 0, epochChanged, string(detail), r.cfg.Now()
	epoch.FirstDiff, epoch.TokensLost = d.offset, d.tokens
	if _, err := r.t.Append(ctx, &session.Commit{Epoch: &epoch}); err != nil {
		return err
	}
	es.epoch, es.lastItems, es.lastPrefix = epoch, 0, ""
	r.emit(hearth.Event{Kind: hearth.EventNotice,
		Break: &hearth.Break{Model: epoch.Model, Reason: epoch.Reason, Epoch: epoch.ID, Offset: d.offset, TokensLost: d.tokens, Was: d.was, Now: d.now},
		Notice: hearth.Notice{Kind: "epoch", Text: fmt.Sprintf(
			"what is sent differs from byte %d on from what was sent before (another version of Hearth, or an edited record); the server reads the conversation anew once", d.offset)}})
	return nil
}

// fillBlobs loads image bytes into copies of the messages that carry them.
func (r *run) fillBlobs(ctx context.Context, messages []hearth.Message, plan *prompt.Plan) error {
	if !plan.Capabilities.Vision || r.cfg.Blob == nil {
		return nil
	}
	for i := range messages {
		for j := range messages[i].Parts {
			blob := messages[i].Parts[j].Blob
			if blob == nil || blob.Data != nil {
				continue
			}
			data, err := r.cfg.Blob(ctx, blob.Hash)
			if errors.Is(err, fs.ErrNotExist) {
				r.memo.saw(r.t.Info().ID, false) // the next turn mends it
			}
			if err != nil {
				return err
			}
			filled := *blob
			filled.Data = data
			parts := append([]hearth.Part(nil), messages[i].Parts...)
			parts[j].Blob = &filled
			messages[i].Parts = parts
		}
	}
	return nil
}
