package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"hearth/model/modeltest"
)

// The processes that the benchmarks start beside their own are this test binary again,
// under the names in benchPrograms: what a model server costs must not count as ours.
var benchPrograms = map[string]func(args []string) error{
	"bench-server": serveBench,
}

// benchProgram makes a command of one of them.
func benchProgram(name string) func() {
	return func() {
		if err := benchPrograms[name](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// serveBench is a model server that answers at once, until its standard input ends.
func serveBench(args []string) error {
	s, err := modeltest.Start(modeltest.Config{Window: 1 << 20, Forget: true, Blind: true, Default: modeltest.Instant(modeltest.Reply{Text: strings.Join(args, " ")})}, "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Println(s.URL)
	_, err = io.Copy(io.Discard, os.Stdin) // until whoever started us is gone
	return err
}

// startServer starts a server that answers with text, and gives its address.
func startServer(b *testing.B, text string) string {
	b.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), "bench-server", text)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close() // which ends it
		_ = cmd.Wait()
	})
	var url string
	if _, err := fmt.Fscanln(out, &url); err != nil {
		b.Fatalf("the server did not start: %v", err)
	}
	return url
}
