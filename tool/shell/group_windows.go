package shell

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A group is a program and everything that it started: a job object, which nothing
// leaves and which ends with its last handle, so also with the gateway.
type group struct{ job windows.Handle }

// systemShell prefers PowerShell, whose commands models know from elsewhere too.
func systemShell() []string {
	for _, name := range []string{"pwsh.exe", "powershell.exe"} {
		if path, err := exec.LookPath(name); err == nil {
			return []string{path, "-NoProfile", "-NonInteractive", "-Command"}
		}
	}
	return []string{filepath.Join(os.Getenv("SYSTEMROOT"), "System32", "cmd.exe"), "/d", "/s", "/c"}
}

// shellCommand quotes for the shell that gets the text: cmd.exe does not take its
// command line apart as other programs do, so its text goes in as it is.
func shellCommand(shell []string, text string) *exec.Cmd {
	args := append(append([]string{}, shell...), text)
	cmd := &exec.Cmd{Path: args[0], Args: args, SysProcAttr: &syscall.SysProcAttr{}}
	if strings.EqualFold(filepath.Base(args[0]), "cmd.exe") {
		cmd.SysProcAttr.CmdLine = syscall.EscapeArg(args[0]) + " " + strings.Join(shell[1:], " ") + ` "` + text + `"`
	}
	return cmd
}

// startGroup starts the program and puts it into the job at once: a shell has not read
// its command by then, so it has not started anything that would stay outside.
func startGroup(cmd *exec.Cmd) (*group, error) {
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
	return &group{job: job}, nil
}

// terminate is kill: Windows has no way to ask a program without a window to end.
func (g *group) terminate() { g.kill() }

// kill ends everything in the job. It is empty already when that gives an error.
func (g *group) kill() { _ = windows.TerminateJobObject(g.job, 1) }

func (g *group) close() { _ = windows.CloseHandle(g.job) } // a handle of our own cannot be wrong

// alive reports whether the job still holds a program.
func (g *group) alive() bool {
	var info struct {
		times                        [4]uint64
		pageFaults, total, active, _ uint32
	}
	err := windows.QueryInformationJobObject(g.job, 1 /* JobObjectBasicAccountingInformation */, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil) //nolint:gosec // the call takes a pointer to its struct
	return err == nil && info.active > 0
}

func (g *group) remember() {} // the job knows

// killMarked does nothing: nothing leaves a job.
func (g *group) killMarked(string) {}

func signalOf(*os.ProcessState) (name string, number int) { return "", 0 }
