package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hearth"
	"hearth/config"
	"hearth/internal/filelock"
	"hearth/internal/json5"
	"hearth/internal/redact"
	"hearth/model"
	"hearth/model/probe"
	"hearth/model/route"
	"hearth/model/slot"
	"hearth/session"
	"hearth/session/sqlite"
)

// app is the gateway as one command uses it: the config as it is now, and the parts
// made from it, each made when it is first needed.
type app struct {
	io     streams
	file   *config.File
	store  session.Store
	slots  *slot.Slots
	routes *route.Router
	// Which models failed lately, so that they are not asked at every step.
	cooldowns *route.Cooldowns
	// What servers said of themselves, kept between processes.
	capabilities *probe.Cache
	describes    *probe.Describer
	run          string // names this process's run in the log
	// What the newest model call's server sent as text; nil where nobody wants it. It is set
	// before the first call.
	raw *rawText

	masks atomic.Pointer[redact.Redactor] // of the values known now; nil until they are needed

	mu        sync.Mutex // guards the fields below
	log       *slog.Logger
	logFile   *os.File
	targets   map[string]candidate
	aliased   aliases          // of the config that was asked last
	clients   map[string]reach // by origin
	services  services
	extra     map[string]config.Provider // found by discovery, not in the file
	fresh     []hearth.ModelRef          // what servers were just found to have
	preferred hearth.ModelRef            // of them, the one to use
	seen      []probe.Host               // servers that discovery found last
	toldHeld  bool
	toldFirst map[string]bool // what the person was told once
	locks     map[string]*filelock.File
}

// newApp reads the config. Whatever is wrong with it is told, and never keeps the
// gateway down.
func newApp(ctx context.Context, s streams, opt *options) (*app, error) {
	file, warnings, err := config.Load(ctx, config.Options{Path: opt.config})
	if err != nil {
		return nil, &hearth.Error{Op: "read config", Reason: hearth.ReasonConfig, Err: err}
	}
	a := &app{io: s, file: file, run: newID()[:8], targets: map[string]candidate{}, clients: map[string]reach{}, toldFirst: map[string]bool{}, locks: map[string]*filelock.File{}}
	a.slots = slot.New(slot.Config{TryLock: a.tryLock, Gone: a.describer().Gone, Busy: a.describer().Busy, Aftermath: a.describer().Aftermath, Doubt: a.describer().Doubt, Accepts: a.accepts, Memory: slotMemory{a.state("locks")}})
	a.cooldowns = route.NewCooldowns(a.slots.Out)
	a.cooldowns.Keep(a.state("cache", "cooldowns.json"), func(t model.Target) string { return a.mark(ctx, t) })
	a.warn(warnings)
	a.closeState()
	return a, nil
}

// closeState keeps other users of the machine out of a state folder that they may enter:
// conversations and keys are in it.
func (a *app) closeState() {
	info, err := os.Stat(a.state())
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 || info.Mode()&os.ModeSticky != 0 {
		return // not there yet, closed, or a folder that is meant for everybody, such as /tmp
	}
	if home, err := os.UserHomeDir(); err == nil && filepath.Clean(home) == a.state() {
		return // more lives there than Hearth's things
	}
	if err := os.Chmod(a.state(), 0o700); err != nil { //nolint:gosec // a folder: without x its owner cannot enter it
		fmt.Fprintf(a.io.err, "note: other users of this machine may enter %s, and that cannot be changed: %s\n", a.state(), oneLine(err.Error()))
		return
	}
	fmt.Fprintf(a.io.err, "note: %s was open to other users of this machine and is closed to them now\n", a.state())
}

func (a *app) warn(warnings []config.Warning) {
	for _, w := range warnings {
		fmt.Fprintf(a.io.err, "config: %s\n", w)
	}
}

func (a *app) close() {
	a.slots.Close()
	for _, told := range a.slots.Aftermaths() {
		fmt.Fprintf(a.io.err, "note: %s\n", oneLine(told))
	}
	a.endServices()
	for _, l := range a.locks {
		l.Close()
	}
	if a.logFile != nil {
		_ = a.logFile.Close() // every line was written when it was logged
	}
	if a.store != nil {
		if err := a.store.Close(); err != nil {
			fmt.Fprintf(a.io.err, "note: %s\n", oneLine(err.Error()))
		}
	}
}

