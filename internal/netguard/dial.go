package netguard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// dial is the transport's DialContext: resolve once, check all, dial a checked one.
func (g *Guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, g.c.ConnectTimeout, errConnectTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := g.resolve(ctx, host)
	if err != nil {
		return nil, timedOut(ctx, err)
	}
	if err := g.check(host, port, addrs); err != nil {
		return nil, err
	}
	conn, err := g.dialAny(ctx, network, port, addrs)
	if err != nil {
		return nil, timedOut(ctx, err)
	}
	return conn, nil
}

var errConnectTimeout = &timeoutError{}

// timeoutError says that Config.ConnectTimeout ran out; it is a net.Error.
type timeoutError struct{}

func (*timeoutError) Error() string   { return "no answer within the connect time" }
func (*timeoutError) Timeout() bool   { return true }
func (*timeoutError) Temporary() bool { return true }

func timedOut(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errConnectTimeout) {
		return cause
	}
	return err
}

// resolve gives the addresses of host. Names of this machine ask no name server.
func (g *Guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	switch host {
	case "0.0.0.0":
		return addrs("127.0.0.1"), nil
	case "::":
		return addrs("::1"), nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	if isThisMachine(host) {
		return addrs("127.0.0.1", "::1"), nil
	}
	found, err := g.c.Resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	for i, a := range found {
		found[i] = a.Unmap()
	}
	return found, nil
}

// nextAddrAfter is how long an address may take before the next is tried beside it.
const nextAddrAfter = 300 * time.Millisecond

// dialAny dials the addresses in order, each a little after the one before or as soon
// as that one failed, and gives the first connection. The others are closed.
func (g *Guard) dialAny(ctx context.Context, network, port string, found []netip.Addr) (net.Conn, error) {
	if len(found) == 1 {
		return g.c.Dial(ctx, network, net.JoinHostPort(found[0].String(), port))
	}
	type result struct {
		conn net.Conn
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan result, len(found))
	started, ended := 0, 0
	start := func() {
		a := found[started]
		started++
		go func() {
			conn, err := g.c.Dial(ctx, network, net.JoinHostPort(a.String(), port))
			results <- result{conn, err}
		}()
	}
	defer func() {
		cancel()
		go func(open int) { // whatever still arrives is not wanted
			for range open {
				if r := <-results; r.conn != nil {
					_ = r.conn.Close()
				}
			}
		}(started - ended)
	}()
	start()
	next := time.NewTimer(nextAddrAfter)
	defer next.Stop()
	var firstErr error
	for {
		select {
		case r := <-results:
			ended++
			if r.err == nil {
				return r.conn, nil
			}
			if firstErr == nil {
				firstErr = r.err
			}
			if ended == len(found) {
				return nil, firstErr
			}
		case <-next.C:
		}
		if started < len(found) {
			start()
			next.Reset(nextAddrAfter)
		}
	}
}
