//go:build unix

package ollama

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// Evaluation is what one request cost the server, in tokens, by its own log.
type Evaluation struct {
	Prompt int // in the whole prompt
	Cached int // of them found in the KV cache
	Read   int // of them evaluated now
}

// The line that a runner logs, with OLLAMA_DEBUG=1, when a prompt gets its slot:
// msg="loading cache slot" id=0 cache=85 prompt=120 used=84 remaining=36
var slotLine = regexp.MustCompile(`msg="loading cache slot" id=\d+ cache=\d+ prompt=(\d+) used=(\d+) remaining=(\d+)`)

// Evaluations gives one entry for each prompt evaluated since the start, oldest first.
// The entry of a request is there before its first token.
func (s *Server) Evaluations() ([]Evaluation, error) {
	log, err := s.Log()
	if err != nil {
		return nil, err
	}
	var all []Evaluation
	for _, m := range slotLine.FindAllStringSubmatch(log, -1) {
		var n [3]int
		for i := range n {
			if n[i], err = strconv.Atoi(m[i+1]); err != nil {
				return nil, fmt.Errorf("read ollama's log: %w", err)
			}
		}
		all = append(all, Evaluation{Prompt: n[0], Cached: n[1], Read: n[2]})
	}
	return all, nil
}

// KillRunners ends the processes that hold the models, as an operating system out of
// memory would, and leaves the server alive.
func (s *Server) KillRunners(ctx context.Context) error {
	list, err := exec.CommandContext(ctx, "ps", "-A", "-o", "pid=,pgid=,args=").Output()
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	killed := 0
	for line := range strings.Lines(string(list)) {
		f := strings.Fields(line)
		if len(f) < 4 || f[1] != strconv.Itoa(s.Group()) || f[3] != "runner" {
			continue
		}
		pid, err := strconv.Atoi(f[0])
		if err != nil {
			return fmt.Errorf("list processes: %w", err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("kill runner %d: %w", pid, err)
		}
		killed++
	}
	if killed == 0 {
		return errors.New("kill runners: none is there")
	}
	return nil
}
