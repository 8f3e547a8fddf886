//go:build unix

package shell

import "os/exec"

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
