package netguard

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// A Place says where a host is, from its name alone.
type Place string

// The places; the words are those of hearth.Locality.
const (
	PlaceUnknown Place = "unknown"
	PlaceMachine Place = "machine" // this machine
	PlacePrivate Place = "private" // the owner's network
	PlaceHosted  Place = "hosted"  // somebody else's computer
)

// An Origin is a scheme, host and port in canonical form: the unit of trust. Two
// spellings of one place are equal, so Origins may be compared and used as keys.
type Origin struct {
	Scheme string // http or https
	Host   string // lower case, without brackets and final dot
	Port   string // always there
}

// ParseOrigin reads the origin of a base URL that an owner configured.
func ParseOrigin(raw string) (Origin, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the address may hold a key
		}
		return Origin{}, fmt.Errorf("parse address: %w", err)
	}
	return originOf(u)
}

// withoutQuery is an address without what may be a credential.
func withoutQuery(u *url.URL) string {
	bare := *u
	bare.RawQuery, bare.Fragment = "", ""
	return bare.Redacted()
}

func originOf(u *url.URL) (Origin, error) {
	o := Origin{Scheme: strings.ToLower(u.Scheme), Port: u.Port()}
	switch {
	case o.Scheme != "http" && o.Scheme != "https":
		return Origin{}, fmt.Errorf("address %q does not begin with http:// or https://", withoutQuery(u))
	case u.User != nil:
		return Origin{}, errors.New("address holds a user name: put credentials into apiKey or headers")
	}
	if o.Port == "" {
		o.Port = map[string]string{"http": "80", "https": "443"}[o.Scheme]
	}
	if n, err := strconv.Atoi(o.Port); err != nil || n < 1 || n > 65535 {
		return Origin{}, fmt.Errorf("address has no usable port: %q", o.Port)
	}
	o.Port = strings.TrimLeft(o.Port, "0")
	var err error
	o.Host, err = canonicalHost(u.Hostname())
	return o, err
}

// canonicalHost refuses spellings that two readers could take for two hosts.
func canonicalHost(h string) (string, error) {
	h = strings.TrimSuffix(strings.ToLower(h), ".")
	if a, err := netip.ParseAddr(h); err == nil {
		if a.Zone() != "" {
			return "", fmt.Errorf("host %q has a zone", h)
		}
		return a.Unmap().String(), nil
	}
	if h == "" || len(h) > 253 {
		return "", fmt.Errorf("address has no host: %q", h)
	}
	for _, c := range h {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return "", fmt.Errorf("host %q holds %q: write it in letters, digits, dots and hyphens (punycode)", h, c)
		}
	}
	last := h[strings.LastIndexByte(h, '.')+1:]
	if isNumber(last) {
		return "", fmt.Errorf("host %q looks like an address but is not written as four numbers", h)
	}
	return h, nil
}

// isNumber reports whether resolvers might read the last part of a host as a number.
func isNumber(s string) bool {
	if _, err := strconv.ParseUint(s, 0, 64); err == nil {
		return true
	}
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil || s == ""
}

// String gives scheme://host:port. All names of this machine are one: slots and locks
// must not be had twice by writing localhost for 127.0.0.1.
func (o Origin) String() string {
	if o == (Origin{}) {
		return ""
	}
	host := o.Host
	if isThisMachine(host) {
		host = "127.0.0.1"
	}
	return o.Scheme + "://" + net.JoinHostPort(host, o.Port)
}

// Written gives scheme://host:port with the host that was named, for sentences: not each
// name of this machine leads to a server that listens at another.
func (o Origin) Written() string {
	if o == (Origin{}) {
		return ""
	}
	return o.Scheme + "://" + net.JoinHostPort(o.Host, o.Port)
}

// isThisMachine holds for the names of the loopback interface, not for all of 127/8:
// people do run different servers on 127.0.0.2.
func isThisMachine(host string) bool {
	switch host {
	case "localhost", "127.0.0.1", "::1", "0.0.0.0", "::":
		return true
	}
	return strings.HasSuffix(host, ".localhost")
}

// privateSuffixes are names that only a private network answers for.
var privateSuffixes = []string{
	".local", ".lan", ".internal", ".intranet", ".home", ".corp", ".home.arpa", ".localdomain", ".private", ".ts.net",
}

// Place says where the host is, as far as its name tells. A public name may still lead
// to a private address; the Guard sees that when it dials.
func (o Origin) Place() Place {
	if isThisMachine(o.Host) {
		return PlaceMachine
	}
	if a, err := netip.ParseAddr(o.Host); err == nil {
		return placeOf(KindOf(a))
	}
	switch {
	case o.Host == "":
		return PlaceUnknown
	case isPrivateName(o.Host):
		return PlacePrivate
	}
	return PlaceHosted
}

func placeOf(k Kind) Place {
	switch k {
	case KindLoopback:
		return PlaceMachine
	case KindPrivate:
		return PlacePrivate
	case KindPublic:
		return PlaceHosted
	default:
		return PlaceUnknown
	}
}

func isPrivateName(host string) bool {
	if !strings.Contains(host, ".") {
		return true
	}
	for _, s := range privateSuffixes {
		if strings.HasSuffix(host, s) {
			return true
		}
	}
	return false
}
