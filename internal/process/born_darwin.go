package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Born tells when a running program was started: with its number that names it for good.
// ok is false where it does not run, or the system does not say.
func Born(id int) (when string, ok bool) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", id)
	if err != nil || int(info.Proc.P_pid) != id {
		return "", false
	}
	t := info.Proc.P_starttime
	return fmt.Sprintf("%d.%06d", t.Sec, t.Usec), true
}
