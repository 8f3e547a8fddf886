package shell

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"hearth/internal/process"
)

// An ending says why a command is no longer running.
type ending string

const (
	endedItself ending = ""        // it exited
	endedLimit  ending = "timeout" // its time limit
	endedCancel ending = "stopped" // the turn was stopped
	endedKilled ending = "killed"  // process kill
	endedClosed ending = "closed"  // the gateway ends
)

const (
	// graceTerm is how long a command has between being asked to end and being killed.
	graceTerm = time.Second
	// graceKill is how long a killed program may take to be gone.
	graceKill = 5 * time.Second
	// graceQuiet is how long output may still come after the command itself has ended.
	graceQuiet = 250 * time.Millisecond
)

// A command is one program run by exec. Two goroutines belong to it: run, which
// started it and ends when it and its group are gone, and the reader of its output.
type command struct {
	id      string // in the background: the name for process; set by Shell.keep
	text    string
	dir     string
	mark    string
	limit   time.Duration
	started time.Time
	out     *output
	stdin   io.WriteCloser // nil: it reads nothing

	stopOnce sync.Once
	stopping chan struct{} // closed when it is to end
	why      ending        // set before stopping is closed
	done     chan struct{} // closed when it has ended; what follows is set before
	exit     int           // -1: not known
	signal   string        // that ended it
	leftover bool          // it had left programs running, which were stopped
	how      ending
	at       time.Time
	trouble  error // of our own: it could not be killed, or the record of what it changed not be kept

	mu     sync.Mutex     // guards the fields below
	seen   int64          // bytes of output that poll has given
	group  *process.Group // while it runs
	doomed bool           // kill was called
}

// order is what exec asks for.
type order struct {
	text  string
	dir   string // absolute
	env   map[string]string
	input bool // it gets a standard input that process can write to
	limit time.Duration
}

// start runs a command. When it gives an error, nothing is running.
func (s *Shell) start(o order) (*command, error) {
	c := &command{
		text: o.text, dir: o.dir, mark: s.mark + rand.Text(), limit: o.limit, exit: -1,
		out:      newOutput(s.config.MaxBytes/2, s.config.MaxOutput, s.config.Outputs),
		stopping: make(chan struct{}), done: make(chan struct{}),
	}
	if err := s.admit(c); err != nil {
		return nil, err
	}
	cmd := shellCommand(s.config.Shell, o.text)
	cmd.Dir = o.dir
	cmd.Env = s.config.environ(c.mark, o.env)
	ended, err := s.config.Taints.Run()
	if err != nil {
		s.leave(c)
		return nil, err
	}
	begun := make(chan error)
	go func() {
		defer s.leave(c)
		// A child asks to die with the thread that started it (Pdeathsig), so that
		// thread must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		c.run(cmd, o.input, begun)
		if c.out.handle() != "" {
			s.sweep()
		}
		c.trouble = errors.Join(c.trouble, ended())
		c.how = c.reason()
		c.at = time.Now()
		close(c.done)
	}()
	return c, <-begun
}

// run starts cmd, reports that, and returns when it and its group are gone.
func (c *command) run(cmd *exec.Cmd, input bool, begun chan<- error) {
	read, write, err := os.Pipe()
	if err != nil {
		begun <- err
		return
	}
	defer func() { _ = read.Close() }() // the reader has ended by then, or is ended by this
	cmd.Stdout, cmd.Stderr = write, write
	if input {
		if c.stdin, err = cmd.StdinPipe(); err != nil {
			begun <- errors.Join(err, write.Close())
			return
		}
	}
	group, err := process.Start(cmd)
	err = errors.Join(err, write.Close())
	if err != nil {
		begun <- err
		return
	}
	c.started = time.Now()
	c.runs(group)
	begun <- nil

	eof := make(chan struct{})
	go func() {
		defer close(eof)
		_, _ = io.Copy(c.out, read) // it ends with the last writer, or when read is closed
	}()
	waited := make(chan *os.ProcessState, 1)
	go func() { // it ends with the program, even one that cannot be killed
		_ = cmd.Wait() // the state says more
		waited <- cmd.ProcessState
	}()
	c.sayExit(c.wait(group, waited))
	c.settle(group, eof)
	_ = read.Close() // a program that left the group may still hold the other end
	<-eof
	c.out.finish()
}

