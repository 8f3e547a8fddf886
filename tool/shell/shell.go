package shell

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"hearth/internal/process"
	"hearth/tool"
)

// Config says where commands run and how much they may use. The zero value of every
// field but Root is the default.
type Config struct {
	Root    string       // the workspace folder; commands start in it or below
	Outputs string       // folder for output too long to show, so that it can be paged; "" keeps only its ends
	Taints  *tool.Taints // remembers what changed while commands ran
	Shell   []string     // the program that gets the command as its last argument; nil: the system's
	Environ []string     // what the environment is made from; nil: the process's own
	Keep    []string     // names of variables that look secret and are passed on nevertheless
	Secrets []string     // values that no variable passed on may hold

	MaxBytes       int   // of output in one result; 0 means 10,000
	MaxOutput      int64 // bytes of one command's output kept on disk; 0 means 64 MB
	MaxRunning     int   // commands at the same time; 0 means 16
	YieldMS        int   // until a command goes on in the background; 0 means 10,000
	TimeoutSeconds int   // until a command is stopped; 0 means 1,800
}

const (
	defaultMaxBytes       = 10_000
	defaultMaxOutput      = 64 << 20
	defaultMaxRunning     = 16
	defaultYieldMS        = 10_000
	defaultTimeoutSeconds = 1800

	keepFinished = 32               // ended background commands that can still be asked about
	keepFor      = 30 * time.Minute // how long
	keepOutputs  = 7 * 24 * time.Hour
	keepBytes    = 512 << 20 // of all outputs together
)

// A Shell is one workspace's commands. Its methods may be called from any goroutine.
// Close it to end what still runs.
type Shell struct {
	config Config
	mark   string // what the marks of its commands begin with

	mu       sync.Mutex          // guards what follows
	closed   bool                // no command may start
	used     bool                // a command was started
	left     int                 // programs that Close had to look for
	last     int                 // number of the last background command
	live     map[*command]bool   // started and not yet ended
	commands map[string]*command // those in the background, ended ones too
	order    []string            // their ids, oldest first
	ends     sync.WaitGroup      // one for every command in live

	sweeping sync.Mutex // held while outputs are removed
}

// New gives a Shell. It touches nothing until the first call.
func New(c Config) *Shell {
	c.MaxBytes = orDefault(c.MaxBytes, defaultMaxBytes)
	c.MaxOutput = orDefault(c.MaxOutput, defaultMaxOutput)
	c.MaxRunning = orDefault(c.MaxRunning, defaultMaxRunning)
	c.YieldMS = orDefault(c.YieldMS, defaultYieldMS)
	c.TimeoutSeconds = orDefault(c.TimeoutSeconds, defaultTimeoutSeconds)
	if root, err := filepath.Abs(c.Root); err == nil {
		c.Root = root
	}
	if c.Environ == nil {
		c.Environ = os.Environ()
	}
	if c.Shell == nil {
		c.Shell = systemShell()
	}
	return &Shell{config: c, mark: rand.Text(), live: map[*command]bool{}, commands: map[string]*command{}}
}

func orDefault[N int | int64](n, otherwise N) N {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Tools gives exec and process.
func (s *Shell) Tools() []tool.Tool {
	return []tool.Tool{&execTool{shell: s}, &processTool{shell: s}}
}

// Close ends every command that still runs, with all it started, and waits until they
// are gone. On Linux that holds also for programs that made themselves independent of a
// command that has ended. Later calls fail.
func (s *Shell) Close() error {
	s.mu.Lock()
	s.closed = true
	for c := range s.live {
		c.stop(endedClosed)
	}
	used := s.used
	s.used = false
	s.mu.Unlock()
	s.ends.Wait()
	if used {
		left := process.KillMarked(s.mark)
		s.mu.Lock()
		s.left += left
		s.mu.Unlock()
	}
	return nil
}

// Kill ends at once every command that still runs, with all it started, and waits for
// nothing: for a process that is about to exit. Later calls fail.
func (s *Shell) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.live {
		c.kill() // first: it is not asked
		c.stop(endedClosed)
	}
	if s.used {
		s.left += process.KillMarked(s.mark)
	}
}

// Left gives the number of independent programs that Close has ended.
func (s *Shell) Left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left
}

// admit makes room for one more command.
func (s *Shell) admit(c *command) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the gateway is shutting down")
	}
	if len(s.live) >= s.config.MaxRunning {
		return fmt.Errorf("%d commands are running already; stop one with process kill", len(s.live))
	}
	s.live[c], s.used = true, true
	s.ends.Add(1)
	return nil
}

func (s *Shell) leave(c *command) {
	s.mu.Lock()
	delete(s.live, c)
	s.mu.Unlock()
	s.ends.Done()
}

// keep puts a command in the background, where process finds it by the id it gets.
func (s *Shell) keep(c *command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	c.id = "c" + strconv.Itoa(s.last)
	s.commands[c.id] = c
	s.order = append(s.order, c.id)
	s.forget()
}

// forget drops ended commands that are too old or too many.
func (s *Shell) forget() {
	finished := 0
	kept := make([]string, 0, len(s.order))
	for _, v := range slices.Backward(s.order) {
		c := s.commands[v]
		if c == nil {
			continue
		}
		if ended, at := c.ended(); ended {
			if finished++; finished > keepFinished || time.Since(at) > keepFor {
				delete(s.commands, v)
				continue
			}
		}
		kept = append(kept, v)
	}
	for i, j := 0, len(kept)-1; i < j; i, j = i+1, j-1 {
		kept[i], kept[j] = kept[j], kept[i]
	}
	s.order = kept
}

func (s *Shell) find(id string) *command {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commands[id]
}

func (s *Shell) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.commands, id)
	s.forget()
}

// list gives the background commands, oldest first.
func (s *Shell) list() []*command {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	out := make([]*command, 0, len(s.order))
	for _, id := range s.order {
		out = append(out, s.commands[id])
	}
	return out
}

// sweep removes outputs that nobody will ask for any more: old ones, and the oldest
// where all together have grown too large.
func (s *Shell) sweep() {
	if s.config.Outputs == "" {
		return
	}
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	entries, err := os.ReadDir(s.config.Outputs)
	if err != nil {
		return // there are none yet, or the next write will say what is wrong
	}
	var files []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && filepath.Ext(e.Name()) == outputSuffix {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	var total int64
	for i, info := range files {
		total += info.Size()
		if i > 0 && total > keepBytes || time.Since(info.ModTime()) > keepOutputs {
			_ = os.Remove(filepath.Join(s.config.Outputs, info.Name())) // it is tried again at the next sweep
		}
	}
}
