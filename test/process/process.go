//go:build unix

// Package process runs a server for the length of a test: under a memory limit, with
// its log in a file, and gone with everything it started when the test is over.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Command says what to run. Argv and Log are required.
type Command struct {
	Argv      []string
	Env       []string // NAME=value; nothing is inherited but PATH
	Log       string   // file for all it writes
	MemoryKiB int      // of address space for each process; 0 is 12 GiB
}

const (
	// Address space, not memory in use: Go and mapped files take several times more of
	// it. A hostile JSON schema makes a model server eat everything it can get.
	defaultMemoryKiB = 12 << 20
	graceSeconds     = 3
	gone             = 10 * time.Second
)

// Process is a running server and all it started. Its methods may be called from any
// goroutine, Stop once.
type Process struct {
	log   string
	cmd   *exec.Cmd
	stdin io.Closer
}

// supervisor starts a command under a limit of "$1" KiB and ends it, with all its
// children, when its own standard input closes. That happens at Stop, and also when
// the test process dies without calling it. Who does not listen is killed after "$2"
// seconds.
const supervisor = `
ulimit -v "$1"
grace=$2
shift 2
"$@" </dev/null &
child=$!
cat >/dev/null
trap '' TERM
kill -TERM 0
(sleep "$grace"; kill -KILL 0) </dev/null &
wait "$child"
kill -KILL 0
`

// Start runs the command. The caller must Stop it.
func Start(c Command) (*Process, error) {
	if c.MemoryKiB == 0 {
		c.MemoryKiB = defaultMemoryKiB
	}
	log, err := os.Create(c.Log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor
	p := &Process{log: c.Log, cmd: exec.Command("sh", append([]string{"-c", supervisor, "sh", strconv.Itoa(c.MemoryKiB), strconv.Itoa(graceSeconds)}, c.Argv...)...)}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that "kill 0" means this server and its children
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Argv[0], err)
	}
	return p, nil
}

// Group is the process group that the server and its children are in.
func (p *Process) Group() int { return p.cmd.Process.Pid }

// Log gives all that was written so far.
func (p *Process) Log() (string, error) {
	b, err := os.ReadFile(p.log)
	return string(b), err
}

// Await polls until GET url answers with 200: servers say nowhere else that they are
// ready. The error of an impatient ctx holds the end of the log.
func (p *Process) Await(ctx context.Context, url string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !answers(ctx, url) {
		select {
		case <-ctx.Done():
			log, err := p.Log()
			if err != nil {
				log = err.Error()
			}
			return fmt.Errorf("wait for %s: %w; the log ends: %s", url, context.Cause(ctx), log[max(0, len(log)-1000):])
		case <-tick.C:
		}
	}
	return nil
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // only the status counts
	return resp.StatusCode == http.StatusOK
}

// Stop ends the server and returns when none of its processes is left. An error means
// that one outlived it.
func (p *Process) Stop() error {
	_ = p.stdin.Close() // the supervisor's sign to end
	_ = p.cmd.Wait()    // it ends itself by a signal, which Wait calls an error
	http.DefaultClient.CloseIdleConnections()
	deadline := time.NewTimer(gone)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		// Signal 0 only asks. The group is empty when nobody can be asked.
		if err := syscall.Kill(-p.Group(), 0); errors.Is(err, syscall.ESRCH) {
			return nil
		}
		select {
		case <-deadline.C:
			return fmt.Errorf("stop %s: processes of group %d are left after %v", p.cmd.Args[6], p.Group(), gone)
		case <-tick.C:
		}
	}
}

// During starts a server in an empty folder and stops it when the test is over.
func During[S interface{ Stop() error }](t testing.TB, start func(ctx context.Context, dir string) (S, error)) S {
	t.Helper()
	s, err := start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// FreeAddress gives a loopback address nobody listens on at this moment.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
