//go:build unix

package ollama

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
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
		if c.Binary, err = process.Built(ctx, "ollama", "HEARTH_E2E_OLLAMA", "test/ollama/build.sh, or make e2e"); err != nil {
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
