package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"hearth"
	"hearth/internal/terminal"
	"hearth/model/modeltest"
)

// The processes that the benchmarks start beside their own are this test binary again,
// under the names in benchPrograms: what a model server costs must not count as ours, and
// memory is counted in a process that has done nothing else.
var benchPrograms = map[string]func(args []string) error{
	"bench-server":  serveBench,
	"bench-screen":  readBench,
	"bench-streams": benchStreams,
	"bench-image":   benchImage,
}

// benchProgram makes a command of one of them.
func benchProgram(name string) func() {
	return func() {
		if err := benchPrograms[name](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, name+":", err)
			os.Exit(1)
		}
	}
}

// serveBench is a model server that answers without looking at what it is asked, until
// its standard input ends.
func serveBench(args []string) error {
	flags := flag.NewFlagSet("bench-server", flag.ContinueOnError)
	text := flags.String("text", "Hello there.", "what to answer")
	pace := flags.Duration("pace", 0, "from one word to the next")
	together := flags.Int64("together", 0, "write no second word before so many calls are there")
	if err := flags.Parse(args); err != nil {
		return err
	}
	// It counts what a conversation of 30,000 tokens has; fewer would be told as a cut.
	usage := &hearth.Usage{Input: 31_000, CacheRead: 30_900, Output: 100, Total: 31_100}
	answer := modeltest.Instant(modeltest.Reply{Text: *text, Usage: usage})
	if *together > 0 {
		all := make(chan struct{})
		say := modeltest.Say(modeltest.Reply{Text: *text, Pace: *pace, After: all, Usage: usage})
		var arrived atomic.Int64
		answer = func(x *modeltest.Exchange) {
			if arrived.Add(1) == *together {
				close(all)
			}
			say(x)
		}
	}
	s, err := modeltest.Start(modeltest.Config{Window: 1 << 20, Forget: true, Blind: true, Default: answer}, "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Println(s.URL)
	_, err = io.Copy(io.Discard, os.Stdin) // until whoever started us is gone
	return err
}

// readBench is whoever reads what is shown.
func readBench([]string) error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// startScreen starts one, and gives what shows something to it.
func startScreen(b testing.TB) io.Writer {
	b.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), "bench-screen")
	cmd.Stdin, cmd.Stderr = r, os.Stderr
	if err := errors.Join(cmd.Start(), r.Close()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = w.Close()
		_ = cmd.Process.Kill() // Output stays open
		_ = cmd.Wait()
	})
	return &printed{w: terminal.Output(w)}
}

// startServer starts one, and gives its address.
func startServer(b testing.TB, args ...string) string {
	b.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), "bench-server", args...)
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

// benchHome is a home whose only provider is the server at url.
func benchHome(b testing.TB, url string, slots int) string {
	b.Helper()
	home := b.TempDir()
	config := fmt.Sprintf(`{models:{providers:{local:{baseUrl:%q,slots:%d,models:[{id:"test-model",contextWindow:1000000,input:["text","image"]}]}}}}`, url+"/v1", slots)
	if err := os.WriteFile(filepath.Join(home, "hearth.json"), []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	b.Setenv("HEARTH_HOME", home)
	b.Setenv("HEARTH_DISCOVER", discoveryOff)
	return home
}

// benchApp is the gateway of that home.
func benchApp(ctx context.Context) (*app, error) {
	return newApp(ctx, streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard, getenv: os.Getenv, terminal: -1}, &options{})
}

// chatWith is a chat with the model of that server.
func chatWith(b testing.TB, url string) *talk {
	b.Helper()
	benchHome(b, url, 1)
	a, err := benchApp(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	k, err := a.open(b.Context(), choice{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { k.close(); a.close() })
	return k
}
