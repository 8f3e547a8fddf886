package hearth

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Reason says what to do about an error. It is decided where the wire was seen,
// because no status code means the same at every vendor.
type Reason string

// The reasons.
const (
	ReasonUnreachable     Reason = "unreachable"       // nothing accepted the connection, or the server died
	ReasonTimeout         Reason = "timeout"           // a clock ran out before the first visible word
	ReasonStalled         Reason = "stalled"           // a clock ran out after the first visible word
	ReasonCut             Reason = "stream_cut"        // the stream ended without a finish reason
	ReasonServer          Reason = "server_error"      // the server broke
	ReasonOverloaded      Reason = "overloaded"        // the server says it is busy or loading
	ReasonRateLimit       Reason = "rate_limit"        // too many requests or tokens within a while
	ReasonAuth            Reason = "auth"              // the credential was refused
	ReasonNoCredential    Reason = "no_credential"     // there is no credential to send
	ReasonBilling         Reason = "billing"           // the account cannot pay
	ReasonModelNotFound   Reason = "model_not_found"   // the server does not have that model
	ReasonContextOverflow Reason = "context_overflow"  // the request does not fit the window
	ReasonBadRequest      Reason = "bad_request"       // the server refused what we sent, and would again
	ReasonToolsRefused    Reason = "tools_unsupported" // the model cannot be given tools
	ReasonNotTrusted      Reason = "not_trusted"       // the address may not be dialled without the owner's word
	ReasonWindowTooSmall  Reason = "window_too_small"  // preflight: the window is below the floor
	ReasonCancelled       Reason = "cancelled"         // somebody stopped it
	ReasonUnknownProvider Reason = "unknown_provider"  // the config has no such provider
	ReasonNoModel         Reason = "no_model"          // nothing is configured and nothing was found
	ReasonConfig          Reason = "config"            // a value in the config cannot be used
	ReasonUsage           Reason = "usage"             // the command line is wrong
	ReasonBusy            Reason = "session_busy"      // another process owns the session
	ReasonStorage         Reason = "storage"           // the disk or the database refused
	ReasonLimit           Reason = "limit"             // one of our own limits stopped the turn
	ReasonEmpty           Reason = "empty_response"    // the model finished without a word
	ReasonInternal        Reason = "internal"          // our own mistake
)

// Exit codes of every command.
const (
	ExitDone        = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitNoModel     = 3
	ExitPartial     = 4
	ExitInterrupted = 130
)

// consequence is one row of the table that decides what an error leads to.
type consequence struct {
	fallback bool // try the next candidate model
	exit     int
}

// consequences is the one table for fallback and exit code (contract: choosing a model, exit codes).
var consequences = map[Reason]consequence{
	ReasonUnreachable:     {true, ExitNoModel},
	ReasonTimeout:         {true, ExitFailed},
	ReasonStalled:         {false, ExitPartial},
	ReasonCut:             {false, ExitPartial},
	ReasonServer:          {true, ExitFailed},
	ReasonOverloaded:      {true, ExitFailed},
	ReasonRateLimit:       {true, ExitFailed},
	ReasonAuth:            {true, ExitFailed},
	ReasonNoCredential:    {true, ExitFailed},
	ReasonBilling:         {true, ExitFailed},
	ReasonModelNotFound:   {true, ExitNoModel},
	ReasonContextOverflow: {false, ExitFailed},
	ReasonBadRequest:      {false, ExitFailed},
	ReasonToolsRefused:    {false, ExitFailed},
	ReasonNotTrusted:      {true, ExitFailed},
	ReasonWindowTooSmall:  {false, ExitFailed},
	ReasonCancelled:       {false, ExitInterrupted},
	ReasonUnknownProvider: {false, ExitNoModel},
	ReasonNoModel:         {false, ExitNoModel},
	ReasonConfig:          {false, ExitFailed},
	ReasonUsage:           {false, ExitUsage},
	ReasonBusy:            {false, ExitFailed},
	ReasonStorage:         {false, ExitFailed},
	ReasonLimit:           {false, ExitFailed},
	ReasonEmpty:           {false, ExitFailed},
	ReasonInternal:        {false, ExitFailed},
}

// FallsBack reports whether the next candidate model should be tried. It does not
// know whether a visible word was already shown; the caller does.
func (r Reason) FallsBack() bool { return consequences[r].fallback }

// ExitCode is the process exit code for a failure of this kind.
func (r Reason) ExitCode() int {
	if c, ok := consequences[r]; ok {
		return c.exit
	}
	return ExitFailed
}

// An Error crosses rooms. Reason decides fallback and exit code, in one table; Err
// keeps the server's own words.
type Error struct {
	Op         string // what was being done: "openai chat", "connect"
	Reason     Reason
	HTTPStatus int           // 0 where no response was seen
	RetryAfter time.Duration // what the server asked for; 0 where it did not
	Err        error

	// Again says that the same request may well succeed: what broke was made by the
	// model (a tool call that its server could not parse), not by us.
	Again bool

	// Loading says that an overloaded server is only bringing the model into memory, so
	// that waiting for it helps.
	Loading bool

	// TooLarge says that a limit on tokens in a while is smaller than this request alone,
	// so that waiting for it does not help.
	TooLarge bool

	// Cause and Try are the second and third line a person sees: the likely cause,
	// and one thing to try. They may be empty.
	Cause string
	Try   string
}

// Error gives "op: cause".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.HTTPStatus != 0 {
		fmt.Fprintf(&b, ": HTTP %d", e.HTTPStatus)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	} else if e.Reason != "" {
		b.WriteString(": ")
		b.WriteString(strings.ReplaceAll(string(e.Reason), "_", " "))
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf gives the Reason of the nearest *Error in err's chain, or ReasonInternal.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok && e.Reason != "" {
		return e.Reason
	}
	return ReasonInternal
}
