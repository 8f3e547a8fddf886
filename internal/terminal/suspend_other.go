//go:build !unix

package terminal

// suspend does nothing where a shell has no jobs.
func suspend() {}
