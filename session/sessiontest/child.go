package sessiontest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"hearth"
	"hearth/session"
)

// The environment of a child: what it shall do, and where.
const (
	roleVar  = "HEARTH_SESSIONTEST_ROLE"
	placeVar = "HEARTH_SESSIONTEST_PLACE"
)

// play is the life of a child. It speaks one line at a time.
func (s Suite) play(out io.Writer, role, place string) error {
	ctx := context.Background()
	store, err := s.Open(ctx, place)
	if err != nil {
		return err
	}
	switch role {
	case "open":
		return errors.Join(tell(out, "opened"), store.Close())
	case "own":
		_, release, err := store.Own(ctx, mainKey, session.OwnOptions{})
		if err != nil {
			return tell(out, "refused: "+string(hearth.ReasonOf(err)))
		}
		if err := tell(out, "owned"); err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, os.Stdin) // until the parent lets go or kills us
		release()
		return store.Close()
	case "write":
		return write(ctx, out, store)
	}
	return fmt.Errorf("no such role: %s", role)
}

func tell(out io.Writer, line string) error {
	_, err := fmt.Fprintln(out, line)
	return err
}

// write appends commits of three messages, a report and an epoch until it is killed, and
// says the number of the last message once it was acknowledged.
func write(ctx context.Context, out io.Writer, store session.Store) error {
	t, _, err := store.Own(ctx, mainKey, session.OwnOptions{})
	if err != nil {
		return err
	}
	for {
		n := t.Info().Messages
		c := triple(n)
		if _, err := t.Append(ctx, c); err != nil {
			return err
		}
		if err := tell(out, strconv.Itoa(n+3)); err != nil {
			return err
		}
	}
}

// triple is the commit that follows n messages.
func triple(n int) *session.Commit {
	c := &session.Commit{
		Epoch:   &session.Epoch{Model: model, Reason: fmt.Sprint(n), Plan: []byte("{}")},
		Reports: []hearth.Report{{Turn: "turn", Items: n, Added: []byte(fmt.Sprint(n))}},
	}
	for i := range 3 {
		c.Messages = append(c.Messages, say(fmt.Sprintf("m%d", n+i+1), fmt.Sprintf("number %d %s", n+i+1, strings.Repeat("x", 500*i))))
	}
	return c
}

var model = hearth.ModelRef{Provider: "ollama", Model: "qwen3:4b"}

// child is a running process of ours.
type child struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// start runs the test binary again in a role.
func (b *bench) start(t *testing.T, role string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(os.Args[0], "-test.run=^$")}
	c.Env = append(os.Environ(), roleVar+"="+role, placeVar+"="+b.place)
	c.Stderr = os.Stderr
	var err error
	if c.in, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.in.Close()
		_ = c.Process.Kill() // usually long gone
	})
	return c
}

// line gives what the child says next.
func (c *child) line(t *testing.T) string {
	t.Helper()
	if !c.out.Scan() {
		t.Fatalf("the other process said nothing more: %v", c.out.Err())
	}
	return c.out.Text()
}

// kill is kill -9.
func (c *child) kill(t *testing.T) {
	t.Helper()
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed
}
