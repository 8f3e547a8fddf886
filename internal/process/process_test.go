package process

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
)

const childVar = "PROCESS_TEST_CHILD"

// TestMain makes a child of this test binary: a program that runs until its input ends.
func TestMain(m *testing.M) {
	if os.Getenv(childVar) == "" {
		os.Exit(m.Run())
	}
	_, _ = os.Stdout.WriteString("up\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// start runs a child in a group of its own until the test is over.
func start(t *testing.T, env ...string) (cmd *exec.Cmd, group *Group) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(self)
	cmd.Env = append(append(os.Environ(), childVar+"=1"), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // until the test ends; the child ends with its thread
	if group, err = Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		group.Kill()
		group.Close()
		_ = in.Close()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		t.Fatalf("the child says %q (%v)", line, err)
	}
	return cmd, group
}

func TestOnlyTheSameProgramIsKilledLater(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a job ends by itself")
	}
	cmd, _ := start(t)
	born, ok := Born(cmd.Process.Pid)
	if !ok || born == "" {
		t.Skipf("%s does not say when a program was started", runtime.GOOS)
	}
	KillLeft(cmd.Process.Pid, "another time", "")
	KillLeft(cmd.Process.Pid, "", "")
	if again, ok := Born(cmd.Process.Pid); !ok || again != born {
		t.Fatalf("it was born at %q and now at %q", born, again)
	}
	KillLeft(cmd.Process.Pid, born, "")
	if err := cmd.Wait(); err == nil {
		t.Error("it ended by itself")
	}
	if name, _ := Signal(cmd.ProcessState); name != "killed" {
		t.Errorf("it ended by signal %q", name)
	}
	if _, ok := Born(cmd.Process.Pid); ok {
		t.Error("a program that has ended was born")
	}
}

func TestWhatInheritedTheMarkIsKilledLater(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no other system shows the environment of a program")
	}
	marked, _ := start(t, MarkName+"=m-4711")
	other, _ := start(t, MarkName+"=m-4712")
	KillLeft(0, "", "m-4711")
	_ = marked.Wait()
	if name, _ := Signal(marked.ProcessState); name != "killed" {
		t.Errorf("it ended by signal %q", name)
	}
	if _, ok := Born(other.Process.Pid); !ok {
		t.Error("the other one is gone too")
	}
}

func TestAnEnvironmentKeepsNoSecret(t *testing.T) {
	got := Environ([]string{
		"PATH=/bin", "HOME=/home/x", "KEYBOARD=de", "SSH_AUTH_SOCK=/tmp/s",
		"OPENAI_API_KEY=sk-1", "GITHUB_TOKEN=t", "DB_PASSWORD=p", "HEARTH_HOME=/h", "OPENCLAW_CONFIG_PATH=/c",
		"HF_TOKEN=kept", "NOTE=my secret is hunter22", "SHORT=abc", MarkName + "=other",
	}, []string{"HF_TOKEN"}, []string{"hunter22", "abc"})
	want := []string{"PATH=/bin", "HOME=/home/x", "KEYBOARD=de", "SSH_AUTH_SOCK=/tmp/s", "HF_TOKEN=kept", "SHORT=abc"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