// once reports whether the person has not been told key before, by this process.
func (a *app) once(key string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	told := a.toldFirst[key]
	a.toldFirst[key] = true
	return !told
}

// state gives the path of something in the state folder.
func (a *app) state(name ...string) string {
	return filepath.Join(append([]string{a.file.Places.State}, name...)...)
}

// sessions opens the store.
func (a *app) sessions(ctx context.Context) (session.Store, error) {
	if a.store != nil {
		return a.store, nil
	}
	store, err := sqlite.Open(ctx, sqlite.Config{Path: a.state("hearth.db"), Locks: a.state("locks"), Command: commandName(), Mended: a.mended})
	if err != nil {
		return nil, err
	}
	a.store = store
	return store, nil
}

// mended says what was found damaged in the database and put right.
func (a *app) mended(told string) {
	fmt.Fprintf(a.io.err, "note: %s\n", oneLine(told))
	a.logger().Warn("database", slog.String("run", a.run), slog.String("text", told))
}

// reload takes up an edited config before a turn. What reaches the model's prompt waits
// until the conversation's epoch ends, and that is said.
func (k *talk) reload(ctx context.Context) error {
	before := k.file
	next, warnings, changed, err := before.Reload(ctx)
	if err != nil || !changed {
		k.warn(warnings)
		return err
	}
	k.file, k.read = next, false
	k.warn(warnings)
	k.forget()
	k.endChanged(before)
	k.sayChanged(before, next)
	return k.assemble(ctx)
}

// sayChanged tells which edits apply now, and which of those since the conversation began
// wait for its end. Those that a turn itself holds against the conversation's plan are
// told there, where it is known whether anything is different for it.
func (k *talk) sayChanged(before, after *config.File) {
	now, _ := config.Changed(before, after)
	if len(now) > 0 {
		fmt.Fprintf(k.io.err, "config: applies now: %s\n", strings.Join(now, ", "))
	}
	_, later := config.Changed(k.began, after)
	later = slices.DeleteFunc(later, toldByTurns)
	if text := strings.Join(later, ", "); text != "" && k.once("later "+text) {
		fmt.Fprintf(k.io.err, "config: applies when this conversation begins anew (/new): %s\n", text)
	}
}

// toldByTurns reports whether prompt.Plan.Waiting sees an edit of a config path.
func toldByTurns(path string) bool {
	steps, err := config.ParsePath(path)
	return err == nil && slices.ContainsFunc(steps, func(s json5.Step) bool {
		key, _ := s.Key()
		return slices.Contains([]string{"tools", "maxTokens", "thinkingDefault", "params"}, key)
	})
}

// tryLock is slot's view of the locks between processes.
func (a *app) tryLock(name string) (unlock func(), holder string, err error) {
	l, err := a.lock(name)
	if err != nil {
		return nil, "", err
	}
	unlock, err = l.Try(filelock.Holder{PID: os.Getpid(), Command: commandName()})
	if held, ok := errors.AsType[*filelock.HeldError](err); ok {
		return nil, held.Holder.String(), nil
	}
	return unlock, "", err
}

// lockOut waits until nobody else, here or in another process, has the lock of that name. A
// lock that cannot be had at all keeps nobody from their own model.
func (a *app) lockOut(ctx context.Context, name string) (release func(), err error) {
	dir := a.state("locks")
	if os.MkdirAll(dir, 0o700) != nil {
		return func() {}, nil
	}
	l, err := filelock.Wait(ctx, filepath.Join(dir, fileName(name)+".lock"), filelock.Holder{PID: os.Getpid(), Since: time.Now(), Command: commandName()}, nil)
	switch {
	case err == nil:
		return func() { _ = l.Release() }, nil // the kernel does at the latest when we end
	case ctx.Err() != nil:
		return nil, &hearth.Error{Op: name, Reason: hearth.ReasonCancelled, Err: context.Cause(ctx)}
	default:
		return func() {}, nil
	}
}

