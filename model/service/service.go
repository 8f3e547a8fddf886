package service

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"hearth"
	"hearth/internal/filelock"
)

// Config says what is started and how it is reached.
type Config struct {
	Provider string            // its id in the config: names the service, and stands in sentences
	Command  string            // absolute path of the program
	Args     []string          // its arguments
	Dir      string            // absolute folder it starts in; "" = the service's own
	Env      map[string]string // variables of its own
	Environ  []string          // the rest of its environment, NAME=value

	// Health looks at the server from outside. It takes a few seconds at most and may be
	// called from any goroutine.
	Health       func(context.Context) (Health, string)
	URL          string        // what Health asks, for sentences
	ReadyTimeout time.Duration // how long a start is waited for; 0 = 2 minutes
	IdleStop     time.Duration // without a request until it is stopped; 0 = when no gateway is left

	Folder string // holds a folder for each service
	Log    string // file for what the server writes
	Keeper Program
	Me     filelock.Holder // what other gateways are told
}

// A Program is something to run: this binary, told to call Keep.
type Program struct {
	Path string
	Argv []string // from the program's own name on
	Env  []string
}

// Health is how a server looks from outside.
type Health int

// The states of a server. The words that come with one are the server's, or the network's.
const (
	Absent  Health = iota // nothing answers
	Loading               // something answers and is not ready
	Ready
	Silent // something takes connections and does not answer in time: it starts, or works
)

const (
	readyTimeout = 2 * time.Minute
	// tellFor is long enough for a turn that found the start failed to say so.
	tellFor = 10 * time.Second
	// longestStop is what Close waits for the end of a server that nobody else uses.
	longestStop = 30 * time.Second
)

// A Service is one model server that is started on demand. Its methods may be called
// from any goroutine. Close it when the gateway ends.
type Service struct {
	c  Config
	at folder

	turn    chan struct{} // holds one token: only one Use starts anything at a time
	closing chan struct{} // closed by Close

	// Used by the holder of the token.
	mine     *filelock.Lock // user-*.lock
	known    bool           // a kept server was ready
	failed   error          // of the last start, until it was told twice
	failedAt time.Time
	tellFor  time.Duration // how long it is told again, once, instead of being repeated

	mu     sync.Mutex // guards what follows
	leases int
	served bool // one of the leases found it ready
	late   bool // somebody was told that it goes on loading
	busy   *filelock.Lock
	closed bool
}

// New gives a Service. Nothing is started or written before it is used.
func New(c Config) *Service {
	c.ReadyTimeout = cmp.Or(c.ReadyTimeout, readyTimeout)
	s := &Service{c: c, at: folder{path: filepath.Join(c.Folder, c.name())}, turn: make(chan struct{}, 1), closing: make(chan struct{}), tellFor: tellFor}
	s.turn <- struct{}{}
	return s
}

// name is the service's folder: what is started differently is another service. What the
// gateway was started with differs from terminal to terminal and does not count.
func (c *Config) name() string {
	parts := append([]string{c.Command, c.Dir}, c.Args...)
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		parts = append(parts, name+"="+c.Env[name])
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(c.Provider))
	return id + "-" + hex.EncodeToString(sum[:4])
}

// Use gives a lease on the running server, starting it where it does not run. The caller
// gives it back with release when its request is over. wait is told that it is being
// started, in the caller's goroutine. The error is a *hearth.Error: ReasonUnreachable when
// it does not start, dies before it is ready or is not ready in time (it then goes on
// loading, and the next Use finds it), with its last words; ReasonConfig for a command
// that cannot be run; ReasonCancelled.
func (s *Service) Use(ctx context.Context, wait func(hearth.Wait)) (release func(), err error) {
	return s.lease(ctx, wait, func() error { return s.ensure(ctx, wait) })
}

// Join is Use for a server that runs already: it starts nothing, and gives an error of
// ReasonUnreachable where it would have to.
func (s *Service) Join(ctx context.Context) (release func(), err error) {
	return s.lease(ctx, func(hearth.Wait) {}, func() error {
		if up, err := s.up(ctx); up || err != nil {
			return err
		}
		return &hearth.Error{Op: "ask " + s.name(), Reason: hearth.ReasonUnreachable, Err: errors.New("it is not running")}
	})
}

// lease takes the token, says that a request is under way, and has the server be there.
func (s *Service) lease(ctx context.Context, wait func(hearth.Wait), be func() error) (func(), error) {
	select {
	case <-s.turn:
	default:
		wait(s.starting(""))
		select {
		case <-s.turn:
		case <-ctx.Done():
			return nil, s.cancelled(ctx)
		}
	}
	defer func() { s.turn <- struct{}{} }()
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	release := sync.OnceFunc(s.leave)
	if err := be(); err != nil {
		release()
		return nil, err
	}
	s.mu.Lock()
	s.served, s.late = true, false
	s.mu.Unlock()
	return release, nil
}

