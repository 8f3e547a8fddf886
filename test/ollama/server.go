//go:build unix

package ollama

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"hearth/test/process"
)

// Config says how to start a server. Dir is required.
type Config struct {
	Dir    string   // an empty directory for models and log
	Binary string   // none: $HEARTH_E2E_OLLAMA, else where build.sh puts it
	Env    []string // NAME=value, besides the ones every server gets
}

const readyWithin = time.Minute

// Server is a running Ollama. Its methods may be called from any goroutine, Stop once.
type Server struct {
	URL string // http://127.0.0.1:port
	*process.Process
}

// Start runs Ollama and gives it the models of this package. It returns when all of
// them can be asked. The caller must Stop the server.
func Start(ctx context.Context, c Config) (*Server, error) {
	if c.Binary == "" {
		var err error
		if c.Binary, err = built(ctx); err != nil {
			return nil, err
		}
	}
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	s := &Server{URL: "http://" + address}
	s.Process, err = process.Start(process.Command{
		Argv: []string{c.Binary, "serve"},
		Log:  filepath.Join(c.Dir, "ollama.log"),
		Env: append([]string{
			"HOME=" + c.Dir,
			"TMPDIR=" + c.Dir,
			"OLLAMA_HOST=" + address,
			"OLLAMA_MODELS=" + filepath.Join(c.Dir, "models"),
			"OLLAMA_NO_CLOUD=1",
			"OLLAMA_DEBUG=1", // the log says how much of a prompt was cached
			"OLLAMA_NUM_PARALLEL=1",
		}, c.Env...),
	})
	if err != nil {
		return nil, fmt.Errorf("start ollama: %w", err)
	}
	ready, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := s.Await(ready, s.URL+"/api/version"); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	if err := s.createModels(ready); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// built gives the binary that build.sh made, or says how to make it. A test never
// builds: the minutes it takes would count against the test's own time limit.
func built(ctx context.Context) (string, error) {
	if named := os.Getenv("HEARTH_E2E_OLLAMA"); named != "" {
		return named, nil
	}
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("find ollama: this program was built without file names; set HEARTH_E2E_OLLAMA")
	}
	script := filepath.Join(filepath.Dir(here), "build.sh")
	out, err := exec.CommandContext(ctx, script, "--path").Output()
	if err != nil {
		return "", fmt.Errorf("find ollama: %s: %w", script, err)
	}
	binary := strings.TrimSpace(string(out))
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("find ollama: %w; run test/ollama/build.sh, or make e2e", err)
	}
	return binary, nil
}
