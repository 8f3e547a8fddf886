package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"hearth"
	"hearth/internal/escape"
)

// errSilent ends a command with an exit code after everything was already said.
type errSilent struct{ code int }

func (e errSilent) Error() string { return fmt.Sprintf("exit %d", e.code) }

// explain tells a person what went wrong, in three lines on standard error, and gives
// the exit code. With --json the command has printed its object itself (errSilent), or
// failed before it could, and then one is printed here: exactly one object either way.
func explain(s streams, err error, object func(error) any) int {
	if silent, ok := errors.AsType[errSilent](err); ok {
		return silent.code
	}
	if object != nil {
		printJSON(s.out, object(err))
	}
	tell(s.err, err)
	return exitCode(err)
}

// failure is how an error looks in --json output.
type failure struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

func failureOf(err error) failure {
	return failure{Kind: string(hearth.ReasonOf(err)), Message: err.Error()}
}

func exitCode(err error) int {
	if e, ok := errors.AsType[*hearth.Error](err); ok {
		return e.Reason.ExitCode()
	}
	return hearth.ExitFailed
}

// tell prints the three lines: what happened, the likely cause, one thing to try.
func tell(w io.Writer, err error) {
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok {
		e = &hearth.Error{}
	}
	cause, try := e.Cause, e.Try
	if def, known := advice[e.Reason]; known {
		if cause == "" {
			cause = def.cause
		}
		if try == "" {
			try = def.try
		}
	}
	if cause == "" {
		cause = "Something inside Hearth did not work as it should."
	}
	if try == "" {
		try = "Run it again; if it stays, report it with the line above."
	}
	fmt.Fprintf(w, "hearth: %s\n  cause: %s\n  try:   %s\n", oneLine(err.Error()), oneLine(cause), oneLine(try))
}

// oneLine keeps foreign words (a server's error body) from moving the cursor or faking lines.
func oneLine(s string) string { return escape.Plain(s) }

type words struct{ cause, try string }

// advice holds the second and third line for errors whose source did not say.
var advice = map[hearth.Reason]words{
	hearth.ReasonUnreachable:     {"The model server is not running, or not at that address.", "Start the server, then run the same command again."},
	hearth.ReasonTimeout:         {"The server accepted the request but did not answer in time.", "Raise models.providers.<id>.timeoutSeconds for this provider."},
	hearth.ReasonStalled:         {"The server stopped writing in the middle of its answer.", "Look at the server's log; it may have run out of memory."},
	hearth.ReasonCut:             {"The server closed the connection in the middle of its answer.", "Look at the server's log; it may have crashed or run out of memory."},
	hearth.ReasonServer:          {"The model server had an error of its own.", "Look at the server's log."},
	hearth.ReasonOverloaded:      {"The model server is busy or still loading.", "Wait a moment and try again."},
	hearth.ReasonRateLimit:       {"The provider limits how much may be asked of it.", "Wait a while, or configure a fallback model."},
	hearth.ReasonAuth:            {"The server refused the credential.", "Check models.providers.<id>.apiKey."},
	hearth.ReasonNoCredential:    {"This provider needs a key and none is set.", "Set models.providers.<id>.apiKey or the provider's environment variable."},
	hearth.ReasonBilling:         {"The provider says that the account cannot pay for this.", "Check the balance in the provider's dashboard, or use another key."},
	hearth.ReasonModelNotFound:   {"The server does not have a model of that name.", "Run hearth models list --refresh to see what it has."},
	hearth.ReasonContextOverflow: {"The conversation is larger than the model's context window.", "Start over with /new, or load the model with a larger context."},
	hearth.ReasonBadRequest:      {"The server refused the form of the request.", "See docs/local-models.md on stricter backends and their compat flags."},
	hearth.ReasonNotTrusted:      {"That address is on a network that no provider was allowed to use.", "Set request.allowPrivateNetwork: true on the provider."},
	hearth.ReasonWindowTooSmall:  {"The model's context window is too small for an agent.", "Load the model with a larger context, or choose another."},
	hearth.ReasonNoModel:         {"No model is configured and no local server was found.", "Start LM Studio, Ollama or llama.cpp, then run hearth up."},
	hearth.ReasonUnknownProvider: {"The config has no provider of that name.", "Run hearth models list to see the names."},
	hearth.ReasonCancelled:       {"It was stopped before it was done.", "Run the command again."},
	hearth.ReasonBusy:            {"Another Hearth process is using this session.", "Wait for it, or use --session with another name."},
	hearth.ReasonStorage:         {"The disk or the database refused to keep the message.", "Free some disk space and check that the state folder can be written."},
	hearth.ReasonConfig:          {"A value in the config cannot be used.", "Run hearth config validate."},
}

// printJSON writes one object and a newline. The values are ours, so they always encode.
func printJSON(w io.Writer, v any) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		fmt.Fprintf(w, "{\"error\":{\"kind\":\"internal\",\"message\":%q}}\n", err.Error())
	}
}
