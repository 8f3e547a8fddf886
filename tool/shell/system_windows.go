package shell

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

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
