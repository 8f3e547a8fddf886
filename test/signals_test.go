//go:build unix

package test_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hearth/model/modeltest"
)

// lasting is a command whose program goes on when the shell around it is gone, and which
// does not end because it is asked to.
const lasting = `{"command": "sh -c 'trap \"\" TERM; echo $$ >pid.new; mv pid.new pid; while :; do sleep 1; done' & wait", "background": true}`

// lasts waits until that program runs.
const lasts = `{"command": "until [ -s pid ]; do sleep 0.01; done"}`

// However a command ends, what the model had written is kept, the programs that the agent
// started are gone, and the exit code is one that is documented.
func TestWhateverEndsATurnItsProgramsEndAndItsWordsAreKept(t *testing.T) {
	program := build(t)
	for name, row := range map[string]struct {
		args []string
		deaf bool // nobody reads standard error
		ends func(r *interruptible)
		code int
		kept bool // for certain; a second signal leaves only a moment for it
	}{
		"the reader of the answer leaves":          {args: []string{"agent", "-m", "Tea?"}, ends: (*interruptible).leave, code: 130, kept: true},
		"the reader of an answer to up leaves":     {args: []string{"up", "-m", "Tea?"}, ends: (*interruptible).leave, code: 130, kept: true},
		"who reads what is said beside it is gone": {args: []string{"agent", "-m", "Tea?"}, deaf: true, ends: (*interruptible).hear, kept: true},
		"a service manager's stop and a Ctrl-C":    {args: []string{"agent", "-m", "Tea?"}, ends: (*interruptible).twice, code: 130},
		"a Ctrl-backslash":                         {args: []string{"agent", "-m", "Tea?"}, ends: (*interruptible).quit, code: 130},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, program, modeltest.Completions)
			r := &interruptible{t: t, more: make(chan struct{}), cmd: w.command(row.args...)}
			w.server.Script(calls("exec", lasting), calls("exec", lasts), r.answer)
			r.start(row.deaf)
			row.ends(r)
			if code := r.end(); code != row.code {
				t.Errorf("exit code %d, want %d\n%s", code, row.code, r.said())
			}
			gone(t, filepath.Join(w.dir, "work", "pid"))
			if stdout, stderr, err := w.run("sessions", "show", "main"); row.kept && (err != nil || !strings.Contains(stdout, "The kettle")) {
				t.Errorf("what was written is not kept: %v\n%s%s", err, stdout, stderr)
			}
		})
	}
}

// interruptible is a program in the middle of an answer, with both its outputs in pipes.
type interruptible struct {
	t        *testing.T
	more     chan struct{} // closed: the server writes on
	whole    bool          // and to the end
	cmd      *exec.Cmd
	out, err *os.File
	errs     bytes.Buffer
	read     chan struct{} // closed when standard error was read to its end
}

// answer writes the first words, and more when it is told to.
func (r *interruptible) answer(x *modeltest.Exchange) {
	delta := func(text string) modeltest.Frame {
		return modeltest.Frame{Data: `{"model":"test-model","choices":[{"index":0,"delta":{"content":` + strconv.Quote(text) + `}}]}`}
	}
	x.Frames(delta("The kettle "))
	if !x.Wait(r.more) {
		return
	}
	x.Frames(delta("is on."))
	if !r.whole {
		x.Hang()
		return
	}
	x.Frames(modeltest.Frame{Data: `{"model":"test-model","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`}, modeltest.Frame{Data: "[DONE]"})
	x.Finished()
}

// start runs the program until its first words are read.
func (r *interruptible) start(deaf bool) {
	r.t.Helper()
	var ends [2]*os.File
	for i, to := range []**os.File{&r.out, &r.err} {
		from, end, err := os.Pipe()
		if err != nil {
			r.t.Fatal(err)
		}
		*to, ends[i] = from, end
		r.t.Cleanup(func() { _ = from.Close() }) // a test may have closed it
	}
	r.cmd.Stdout, r.cmd.Stderr = ends[0], ends[1]
	if deaf {
		_ = r.err.Close() // it was just opened
	}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	for _, f := range ends {
		if err := f.Close(); err != nil {
			r.t.Fatal(err)
		}
	}
	r.read = make(chan struct{})
	go func() {
		defer close(r.read)
		_, _ = io.Copy(&r.errs, r.err) // it ends with the program
	}()
	if err := r.out.SetReadDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	words := make([]byte, len("The kettle"))
	if _, err := io.ReadFull(r.out, words); err != nil || string(words) != "The kettle" {
		_ = r.cmd.Process.Kill() // it may have ended
		_ = r.cmd.Wait()
		r.t.Fatalf("it begins with %q (%v)\n%s", words, err, r.said())
	}
}

func (r *interruptible) leave() {
	_ = r.out.Close()
	close(r.more)
}

// hear reads the whole answer.
func (r *interruptible) hear() {
	r.whole = true
	close(r.more)
	rest, err := io.ReadAll(r.out)
	if err != nil || string(rest) != " is on.\n" {
		r.t.Errorf("the answer goes on with %q (%v)", rest, err)
	}
}

func (r *interruptible) twice() {
	r.signal(syscall.SIGTERM)
	r.signal(syscall.SIGINT)
}

func (r *interruptible) quit() { r.signal(syscall.SIGQUIT) }

func (r *interruptible) signal(s os.Signal) {
	if err := r.cmd.Process.Signal(s); err != nil && !strings.Contains(err.Error(), "already finished") {
		r.t.Error(err)
	}
}

// end waits for the program's end and gives its exit code; -1 when a signal ended it.
func (r *interruptible) end() int {
	late := time.AfterFunc(patience, func() { _ = r.cmd.Process.Kill() }) // then the exit code is -1
	defer late.Stop()
	_ = r.cmd.Wait() // its state says how it ended
	return r.cmd.ProcessState.ExitCode()
}

// said is what the program wrote to standard error; it must have ended.
func (r *interruptible) said() string {
	<-r.read
	return r.errs.String()
}

// gone waits until the program whose number a file holds has ended. Nobody may have noticed
// its end, and the kernel takes its time.
func gone(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	enough := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for runs(pid) {
		select {
		case <-tick.C:
		case <-enough:
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the agent's program runs on")
		}
	}
}

// runs reports whether a process does more than to wait for its end to be noticed.
func runs(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || !bytes.Contains(stat, []byte(") Z "))
}
