//go:build unix

package shell

import (
	"os"
	"os/exec"
	"syscall"
)

// A group is a program and everything that it started and that did not leave. The
// program leads a session of its own, so that its children cannot reach the person's
// terminal: not to ask for a password, and not to write an approval question of theirs.
type group struct {
	id    int
	known []program // descendants, as far as they were noted
}

func systemShell() []string {
	for _, name := range []string{"sh", "bash"} {
		if path, err := exec.LookPath(name); err == nil {
			return []string{path, "-c"}
		}
	}
	return []string{"/bin/sh", "-c"}
}

func shellCommand(shell []string, text string) *exec.Cmd {
	args := append(append([]string{}, shell...), text)
	return &exec.Cmd{Path: args[0], Args: args}
}

func startGroup(cmd *exec.Cmd) (*group, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	dieWithParent(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &group{id: cmd.Process.Pid}, nil
}

func (g *group) terminate() { g.send(syscall.SIGTERM) }
func (g *group) kill()      { g.send(syscall.SIGKILL) }
func (g *group) close()     {}

// send signals the group. It is gone already when that gives an error.
func (g *group) send(s syscall.Signal) { _ = syscall.Kill(-g.id, s) }

// signalOf names the signal that ended a program, "" when it exited.
func signalOf(p *os.ProcessState) (name string, number int) {
	ws, ok := p.Sys().(syscall.WaitStatus)
	if !ok || !ws.Signaled() {
		return "", 0
	}
	return ws.Signal().String(), int(ws.Signal())
}