// enter takes the locks that keep the server running.
func (s *Service) enter(ctx context.Context) error {
	s.mu.Lock()
	closed, shared := s.closed, s.leases > 0
	if shared && !closed {
		s.leases++
	}
	s.mu.Unlock()
	switch {
	case closed:
		return s.ending()
	case shared:
		return nil
	}
	busy, err := s.pass(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return s.cancelled(ctx)
		}
		return &hearth.Error{Op: "start " + s.name(), Reason: hearth.ReasonStorage, Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy, s.leases, s.served = busy, 1, false
	return nil
}

// pass goes through the gate.
func (s *Service) pass(ctx context.Context) (busy *filelock.Lock, err error) {
	if err := s.at.create(); err != nil {
		return nil, err
	}
	gate, err := filelock.Wait(ctx, s.at.gate(), s.c.Me, nil)
	if err != nil {
		return nil, err
	}
	defer free(gate)
	if s.mine == nil {
		if s.mine, err = filelock.Wait(ctx, s.at.own(userLock), s.c.Me, nil); err != nil {
			return nil, err
		}
	}
	_, last := s.at.lastUse()
	s.at.touch(wish{s.c.IdleStop.Milliseconds(), last.Late})
	return filelock.Wait(ctx, s.at.own(busyLock), s.c.Me, nil)
}

// leave ends one lease.
func (s *Service) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leases--; s.leases > 0 || s.busy == nil {
		return
	}
	s.settle()
	free(s.busy)
	s.busy = nil
}

// settle leaves word of what is to become of the server. Who did not see it ready does not
// take back what others were told.
func (s *Service) settle() {
	_, last := s.at.lastUse()
	s.at.touch(wish{s.c.IdleStop.Milliseconds(), !s.served && (s.late || last.Late)})
}

// Close gives up the server. It is stopped unless another gateway uses it, and Close
// waits for that; with an idle limit it is kept for that long, and one that goes on
// loading until somebody has come back to use it, an hour at most. What is under way is
// no longer served.
func (s *Service) Close() { s.end(false) }

// Stop is Close for a server that is not to be kept on: what it was started with is no
// longer wanted.
func (s *Service) Stop() { s.end(true) }

func (s *Service) end(now bool) {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.mu.Unlock()
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	s.mu.Lock()
	if s.busy != nil {
		s.settle()
		free(s.busy)
		s.busy = nil
	}
	s.mu.Unlock()
	if s.mine == nil && (!now || !s.at.kept()) {
		return
	}
	if now {
		s.at.touch(wish{})
	}
	if s.mine != nil {
		free(s.mine)
		s.mine = nil
	}
	s.at.ends(context.Background(), s.c.Me)
}

// Running reports whether the server was started by this or another gateway and not yet
// stopped. It asks the file system only.
func (s *Service) Running() bool { return s.at.kept() }

// name is what people call the server.
func (s *Service) name() string {
	return strings.TrimSuffix(filepath.Base(s.c.Command), ".exe")
}

// starting is what is shown meanwhile.
func (s *Service) starting(note string) hearth.Wait {
	return hearth.Wait{Phase: hearth.PhaseStarting, Model: s.name(), Note: note}
}

func (s *Service) cancelled(ctx context.Context) error {
	return &hearth.Error{Op: "start " + s.name(), Reason: hearth.ReasonCancelled, Err: context.Cause(ctx)}
}

// ending is the error of a service that was closed.
func (s *Service) ending() error {
	return &hearth.Error{Op: "start " + s.name(), Reason: hearth.ReasonCancelled, Err: errors.New("the gateway ends")}
}

// key names a setting of the service, for a sentence.
func (s *Service) key(name string) string {
	return strings.TrimSuffix("models.providers."+s.c.Provider+".localService."+name, ".")
}

// check says what is wrong with the command before anything is run.
func (s *Service) check() error {
	bad := func(key string, err error, try string) error {
		return &hearth.Error{Op: "start the server of " + s.c.Provider, Reason: hearth.ReasonConfig, Err: err,
			Cause: s.key(key) + " cannot be used.", Try: try}
	}
	switch info, err := os.Stat(s.c.Command); {
	case s.c.Command == "":
		return bad("command", errors.New("no command is set"), "Set it to the absolute path of the server's program.")
	case !filepath.IsAbs(s.c.Command):
		return bad("command", fmt.Errorf("%q is not an absolute path", s.c.Command), "Write the whole path: command -v "+filepath.Base(s.c.Command)+" shows it.")
	case err != nil:
		return bad("command", err, "Correct the path of the server's program.")
	case info.IsDir():
		return bad("command", fmt.Errorf("%s is a folder", s.c.Command), "Name the program in it.")
	}
	if s.c.Dir == "" {
		return nil
	}
	switch info, err := os.Stat(s.c.Dir); {
	case !filepath.IsAbs(s.c.Dir):
		return bad("cwd", fmt.Errorf("%q is not an absolute path", s.c.Dir), "Write the whole path.")
	case err != nil:
		return bad("cwd", err, "Correct the folder, or leave it out.")
	case !info.IsDir():
		return bad("cwd", fmt.Errorf("%s is no folder", s.c.Dir), "Correct the folder, or leave it out.")
	}
	return nil
}

// environ is the program's whole environment. Of two entries with one name the last counts.
func (c *Config) environ() []string {
	out := slices.Clone(c.Environ)
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		out = append(out, name+"="+c.Env[name])
	}
	return out
}

// random names a lock or a run.
func random() string { return strings.ToLower(rand.Text()[:12]) }
