package model

import (
	"net/http"
	"regexp"
	"strings"

	"hearth"
)

// noPath is how servers say that nothing is at an address, whatever model was asked for:
// Go's and nginx's words, FastAPI's, llama.cpp's, Express's, and no words at all.
var noPath = regexp.MustCompile(`(?i)^"?(404:? )?((page|file|route|path|url|endpoint|resource) )?not found\b|cannot post |unexpected endpoint|(unknown|invalid) (url|path|route|endpoint)|a web page titled "?404|no (such )?(route|path|endpoint) `)

// pathless corrects an error that says of a path what would be read as a word about the
// model: the server has the model, perhaps, but not this API. Its reason stays, for a
// fallback may have the API.
func (x *exchange) pathless(e *hearth.Error) *hearth.Error {
	if e.Reason != hearth.ReasonModelNotFound || e.Err == nil {
		return e
	}
	if words := e.Err.Error(); !noPath.MatchString(words) || x.call.Model != "" && strings.Contains(words, x.call.Model) {
		return e
	}
	if x.wholeEndpoint(e) || e.HTTPStatus != http.StatusNotFound {
		return e
	}
	e.Cause = upper(x.client.named() + " has no " + x.call.Path + " at this address.")
	versioned := strings.HasSuffix(strings.TrimRight(x.client.base.Path, "/"), "/v1")
	switch {
	case x.call.FromRoot && versioned:
		e.Try = "hearth config set " + x.client.key("api") + " openai-completions"
	case x.call.FromRoot:
		e.Try = "hearth config set " + x.client.key("api") + " openai-completions (the address then ends in /v1: " + x.client.key("baseUrl") + ")"
	case !versioned:
		e.Try = "Most servers have it below /v1: correct " + x.client.key("baseUrl") + "."
	default:
		e.Try = "Correct " + x.client.key("baseUrl") + ", or " + x.client.key("api") + " where the server speaks another API."
	}
	return e
}

// endpoints are the ends of the addresses to which requests go, as manuals and other
// programs' settings name them.
var endpoints = []string{"/chat/completions", "/completions", "/responses", "/messages", "/models", "/api/chat", "/api/generate"}

// Bare takes off a base URL's path what belongs to one kind of request.
func Bare(path string) string {
	path = strings.TrimRight(path, "/")
	for _, end := range endpoints {
		if short, ok := strings.CutSuffix(path, end); ok {
			return short
		}
	}
	return path
}

// wholeEndpoint tells of a base URL to which the path of a request was added twice: by its
// owner, and by us.
func (x *exchange) wholeEndpoint(e *hearth.Error) bool {
	short := *x.client.base
	short.Path, short.RawPath, short.RawQuery, short.Fragment = Bare(short.Path), "", "", ""
	if short.Path == strings.TrimRight(x.client.base.Path, "/") {
		return false
	}
	e.Cause = x.client.key("baseUrl") + " is the address of one kind of request; Hearth adds " + x.call.Path + " to it."
	e.Try = "hearth config set " + x.client.key("baseUrl") + " " + short.String()
	return true
}

// odd is how an address with a scheme goes wrong.
var odd = regexp.MustCompile(`(?i)^(https?)(?::/*|//)([^/].*)$`)

// Mended gives the address that was probably meant by one that cannot be used, or "".
func Mended(address string) string {
	scheme, rest := "http", strings.TrimSpace(address)
	if m := odd.FindStringSubmatch(rest); m != nil {
		scheme, rest = strings.ToLower(m[1]), m[2]
	}
	host, _, _ := strings.Cut(rest, "/")
	if strings.Contains(rest, "://") || host != "localhost" && !strings.ContainsAny(host, ".:") {
		return "" // something else altogether
	}
	meant := scheme + "://" + rest
	if _, err := ParseEndpoint(meant); err != nil || meant == address || hostPath.MatchString(rest) {
		return ""
	}
	return meant
}

// hostPath finds what has to be quoted in a command.
var hostPath = regexp.MustCompile(`[^A-Za-z0-9._:/\[\]-]`)
