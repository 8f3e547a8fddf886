package model

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"time"

	"hearth"
	"hearth/internal/netguard"
)

// failure turns an error of the HTTP transport into what is told.
func (x *exchange) failure(ctx context.Context, err error) error {
	if cause := x.cause(); cause != nil {
		return x.ended(cause)
	}
	switch {
	case x.awaiting() && isAway(err):
		return x.lost(err)
	case x.awaiting() && isClosed(err):
		return x.closed(ctx, err)
	}
	return x.client.transportError(ctx, x.call.Op, err)
}

// ended says why the exchange's context ended: our clocks, or somebody outside.
func (x *exchange) ended(cause error) error {
	if s, ok := errors.AsType[*stopped](cause); ok {
		return s.told
	}
	if errors.Is(cause, ErrStopped) {
		return ErrStopped
	}
	return cancelled(x.call.Op, cause)
}

func cancelled(op string, cause error) *hearth.Error {
	return &hearth.Error{Op: op, Reason: hearth.ReasonCancelled, Err: cause, Cause: "The request was stopped.", Try: "Ask again."}
}

// isClosed reports whether the server hung up without a word of HTTP.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE)
}

// isAway reports whether an error says that the other machine was not reached, which tells
// nothing of the server on it. Of an open connection it is the kernel's, whose own
// questions to the other kernel had no answer.
func isAway(err error) bool {
	for _, away := range []syscall.Errno{syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN} {
		if errors.Is(err, away) {
			return true
		}
	}
	return false
}

// lost is the error of a connection whose other end is away.
func (x *exchange) lost(err error) *hearth.Error {
	e := &hearth.Error{
		Op: x.call.Op, Reason: hearth.ReasonUnreachable, Err: fmt.Errorf("the connection to %s was lost: %w", x.client.origin.Host, bare(err)),
		Cause: "Not even the machine answers any more: the network in between is away, or it was switched off or sleeps.",
		Try:   "Look at the network and wake the machine; a server that lives may still be at work on this request.",
	}
	if x.times.token.Load() > 0 {
		e.Reason = hearth.ReasonCut
		e.Cause += " What was said so far is kept."
	}
	return e
}

// closed tells a server that crashed from one that merely hung up: mlx_lm.server does
// the latter when a parameter has a value it does not expect.
func (x *exchange) closed(ctx context.Context, err error) error {
	// The kernel of a process that was killed closes its connections one after the other,
	// and the one that listens may be the last.
	select {
	case <-ctx.Done():
		return x.ended(context.Cause(ctx))
	case <-time.After(settling):
	}
	switch x.knock(ctx) {
	case doorRefuses:
		return x.dead()
	case doorSilent:
		if cause := x.cause(); cause != nil {
			return x.ended(cause)
		}
		return x.lost(err)
	default:
	}
	if x.client.SpeaksTLS(ctx) {
		return x.client.wantsTLS(x.call.Op, err)
	}
	return &hearth.Error{
		Op: x.call.Op, Reason: hearth.ReasonServer, Err: fmt.Errorf("the server closed the connection without an answer: %w", bare(err)),
		Cause: "The server broke while it looked at the request; it still runs, or was started again.",
		Try:   "Look at its log for the time of this request.",
	}
}

// wantsTLS is the error of an http address whose server speaks HTTPS.
func (c *Client) wantsTLS(op string, err error) *hearth.Error {
	return &hearth.Error{
		Op: op, Reason: hearth.ReasonUnreachable, Err: c.quiet(bare(err)),
		Cause: "The server at that port speaks HTTPS.",
		Try:   "Write https:// instead of http:// in " + c.key("baseUrl") + ".",
	}
}

// bare takes off the wrapping that repeats method and address.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// transportError sorts the errors of resolving, dialling and TLS.
func (c *Client) transportError(ctx context.Context, op string, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
		return cancelled(op, cause)
	}
	if refused, ok := errors.AsType[*netguard.Refused](err); ok {
		return c.untrusted(op, refused)
	}
	e := &hearth.Error{Op: op, Reason: hearth.ReasonUnreachable, Err: c.quiet(bare(err))}
	switch {
	case isProxy(err):
		e.Cause = "The proxy " + c.c.Proxy.Redacted() + " was not reached; the model server behind it was not asked."
		e.Try = "Start the proxy, or ask the server without one: hearth config unset " + c.key("request.proxy")
	case madeFor(err) != "":
		e.Cause = "The server's certificate is made for another name: " + madeFor(err) + "."
		e.Try = "hearth config set " + c.key("request.tls.serverName") + " " + madeFor(err)
	case isCertificate(err):
		e.Cause = "The server's certificate is not one this machine trusts for that name."
		e.Try = "Name the certificate's issuer in " + c.key("request.tls.ca") + ", or use the name that the certificate was made for."
	case isNotTLS(err):
		e.Cause = "The server at that port does not speak HTTPS."
		e.Try = "Write http:// instead of https:// in " + c.key("baseUrl") + "."
	case isNoName(err):
		e.Cause = "No name server knows " + c.origin.Host + "."
		e.Try = "Check the spelling of " + c.key("baseUrl") + ", or write the machine's address."
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Cause = "Nothing listens at " + c.origin.Written() + ": the model server is not running, or uses another port."
		e.Try = "Start it, or correct " + c.key("baseUrl") + "."
	case isTimeout(err):
		e.Cause = "Nobody answered at " + c.origin.Written() + ": the machine is off, asleep, or a firewall is in between."
		e.Try = "Wake the machine and check the address in " + c.key("baseUrl") + "."
	default:
		e.Cause = "No connection to " + c.origin.Written() + " could be made."
		e.Try = "Check that the model server runs and that " + c.key("baseUrl") + " is its address."
	}
	return e
}

// untrusted tells of an address that was not dialled, with the line that would allow it.
func (c *Client) untrusted(op string, r *netguard.Refused) *hearth.Error {
	e := &hearth.Error{Op: op, Reason: hearth.ReasonNotTrusted, Err: r}
	if !r.AskOwner {
		e.Cause = "Such an address belongs to the machine room of a cloud or to one network cable; nothing that serves models lives there."
		e.Try = "Correct " + c.key("baseUrl") + "."
		return e
	}
	e.Cause = r.Host + " is on a private network, and nothing in the config says that " + c.named() + " may be reached there."
	e.Try = "If it is yours, run: hearth config set " + c.key("request.allowPrivateNetwork") + " true"
	return e
}

// isProxy reports whether no connection to the configured proxy could be made.
func isProxy(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "proxyconnect"
}

// hostName is a name that can stand in a command: a certificate may hold any words.
var hostName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$`)

// madeFor is a name for which a certificate was made that is none for this host, or "".
func madeFor(err error) string {
	name, ok := errors.AsType[x509.HostnameError](err)
	if !ok || name.Certificate == nil || len(name.Certificate.DNSNames) == 0 || !hostName.MatchString(name.Certificate.DNSNames[0]) {
		return ""
	}
	return name.Certificate.DNSNames[0]
}

func isCertificate(err error) bool {
	var verify *tls.CertificateVerificationError
	var name x509.HostnameError
	var issuer x509.UnknownAuthorityError
	return errors.As(err, &verify) || errors.As(err, &name) || errors.As(err, &issuer)
}

func isNotTLS(err error) bool {
	var record tls.RecordHeaderError
	return errors.As(err, &record) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

func isNoName(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}
