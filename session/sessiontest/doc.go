// Package sessiontest is the conformance suite of session.Store: what every store must
// do, whatever it keeps sessions in. A store's test gives it a Suite, and calls Main from
// TestMain because some promises are about other processes, which are the test binary
// started again.
package sessiontest
