//go:build e2e && unix

package conversation

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hearth/test/ollama"
	"hearth/test/process"
)

// A person with nothing but an address: the server is recognised, a config is written,
// and the next command uses it.
func TestUpWithAServerWritesTheConfig(t *testing.T) {
	p := newPerson(t, dialects[0], settings{})
	if err := os.Remove(filepath.Join(p.home, "hearth.json")); err != nil {
		t.Fatal(err)
	}
	v := p.run(t, "up", "--server", p.wire.url, "--workspace", p.workspace, "--model", "ollama/"+ollama.Chat, "--message", "please @@plain")
	if v.code != 0 || strings.TrimSpace(v.out) != script(t, "plain") {
		t.Fatalf("exit %d, stdout %q, stderr %q", v.code, v.out, v.err)
	}
	config, err := os.ReadFile(filepath.Join(p.home, "hearth.json"))
	if err != nil || !bytes.Contains(config, []byte(`"ollama"`)) || !bytes.Contains(config, []byte(p.wire.url)) {
		t.Errorf("the config names neither api nor address: %s (%v)", config, err)
	}
	if n := len(p.wire.calls(dialects[0])); n != 1 {
		t.Errorf("%d native calls, want 1", n)
	}
	if again := p.say(t, "and @@utf8", "--model", "ollama/"+ollama.Chat); again.text() != script(t, "utf8") {
		t.Errorf("the next command says %q", again.text())
	}
}

// Lines on standard input are turns of one conversation.
func TestPipedLinesAreTurns(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := p.command(ctx, "up")
		cmd.Stdin = strings.NewReader("please @@think\nplease @@read\nplease @@plain\n")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, errs.String())
		}
		last := 0
		for _, words := range []string{"The answer is 42.", afterTool, script(t, "plain")} {
			at := strings.Index(string(out[last:]), words)
			if at < 0 {
				t.Fatalf("%q does not come after %q: %s", words, out[:last], out)
			}
			last += at + len(words)
		}
		p.wire.extends(t, d)
	})
}

// Asked not to think, Ollama leaves a model's thoughts in the text, tags and all. They
// are still not part of the answer.
func TestThinkingOffStaysHidden(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		for _, level := range []string{"off", "high"} {
			v := p.say(t, "please @@think", "--thinking", level, "--session", "new")
			if v.text() != "The answer is 42." {
				t.Errorf("--thinking %s: the person sees %q", level, v.text())
			}
		}
	})
}

// A server that is not there: the configured second model answers, and the person is
// told which, once.
func TestTheSecondModelAnswers(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		nowhere, err := process.FreeAddress()
		if err != nil {
			t.Fatal(err)
		}
		p.put(t, filepath.Join(p.home, "hearth.json"), fmt.Sprintf(`{
  models: { mode: "replace", providers: {
    gone: { baseUrl: "http://%s%s", api: %q, models: [{ id: "big", contextWindow: 16384 }] },
    box: { baseUrl: %q, api: %q, models: [{ id: %q, contextWindow: 16384, maxTokens: 2000 }] },
  } },
  agents: { defaults: { model: { primary: "gone/big", fallbacks: ["box/%s"] }, workspace: %q } },
}`, nowhere, d.base, d.api, p.wire.url+d.base, d.api, ollama.Chat, ollama.Chat, p.workspace))
		v := p.say(t, "please @@read")
		if v.text() != afterTool || v.Meta.AgentMeta.Provider != "box" {
			t.Errorf("%s answers %q", v.Meta.AgentMeta.Provider, v.text())
		}
		if n := strings.Count(v.err, "gone/big"); n != 1 {
			t.Errorf("the first model is named %d times, want once: %s", n, v.err)
		}
		p.wire.extends(t, d)
	})
}

// Nothing answers at all: exit code 3, and three lines that help.
func TestNoServer(t *testing.T) {
	p := newPerson(t, dialects[0], settings{})
	nowhere, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	p.put(t, filepath.Join(p.home, "hearth.json"), fmt.Sprintf(
		`{ models: { mode: "replace", providers: { gone: { baseUrl: "http://%s", api: "ollama", models: [{ id: "big" }] } } } }`, nowhere))
	v := p.try(t, "hi")
	if v.code != 3 || v.Meta.Error == nil || !strings.Contains(v.err, nowhere) || strings.Count(strings.TrimSpace(v.err), "\n") < 2 {
		t.Errorf("exit %d, error %+v, stderr %q", v.code, v.Meta.Error, v.err)
	}
}

