package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// errorBody is what can be read from the body of an error, in any of the shapes that
// model servers use.
type errorBody struct {
	Message string
	Type    string
	Code    string
	Param   string
	Raw     string // of the server behind a proxy
	NCtx    int    // llama.cpp
	NPrompt int
	named   bool // the body says itself that it is an error
}

// isError reports whether a body that came with status 200 is an error.
func (b errorBody) isError() bool { return b.named }

// all is what the corpus is matched against: everything the server said, a line each.
func (b errorBody) all() string {
	return strings.Join([]string{b.Message, b.Type, b.Code, b.Raw}, "\n")
}

// wireError is the union of the known error objects.
type wireError struct {
	Error   json.RawMessage `json:"error"`
	Message json.RawMessage `json:"message"`
	Msg     string          `json:"msg"`
	Detail  json.RawMessage `json:"detail"`
	Errors  json.RawMessage `json:"errors"`
	Object  string          `json:"object"`
	Type    json.RawMessage `json:"type"`
	Status  json.RawMessage `json:"status"`
	Code    json.RawMessage `json:"code"`
	Param   json.RawMessage `json:"param"`
	NCtx    Count           `json:"n_ctx"`
	NPrompt Count           `json:"n_prompt_tokens"`
	Details json.RawMessage `json:"details"`

	FailedGeneration string `json:"failed_generation"`
	Metadata         struct {
		Raw      json.RawMessage `json:"raw"`
		Provider string          `json:"provider_name"`
	} `json:"metadata"`
	Choices json.RawMessage `json:"choices"` // an answer, not an error
}

// maxNesting is how often one error may stand inside another.
const maxNesting = 4

// readErrorBody never fails: what cannot be read is itself the message.
func readErrorBody(body []byte) errorBody { return readError(body, maxNesting) }

func readError(body []byte, depth int) errorBody {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || depth == 0 {
		return errorBody{Message: string(body)}
	}
	switch body[0] {
	case '{':
		var w wireError
		if ReadJSON(body, &w) == nil {
			return w.read(depth)
		}
	case '[': // Google wraps its errors into a list
		var list []json.RawMessage
		if err := json.Unmarshal(body, &list); err == nil && len(list) > 0 {
			return readError(list[0], depth-1)
		}
	case '"':
		return errorBody{Message: text(body)}
	case '<':
		return errorBody{Message: pageTitle(body)}
	}
	return errorBody{Message: string(body)}
}

func (w *wireError) read(depth int) errorBody {
	b := errorBody{Type: text(w.Type), Code: text(w.Code), Param: text(w.Param), NCtx: int(w.NCtx), NPrompt: int(w.NPrompt)}
	if status := text(w.Status); status != "" {
		b.Type = strings.TrimSpace(b.Type + " " + status)
	}
	b.Raw = strings.TrimSpace(text(w.Metadata.Raw) + "\n" + text(w.Details) + "\n" + w.FailedGeneration)
	switch {
	case present(w.Error):
		inner := readError(w.Error, depth-1)
		if inner.Message == "" {
			inner.Message = text(w.Message)
		}
		if inner.Type == "" {
			inner.Type = b.Type
		}
		if inner.Raw == "" {
			inner.Raw = b.Raw
		}
		inner.named = true
		return inner
	case present(w.Detail):
		b.Message, b.named = detail(w.Detail, depth), true
	case present(w.Errors):
		b.Message, b.named = detail(w.Errors, depth), true
	case present(w.Message):
		b.Message = text(w.Message)
		b.named = w.Object == "error" || b.Type == "error"
	default:
		b.Message = w.Msg
	}
	if strings.HasPrefix(b.Message, "{") { // a proxy passed the body on as a string
		if inner := readError([]byte(b.Message), depth-1); inner.Message != "" {
			inner.named = true
			return inner
		}
	}
	if present(w.Choices) {
		b.named = false
	}
	return b
}

// detail reads what FastAPI servers say: words, an object, or a list of complaints with
// the place of each.
func detail(raw json.RawMessage, depth int) string {
	var list []struct {
		Loc []json.RawMessage `json:"loc"`
		Msg string            `json:"msg"`
	}
	if err := json.Unmarshal(raw, &list); err == nil {
		var lines []string
		for _, l := range list {
			var place []string
			for _, p := range l.Loc {
				if s := text(p); s != "body" {
					place = append(place, s)
				}
			}
			lines = append(lines, strings.Join(place, ".")+": "+l.Msg)
		}
		return strings.Join(lines, "; ")
	}
	if inner := readError(raw, depth-1); inner.Message != "" {
		return inner.Message
	}
	return text(raw)
}

func present(raw json.RawMessage) bool {
	return len(raw) > 0 && string(raw) != "null" && string(raw) != `""` && string(raw) != "false"
}

// text gives a JSON string's value, nothing for null, and other values as they stand.
func text(raw json.RawMessage) string {
	var s string
	if err := json.Unmarshal(raw, &s); err == nil {
		return s
	}
	if !present(raw) {
		return ""
	}
	return string(raw)
}

var (
	titleTag = regexp.MustCompile(`(?is)<(?:title|h1)[^>]*>(.*?)</(?:title|h1)>`)
	anyTag   = regexp.MustCompile(`(?s)<[^>]*>`)
)

// pageTitle is what a web page says of itself.
func pageTitle(page []byte) string {
	if m := titleTag.FindSubmatch(page); m != nil {
		return fmt.Sprintf("a web page titled %q", oneLine(string(anyTag.ReplaceAll(m[1], nil)), 120))
	}
	return "a web page: " + oneLine(string(anyTag.ReplaceAll(page, []byte(" "))), 120)
}
