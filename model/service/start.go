package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"hearth"
	"hearth/internal/escape"
	"hearth/internal/filelock"
	"hearth/internal/process"
)

// glance is how long a server may take to show that it is ready after all, when its start
// has just failed.
const glance = 500 * time.Millisecond

// errNotReady is the cause of a start that took too long.
var errNotReady = errors.New("the start took too long")

// up reports whether the server is there and ready. One that a keeper runs and that was
// ready before is not asked again: it may be too busy to answer quickly, and the request
// itself will tell. For the same reason silence is no news of one that another gateway saw
// ready: many servers answer nothing else while they write.
func (s *Service) up(ctx context.Context) (bool, error) {
	kept := s.at.kept()
	if s.known && kept {
		return true, nil
	}
	s.known = false
	if !kept {
		s.displace(ctx)
	}
	health, _ := s.c.Health(ctx)
	if ctx.Err() != nil && health != Ready {
		return false, s.cancelled(ctx)
	}
	up := health == Ready || health == Silent && kept && s.at.wasReady()
	if s.known = kept && up; s.known {
		s.at.sawReady()
	}
	return up, nil
}

// displace ends what was started for this provider, or at this address, with other words
// and is only kept for whoever comes back: the config has changed since.
func (s *Service) displace(ctx context.Context) {
	names, err := filepath.Glob(filepath.Join(s.c.Folder, "*", "keeper.lock"))
	if err != nil {
		return // the pattern is ours
	}
	for _, name := range names {
		old := folder{filepath.Dir(name)}
		r, ok := old.record()
		if old == s.at || !ok || r.Provider != s.c.Provider && r.URL != s.c.URL || !old.kept() {
			continue
		}
		gate, err := filelock.Wait(ctx, old.gate(), s.c.Me, nil)
		if err != nil {
			return
		}
		used := old.any(userLock)
		if !used {
			old.touch(wish{})
		}
		free(gate)
		if !used {
			old.ends(ctx, s.c.Me)
		}
	}
}

// ensure has the server be there and ready. All of it together takes no longer than a start
// may.
func (s *Service) ensure(ctx context.Context, wait func(hearth.Wait)) error {
	limited, cancel := context.WithTimeoutCause(ctx, s.c.ReadyTimeout, errNotReady)
	defer cancel()
	look, stop := limited, context.CancelFunc(func() {})
	if s.failed != nil && time.Since(s.failedAt) < s.tellFor {
		look, stop = context.WithTimeout(limited, glance)
	}
	up, err := s.up(look)
	stop()
	if up || err != nil && ctx.Err() != nil {
		return err
	}
	if err := s.failed; err != nil {
		s.failed = nil
		if time.Since(s.failedAt) < s.tellFor {
			return err
		}
	}
	wait(s.starting(""))
	err = s.start(ctx, limited, wait)
	switch {
	case err == nil:
		if s.known = s.at.kept(); s.known {
			s.at.sawReady()
		}
	case ctx.Err() != nil:
		return s.cancelled(ctx)
	default:
		s.failed, s.failedAt = err, time.Now()
	}
	return err
}

// start starts the server, or joins another gateway's start, and waits until it is ready, or
// limited is over.
func (s *Service) start(ctx, limited context.Context, wait func(hearth.Wait)) error {
	pause, run, last := 50*time.Millisecond, "", ""
	for {
		health, words := s.c.Health(limited)
		if health == Ready {
			return nil
		}
		if words != last && health == Loading {
			last = words
			wait(s.starting("it says: " + escape.Short(words, 80)))
		}
		kept := s.at.kept()
		rec, _ := s.at.record()
		switch {
		case kept && rec.Ended.IsZero():
			run = rec.Run
		case !kept && run != "" && rec.Run == run:
			return s.died(rec)
		case !kept && health == Absent:
			said, err := s.spawn(ctx)
			if err != nil {
				return err
			}
			run = said.Run // "" where another gateway was quicker
		}
		if err := s.pause(limited, pause); err != nil {
			return s.tooLate(health, words, err)
		}
		pause = min(pause*3/2, 500*time.Millisecond)
	}
}

// pause waits for d. It gives the reason why there is nothing more to wait for.
func (s *Service) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.closing:
		return s.ending()
	}
}

// order is what a keeper is told, and reply what it says once the server was started.
type order struct {
	Provider   string   `json:"provider"`
	URL        string   `json:"url"`
	Folder     string   `json:"folder"`
	Log        string   `json:"log"`
	Command    string   `json:"command"`
	Args       []string `json:"args"`
	Dir        string   `json:"dir"`
	Env        []string `json:"env"`
	IdleStopMS int64    `json:"idleStopMS"`
}

