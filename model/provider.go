package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"iter"
	"time"

	"hearth"
)

// A Provider speaks one protocol to one endpoint. It never retries and never queues.
//
// Stream sends req and yields what comes back until the model stops. The first Delta
// carries Sent, before anything is dialled. The sequence ends after a Delta with Stop
// set, or after an error (a *hearth.Error; the Delta beside it is empty). A stream that
// ends without a finish reason is an error with ReasonCut: text already yielded is
// partial. Cancelling ctx closes the connection and yields ReasonCancelled with
// context.Cause kept. Stream may be called from several goroutines at once.
type Provider interface {
	Stream(ctx context.Context, req *Request) iter.Seq2[Delta, error]
}

// An Encoder can write a request without sending it, to the bytes that Stream would send:
// what a break in a conversation costs is measured with it. Found by type assertion.
type Encoder interface {
	Encode(req *Request) (*Sent, error)
}

// Limited tells which bound of the answer Stream would send; 0 = none. It matters where a
// protocol sends one that nobody asked for. Found by type assertion.
type Limited interface {
	AnswerLimit(req *Request) int
}

// A Request is everything one model call needs. It is built by prompt.Build, which is
// pure: equal plans and messages give equal requests, and a protocol encodes equal
// requests to equal bytes.
type Request struct {
	Model    string // the id the server knows
	System   string // one text, first; empty sends none
	Tools    []hearth.ToolSpec
	Messages []hearth.Message
	// Callable are names of tools that may be called although they are not among Tools; they
	// are not sent.
	Callable []string

	// MaxTokens bounds the answer; 0 leaves the field out.
	MaxTokens int
	// Left is about how many tokens of the window the prompt leaves for the answer; 0 = nobody
	// knows. No larger limit is sent: servers refuse a prompt and an answer that do not fit
	// together. It adds no limit, and reaches nothing but that field.
	Left int
	// Thinking is the level asked for, one of the words of Capabilities.Efforts, "off",
	// or "" to say nothing.
	Thinking string
	// Capabilities is all a protocol reads about server and model.
	Capabilities Capabilities
	// ChatTemplateKwargs is sent as such; a change to it reaches the chat template.
	ChatTemplateKwargs json.RawMessage
	// Options is the protocol's own bag, canonical JSON: Ollama's num_ctx, keep_alive,
	// temperature. Protocols without such a bag put known names at the top level.
	Options json.RawMessage
	// Shapes stand in place of Messages, each a message as chat completions writes it: in
	// them a probe asks what a server takes. No other protocol knows them.
	Shapes []json.RawMessage
	// ExtraBody is an object merged into the body last; its members win over ours. The
	// messages cannot be replaced by it.
	ExtraBody json.RawMessage
	// Conversation is a name that stays the same from one request of an epoch to the next,
	// for servers that keep their caches by it; empty where there is none.
	Conversation string
	// Slot asks for a server slot where the server offers the choice; negative or nil does not ask.
	Slot *int
	// Encoded keeps each message's wire form between calls of one session. May be nil.
	Encoded *EncodedCache
}

// Limit gives the bound of an answer that is sent where so many tokens are asked for.
func (r *Request) Limit(tokens int) int {
	if r.Left > 0 {
		return min(tokens, r.Left)
	}
	return tokens
}

// A Delta is one thing a model server told us. At most one of the pointer and text
// fields is set; Thinking is never visible text.
type Delta struct {
	Text     string
	Thinking string
	Call     *hearth.ToolCall // whole, never a fragment
	Usage    *hearth.Usage    // running total of this call; the last one counts
	Timing   *Timing
	Wait     *hearth.Wait
	Notice   *hearth.Notice
	Sent     *Sent
	Opaque   json.RawMessage // to be kept with the assistant message and sent back unread
	Report   *hearth.Report  // one attempt ended; route yields it after the attempt's last Delta, also of failed ones
	Answered string          // the model the server says it is, when it says so
	// TextWasThinking says that all Text of this call so far was reasoning: its closing tag
	// came without an opening one, because the model's template had written that itself.
	// What was shown was shown; whoever assembles the answer moves it. Only Visible sets it.
	TextWasThinking bool
	Stop            hearth.StopReason
	// WindowFull says, with a Stop for length, that the server said why: the context window
	// was full, and no limit on output was reached.
	WindowFull bool
}

// Sent describes a request as it went out, so that its prefix can be compared with the
// one before. All slices share the body's memory: read them before the next Delta.
type Sent struct {
	Body []byte
	// Head is every byte that reaches the chat template before the first message:
	// system text, tools, thinking switch, template arguments.
	Head []byte
	// Items are the encoded messages, in order.
	Items [][]byte
	// Params is everything else in the body: sampling, limits, flags.
	Params []byte

	chain [][sha256.Size]byte // chain[n] is the hash over the head and the first n items
}