// A picture for a model that reads text only: the model is told what was left out.
func TestAPictureForATextModel(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		picture := image.NewRGBA(image.Rect(0, 0, 8, 8))
		picture.Set(3, 3, color.RGBA{R: 255, A: 255})
		var b bytes.Buffer
		if err := png.Encode(&b, picture); err != nil {
			t.Fatal(err)
		}
		p.note(t, "dot.png", b.String())
		v := p.say(t, "please @@plain", "--file", filepath.Join(p.workspace, "dot.png"))
		if v.text() != script(t, "plain") {
			t.Errorf("the person sees %q", v.text())
		}
		body := string(p.wire.calls(d)[0])
		if strings.Contains(body, "iVBOR") || !strings.Contains(body, "reads text only: dot.png") {
			t.Errorf("the request holds the picture, or no word about it: %s", body)
		}
	})
}

// Two commands on one server take turns: never two requests at once, and the second
// says whom it waits for.
func TestTwoProcessesTakeTurns(t *testing.T) {
	for _, d := range dialects[:2] { // the lock knows no protocols
		t.Run(d.api, func(t *testing.T) {
			p := newPerson(t, d, settings{})
			p.wire.setHold(5 * time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			first := p.command(ctx, "agent", "--session", "one", "--message", "please @@think")
			if err := first.Start(); err != nil {
				t.Fatal(err)
			}
			until(t, ctx, "the first call", func() bool { return len(p.wire.calls(d)) == 1 })
			p.wire.setHold(0)
			v := p.say(t, "please @@plain", "--session", "two")
			if code := exitCode(t, first); code != 0 {
				t.Errorf("the first command ends with %d", code)
			}
			if v.text() != script(t, "plain") {
				t.Errorf("the second command says %q", v.text())
			}
			if n := p.wire.most(); n != 1 {
				t.Errorf("%d model calls were under way at once", n)
			}
			if pid := strconv.Itoa(first.Process.Pid); !strings.Contains(v.err, pid) {
				t.Errorf("the wait does not name process %s: %q", pid, v.err)
			}
		})
	}
}

// kill -9 in the middle of an answer: the person's words are there, and the next turn
// extends what was sent.
func TestKillMidAnswer(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		cmd, _, _ := stream(t, p, "agent", "--message", "please @@loop")
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if code := exitCode(t, cmd); code != -1 {
			t.Fatalf("it ended with %d before it was killed", code)
		}
		unload(t, ollama.Chat) // a departure may leave Ollama stuck: see test/ollama
		if v := p.say(t, "and now @@plain"); v.text() != script(t, "plain") {
			t.Errorf("the next turn says %q", v.text())
		}
		bodies := p.wire.calls(d)
		if last := string(bodies[len(bodies)-1]); !strings.Contains(last, "please @@loop") {
			t.Errorf("the words before the kill are lost: %s", last)
		}
		p.wire.extends(t, d)
	})
}

// kill -9 at any moment of a turn with tools, again and again in one session: nothing
// that was said is lost, and every request still extends the one before.
func TestKillAtAnyMoment(t *testing.T) {
	d := dialects[0]
	p := newPerson(t, d, settings{exec: `{ security: "full", ask: "off" }`})
	draw := rand.New(rand.NewPCG(2026, 11))
	var said []string
	for i := range 12 {
		words := fmt.Sprintf("kill number %d, please @@chain", i)
		cmd := p.command(t.Context(), "agent", "--message", words)
		calls := len(p.wire.calls(d))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(20+draw.IntN(400))*time.Millisecond, func() { _ = cmd.Process.Kill() }) // it may have ended
		code := exitCode(t, cmd)
		kill.Stop()
		if code > 0 {
			t.Fatalf("kill %d: it ended with %d by itself", i, code)
		}
		if len(p.wire.calls(d)) > calls { // words that reached the server were safe on disk before
			said = append(said, words)
		}
		unload(t, ollama.Chat) // a departure may leave Ollama stuck: see test/ollama
	}
	if v := p.say(t, "and now @@plain"); v.text() != script(t, "plain") {
		t.Errorf("the next turn says %q", v.text())
	}
	bodies := p.wire.calls(d)
	for _, words := range said {
		if last := string(bodies[len(bodies)-1]); strings.Count(last, words) != 1 {
			t.Errorf("%q is in the last request %d times", words, strings.Count(last, words))
		}
	}
	if len(said) < 3 {
		t.Errorf("only %d of 12 turns came as far as a request: the kills are too early to show anything", len(said))
	}
	p.wire.extends(t, d)
}