type reply struct {
	Run   string `json:"run,omitempty"`
	Held  bool   `json:"held,omitempty"`  // there is a keeper already
	Error string `json:"error,omitempty"` // the command could not be started
}

// spawn starts a keeper and gives what it says.
func (s *Service) spawn(ctx context.Context) (reply, error) {
	if err := s.check(); err != nil {
		return reply{}, err
	}
	o := order{Provider: s.c.Provider, URL: s.c.URL, Folder: s.at.path, Log: s.c.Log, Command: s.c.Command, Args: s.c.Args, Dir: s.c.Dir, Env: s.c.environ(), IdleStopMS: s.c.IdleStop.Milliseconds()}
	if o.Dir == "" {
		o.Dir = s.at.path // not wherever the gateway was started: a project there may hold code that a server would load
	}
	said, err := s.hire(ctx, &o)
	if err == nil && said.Error != "" {
		err = errors.New(said.Error)
	}
	switch {
	case err == nil:
		return said, nil
	case ctx.Err() != nil:
		return reply{}, s.cancelled(ctx)
	default:
		return reply{}, &hearth.Error{Op: "start " + s.name(), Reason: hearth.ReasonConfig, Err: err,
			Cause: s.key("command") + " could not be run.", Try: "Check that " + s.c.Command + " may be executed."}
	}
}

// hire runs the keeper. It goes on after us; what we start is only to be waited for.
func (s *Service) hire(ctx context.Context, o *order) (said reply, err error) {
	text, err := json.Marshal(o)
	if err != nil {
		return said, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return said, err
	}
	defer func() { _ = read.Close() }() // nothing more is read
	cmd := &exec.Cmd{Path: s.c.Keeper.Path, Args: s.c.Keeper.Argv, Env: s.c.Keeper.Env, Dir: s.at.path,
		Stdin: strings.NewReader(string(text)), Stdout: write}
	process.Detach(cmd)
	err = cmd.Start()
	_ = write.Close() // the keeper has its own
	if err != nil {
		return said, fmt.Errorf("start the keeper: %w", err)
	}
	go func() { _ = cmd.Wait() }() // ends with the keeper, so with the server or with us
	stop := context.AfterFunc(ctx, func() { _ = read.Close() })
	defer stop()
	if err := json.NewDecoder(read).Decode(&said); err != nil {
		return said, fmt.Errorf("hear from the keeper: %w", err)
	}
	return said, nil
}

// died is the error of a server that ended before it was ready.
func (s *Service) died(r record) error {
	words := "it ended (" + r.How + ") before it was ready"
	if r.Words == "" {
		words += " and wrote nothing"
	} else {
		words += "; its last words: " + escape.Short(lastWords(r.Words), 400)
	}
	return &hearth.Error{Op: "start " + s.name(), Reason: hearth.ReasonUnreachable, Err: errors.New(words),
		Cause: "The command of " + s.key("") + " could not serve.",
		Try:   "Run it by hand and correct what it says; all it wrote is in " + s.c.Log + "."}
}

// tooLate is the error of a wait that was given up.
func (s *Service) tooLate(health Health, words string, cause error) error {
	if !errors.Is(cause, errNotReady) {
		return cause
	}
	if words == "" {
		words = "it says nothing"
	}
	e := &hearth.Error{Op: "start " + s.name(), Reason: hearth.ReasonUnreachable,
		Err:   fmt.Errorf("it is not ready after %s: %s", s.c.ReadyTimeout, words),
		Cause: "It goes on loading, but " + s.c.URL + " does not say that it is ready.",
		Try: "Ask again in a while. Where it never gets ready, set " + s.key("healthUrl") +
			" to an address that answers 200 when it is; a higher readyTimeoutMs waits for longer."}
	if !s.at.kept() {
		e.Cause = "Something that Hearth did not start answers at " + s.c.URL + "."
		if health == Silent {
			e.Cause = "Something that Hearth did not start takes the connections to " + s.c.URL + " and answers none."
		}
		e.Try = "Stop it, or give this provider another port."
		return e
	}
	s.mu.Lock()
	s.late = true
	s.mu.Unlock()
	return e
}

// Ended tells how the server that was started last ended, with its last words; "" while
// it runs, when it was stopped, and when it is not known to have been ready.
func (s *Service) Ended() string {
	select {
	case <-s.turn:
	default:
		return "" // it is being started
	}
	defer func() { s.turn <- struct{}{} }()
	if !s.known || s.at.kept() {
		return ""
	}
	s.known = false
	r, ok := s.at.record()
	if !ok || r.Ended.IsZero() || r.How == stopped {
		return ""
	}
	text := s.name() + " ended (" + r.How + ")"
	if r.Words != "" {
		text += "; its last words: " + escape.Short(lastWords(r.Words), 400)
	}
	return text
}