// Prefix gives a hash over the head and the first n items. Request N+1 extends request
// N exactly when its Prefix over as many items equals N's over all of them. Each item is
// hashed once, however often it is asked. It is called from one goroutine at a time.
func (s *Sent) Prefix(n int) string {
	n = min(n, len(s.Items))
	if s.chain == nil {
		s.chain = append(make([][sha256.Size]byte, 0, len(s.Items)+1), sha256.Sum256(s.Head))
	}
	h := sha256.New()
	for done := len(s.chain) - 1; done < n; done++ {
		var sum [sha256.Size]byte
		h.Reset()
		h.Write(s.chain[done][:])
		h.Write(s.Items[done])
		h.Sum(sum[:0])
		s.chain = append(s.chain, sum)
	}
	return hex.EncodeToString(s.chain[n][:])
}

// Timing is what a server measured of its own work; zero fields are unknown.
type Timing struct {
	PromptTokens  int // evaluated now, not read from cache
	CachedTokens  int
	OutputTokens  int
	PromptMS      float64
	OutputMS      float64
	LoadMS        float64
	PromptPerSec  float64
	OutputsPerSec float64
}

// A Target is one candidate that may answer: a model at an endpoint, spoken to by a provider.
type Target struct {
	Ref      hearth.ModelRef
	Protocol string // "openai-completions", "openai-responses", "anthropic-messages", "ollama", "demo"
	Endpoint Endpoint
	Provider Provider
	Layers   Layers // what is known of it, by source
	Params   Params // what its owner wants sent
	// Profile names the credential that is sent, where the provider has several: the one
	// of a ref written with @profile, or one that was chosen; usually empty. It changes no
	// byte of a request but the header that the credential travels in.
	Profile string
	// Within is models.providers.<id>.timeoutSeconds: what one request may take, and all that a
	// server that is not ready yet is given; 0 = no limit.
	Within time.Duration
	// Replicas are further places where the same model is served, beside Endpoint.
	Replicas []Replica
	// Asleep says that the server does not run and was never asked: the call starts it, and
	// nothing should be planned for longer on what is assumed of it until then.
	Asleep bool
	// Refused is set while a request is built again because the server refused the one
	// before; Layers hold the lesson already.
	Refused *Refusal
}

// Locality is where the words of a request are read: what is known of the model, or else
// where its server is. The two differ for a model that a server at home only passes on.
// Privacy, prices and patience with a vendor go by it; dialling, locks and whether the
// server is alive by that of the Endpoint.
func (t *Target) Locality() hearth.Locality {
	for _, l := range []*Layer{&t.Layers.Config, &t.Layers.Probe, &t.Layers.Server, &t.Layers.Catalog} {
		if l.Locality != nil {
			return *l.Locality
		}
	}
	return t.Endpoint.Locality
}

// Params are the owner's wishes for requests to a target. They become part of a Plan
// when an epoch begins. The zero value wishes nothing.
type Params struct {
	MaxTokens          int
	Thinking           string
	ChatTemplateKwargs json.RawMessage `json:",omitempty"` // stored in a Plan, where nil must not come back as null
	Options            json.RawMessage `json:",omitempty"`
	ExtraBody          json.RawMessage `json:",omitempty"`
}

// Endpoint is where a target is reached.
type Endpoint struct {
	BaseURL  string          // as configured
	Origin   string          // scheme://host:port in canonical form: the unit of slots and locks
	Locality hearth.Locality // of the server; see Target.Locality
	Slots    int             // configured; 0 = learn, else one
	written  string          // see Written
}

// A Lane orders claims to an endpoint; lower goes first.
type Lane int

// The lanes: the person before everything that works for them.
const (
	LaneOwner Lane = iota
	LaneFollowUp
	LaneSubagent
	LaneSchedule
	LaneHousekeeping
)

// String gives the lane's word.
func (l Lane) String() string {
	switch l {
	case LaneOwner:
		return "owner"
	case LaneFollowUp:
		return "follow-up"
	case LaneSubagent:
		return "subagent"
	case LaneSchedule:
		return "schedule"
	default:
		return "housekeeping"
	}
}

// A Claim asks for the use of an endpoint.
type Claim struct {
	Endpoint Endpoint
	Lane     Lane
	Session  hearth.SessionID
	Model    string // for the Wait line of whoever queues behind

	// Or are other places that would do, best first, with one request for all of them: the
	// first that has a free slot gets it. Housekeeping waits for its own place only.
	Or []Endpoint
	// Stay is for how long a session that Endpoint has read waits for that one alone. Whom
	// nobody has read waits for all of them from the beginning.
	Stay time.Duration
}
