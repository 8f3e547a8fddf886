//go:build unix

package llamaserver

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"hearth/test/process"
	"hearth/test/scripted"
)

// Model is the name of the one model, and Context its window in tokens.
const (
	Model   = "tiny"
	Context = 16384
)

const (
	readyWithin = time.Minute
	memoryKiB   = 4 << 20 // of address space: a hostile schema once took 22 GB
)

//go:embed chat.jinja
var chatTemplate string

// Server is a running llama-server.
type Server struct {
	URL string // http://127.0.0.1:port
	*process.Process
}

// Start runs the server with a scripted model, one slot and one thread, unless the further
// arguments say otherwise. A model without a chat template gets ours, which keeps the
// reasoning of all messages. dir is an empty directory. It returns when the model can be
// asked. The caller must Stop the server.
func Start(ctx context.Context, dir string, config scripted.Config, further ...string) (*Server, error) {
	binary, err := process.Built(ctx, "llama-server", "HEARTH_E2E_LLAMA_SERVER", "test/llamaserver/build.sh")
	if err != nil {
		return nil, err
	}
	if config.ChatTemplate == "" {
		config.ChatTemplate = chatTemplate
	}
	model, err := scripted.Build(config)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "script.gguf")
	if err := os.WriteFile(file, model, 0o600); err != nil {
		return nil, err
	}
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	s := &Server{URL: "http://" + address}
	s.Process, err = process.Start(process.Command{
		Argv: append([]string{
			binary, "--model", file, "--alias", Model, "--host", host, "--port", port,
			"--ctx-size", fmt.Sprint(Context), "--parallel", "1", "--threads", "1", "--threads-batch", "1",
			"--offline", "--no-warmup",
		}, further...),
		Env:       []string{"HOME=" + dir, "LLAMA_CACHE=" + dir},
		Log:       filepath.Join(dir, "llama-server.log"),
		MemoryKiB: memoryKiB,
	})
	if err != nil {
		return nil, err
	}
	ready, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := s.Await(ready, s.URL+"/health"); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}
