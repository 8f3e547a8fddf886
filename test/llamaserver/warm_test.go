//go:build llamaserver && unix

package llamaserver

import (
	"context"
	"io"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creack/pty"

	"hearth/test/scripted"
)

// A chat that is opened on a conversation of which the last turn read a large file. While
// its server has that, opening the chat costs it nothing; after the server was started anew
// all of it is read before the person writes, and their message is all that is left.
func TestOpeningAChatLeavesNothingToRead(t *testing.T) {
	const file = 3000 // tokens, at least
	for api, base := range map[string]string{"openai-completions": "/v1", "openai-responses": "/v1", "anthropic-messages": ""} {
		t.Run(api, func(t *testing.T) {
			binary, now := program(t), new(atomic.Pointer[url.URL])
			same := httptest.NewServer(&httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(now.Load()) }})
			t.Cleanup(same.Close)
			begin := func() *Server {
				s := start(t, scripted.Config{})
				at, err := url.Parse(s.URL)
				if err != nil {
					t.Fatal(err)
				}
				now.Store(at)
				return s
			}
			s, dir := begin(), home(t, same.URL+base, api)
			if err := os.WriteFile(filepath.Join(dir, "workspace", "notes.txt"), []byte(strings.Repeat("The kettle is on the stove, and the milk is in the yard. ", 210)), 0o600); err != nil {
				t.Fatal(err)
			}
			say(t, binary, dir, "main", "thanks @@plain")
			say(t, binary, dir, "main", "look @@read")
			before := evaluated(t, s)
			if len(before) != 3 || before[2] < file {
				t.Fatalf("evaluated %v; the file has at least %d tokens", before, file)
			}

			chat := open(t, binary, dir)
			chat.types("hm @@plain", s, len(before)+1)
			chat.leaves()
			after := evaluated(t, s)[len(before):]
			t.Logf("evaluated %v, and with a chat opened %v", before, after)
			if len(after) != 1 || after[0] > reread {
				t.Errorf("of what the server had, it evaluated %v again, want at most the %d of a message", after, reread)
			}

			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			s = begin()
			chat = open(t, binary, dir)
			chat.awaits(s, 1)
			chat.types("now @@plain", s, 2)
			chat.leaves()
			after = evaluated(t, s)
			t.Logf("started anew, the server evaluated %v", after)
			if whole := before[0] + before[1] + before[2]; len(after) != 2 || after[0] < whole || after[1] > reread {
				t.Errorf("evaluated %v, want the %d that were there first, and then a message", after, whole)
			}
		})
	}
}

// screen is a person at a terminal in which the chat runs.
type screen struct {
	*testing.T
	ctx context.Context //nolint:containedctx // the life of one test
	tty *os.File
	cmd *exec.Cmd
}

func open(t *testing.T, binary, home string) *screen {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary, "up")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "HEARTH_HOME=" + home, "HEARTH_DISCOVER=off", "TERM=xterm"}
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 200})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	go func() { _, _ = io.Copy(io.Discard, tty) }() // ends with the program, whose end closes the terminal
	return &screen{t, ctx, tty, cmd}
}

// types writes a line, and waits until the server has evaluated so many prompts.
func (s *screen) types(line string, by *Server, prompts int) {
	s.Helper()
	if _, err := s.tty.WriteString(line + "\r"); err != nil {
		s.Fatal(err)
	}
	s.awaits(by, prompts)
}

func (s *screen) awaits(by *Server, prompts int) {
	s.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for len(evaluated(s.T, by)) < prompts {
		select {
		case <-s.ctx.Done():
			s.Fatalf("%d prompts are evaluated, want %d", len(evaluated(s.T, by)), prompts)
		case <-tick.C:
		}
	}
}

func (s *screen) leaves() {
	s.Helper()
	if _, err := s.tty.WriteString("/exit\r"); err != nil {
		s.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.Fatalf("hearth up: %v", err)
	}
}
