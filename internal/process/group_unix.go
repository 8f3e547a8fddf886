//go:build unix

package process

import (
	"os"
	"os/exec"
	"syscall"
)

// A Group is a program and everything that it started and that did not leave. The
// program leads a session of its own, so that its children cannot reach the person's
// terminal: not to ask for a password, and not to write an approval question of theirs.
type Group struct {
	id    int
	known []program // descendants, as far as they were noted
}

// Start starts a program as the leader of a group. On Linux the kernel kills it when the
// thread that started it ends, so the caller keeps that thread: runtime.LockOSThread.
func Start(cmd *exec.Cmd) (*Group, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	dieWithParent(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Group{id: cmd.Process.Pid}, nil
}

// Terminate asks the group to end.
func (g *Group) Terminate() { g.send(syscall.SIGTERM) }

// Kill ends the group at once.
func (g *Group) Kill() { g.send(syscall.SIGKILL) }

// Close frees what the system holds for a group that has ended.
func (g *Group) Close() {}

// send signals the group. It is gone already when that gives an error.
func (g *Group) send(s syscall.Signal) { _ = syscall.Kill(-g.id, s) }

// KillLeft ends what is left of a group whose starter is gone: the one that was led by
// the program with that number, if it was born then and so is still the same, and, where
// the system shows it, everything that inherited the mark.
func KillLeft(id int, born, mark string) {
	g := &Group{id: id}
	if now, ok := Born(id); ok && id > 1 && now == born {
		g.Kill()
	}
	if mark != "" {
		g.KillMarked(mark)
	}
}

// Detach lets a program that is about to be started outlive this one, and keeps the keys
// of this one's terminal from it.
func Detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// Signal names the signal that ended a program, "" when it exited.
func Signal(p *os.ProcessState) (name string, number int) {
	ws, ok := p.Sys().(syscall.WaitStatus)
	if !ok || !ws.Signaled() {
		return "", 0
	}
	return ws.Signal().String(), int(ws.Signal())
}
