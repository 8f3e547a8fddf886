package netguard

import (
	"net/netip"
	"slices"
)

// A Kind of address says who may be behind it.
type Kind string

// The kinds.
const (
	KindLoopback Kind = "loopback" // this machine
	KindPrivate  Kind = "private"  // the owner's network: LAN, tailnet, unique local
	KindPublic   Kind = "public"
	// KindNever is what nobody has a reason to dial: cloud metadata, link-local,
	// multicast, reserved and documentation ranges, tunnels that hide an IPv4 address.
	KindNever Kind = "never"
)

var (
	privateNets = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")

	// Single addresses inside allowed ranges that hand out a cloud machine's credentials.
	metadataAddrs = addrs("169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254")

	// The IANA special-purpose registries, without loopback and private space.
	specialNets = prefixes(
		"0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
		"192.88.99.0/24", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4",
		"100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
	)
	globalV6 = netip.MustParsePrefix("2000::/3")

	// nat64 is how an IPv6-only network reaches IPv4: the last 32 bits are the address.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	// fakeIP is what resolvers of VPN clients answer for names they will route themselves.
	fakeIP = netip.MustParsePrefix("198.18.0.0/15")
)

func prefixes(ss ...string) []netip.Prefix {
	ps := make([]netip.Prefix, len(ss))
	for i, s := range ss {
		ps[i] = netip.MustParsePrefix(s)
	}
	return ps
}

func addrs(ss ...string) []netip.Addr {
	as := make([]netip.Addr, len(ss))
	for i, s := range ss {
		as[i] = netip.MustParseAddr(s)
	}
	return as
}

// KindOf sorts an address. An IPv4 address inside IPv6 counts as itself; one inside a
// tunnel format does not.
func KindOf(a netip.Addr) Kind {
	if a.Zone() != "" {
		return KindNever
	}
	a = a.Unmap()
	if slices.Contains(metadataAddrs, a) {
		return KindNever
	}
	switch {
	case a.IsLoopback():
		return KindLoopback
	case within(a, privateNets):
		return KindPrivate
	case within(a, specialNets), a.Is6() && !globalV6.Contains(a):
		return KindNever
	}
	return KindPublic
}

// ownerKindOf is KindOf for a host that the owner wrote into the config. Two kinds of
// address that are nobody's by the registries are how such a host is really reached.
func ownerKindOf(a netip.Addr) Kind {
	a = a.Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		return onlyPublic(KindOf(netip.AddrFrom4([4]byte(b[12:]))))
	}
	if fakeIP.Contains(a) {
		return KindPublic
	}
	return KindOf(a)
}

func onlyPublic(k Kind) Kind {
	if k == KindPublic {
		return k
	}
	return KindNever
}

func within(a netip.Addr, ps []netip.Prefix) bool {
	for _, p := range ps {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
