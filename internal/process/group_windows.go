package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A Group is a program and everything that it started: a job object, which nothing
// leaves and which ends with its last handle, so also with the gateway.
type Group struct{ job windows.Handle }

// Start starts a program and puts it into the job at once: one that takes its time has
// not started anything by then that would stay outside.
func Start(cmd *exec.Cmd) (*Group, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("create job: %w", err)
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE},
	}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info))) //nolint:gosec // the call takes a pointer to its struct
	if err != nil {
		return nil, errors.Join(fmt.Errorf("limit job: %w", err), windows.CloseHandle(job))
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.CreationFlags |= windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, windows.CloseHandle(job))
	}
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(cmd.Process.Pid))
	if err == nil {
		err = errors.Join(windows.AssignProcessToJobObject(job, process), windows.CloseHandle(process))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("put the command into a job: %w", err), cmd.Process.Kill(), cmd.Wait(), windows.CloseHandle(job))
	}
	return &Group{job: job}, nil
}

// Terminate is Kill: Windows has no way to ask a program without a window to end.
func (g *Group) Terminate() { g.Kill() }

// Kill ends everything in the job. It is empty already when that gives an error.
func (g *Group) Kill() { _ = windows.TerminateJobObject(g.job, 1) }

// Close frees what the system holds for the group, and ends what is left of it.
func (g *Group) Close() { _ = windows.CloseHandle(g.job) } // a handle of our own cannot be wrong

// Alive reports whether the job still holds a program. The one that gives a program its
// console does not count: nobody started it, and it ends by itself after its programs.
func (g *Group) Alive() bool {
	var list struct {
		assigned, listed uint32
		pids             [64]uintptr
	}
	err := windows.QueryInformationJobObject(g.job, windows.JobObjectBasicProcessIdList, uintptr(unsafe.Pointer(&list)), uint32(unsafe.Sizeof(list)), nil) //nolint:gosec // the call takes a pointer to its struct
	if err != nil {
		return errors.Is(err, windows.ERROR_MORE_DATA)
	}
	return slices.ContainsFunc(list.pids[:list.listed], func(pid uintptr) bool {
		return !strings.EqualFold(filepath.Base(image(uint32(pid))), "conhost.exe")
	})
}

// image is the file of a program, or nothing where that cannot be told.
func image(pid uint32) string {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return ""
	}
	defer func() { _ = windows.CloseHandle(process) }() // a handle of our own cannot be wrong
	name := make([]uint16, windows.MAX_LONG_PATH)
	size := uint32(len(name))
	if windows.QueryFullProcessImageName(process, 0, &name[0], &size) != nil {
		return ""
	}
	return windows.UTF16ToString(name[:size])
}

// Remember does nothing: the job knows.
func (g *Group) Remember() {}

// KillFamily is Kill: nothing leaves a job.
func (g *Group) KillFamily(string) { g.Kill() }

// KillMarked does nothing: nothing leaves a job.
func (g *Group) KillMarked(string) {}

// KillMarked does nothing: nothing leaves a job.
func KillMarked(string) int { return 0 }

// KillLeft does nothing: a job ends with the program that made it.
func KillLeft(int, string, string) {}

// Detach lets a program that is about to be started outlive this one's console.
func Detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW}
}

// Signal gives nothing: Windows ends programs with an exit code.
func Signal(*os.ProcessState) (name string, number int) { return "", 0 }
