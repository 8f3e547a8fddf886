package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkCommand is how long a whole command takes, from its start to its end, built as
// it is released: a new process each time, the system's file cache warm. The goals are
// 20 ms for version and 50 ms for models list.
func BenchmarkCommand(b *testing.B) {
	program := filepath.Join(b.TempDir(), "hearth")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	benchHome(b, "http://127.0.0.1:9", 1) // neither command dials
	for _, args := range [][]string{{"version"}, {"models", "list"}} {
		b.Run(args[len(args)-1], func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				if out, err := exec.CommandContext(b.Context(), program, args...).CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				took = append(took, time.Since(began))
			}
			b.ReportMetric(float64(percentile(took, 50).Microseconds())/1000, "p50-ms")
		})
	}
}
