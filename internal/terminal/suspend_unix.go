//go:build unix

package terminal

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// resting is how long a process may take to be stopped. It is not stopped at all where no
// shell would wake it again.
const resting = 100 * time.Millisecond

// suspend stops the process as Ctrl-Z does, and returns when it goes on.
func suspend() {
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	defer signal.Stop(woken)
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
		return
	}
	select {
	case <-woken:
	case <-time.After(resting):
	}
}
