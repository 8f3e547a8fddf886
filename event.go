package hearth

import "time"

// An EventKind says what happened in a turn.
type EventKind string

// The events of a turn. Any front door (terminal, JSON, WebSocket) is a pure mapping of them.
const (
	EventWait      EventKind = "wait"       // the phase changed: queued, loading, reading, writing
	EventText      EventKind = "text"       // a piece of the answer
	EventThinking  EventKind = "thinking"   // a piece of the model's reasoning; never part of the answer
	EventToolStart EventKind = "tool_start" // a call is about to run
	EventToolEnd   EventKind = "tool_end"   // its result is known
	EventNotice    EventKind = "notice"     // something the person should know once: a fallback, a lesson, a cut
	EventReport    EventKind = "report"     // an attempt at a model ended
	EventDone      EventKind = "done"       // the turn ended
)

// An Event is one thing that happened in a turn, in order. Exactly one payload field
// fits its Kind. Events are values: keeping or dropping one changes nothing.
type Event struct {
	Seq      int // 1, 2, 3 … within a turn
	Turn     TurnID
	Kind     EventKind
	At       time.Time
	Wait     Wait
	Text     string // EventText, EventThinking; EventToolStart: the action, in one safe line
	Notice   Notice
	Break    *Break      // EventNotice: of a request that left the one before it, for the log
	Call     *ToolCall   // EventToolStart, EventToolEnd
	Result   *ToolResult // EventToolEnd
	Decision string      // EventToolStart: what the guard said and why, when it did not simply allow
	Report   *Report
}

// A Phase is where a model call is. Each has its own clock.
type Phase string

// The phases of a model call, in order. Any may be skipped.
const (
	PhaseQueued     Phase = "queued"     // waiting for our own slot
	PhaseConnecting Phase = "connecting" // dialling
	PhaseStarting   Phase = "starting"   // a local service is being started
	PhaseLoading    Phase = "loading"    // the server is loading the model
	PhaseReading    Phase = "reading"    // prefill: the server is reading the prompt
	PhaseWriting    Phase = "writing"    // tokens are arriving
	PhaseStopping   Phase = "stopping"   // waiting until a cancelled request is gone from the server
)

// A Wait marks a change of phase. On local servers silence is not failure, so waiting
// is data. Elapsed seconds are the front door's own timer.
type Wait struct {
	Phase  Phase         `json:"phase"`
	Model  string        `json:"model,omitempty"`  // what is being waited for
	Behind string        `json:"behind,omitempty"` // queued: who holds the slot
	Done   int           `json:"done,omitempty"`   // reading: tokens read
	Total  int           `json:"total,omitempty"`  // reading: tokens to read
	ETA    time.Duration `json:"eta,omitempty"`    // reading: learned from this server's measured speed; 0 = unknown
	Note   string        `json:"note,omitempty"`   // one clause for the person: "the first answer loads the model"
	Late   string        `json:"late,omitempty"`   // reading: the Note from when ETA has passed on, at once where it is unknown
}

// A Notice is something the person is told once, beside the answer.
type Notice struct {
	Kind string `json:"kind"` // a stable word: "fallback", "lesson", "truncated", "hidden_call", "length", …
	Text string `json:"text"`
}

// A Break is a place where a request did not extend the one before in its epoch, although
// no rule explains that.
type Break struct {
	Model      ModelRef `json:"model"`
	Reason     string   `json:"reason"`     // of the epoch that begins there
	Epoch      int64    `json:"epoch"`      // its id
	Offset     int      `json:"offset"`     // first byte of the body that differs
	TokensLost int      `json:"tokensLost"` // about how many the server reads again
	Was        string   `json:"was"`        // 80 characters from there on, control characters escaped
	Now        string   `json:"now"`
}

// Locality says where a model runs.
type Locality string

// The localities.
const (
	LocalityUnknown Locality = "unknown"
	LocalityMachine Locality = "machine" // this machine
	LocalityPrivate Locality = "private" // the owner's network
	LocalityHosted  Locality = "hosted"  // somebody else's computer
)

// Own reports whether it is a place of the owner's own.
func (l Locality) Own() bool { return l == LocalityMachine || l == LocalityPrivate }

// A Report is what one attempt at a model left behind. It is committed with the
// message it belongs to, and it is how "append, never re-render" is proved.
type Report struct {
	Turn     TurnID        `json:"turn"`
	At       time.Time     `json:"at"`
	Target   ModelRef      `json:"target"`
	Profile  string        `json:"profile,omitempty"`  // the credential that was sent, where the provider has several
	Answered string        `json:"answered,omitempty"` // the model the server named, where it differs
	Endpoint string        `json:"endpoint"`           // origin only, as it is configured
	Protocol string        `json:"protocol"`
	Locality Locality      `json:"locality"`
	Lane     string        `json:"lane,omitempty"`
	Purpose  Purpose       `json:"purpose,omitempty"` // why the model was asked, if not for an answer
	EpochID  int64         `json:"epoch,omitempty"`
	Items    int           `json:"items"`             // messages in the request
	Bytes    int           `json:"bytes"`             // length of the body
	Through  int64         `json:"through,omitempty"` // sequence number of the newest message it held
	Added    []byte        `json:"-"`                 // bytes of the items that the request before did not have
	Prefix   string        `json:"prefix"`            // hash over the head and all items
	Params   string        `json:"params"`            // hash over everything else in the body, so that a change can be listed
	Usage    Usage         `json:"usage"`             // as the server counted
	Refused  int           `json:"refused,omitempty"` // tokens that it counted in a request that it refused as too long
	Phases   PhaseTimes    `json:"phases"`            // how long each took
	Reason   Reason        `json:"reason,omitempty"`
	Error    string        `json:"error,omitempty"`
	Stop     StopReason    `json:"stop,omitempty"`
	Lesson   string        `json:"lesson,omitempty"` // what was learned and kept
	Flush    time.Duration `json:"flush,omitempty"`  // time spent making the message durable
}

// A Purpose is why a model was asked, if not to answer somebody.
type Purpose string

// The purposes.
const (
	PurposeWarmUp  Purpose = "warm-up" // so that the server has read the prompt when it is needed
	PurposeSummary Purpose = "summary" // of what leaves the context window
)

// PhaseTimes says how long each phase of an attempt took, in nanoseconds in JSON.
type PhaseTimes struct {
	Queue   time.Duration `json:"queue"`
	Connect time.Duration `json:"connect"`
	Load    time.Duration `json:"load"`
	Read    time.Duration `json:"read"`
	Write   time.Duration `json:"write"`
}
