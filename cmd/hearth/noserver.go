package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"hearth"
	"hearth/model"
	"hearth/model/probe"
)

// nothingThere is the error of a --server that cannot be used.
func nothingThere(ctx context.Context, server, root string, found []probe.Host) error {
	op := "look at " + server
	if len(found) > 0 {
		return lacking(op, found)
	}
	e := noServer(ctx, serverFlag, root)
	if err := interrupted(ctx, op); err != nil {
		return err
	}
	e.Op = op
	return e
}

// noServer says why no model server was found at the address that a flag named. Looking for
// servers asks many places and tells of none that did not answer, so this one is asked once
// more.
func noServer(ctx context.Context, flag, root string) *hearth.Error {
	client, err := privateClient(flag, "")(root)
	if err != nil {
		return &hearth.Error{Reason: hearth.ReasonConfig, Err: err, Cause: "That is no address.", Try: "Correct " + flag + "."}
	}
	defer client.CloseIdle()
	_, err = probe.Identify(ctx, client)
	e, reached := &hearth.Error{Reason: hearth.ReasonUnreachable, Err: err}, err == nil
	if !reached {
		reached = client.Connects(ctx) == nil
		e = unreached(root, err, reached)
	}
	switch {
	case reached && !unanswered(err) && client.SpeaksTLS(ctx):
		return &hearth.Error{Reason: hearth.ReasonUnreachable, Err: errors.New("an HTTPS server was asked without TLS"),
			Cause: "The server at that port speaks HTTPS.", Try: "Write https:// instead of http:// in " + flag + "."}
	case err == nil:
		return unlisted(ctx, client, root)
	}
	return e
}

// unreached is the error of a server that gave no answer. accepts says whether it takes
// connections.
func unreached(root string, err error, accepts bool) *hearth.Error {
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok {
		e = &hearth.Error{Reason: hearth.ReasonUnreachable, Err: err}
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch _, other := errors.AsType[x509.HostnameError](err); {
	case e.Reason == hearth.ReasonNotTrusted:
		e.Try = "Name the address at which the server itself says that it listens."
	case untrusted:
		setting := ".request.tls.ca FILE, which is its certificate or the issuer's"
		if other {
			setting = ".request.tls.serverName NAME, the name that it was made for"
		}
		e.Try = "Write it down with hearth onboard --non-interactive --skip-health --custom-base-url " + root + "/v1 --custom-model-id ID, and then hearth config set models.providers." + customID(root) + setting
	case accepts && unanswered(err):
		e.Cause = "Whoever listens there accepts connections and says nothing: the server may be busy or still starting."
		e.Try = "Wait until it is ready, then run this again."
	}
	return e
}

// unlisted is the error of what answers, and not as a server that lists its models.
func unlisted(ctx context.Context, client *model.Client, root string) *hearth.Error {
	r, err := client.Get(ctx, model.Call{Op: "ask", Path: "/v1/models", FromRoot: true, Accept: "application/json"})
	if err != nil {
		return &hearth.Error{Reason: hearth.ReasonUnreachable, Err: err}
	}
	if to := r.Header.Get("Location"); r.Status/100 == 3 && to != "" {
		return &hearth.Error{Reason: hearth.ReasonNoModel, Err: fmt.Errorf("%s redirects to %s", root, withoutQuery(to)),
			Cause: "What listens there sends its visitors elsewhere.", Try: "If you trust that address, name it instead."}
	}
	e := model.Classify(model.Seen{Status: r.Status, Header: r.Header, Body: r.Body})
	if r.Status >= http.StatusInternalServerError {
		return e
	}
	words := e.Err.Error()
	page := strings.HasPrefix(words, "a web page")
	if e.HTTPStatus != 0 {
		words = fmt.Sprintf("HTTP %d: %s", e.HTTPStatus, words)
	}
	e = &hearth.Error{Reason: hearth.ReasonNoModel, Err: fmt.Errorf("what answers at %s lists no models: %s", root, words)}
	e.Cause = "It is no model server, or one that does not list its models."
	e.Try = "If it is one, name the model too: hearth onboard --non-interactive --custom-base-url " + root + "/v1 --custom-model-id ID"
	if page {
		e.Cause = "Something other than a model server answers at this address."
		e.Try = "Name the address and port at which the model server says that it listens."
	}
	return e
}

// withoutQuery is an address without what may be a credential.
func withoutQuery(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "another address"
	}
	u.RawQuery, u.Fragment = "", ""
	return u.Redacted()
}

// noted says in one line why nothing was found at root.
func noted(e *hearth.Error, root string) string {
	switch {
	case errors.Is(e.Err, syscall.ECONNREFUSED), unanswered(e.Err):
		return "nothing answers at " + root + " yet"
	case e.Reason == hearth.ReasonNotTrusted, e.Cause == "":
		return e.Err.Error()
	default:
		return e.Err.Error() + ". " + strings.TrimSuffix(e.Cause, ".")
	}
}
