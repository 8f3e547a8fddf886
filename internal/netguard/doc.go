// Package netguard is the only way out: every connection of the gateway is dialled
// here, and nothing else in the module holds a dialer or a transport.
//
// A Guard belongs to one model server. It refuses before dialling: it resolves a
// name once, checks every address that came back, and dials the one it checked, so that
// a name server cannot answer one thing to the check and another to the dial. It takes
// no proxy from the environment and follows no redirect to another origin.
package netguard