// runs notes the group that kill is to end; nil: it has ended.
func (c *command) runs(group *process.Group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.group = group; group != nil && c.doomed {
		group.KillFamily(c.mark)
	}
}

// kill ends the command at once, also one that is just being started.
func (c *command) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.doomed = true; c.group != nil {
		c.group.KillFamily(c.mark)
	}
}

// wait returns when the program itself has ended, and ends it when it should. It gives
// nil for a program that cannot be killed: one that runs as another user, or hangs in
// the kernel.
func (c *command) wait(group *process.Group, waited <-chan *os.ProcessState) *os.ProcessState {
	limit := time.NewTimer(c.limit)
	defer limit.Stop()
	select {
	case state := <-waited:
		return state
	case <-limit.C:
		c.stop(endedLimit)
	case <-c.stopping:
	}
	group.Remember()
	group.Terminate()
	grace := time.NewTimer(graceTerm)
	defer grace.Stop()
	select {
	case state := <-waited:
		return state
	case <-grace.C:
	}
	group.Kill()
	group.KillMarked(c.mark)
	grace.Reset(graceKill)
	select {
	case state := <-waited:
		return state
	case <-grace.C:
		return nil
	}
}

// settle ends what the program left running. After an end of its own, programs that
// made themselves independent (a build server, an agent) are let be until the Shell is
// closed; after a stop nothing is.
func (c *command) settle(group *process.Group, eof <-chan struct{}) {
	quiet := time.NewTimer(graceQuiet)
	defer quiet.Stop()
	select {
	case <-eof:
	case <-quiet.C:
	}
	if group.Alive() {
		c.leftover = c.reason() == endedItself
		group.Terminate()
		quiet.Reset(graceQuiet)
		select {
		case <-eof: // what it held open is closed; what it has closed itself is killed below
		case <-quiet.C:
		}
	}
	group.Kill()
	if c.reason() != endedItself {
		group.KillMarked(c.mark)
	}
	c.runs(nil)
	group.Close()
	quiet.Reset(graceQuiet)
	select {
	case <-eof: // the killed are gone
	case <-quiet.C: // a program that made itself independent holds the output
	}
}

// sayExit records how the program ended; nil: it did not.
func (c *command) sayExit(state *os.ProcessState) {
	if state == nil {
		c.trouble = errors.New("the command could not be killed and still runs")
		return
	}
	c.exit = state.ExitCode()
	if name, number := process.Signal(state); name != "" {
		c.signal, c.exit = name, 128+number
	}
}

// stop asks for the command to end; the first reason counts.
func (c *command) stop(why ending) {
	c.stopOnce.Do(func() {
		c.why = why
		close(c.stopping)
	})
}

// reason says why it was stopped, endedItself when nobody stopped it.
func (c *command) reason() ending {
	select {
	case <-c.stopping:
		return c.why
	default:
		return endedItself
	}
}

// ended reports whether and when it ended.
func (c *command) ended() (bool, time.Time) {
	select {
	case <-c.done:
		return true, c.at
	default:
		return false, time.Time{}
	}
}

// fresh gives the output that poll has not given yet.
func (c *command) fresh() (raw []byte, skipped int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	raw, skipped = c.out.since(c.seen)
	c.seen += skipped + int64(len(raw))
	return raw, skipped
}

// state says in words how it stands.
func (c *command) state() string {
	if done, _ := c.ended(); !done {
		return fmt.Sprintf("running for %s", time.Since(c.started).Round(time.Second))
	}
	switch c.how {
	case endedLimit:
		return fmt.Sprintf("stopped by its time limit of %s", c.limit)
	case endedCancel:
		return "stopped"
	case endedKilled:
		return "killed"
	case endedClosed:
		return "stopped because the gateway ended"
	case endedItself:
	}
	if c.signal != "" {
		return "ended by signal " + c.signal
	}
	return fmt.Sprintf("exit code %d", c.exit)
}
