package agent

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"hearth"
	"hearth/model"
	"hearth/policy"
	"hearth/prompt"
	"hearth/session"
	"hearth/tool"
)

// Config is what an agent is made of. Router, Targets, Now and NewID are needed;
// everything else may be zero.
type Config struct {
	Router  Router
	Targets func(ctx context.Context) ([]model.Target, error) // the chain: primary first, then fallbacks
	// Known gives the chain as Targets would, without asking or running anything: what the
	// servers say of themselves may be missing or old. It gives nil where the chain cannot be
	// told at once. Where Known itself is nil, Targets is as quick.
	Known func() []model.Target
	// Anew gives a target with what its servers say of it when they are asked now, whatever
	// they said lately. It may block as Targets does. nil: what Targets gave is all that
	// can be known.
	Anew   func(ctx context.Context, t model.Target) model.Target
	Tools  []tool.Tool
	Dir    string // that the tools work in; a yes to a call holds there only
	Rules  policy.Rules
	House  func() (prompt.House, error) // the workspace as it is now
	Blob   func(ctx context.Context, hash string) ([]byte, error)
	Limits Limits
	Lane   model.Lane
	Room   prompt.Room
	// NoCompaction leaves conversations as they are, however long.
	NoCompaction bool
	// SummaryWishes is what the owner wants of every summary; "" leaves it to the model.
	SummaryWishes string
	Counts        Counts // may be nil: then every session learns anew
	CanAsk        bool   // a person can be asked during this turn
	// Redact takes secrets out of a tool's result before it is cut, kept or shown. It is
	// pure; nil leaves results as they are.
	Redact func(string) string
	// Pending gives messages that arrived while the turn ran; it is asked at tool
	// boundaries and never blocks.
	Pending func() []prompt.Incoming
	Now     func() time.Time
	NewID   func() string // unique, never repeated
}

// A Router gets one question answered by the first candidate that can (model/route).
type Router interface {
	Stream(ctx context.Context, q model.Question) iter.Seq2[model.Delta, error]
}

// Limits bound a turn. Zero fields take the defaults.
type Limits struct {
	Steps        int // model calls a turn; default 40
	CallsPerStep int // default 20
	// Turn bounds a turn's own time: waiting in the queue, and for a server of the owner's
	// to load and to read, is not counted. Default 30 min, or none where Total is set;
	// negative is none.
	Turn        time.Duration
	Total       time.Duration // of a whole turn, waiting included; 0 = no such limit
	Repeats     int           // identical (call, result) pairs that stop the loop; default 3
	QuestionTTL time.Duration // how long a question waits for a person; default 24 h
}

func (l Limits) orDefaults() Limits {
	set := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	set(&l.Steps, 40)
	set(&l.CallsPerStep, 20)
	set(&l.Repeats, 3)
	switch {
	case l.Turn != 0:
	case l.Total > 0:
		l.Turn = -1
	default:
		l.Turn = 30 * time.Minute
	}
	if l.QuestionTTL == 0 {
		l.QuestionTTL = 24 * time.Hour
	}
	return l
}

// An Agent runs turns. It keeps no conversation beyond what it can derive again: any number
// of sessions may use one agent, each transcript from one goroutine at a time.
type Agent struct {
	cfg    Config
	limits Limits
	tools  map[string]tool.Tool
	specs  []hearth.ToolSpec
	memo   memo
}

// New makes an agent.
func New(cfg Config) *Agent {
	a := &Agent{cfg: cfg, limits: cfg.Limits.orDefaults(), tools: make(map[string]tool.Tool)}
	for _, t := range cfg.Tools {
		spec := t.Spec()
		a.tools[spec.Name] = t
		a.specs = append(a.specs, spec)
	}
	return a
}

// toolNames gives the names of the agent's tools, sorted.
func (a *Agent) toolNames() []string { return slices.Sorted(maps.Keys(a.tools)) }

// An Outcome is how a turn ended. Answer may be partial when the error beside it is a
// stall or a cut; Question is set when the turn waits for a person.
type Outcome struct {
	Turn     hearth.TurnID
	Answer   string
	Partial  bool
	Question *Approval
	Stop     hearth.StopReason
	Target   hearth.ModelRef // who answered
	Window   int
	Tools    []string // offered to it
	// Catalogue are the tools that it reaches through those, where they are an index.
	Catalogue []string
	Usage     hearth.Usage // all model calls of the turn
	LastCall  hearth.Usage
	Reports   []hearth.Report
	Steps     int
	Calls     []string // names of the tools that ran, in order
}

// An Approval is a question for a person, bound to one exact action.
type Approval struct {
	Call   hearth.ToolCall
	Text   string // what would be done, made from the call and never from the model's prose
	Rule   string
	Reason string
	Hash   string
	Until  time.Time
}

// Decide records a person's answer to a question. Turn then goes on. An answer to a
// question that expired, changed or was already answered is refused with ReasonUsage.
func (a *Agent) Decide(ctx context.Context, t session.Transcript, q Approval, yes bool) error {
	state, err := a.standing(ctx, t)
	if err != nil {
		return err
	}
	asked, ok := state.asked[q.Call.ID]
	if !ok || asked.Hash != q.Hash || a.cfg.Now().After(asked.Until) {
		return &hearth.Error{Op: "approve", Reason: hearth.ReasonUsage,
			Cause: "That question was answered already, has expired, or was about another action.",
			Try:   "Ask again; the model will propose the action anew."}
	}
	kind := hearth.MarkDenied
	if yes {
		kind = hearth.MarkApproved
	}
	return a.mark(ctx, t, state.turn, hearth.Mark{Kind: kind, Call: q.Call.ID, Hash: q.Hash, Until: asked.Until})
}

func (a *Agent) mark(ctx context.Context, t session.Transcript, turn hearth.TurnID, m hearth.Mark) error {
	_, err := t.Append(ctx, &session.Commit{Messages: []hearth.Message{a.markMessage(turn, m)}})
	return err
}

func (a *Agent) markMessage(turn hearth.TurnID, m hearth.Mark) hearth.Message {
	return hearth.Message{ID: a.messageID(), Turn: turn, Role: hearth.RoleMark, At: a.cfg.Now(),
		Parts: []hearth.Part{{Mark: &m, Provenance: hearth.FromGateway}}}
}

func (a *Agent) messageID() hearth.MessageID { return hearth.MessageID(a.cfg.NewID()) }
