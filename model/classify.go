package model

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"hearth"
	"hearth/internal/redact"
)

// Seen is an error as a server sent it: with a status of 400 and above, or inside an
// answer that began with 200.
type Seen struct {
	Op       string // for the error
	Provider string // id in the config, for sentences; may be empty
	Model    string // the model that was asked for; may be empty
	Keyless  bool   // no credential went out
	Marker   string // what went out instead, and only says that none is needed; may be empty
	Status   int
	Header   http.Header
	Body     []byte

	masks *redact.Redactor // of what was sent; nil masks nothing
}

// Overflow says that a request did not fit the context window. It is in the chain of
// every error with ReasonContextOverflow that Classify gives. 0 means that the server
// did not say.
type Overflow struct {
	Window int  // tokens the server serves
	Prompt int  // tokens the request has; a lower bound at some servers
	Exact  bool // Prompt is the server's count of the whole request
	Bytes  bool // a limit of bytes, maybe of a proxy's: it says nothing of tokens
	// Answered says that nothing was refused: the answer did not fit what the window left.
	Answered bool
	// Silent says that nothing was refused, or said: the answer was empty, and nobody knows why.
	Silent bool
	Words  string
}

// Error gives the server's own words.
func (o *Overflow) Error() string { return o.Words }

// Classify sorts an error by what it says, and by its status only where the words are
// unknown: no status means the same at every server. The result's Err holds the
// server's words, and *Overflow or *Refusal where the words are an exact row of the
// corpus. Cause and Try are always filled.
func Classify(s Seen) *hearth.Error {
	b := readErrorBody(s.Body).quiet(s.masks)
	words := oneLine(b.Message, 1000)
	if words == "" {
		words = oneLine(b.Raw, 1000)
	} else if b.Raw != "" && !strings.Contains(words, b.Raw) && len(words) < 200 {
		words += " (" + oneLine(b.Raw, 500) + ")"
	}
	if words == "" {
		words = strings.TrimSpace(strings.ToLower(http.StatusText(s.Status)) + " (no explanation)")
	}
	r := findRow(s.effective(b), b)
	e := &hearth.Error{
		Op: s.Op, Reason: r.reason, HTTPStatus: s.Status,
		RetryAfter: RetryAfter(s.Header, b.all(), time.Now()),
		Err:        errors.New(words), Again: r.again, Loading: r.loads, TooLarge: r.large,
	}
	if s.Status < 300 {
		e.HTTPStatus = 0 // "HTTP 200" would only puzzle people
	}
	switch {
	case r.reason == hearth.ReasonContextOverflow:
		e.Err = r.overflow(b, words)
	case r.lesson != "":
		e.Err = &Refusal{Lesson: r.lesson, Detail: r.detail, Words: words}
	}
	e.Cause, e.Try = s.explain(r, e)
	return e
}

// effective is the status to judge by: an error inside a good answer, or passed on by a
// proxy as 500, often names the real one.
func (s Seen) effective(b errorBody) int {
	if s.Status >= 400 && s.Status != http.StatusInternalServerError {
		return s.Status
	}
	var code int
	if _, err := fmt.Sscanf(b.Code, "%d", &code); err == nil && code >= 400 && code < 600 {
		return code
	}
	return s.Status
}

// found is a row of the corpus as it matched.
type found struct {
	reason hearth.Reason
	lesson Lesson
	detail string
	again  bool
	loads  bool
	large  bool
	bytes  bool
	why    string // stands in for the reason's usual cause
	try    string
	nums   map[string]int
}

func (f found) overflow(b errorBody, words string) *Overflow {
	o := &Overflow{Window: b.NCtx, Prompt: b.NPrompt, Bytes: f.bytes, Words: words}
	if n := f.nums["window"]; o.Window == 0 {
		o.Window = n
	}
	if n := f.nums["prompt"]; o.Prompt == 0 {
		o.Prompt = n
	}
	o.Exact = o.Prompt > 0 && !estimates.MatchString(words)
	return o
}

// estimates is how servers say that the number they name is not the count of a request:
// they stopped counting, or looked at its beginning, or at its letters.
var estimates = regexp.MustCompile(`(?i)at least|n_keep|keep the first|characters`)

// byStatus is what a status means when its words are unknown.
func byStatus(status int) hearth.Reason {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return hearth.ReasonAuth
	case http.StatusPaymentRequired:
		return hearth.ReasonBilling
	case http.StatusNotFound, http.StatusGone:
		return hearth.ReasonModelNotFound
	case http.StatusRequestEntityTooLarge:
		return hearth.ReasonContextOverflow
	case http.StatusTooManyRequests:
		return hearth.ReasonRateLimit
	case http.StatusRequestTimeout, http.StatusGatewayTimeout, 522, 524:
		return hearth.ReasonTimeout
	case http.StatusServiceUnavailable, 529:
		return hearth.ReasonOverloaded
	case http.StatusNotImplemented:
		return hearth.ReasonBadRequest
	}
	if status >= 400 && status < 499 {
		return hearth.ReasonBadRequest
	}
	return hearth.ReasonServer
}

