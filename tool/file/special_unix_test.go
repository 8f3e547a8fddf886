//go:build unix

package file_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"hearth/tool/file"
)

func TestPipesAndSocketsAreRefusedWithoutWaiting(t *testing.T) {
	root := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Skip("no named pipes here:", err)
	}
	short := filepath.Join(root, "s")
	if l, err := net.Listen("unix", short); err == nil {
		t.Cleanup(func() { _ = l.Close() })
	}
	c := file.Config{Root: root}
	for name, args := range map[string]string{
		"read":  `{"path":"pipe"}`,
		"write": `{"path":"pipe","content":"x"}`,
		"edit":  `{"path":"pipe","oldText":"a","newText":"b"}`,
	} {
		if got := do(t, pick(t, name, c), false, args); !got.Failed || !strings.Contains(got.Text, "it is a named pipe, not a file") {
			t.Errorf("%s: %q", name, got.Text)
		}
	}
	if got := do(t, pick(t, "read", c), false, `{"path":"s"}`); !got.Failed {
		t.Errorf("socket: %q", got.Text)
	}
}

// TestASwappedSymlinkLeadsNowhere swaps a file and a link to the outside as fast as it
// can while the tools use its name.
func TestASwappedSymlinkLeadsNowhere(t *testing.T) {
	top := t.TempDir()
	root := filepath.Join(top, "ws")
	put(t, root, "f", "inside")
	put(t, root, "d/canary", "inside")
	put(t, top, "out/canary", "outside")
	stop := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, swap := range [][2]string{{"f", "../out/canary"}, {"d", "../out"}} {
				name := filepath.Join(root, swap[0])
				_ = os.Rename(name, name+".kept") // racing with the tools is the point
				_ = os.Symlink(swap[1], name)
				_ = os.Remove(name)
				_ = os.Rename(name+".kept", name)
			}
		}
	})
	c := file.Config{Root: root}
	read, write, edit := pick(t, "read", c), pick(t, "write", c), pick(t, "edit", c)
	for range 300 {
		for _, p := range []string{"f", "d/canary"} {
			if got := do(t, read, false, `{"path":"`+p+`"}`); strings.Contains(got.Text, "outside") && !got.Failed {
				t.Errorf("read what is outside: %q", got.Text)
			}
			do(t, write, false, `{"path":"`+p+`","content":"inside"}`)
			do(t, edit, false, `{"path":"`+p+`","oldText":"side","newText":"side!"}`)
		}
	}
	close(stop)
	swapping.Wait()
	if got := content(t, top, "out/canary"); got != "outside" {
		t.Errorf("changed what is outside to %q", got)
	}
}
