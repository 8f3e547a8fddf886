//go:build unix

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Built gives the binary of a server that the build.sh beside the caller's own source
// made, or that the environment variable override names. Where there is none the error
// says how to make it: a test never builds, for the minutes it takes would count against
// the test's own time limit.
func Built(ctx context.Context, name, override, target string) (string, error) {
	if named := os.Getenv(override); named != "" {
		return named, nil
	}
	_, caller, _, ok := runtime.Caller(1)
	if !ok {
		return "", errors.New("find " + name + ": this program was built without file names; set " + override)
	}
	script := filepath.Join(filepath.Dir(caller), "build.sh")
	out, err := exec.CommandContext(ctx, script, "--path").Output()
	if err != nil {
		return "", fmt.Errorf("find %s: %s: %w", name, script, err)
	}
	binary := strings.TrimSpace(string(out))
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("find %s: %w; run %s", name, err, target)
	}
	return binary, nil
}
