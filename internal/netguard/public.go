package netguard

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// CheckPublic parses a URL that a model or a stranger chose and refuses every spelling
// and every host that could mean something other than a public web server. It does not
// resolve names: the Guard of ClassPublic checks the addresses when it dials.
func CheckPublic(raw string) (*url.URL, error) {
	if err := checkSpelling(raw); err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("parse address: %w", err)
	}
	if u.Opaque != "" {
		return nil, errors.New("address has no host")
	}
	return u, checkPublicURL(u)
}

// checkSpelling refuses what URL parsers are known to read differently.
func checkSpelling(raw string) error {
	for _, c := range raw {
		if c <= ' ' || c == 0x7f || c == '\\' {
			return fmt.Errorf("address holds the character %q", c)
		}
	}
	_, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return errors.New("address has no scheme")
	}
	if host, _, _ := strings.Cut(rest, "/"); strings.Contains(host, "%") {
		return errors.New("host is percent-encoded")
	}
	return nil
}

func checkPublicURL(u *url.URL) error {
	o, err := originOf(u)
	if err != nil {
		return err
	}
	if o.Port != "80" && o.Port != "443" {
		return refuse(o.Host, netip.Addr{}, "a fetch may only use ports 80 and 443")
	}
	return CheckPublicHost(o.Host)
}

// CheckPublicHost refuses hosts that are not public by their spelling or name.
func CheckPublicHost(raw string) error {
	host, err := canonicalHost(raw)
	if err != nil {
		return err
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return CheckPublicAddr(a)
	}
	if isThisMachine(host) || isPrivateName(host) {
		return refuse(host, netip.Addr{}, "the name belongs to a private network")
	}
	return nil
}

// CheckPublicAddr refuses every address that is not public.
func CheckPublicAddr(a netip.Addr) error {
	if KindOf(a) != KindPublic {
		return refuse("", a, "the address is not public")
	}
	return nil
}
