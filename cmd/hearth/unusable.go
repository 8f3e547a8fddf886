package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hearth"
	"hearth/model/probe"
)

// lack says why nothing can be asked of a server that is there, and what to do about it.
type lack struct {
	reason           hearth.Reason
	what, cause, try string
}

// lackOf gives what a server lacks that was not chosen.
func lackOf(h probe.Host) lack {
	l := lack{reason: hearth.ReasonNoModel, what: "answers, but has no model that can be used"}
	l.cause, l.try = "The server lists no chat model of its own.", "Load a model there, then run this again."
	switch {
	case h.NeedsKey:
		l.reason, l.what = hearth.ReasonNoCredential, "answers, but wants a key"
		l.cause, l.try = "The server lists its models only to those who have a key.", "Run hearth onboard: it asks for the key."
	case h.Mute:
		l.what = "takes connections, and has said nothing yet"
		l.cause = "A server that answers one question at a time is silent while it works on another; so is a port that is no model server's."
		l.try = "Wait until it is through, then run this again. If it stays silent, look at its log, or start it anew."
	case h.Loading:
		l.reason, l.what = hearth.ReasonOverloaded, "is still loading its model"
		l.cause, l.try = "The server was started a moment ago.", "Wait until it is ready, then run this again."
	case h.Kind == probe.KindLiteLLM:
		l.what = "is there, and is not taken by itself"
		l.cause = "It passes requests on, and its models may be anywhere; only you know where."
		l.try = "Choose one of its models: hearth onboard --auth-choice litellm-api-key --custom-base-url " + h.Root + " --custom-model-id " + firstID(h)
	case h.Kind == probe.KindOllama && len(h.Models) == 0:
		l.what, l.cause, l.try = "answers, but has no model yet", "Ollama was installed, and no model was fetched.", "Fetch one, for example: ollama pull qwen3:4b"
	case len(h.Models) == 0:
		l.what, l.cause = "answers, but has no model", "No model is loaded or downloaded there."
	case onlyCloud(h):
		l.what = "answers, but has only models that run elsewhere: " + strings.Join(h.IDs(), ", ")
		l.cause, l.try = "A :cloud model runs on somebody else's computer, so none is taken by itself.", "Fetch one of your own, for example: ollama pull qwen3:4b"
	}
	return l
}

func firstID(h probe.Host) string {
	if ids := h.IDs(); len(ids) > 0 {
		return ids[0]
	}
	return "ID"
}

func onlyCloud(h probe.Host) bool {
	cloud := false
	for _, m := range h.Models {
		cloud = cloud || m.Cloud
		if !m.Cloud && !m.Embedding {
			return false
		}
	}
	return cloud
}

// lacking is the error when servers are there and none of them can be used: that of the
// first one which answered, else of one that is silent, and LiteLLM's only where nothing
// else is there.
func lacking(op string, found []probe.Host) *hearth.Error {
	rank := func(h probe.Host) int {
		switch {
		case h.Kind == probe.KindLiteLLM:
			return 2
		case h.Mute:
			return 1
		}
		return 0
	}
	h := slices.MinFunc(found, func(a, b probe.Host) int { return cmp.Compare(rank(a), rank(b)) })
	l := lackOf(h)
	return &hearth.Error{Op: op, Reason: l.reason, Err: errors.New(lackLine(h, l)), Cause: l.cause, Try: l.try}
}

func lackLine(h probe.Host, l lack) string {
	return fmt.Sprintf("%s at %s %s", hostName(h), h.Root, l.what)
}

// hostName is what a found server is called.
func hostName(h probe.Host) string {
	if h.Mute {
		return "something"
	}
	return h.Kind.Name()
}
