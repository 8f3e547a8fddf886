//go:build unix

package process

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// until polls: a child that another process starts announces itself in a file only.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within 20 s", what)
		case <-tick.C:
		}
	}
}

// A server that does not listen to TERM, nor does its child.
func TestNothingIsLeftAfterStop(t *testing.T) {
	dir := t.TempDir()
	p, err := Start(Command{Argv: []string{"sh", "-c", `trap "" TERM; (trap "" TERM; exec sleep 600) & echo ready; wait`}, Log: filepath.Join(dir, "log")})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "start", func() bool { log, _ := p.Log(); return strings.Contains(log, "ready") })
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-p.Group(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the group can still be signalled: %v", err)
	}
}

// A test process that is killed closes the pipe without calling Stop.
func TestTheSupervisorEndsWithTheTest(t *testing.T) {
	dir := t.TempDir()
	p, err := Start(Command{Argv: []string{"sh", "-c", "echo ready; exec sleep 600"}, Log: filepath.Join(dir, "log")})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "start", func() bool { log, _ := p.Log(); return strings.Contains(log, "ready") })
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // ends by a signal
	until(t, "end", func() bool { return errors.Is(syscall.Kill(-p.Group(), 0), syscall.ESRCH) })
}

func TestTheMemoryLimitReachesTheServer(t *testing.T) {
	dir := t.TempDir()
	p, err := Start(Command{Argv: []string{"sh", "-c", "ulimit -v; env"}, Env: []string{"ONLY=this"}, Log: filepath.Join(dir, "log"), MemoryKiB: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "run", func() bool { log, _ := p.Log(); return strings.Contains(log, "ONLY=this") })
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	log, err := p.Log()
	if err != nil || !strings.HasPrefix(log, strconv.Itoa(1<<20)+"\n") {
		t.Errorf("the limit is not %d KiB: %q (%v)", 1<<20, log, err)
	}
	if strings.Contains(log, "HOME=") {
		t.Errorf("the environment of the test leaks: %s", log)
	}
}

func TestAwaitSaysWhatTheServerWroteLast(t *testing.T) {
	dir := t.TempDir()
	p, err := Start(Command{Argv: []string{"sh", "-c", "echo cannot read the model; exec sleep 600"}, Log: filepath.Join(dir, "log")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}()
	until(t, "start", func() bool { log, _ := p.Log(); return log != "" })
	address, err := FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Await(ctx, "http://"+address); err == nil || !strings.Contains(err.Error(), "cannot read the model") {
		t.Errorf("the error is %v", err)
	}
}

func TestAMissingLogFolderIsAnError(t *testing.T) {
	if _, err := Start(Command{Argv: []string{"true"}, Log: filepath.Join(t.TempDir(), "no", "log")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}