// explain gives the second and third line that a person reads.
func (s Seen) explain(f found, e *hearth.Error) (cause, try string) {
	who, key := "the model server", "models.providers.<id>."
	if s.Provider != "" {
		who, key = "provider "+s.Provider, "models.providers."+s.Provider+"."
	}
	name := "the model"
	if s.Model != "" {
		name = s.Model
	}
	switch e.Reason {
	case hearth.ReasonContextOverflow:
		cause, try = s.explainOverflow(e, name)
	case hearth.ReasonModelNotFound:
		cause = who + " does not offer " + name + " at this address."
		try = "See what it offers: hearth models list --refresh"
	case hearth.ReasonAuth:
		cause = who + " refuses the key that it was given."
		switch {
		case s.Keyless && s.Marker != "":
			cause = fmt.Sprintf("%s wants a key, and was sent %q, which usually says that none is needed.", who, s.Marker)
		case s.Keyless:
			cause = who + " wants a key, and none is set."
		}
		try = "Set " + key + "apiKey, or run hearth onboard."
	case hearth.ReasonBilling:
		cause = "The account at " + who + " cannot pay for this request."
		try = "Look at its balance and limits, or use another key or model."
	case hearth.ReasonRateLimit:
		cause = "Too many requests or tokens within a while for this account or server."
		try = waitThen(e.RetryAfter)
	case hearth.ReasonOverloaded:
		cause = who + " is busy or still loading the model."
		try = waitThen(e.RetryAfter)
	case hearth.ReasonToolsRefused:
		cause = name + " cannot be given tools as the server runs it."
		try = "Use a model with tools, or start the server with its tool parser."
	case hearth.ReasonTimeout:
		cause = "Something between here and the model gave up waiting."
		try = "Ask again; if a proxy is in between, raise its time limit."
	case hearth.ReasonBadRequest:
		cause = who + " does not accept something in the request."
		try = "Its words name it; settings under " + key + "models[].compat change what is sent."
	default:
		cause = who + " broke while it worked on the request."
		try = "Look at its log for the time of this request, and ask again."
		if s.Status < 300 && strings.HasPrefix(e.Err.Error(), "a web page") {
			cause = "Something other than a model server answers at this address."
			try = "Check " + key + "baseUrl."
		}
	}
	if f.why != "" {
		cause = f.why
	}
	if f.try != "" {
		try = strings.ReplaceAll(f.try, "{key}", key)
	}
	return upper(cause), try
}

func (s Seen) explainOverflow(e *hearth.Error, name string) (cause, try string) {
	cause = "The conversation is longer than the context window that " + name + " was loaded with."
	if o, ok := errors.AsType[*Overflow](e.Err); ok && o.Window > 0 {
		cause = fmt.Sprintf("The conversation is longer than the %d tokens that %s was loaded with.", o.Window, name)
		if o.Prompt > 0 {
			cause = fmt.Sprintf("The conversation has %d tokens and %s was loaded with room for %d.", o.Prompt, name, o.Window)
		}
	}
	return cause, "Load the model with a larger context window, or make the conversation shorter (/compact, /new)."
}

func waitThen(d time.Duration) string {
	if d > 0 {
		return fmt.Sprintf("Wait %s and ask again.", d.Round(time.Second/10))
	}
	return "Wait a moment and ask again."
}

// upper makes the first letter of a sentence a capital.
func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// SilentOverflow gives the error for an answer without a token whose counts show that
// the request did not fit, or nil: LM Studio with a GGUF model finishes at once with the
// usage filled in, others stop for length before the first token.
func SilentOverflow(op string, req *Request, u hearth.Usage, stop hearth.StopReason) *hearth.Error {
	window := 0
	if req.Capabilities.WindowKnown {
		window = req.Capabilities.InForce()
	}
	full := window > 0 && u.Input >= window
	if !full && (stop != hearth.StopLength || u.Output > 0) {
		return nil
	}
	if !full { // the window that was assumed is not the one in force
		window = 0
	}
	return &hearth.Error{
		Op: op, Reason: hearth.ReasonContextOverflow,
		Err:   &Overflow{Window: window, Prompt: u.Input, Words: fmt.Sprintf("no answer to %d tokens, and no word of why", u.Input)},
		Cause: "The conversation is longer than the context window that " + req.Model + " was loaded with, and the server did not say so.",
		Try:   "Load the model with a larger context window, or make the conversation shorter (/compact, /new).",
	}
}
