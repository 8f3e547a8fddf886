//go:build !linux && !darwin

package process

// Born tells nothing here. On Windows nothing that this package starts outlives the
// program that started it.
func Born(int) (when string, ok bool) { return "", false }
