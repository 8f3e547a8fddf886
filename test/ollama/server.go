//go:build unix

package ollama

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Config says how to start a server. Dir is required.
type Config struct {
	Dir       string   // an empty directory for models and log
	Binary    string   // none: $HEARTH_E2E_OLLAMA, else where build.sh puts it
	Env       []string // NAME=value, besides the ones every server gets
	MemoryKiB int      // of address space for each process; 0 is 12 GiB
}

const (
	// Address space, not memory in use: Go and mapped files take several times more of
	// it. A hostile JSON schema makes the runner eat everything it can get.
	defaultMemoryKiB = 12 << 20
	readyWithin      = time.Minute
	gone             = 10 * time.Second
)

// Server is a running Ollama. Its methods may be called from any goroutine, Stop once.
type Server struct {
	URL string // http://127.0.0.1:port
	Log string // file with all it wrote

	cmd   *exec.Cmd
	stdin io.Closer
}

// supervisor starts Ollama ("$1") under a limit of "$2" KiB and ends it, with every
// runner it started, when its own standard input closes. That happens at Stop, and
// also when the test process dies without calling it.
const supervisor = `
ulimit -v "$2"
"$1" serve </dev/null &
child=$!
cat >/dev/null
kill "$child" 2>/dev/null
wait "$child"
trap '' TERM
kill -TERM 0
kill -KILL 0
`

// Start runs Ollama and gives it the models of this package. It returns when all of
// them can be asked. The caller must Stop the server.
func Start(ctx context.Context, c Config) (*Server, error) {
	if c.Binary == "" {
		var err error
		if c.Binary, err = built(ctx); err != nil {
			return nil, err
		}
	}
	if c.MemoryKiB == 0 {
		c.MemoryKiB = defaultMemoryKiB
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &Server{URL: "http://" + address, Log: filepath.Join(c.Dir, "ollama.log")}
	if err := s.launch(c, address); err != nil {
		return nil, fmt.Errorf("start ollama: %w", err)
	}
	ready, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := s.await(ready); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	if err := s.createModels(ready); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// built gives the binary that build.sh made, or says how to make it. A test never
// builds: the minutes it takes would count against the test's own time limit.
func built(ctx context.Context) (string, error) {
	if named := os.Getenv("HEARTH_E2E_OLLAMA"); named != "" {
		return named, nil
	}
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("find ollama: this program was built without file names; set HEARTH_E2E_OLLAMA")
	}
	script := filepath.Join(filepath.Dir(here), "build.sh")
	out, err := exec.CommandContext(ctx, script, "--path").Output()
	if err != nil {
		return "", fmt.Errorf("find ollama: %s: %w", script, err)
	}
	binary := strings.TrimSpace(string(out))
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("find ollama: %w; run test/ollama/build.sh, or make e2e", err)
	}
	return binary, nil
}

// freeAddress gives a loopback address nobody listens on at this moment.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func (s *Server) launch(c Config, address string) error {
	log, err := os.Create(s.Log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor
	s.cmd = exec.Command("sh", "-c", supervisor, "sh", c.Binary, fmt.Sprint(c.MemoryKiB))
	s.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + c.Dir,
		"TMPDIR=" + c.Dir,
		"OLLAMA_HOST=" + address,
		"OLLAMA_MODELS=" + filepath.Join(c.Dir, "models"),
		"OLLAMA_NO_CLOUD=1",
		"OLLAMA_DEBUG=1", // the log says how much of a prompt was cached
		"OLLAMA_NUM_PARALLEL=1",
	}, c.Env...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that "kill 0" means this server and its runners
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	return s.cmd.Start()
}

// await polls until the server answers. Ollama says nowhere else that it is ready.
func (s *Server) await(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if s.answers(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for ollama at %s: %w; its log ends: %s", s.URL, context.Cause(ctx), s.logEnd())
		case <-tick.C:
		}
	}
}

func (s *Server) answers(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/version", http.NoBody)
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

// Stop ends the server and its runners and returns when none of them is left. An
// error means that a process outlived it.
func (s *Server) Stop() error {
	_ = s.stdin.Close() // the supervisor's sign to end
	_ = s.cmd.Wait()    // it ends itself by a signal, which Wait calls an error
	http.DefaultClient.CloseIdleConnections()
	deadline := time.NewTimer(gone)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		// Signal 0 only asks. The group is empty when nobody can be asked.
		if err := syscall.Kill(-s.cmd.Process.Pid, 0); errors.Is(err, syscall.ESRCH) {
			return nil
		}
		select {
		case <-deadline.C:
			return fmt.Errorf("stop ollama: processes of group %d are left after %v", s.cmd.Process.Pid, gone)
		case <-tick.C:
		}
	}
}

func (s *Server) logEnd() string {
	b, err := os.ReadFile(s.Log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-1000):])
}
