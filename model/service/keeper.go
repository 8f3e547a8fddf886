package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"hearth/internal/filelock"
	"hearth/internal/process"
)

const (
	// watchEvery is how often a keeper looks whether its server is still wanted.
	watchEvery = 250 * time.Millisecond
	// graceTerm is how long a server has between being asked to end and being killed.
	graceTerm = 5 * time.Second
	// graceKill is how long a killed server may take to be gone.
	graceKill = 5 * time.Second
	// graceQuiet is how long output may still come after the server itself has ended.
	graceQuiet = 250 * time.Millisecond
	// lateFor is how long a server that goes on loading, as somebody was told, is kept for
	// them to come back.
	lateFor = time.Hour
	// stopped is how a server ended that nobody wanted any more.
	stopped = "stopped"
)

// Keep is the whole life of a keeper: it reads what to start from in, says on out what
// became of that, closes out, and looks after the server until it has ended or nobody
// wants it. Cancelling ctx ends the server too. The error is one that nobody could be
// told otherwise.
func Keep(ctx context.Context, in io.Reader, out io.WriteCloser) error {
	// Whoever is told may be gone, and a broken pipe as standard output would end us. It is
	// not ignored but caught, since what is ignored is ignored in the server too.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	defer signal.Stop(pipe)
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return errors.Join(fmt.Errorf("read the order: %w", err), out.Close())
	}
	k := &keeper{order: o, at: folder{path: o.Folder}, me: filelock.Holder{PID: os.Getpid(), Since: time.Now(), Command: "the keeper of " + filepath.Base(o.Command)}}
	return k.run(ctx, out)
}

// keeper is Keep at work.
type keeper struct {
	order
	at     folder
	me     filelock.Holder
	rec    record
	log    *logFile
	cmd    *exec.Cmd
	group  *process.Group
	output *os.File
	eof    chan struct{} // closed when the output has been read to its end
	waited chan struct{} // closed when the server itself has ended
	gate   *filelock.Lock
}

func (k *keeper) run(ctx context.Context, out io.WriteCloser) error {
	// The server asks to die with the thread that started it, so that thread must live
	// as long as the server.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	soon, cancel := context.WithTimeout(ctx, 4*filelock.Every) // others look at the lock and let go
	lock, err := filelock.Wait(soon, k.at.keeper(), k.me, nil)
	cancel()
	if err != nil {
		_, held := errors.AsType[*filelock.HeldError](err)
		said := reply{Held: held}
		if !held {
			said.Error = err.Error()
		}
		return errors.Join(json.NewEncoder(out).Encode(said), out.Close())
	}
	defer func() {
		free(lock)
		if k.gate != nil {
			free(k.gate)
		}
	}()
	k.at.clear()
	k.at.touch(wish{IdleMS: k.IdleStopMS})
	if err := k.start(); err != nil {
		return errors.Join(json.NewEncoder(out).Encode(reply{Error: err.Error()}), out.Close())
	}
	// Whoever wanted this may be gone: then the server is soon wanted by nobody.
	_ = json.NewEncoder(out).Encode(reply{Run: k.rec.Run})
	_ = out.Close()
	k.watch(ctx)
	return k.finish()
}

// start starts the server and writes its record.
func (k *keeper) start() (err error) {
	if k.log, err = openLog(k.Log); err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return errors.Join(err, k.log.Close())
	}
	k.rec = record{Run: random(), Mark: random(), Command: k.Command, Provider: k.Provider, URL: k.URL, Started: time.Now()}
	k.log.note(k.rec.Started, "starts "+k.Command)
	k.cmd = &exec.Cmd{Path: k.Command, Args: append([]string{k.Command}, k.Args...), Dir: k.Dir,
		Env: append(k.Env, process.MarkName+"="+k.rec.Mark), Stdout: write, Stderr: write}
	k.group, err = process.Start(k.cmd)
	_ = write.Close() // the server has its own
	if err != nil {
		return errors.Join(err, read.Close(), k.log.Close())
	}
	k.output, k.eof, k.waited = read, make(chan struct{}), make(chan struct{})
	go func() { // ends with the last writer, or when finish closes the pipe
		defer close(k.eof)
		_, _ = io.Copy(k.log, read)
	}()
	go func() { // ends with the server, even one that cannot be killed
		defer close(k.waited)
		_ = k.cmd.Wait() // the state says more
	}()
	k.rec.PID = k.cmd.Process.Pid
	k.rec.Born, _ = process.Born(k.rec.PID)
	if err := k.at.write(&k.rec); err != nil {
		k.stop()
		return errors.Join(err, k.finish())
	}
	return nil
}

// watch returns when the server has ended, ending it when nobody wants it.
func (k *keeper) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	began := time.Now()
	for {
		select {
		case <-k.waited:
			return
		case <-ctx.Done():
			k.stop()
			return
		case <-tick.C:
			if k.unwanted(&began) {
				k.stop()
				return
			}
		}
	}
}

// unwanted reports whether the server is to end, and then holds the gate, so that nobody
// gets a lease any more. last is when it was last seen in use.
func (k *keeper) unwanted(last *time.Time) bool {
	if k.wanted(last) {
		return false
	}
	gate, err := filelock.Try(k.at.gate(), k.me)
	if err != nil {
		return false // somebody is just coming
	}
	if k.wanted(last) {
		free(gate)
		return false
	}
	k.gate = gate
	return true
}

func (k *keeper) wanted(last *time.Time) bool {
	users, busy := k.at.any(userLock), k.at.any(busyLock)
	used, wish := k.at.lastUse()
	kept := wish.kept()
	if wish.IdleMS <= 0 && (users || kept <= 0) {
		return users
	}
	if busy {
		*last = time.Now()
	} else if used.After(*last) {
		*last = used
	}
	return time.Since(*last) < kept
}

// stop ends the server.
func (k *keeper) stop() {
	k.rec.How = stopped
	k.group.Remember()
	k.group.Terminate()
	if k.ends(graceTerm) {
		return
	}
	k.group.Kill()
	k.group.KillMarked(k.rec.Mark)
	if !k.ends(graceKill) {
		k.rec.How = "could not be killed"
	}
}

func (k *keeper) ends(within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-k.waited:
		return true
	case <-timer.C:
		return false
	}
}

// finish ends what the server left behind and completes the record.
func (k *keeper) finish() error {
	quiet := time.NewTimer(graceQuiet)
	defer quiet.Stop()
	select {
	case <-k.eof:
	case <-quiet.C:
	}
	k.group.Kill()
	k.group.KillMarked(k.rec.Mark)
	k.group.Close()
	_ = k.output.Close() // a program that left the group may still hold the other end
	<-k.eof
	k.rec.Ended, k.rec.Words = time.Now(), k.log.tail()
	if k.rec.How == "" {
		k.rec.How = how(k.cmd.ProcessState)
	}
	k.log.note(k.rec.Ended, k.rec.How)
	return errors.Join(k.at.write(&k.rec), k.log.Close())
}

// how says how a program ended by itself.
func how(p *os.ProcessState) string {
	if name, _ := process.Signal(p); name != "" {
		return "signal " + name
	}
	return "exit code " + strconv.Itoa(p.ExitCode())
}
