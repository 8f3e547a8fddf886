package config

import (
	"os"
	"path/filepath"
	"testing"
)

// Every command reads the config once, so this is part of each one's start. The second
// file holds keys of OpenClaw's, for which the list of them is read.
func BenchmarkLoad(b *testing.B) {
	for name, text := range map[string]string{
		"own":      commented,
		"OpenClaw": commented[:len(commented)-2] + "  gateway: { port: 1 },\n}\n",
	} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			if err := os.WriteFile(filepath.Join(dir, FileName), []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
			o := Options{HomeDir: dir, WorkDir: dir, LookupEnv: func(name string) (string, bool) { return dir, name == "HEARTH_HOME" }}
			b.ReportAllocs()
			for b.Loop() {
				f, _, err := Load(b.Context(), o)
				if err != nil || f.Broken != nil {
					b.Fatal(err, f.Broken)
				}
			}
		})
	}
}

func BenchmarkTouched(b *testing.B) {
	dir := b.TempDir()
	o := Options{HomeDir: dir, WorkDir: dir, LookupEnv: func(string) (string, bool) { return "", false }}
	f, _, err := Load(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if f.Touched() {
			b.Fatal("touched")
		}
	}
}
