package file

import (
	"context"
	"encoding/json"
	"path/filepath"

	"hearth"
	"hearth/internal/image"
	"hearth/tool"
)

// Config says where the workspace is and how much one read may give.
type Config struct {
	Root   string       // the workspace folder; it is opened at each call and need not exist before
	Hidden []string     // absolute folders and files inside it that no call may touch: the gateway's own state
	Taints *tool.Taints // nil: every file of the workspace is the owner's
	// Shown gives text as the model gets to see it, with redact.Mask where a credential
	// stands; nil: as it is.
	Shown func(text string) string
	// Beside gives absolute folders outside the workspace in which read may read, and write
	// and edit may nothing. It is asked at each call for a path outside, from any goroutine;
	// nil means that there are none.
	Beside func() []string

	MaxLines int // of one read; 0 means 2000
	MaxBytes int // of one read; 0 means 50 KB
	MaxImage int // bytes of a picture file; 0 means 32 MB
}

// What the tools refuse to load whole.
const (
	defaultMaxLines = 2000
	defaultMaxBytes = 50 << 10
	defaultMaxImage = 32 << 20
	maxEditBytes    = 16 << 20
	maxEdits        = 200       // of one call; each looks through the whole file
	maxScan         = 256 << 20 // bytes of a file that read looks at; a command can look further
)

// New gives read, write and edit, which share one workspace. They may be called from
// any goroutine.
func New(c Config) []tool.Tool {
	if c.MaxLines <= 0 {
		c.MaxLines = defaultMaxLines
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.MaxImage <= 0 {
		c.MaxImage = defaultMaxImage
	}
	w := newWorkspace(c)
	return []tool.Tool{
		&reader{space: w, config: c, images: new(image.Fitter)},
		&writer{space: w, taints: c.Taints, shown: c.Shown},
		&editor{space: w, taints: c.Taints},
	}
}

// newWorkspace resolves the folder as far as it exists; what is wrong with it is told
// when it is used.
func newWorkspace(c Config) *workspace {
	root, err := filepath.Abs(c.Root)
	if err != nil {
		root = c.Root
	}
	w := &workspace{root: filepath.Clean(root)}
	for _, h := range c.Hidden {
		w.hidden = append(w.hidden, filepath.Clean(h))
	}
	return w
}

func spec(name, description, schema string) hearth.ToolSpec {
	return hearth.ToolSpec{Name: name, Description: description, Schema: json.RawMessage(schema)}
}

// start is the beginning every Run shares: a call that was cancelled before it began
// does nothing.
func start(ctx context.Context, call hearth.ToolCall) (hearth.ToolResult, bool) {
	if ctx.Err() != nil {
		return tool.Failed(call, hearth.FromGateway, "%s was stopped before it began", call.Name), false
	}
	return hearth.ToolResult{CallID: call.ID, Name: call.Name}, true
}
