package config

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// ShellEnv has variables that nobody else has taken from a login shell: keys that a
// person keeps in a profile are not in the environment of a service.
type ShellEnv struct {
	Enabled   bool `json:"enabled"`
	TimeoutMS int  `json:"timeoutMs"`
}

const (
	shellTimeout  = 15 * time.Second // OpenClaw's
	shellMaxBytes = 1 << 20
)

// A loginShell is asked for its variables once, when one is looked for that nobody else
// has: a start that misses nothing does not wait for it. A shell that fails or hangs has
// no variables. It may be used by several goroutines.
type loginShell struct {
	path    string
	timeout time.Duration
	once    sync.Once
	vars    map[string]string

	mu    sync.Mutex // guards given
	given []string   // names that were looked for and found here, sorted
}

// newLoginShell gives the shell that the config or the environment asks for, or nil.
func newLoginShell(process func(string) (string, bool), c ShellEnv) *loginShell {
	variable := func(name string) string { v, _ := process(name); return v }
	if on := variable("OPENCLAW_LOAD_SHELL_ENV"); !c.Enabled && on != "1" && !strings.EqualFold(on, "true") {
		return nil
	}
	s := &loginShell{path: variable("SHELL"), timeout: shellTimeout}
	if c.TimeoutMS > 0 {
		s.timeout = time.Duration(c.TimeoutMS) * time.Millisecond
	}
	if !filepath.IsAbs(s.path) {
		s.path = "/bin/sh"
	}
	return s
}

// lookup gives a variable, "" where the shell has none. A nil shell has none.
func (s *loginShell) lookup(name string) string {
	if s == nil || strings.HasPrefix(name, "HEARTH_") {
		return ""
	}
	s.once.Do(s.ask)
	v := s.vars[name]
	if v != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		if at, there := slices.BinarySearch(s.given, name); !there {
			s.given = slices.Insert(s.given, at, name)
		}
	}
	return v
}

// ShellEnv reports whether a login shell may be asked for variables, and which were taken
// from it so far.
func (f *File) ShellEnv() (on bool, taken []string) {
	s := f.env.shell
	if s == nil {
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return true, slices.Clone(s.given)
}

func (s *loginShell) ask() {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.path, "-l", "-c", "env -0") //nolint:gosec // the person's own shell, and only where they asked for it
	cmd.Env = os.Environ()
	cmd.WaitDelay = secretWait
	out := &capped{limit: shellMaxBytes}
	cmd.Stdout = out
	if cmd.Run() != nil {
		return
	}
	s.vars = map[string]string{}
	for entry := range strings.SplitSeq(out.buf.String(), "\x00") {
		if name, value, ok := strings.Cut(entry, "="); ok {
			// What a profile prints stands in front of the first name.
			s.vars[name[strings.LastIndexByte(name, '\n')+1:]] = value
		}
	}
}