// lock gives the lock of a slot. Its file stays open until close.
func (a *app) lock(name string) (*filelock.File, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, ok := a.locks[name]
	if !ok {
		dir := a.state("locks")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make lock folder: %w", err)
		}
		l = filelock.NewFile(filepath.Join(dir, fileName(name)+".slot"))
		a.locks[name] = l
	}
	return l, nil
}

// slotMemory keeps in a file for each slot which session used it last. Nothing is lost with
// it but the knowledge of which prompt a server has cached where.
type slotMemory struct{ dir string }

func (m slotMemory) file(name string) string { return filepath.Join(m.dir, fileName(name)+".last") }

func (m slotMemory) Last(name string) (hearth.SessionID, time.Time) {
	info, err := os.Stat(m.file(name))
	if err != nil {
		return "", time.Time{}
	}
	session, err := os.ReadFile(m.file(name))
	if err != nil {
		return "", time.Time{}
	}
	return hearth.SessionID(session), info.ModTime()
}

func (m slotMemory) Used(name string, session hearth.SessionID) {
	if os.WriteFile(m.file(name), []byte(session), 0o600) == nil {
		// A file system's own stamps are coarse: a replica that refused and the one that was
		// asked instead would have the same.
		_ = os.Chtimes(m.file(name), time.Time{}, time.Now())
	}
}

// fileName makes a lock's name safe in a path.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(name))
}

// commandName is what other processes are told about this one: never its arguments,
// which hold a person's words.
func commandName() string {
	name := filepath.Base(os.Args[0])
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		name += " " + os.Args[1]
	}
	return name
}

// newID gives a random id.
func newID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// knownAgent complains of an agent that the config does not have. Without any in it there
// is one, main.
func (a *app) knownAgent(id string) error {
	if id == "" || strings.EqualFold(id, "main") {
		return nil
	}
	names := []string{}
	for _, g := range a.file.Config.Agents.All() {
		if strings.EqualFold(g.ID, id) {
			return nil
		}
		names = append(names, g.ID)
	}
	if len(names) == 0 {
		names = append(names, "main")
	}
	return &hearth.Error{Op: "choose an agent", Reason: hearth.ReasonUsage, Err: fmt.Errorf("the config has no agent %q", id),
		Cause: "The config's agents are: " + strings.Join(names, ", ") + ".", Try: "Name one of them, or add it to agents.list."}
}

// agentID is the agent in use.
func (a *app) agentID(id string) string {
	if id == "" {
		id = a.file.Config.Agents.DefaultID()
	}
	return strings.ToLower(id)
}

// workspace is the folder an agent works in; it is made where it is missing.
func (a *app) workspace(c choice) (string, error) {
	dir := c.workspace
	if dir != "" { // no shell expands the ~ of --workspace=~/x
		dir = a.file.Places.Expand(dir)
	} else {
		dir = a.file.Workspace(c.agent)
	}
	dir, err := filepath.Abs(dir)
	if _, absent := os.Stat(dir); err == nil && absent != nil && a.file.Places.Foreign(dir) {
		if c.workspace != "" {
			return "", &hearth.Error{Op: "open workspace", Reason: hearth.ReasonConfig, Err: fmt.Errorf("there is no folder %s", dir),
				Cause: "It would be in OpenClaw's folder, where Hearth makes nothing.", Try: "Make it yourself, or name another folder."}
		}
		own := a.state("workspace")
		if _, err := os.Stat(own); err != nil { // it is made now, so this is said once
			fmt.Fprintf(a.io.err, "note: OpenClaw's workspace %s is not there, and Hearth makes nothing in OpenClaw's folder: the workspace is %s\n", dir, own)
		}
		dir = own
	}
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return "", &hearth.Error{Op: "open workspace", Reason: hearth.ReasonConfig, Err: err,
			Cause: "The folder the agent works in cannot be made.", Try: "Set agents.defaults.workspace, or use --workspace."}
	}
	return dir, nil
}

// shellName is what the model is told about exec.
func shellName() string {
	if runtime.GOOS == "windows" {
		return "windows, PowerShell"
	}
	return runtime.GOOS + ", sh"
}
