//go:build unix

package shell_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hearth"
	"hearth/tool"
	"hearth/tool/shell"
	"hearth/tool/tooltest"
)

type fixture struct {
	shell         *shell.Shell
	exec, process tool.Tool
	root, outputs string
}

func open(t testing.TB, c shell.Config) fixture {
	t.Helper()
	f := fixture{root: c.Root, outputs: c.Outputs}
	if f.root == "" {
		f.root = t.TempDir()
		c.Root = f.root
	}
	if f.outputs == "" {
		f.outputs = filepath.Join(t.TempDir(), "outputs")
		c.Outputs = f.outputs
	}
	f.shell = shell.New(c)
	t.Cleanup(func() {
		if err := f.shell.Close(); err != nil {
			t.Error(err)
		}
	})
	both := f.shell.Tools()
	f.exec, f.process = both[0], both[1]
	return f
}

func do(t testing.TB, tl tool.Tool, args map[string]any) hearth.ToolResult {
	t.Helper()
	return doContext(t.Context(), t, tl, args)
}

func doContext(ctx context.Context, t testing.TB, tl tool.Tool, args map[string]any) hearth.ToolResult {
	t.Helper()
	raw, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tl.Run(ctx, hearth.ToolCall{ID: "c", Name: tl.Spec().Name, Arguments: string(raw)})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (f fixture) run(t testing.TB, command string) hearth.ToolResult {
	t.Helper()
	return do(t, f.exec, map[string]any{"command": command})
}

func TestConformance(t *testing.T) {
	t.Run("exec", func(t *testing.T) {
		tooltest.Run(t, tooltest.Suite{
			New:  func(t testing.TB, root string) tool.Tool { return open(t, shell.Config{Root: root}).exec },
			Good: []string{`{"command":"echo hi"}`, `{"command":"echo x > made"}`, `{"cmd":"true","timeout":"5"}`, `{"command":"echo $A","env":{"A":"b"}}`},
			Bad: []string{
				`{}`, `{"command":""}`, `{"command":["ls","-l"]}`, `{"command":"ls","elevated":true}`, `{"command":"ls","host":"gateway"}`,
				`{"command":"ls","env":{"PATH":"/tmp"}}`, `{"command":"ls","env":{"LD_PRELOAD":"x"}}`, `{"command":"ls","timeout":-1}`, `{"command":"ls","workdir":"gone"}`, `{"command":"a\u0000b"}`, `{"command":"exit 3"}`,
			},
			Path: "workdir", With: `"command":"cat canary.txt"`,
		})
	})
	t.Run("process", func(t *testing.T) {
		tooltest.Run(t, tooltest.Suite{
			New:  func(t testing.TB, root string) tool.Tool { return open(t, shell.Config{Root: root}).process },
			Good: []string{`{"action":"list"}`, `{"action":"clear"}`},
			Bad:  []string{`{}`, `{"action":"dance"}`, `{"action":"poll"}`, `{"action":"poll","sessionId":"c9"}`, `{"action":"write","sessionId":"c1"}`, `{"action":"log","sessionId":"x","limit":0}`},
			Path: "sessionId", With: `"action":"log"`,
		})
	})
}

func TestExec(t *testing.T) {
	f := open(t, shell.Config{MaxBytes: 200})
	if err := os.MkdirAll(filepath.Join(f.root, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		args   map[string]any
		want   string
		failed bool
	}{
		{name: "output is given as it is", args: map[string]any{"command": "echo one; echo two >&2"}, want: "one\ntwo\n"},
		{name: "silence is said", args: map[string]any{"command": "true"}, want: "(no output)"},
		{name: "a failure has its exit code", args: map[string]any{"command": "echo no; exit 3"}, want: "no\n[exit code 3]", failed: true},
		{name: "a command that is not there", args: map[string]any{"command": "no-such-command-here 2>/dev/null"}, want: "[exit code 127 (command not found)]", failed: true},
		{name: "a signal", args: map[string]any{"command": "kill -9 $$"}, want: "[ended by signal killed]", failed: true},
		{name: "a command that looks like an option", args: map[string]any{"command": "-c 2>/dev/null"}, want: "[exit code 127 (command not found)]", failed: true},
		{name: "a folder", args: map[string]any{"command": "basename $PWD", "workdir": "sub"}, want: "sub\n"},
		{name: "an absolute folder inside", args: map[string]any{"command": "basename $PWD", "workdir": filepath.Join(f.root, "sub")}, want: "sub\n"},
		{name: "a folder outside", args: map[string]any{"command": "pwd", "workdir": "/"}, want: "exec: workdir /: it is outside the workspace; use cd in the command; nothing was run", failed: true},
		{name: "variables", args: map[string]any{"command": "echo $A$B", "env": map[string]any{"A": "x", "B": 2}}, want: "x2\n"},
		{name: "there is no input to wait for", args: map[string]any{"command": "cat; echo end"}, want: "end\n"},
		{name: "there is no terminal to ask at", args: map[string]any{"command": "(: </dev/tty) 2>/dev/null || echo none"}, want: "none\n"},
		{name: "colours and overwritten lines go", args: map[string]any{"command": `printf '\033[31mred\033[0m\n10%%\r20%%\rdone\n\033]0;title\007x'`}, want: "red\ndone\nx"},
		{name: "bytes that are not UTF-8", args: map[string]any{"command": `printf 'caf\351\n'`}, want: "caf\ufffd\n"},
		{name: "binary output", args: map[string]any{"command": "head -c 100 /dev/zero"}, want: "(100 bytes of binary output)"},
		{name: "a time limit", args: map[string]any{"command": "echo begun; sleep 100", "timeout": 1}, want: "begun\n[stopped by its time limit of 1s]", failed: true},
		{name: "programs left behind are stopped and said", args: map[string]any{"command": "sleep 100 & echo hi"}, want: "hi\n[programs it left running in the background were stopped; start those with background:true]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := do(t, f.exec, row.args)
			if got.Text != row.want || got.Failed != row.failed {
				t.Errorf("failed %t, %q\nwant %q", got.Failed, got.Text, row.want)
			}
			if !strings.Contains(got.Text, "nothing was run") && got.From != hearth.FromTool {
				t.Errorf("output is from %q", got.From)
			}
		})
	}
}

func TestTheEnvironmentHasNoSecrets(t *testing.T) {
	f := open(t, shell.Config{
		Environ: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=/home/me", "LANG=C", "SSH_AUTH_SOCK=/run/agent", "KEYBOARD=de", "TOKENIZERS_PARALLELISM=false", "MY_TOKEN=kept",
			"HEARTH_HOME=/x", "OPENCLAW_GATEWAY_TOKEN=x", "OPENAI_API_KEY=sk-1", "GITHUB_TOKEN=x", "AWS_SECRET_ACCESS_KEY=x", "DB_PASSWORD=x", "INNOCENT=prefix-known-secret-suffix", "OPENAIAPIKEY=x",
		},
		Keep: []string{"MY_TOKEN"}, Secrets: []string{"known-secret"},
	})
	got := f.run(t, "env | cut -d= -f1 | grep -v -x -e _ -e PWD -e SHLVL -e OLDPWD | sort | tr '\\n' ' '")
	if want := "EXEC_COMMAND_ID GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0 HOME KEYBOARD LANG MY_TOKEN OPENCLAW_SHELL PATH SSH_AUTH_SOCK TOKENIZERS_PARALLELISM "; got.Text != want {
		t.Errorf("%q, want %q", got.Text, want)
	}
}

// A folder of ordinary files can be a repository whose config names programs.
func TestGitRunsNothingForARepositoryThatWasWrittenAsFiles(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git here")
	}
	f := open(t, shell.Config{Environ: append(os.Environ(), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=user.name", "GIT_CONFIG_VALUE_0=mine")})
	f.run(t, `mkdir -p sub/objects/x sub/refs/x && echo 'ref: refs/heads/main' > sub/HEAD &&
printf '[core]\nrepositoryformatversion=0\nbare=false\nworktree=..\nfsmonitor="touch ran"\n' > sub/config`)
	got := f.run(t, `cd sub; git status 2>&1; ls ..`)
	if strings.Contains(got.Text, "ran\n") || !strings.Contains(got.Text, "sub\n") {
		t.Errorf("%q", got.Text)
	}
	if got := f.run(t, "git init -q repo && cd repo && git status --short && git config safe.bareRepository"); !strings.Contains(got.Text, "explicit") {
		t.Errorf("an ordinary repository: %q", got.Text)
	}
}

func TestVariablesThatLoadCodeAreRefused(t *testing.T) {
	f := open(t, shell.Config{})
	for _, name := range []string{
		"PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "BASH_ENV", "ENV", "IFS", "PS4", "NODE_OPTIONS", "NODE_PATH", "PYTHONPATH", "PYTHONSTARTUP",
		"PERL5OPT", "PERL5LIB", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH", "DOTNET_STARTUP_HOOKS", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF",
		"GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_PAGER", "EDITOR", "PAGER", "LESSOPEN", "GCONV_PATH", "OPENSSL_CONF", "GOFLAGS", "RUSTC_WRAPPER", "MAKEFLAGS", "LUA_INIT",
		"PHPRC", "BASH_FUNC_ls%%", "npm_config_script_shell", "path", "Ld_Preload", "HEARTH_HOME", "ZDOTDIR", "A B", "", "A=B",
	} {
		got := do(t, f.exec, map[string]any{"command": "echo ran", "env": map[string]string{name: "x"}})
		if !got.Failed || strings.Contains(got.Text, "ran\n") {
			t.Errorf("%s: %q", name, got.Text)
		}
	}
}

func TestLongOutputKeepsItsEndsAndCanBePaged(t *testing.T) {
	f := open(t, shell.Config{MaxBytes: 400})
	got := f.run(t, "seq 1 2000")
	handle := regexp.MustCompile(`"sessionId":"([0-9a-f]{12})"`).FindStringSubmatch(got.Text)
	if handle == nil || !strings.HasPrefix(got.Text, "1\n2\n") || !strings.Contains(got.Text, "bytes left out …]\n") || !strings.Contains(got.Text, "\n2000\n[8893 bytes of output in all; page it with process ") {
		t.Fatalf("%q", got.Text)
	}
	if again := f.run(t, "seq 1 2000"); again.Text != got.Text {
		t.Error("the same command with the same output gives another result, so a loop cannot be seen")
	}
	if !strings.Contains(got.Text, "; "+got.Rest+"]") || !strings.Contains(got.Rest, handle[1]) {
		t.Errorf("the way to the rest is %q", got.Rest)
	}
	page := do(t, f.process, map[string]any{"action": "log", "sessionId": handle[1], "offset": 1000, "limit": 2})
	if page.Text != "1000\n1001\n[lines 1000-1001 of 2000; continue with offset 1002]" {
		t.Errorf("%q", page.Text)
	}
	later := open(t, shell.Config{Root: f.root, Outputs: f.outputs, MaxBytes: 400})
	last := do(t, later.process, map[string]any{"action": "log", "sessionId": handle[1], "limit": 2})
	if last.Text != "1999\n2000\n[lines 1999-2000 of 2000]" {
		t.Errorf("another process pages %q", last.Text)
	}
	for _, stranger := range []string{"../" + handle[1], "/etc/passwd", "......", "zzzzzzzzzzzz"} {
		if got := do(t, f.process, map[string]any{"action": "log", "sessionId": stranger}); !got.Failed {
			t.Errorf("log of %q: %q", stranger, got.Text)
		}
	}
	info, err := os.Stat(f.outputs)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of outputs: %v %v", info, err)
	}
}

func TestAFloodTakesBoundedMemoryAndDisk(t *testing.T) {
	f := open(t, shell.Config{MaxOutput: 1 << 20, YieldMS: 300_000})
	size := "300M"
	if testing.Short() {
		size = "50M"
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := f.run(t, "yes 'no end to this line' | tr -d '\\n' | head -c "+size)
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if got.Failed || len(got.Text) > 12_000 || !strings.Contains(got.Text, "the first 1048576 bytes of it are kept") {
		t.Errorf("failed %t, %d bytes: %.200q", got.Failed, len(got.Text), got.Text)
	}
	entries, err := os.ReadDir(f.outputs)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Size() != 1<<20 || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestOldOutputsGo(t *testing.T) {
	f := open(t, shell.Config{MaxBytes: 100})
	old := filepath.Join(f.outputs, "0123456789ab.out")
	large := filepath.Join(f.outputs, "fedcba987654.out")
	other := filepath.Join(f.outputs, "mine.txt")
	if err := os.MkdirAll(f.outputs, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{old: 8 * 24 * time.Hour, large: time.Hour, other: 800 * time.Hour} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if name == large {
			if err := os.Truncate(name, 600<<20); err != nil {
				t.Skip("no sparse files here:", err)
			}
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	f.run(t, "seq 1000")
	entries, err := os.ReadDir(f.outputs)
	if err != nil || len(entries) != 2 || entries[1].Name() != "mine.txt" {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestLessMayBeKeptOfAnOutputThanIsShown(t *testing.T) {
	f := open(t, shell.Config{MaxOutput: 100})
	if got := f.run(t, "seq 1 1500; sleep 0.2; seq 1 3000"); got.Failed || !strings.Contains(got.Text, "the first 100 bytes of it are kept") {
		t.Errorf("%.300q", got.Text)
	}
}

func TestAPollMayWaitForAges(t *testing.T) {
	if strconv.IntSize < 64 {
		t.Skip("so large a number is none here")
	}
	f := open(t, shell.Config{})
	if got := do(t, f.exec, map[string]any{"command": "sleep 1; echo done", "background": true}); got.Failed {
		t.Fatalf("%q", got.Text)
	}
	got := do(t, f.process, map[string]any{"action": "poll", "sessionId": "c1", "timeout": int64(9_300_000_000_000)})
	if got.Failed || !strings.HasPrefix(got.Text, "done\n") {
		t.Errorf("%q", got.Text)
	}
}

func TestBackgroundCommands(t *testing.T) {
	f := open(t, shell.Config{YieldMS: 50})
	got := f.run(t, "echo begun; read -r a </dev/null; exec sleep 100")
	if got.Failed || !strings.Contains(got.Text, "[it goes on in the background as c1;") {
		t.Fatalf("%q", got.Text)
	}
	if got := do(t, f.process, map[string]any{"action": "list"}); !strings.HasPrefix(got.Text, "c1: running for ") || !strings.HasSuffix(got.Text, `exec sleep 100`) {
		t.Errorf("%q", got.Text)
	}
	if got := do(t, f.process, map[string]any{"action": "write", "sessionId": "c1", "data": "x"}); got.Text != "process: c1 has no input; start it with background:true to feed it" {
		t.Errorf("%q", got.Text)
	}
	if got := do(t, f.process, map[string]any{"action": "kill", "sessionId": "c1"}); got.Failed || got.Text != "c1 was killed" {
		t.Errorf("%q", got.Text)
	}
	if got := do(t, f.process, map[string]any{"action": "poll", "sessionId": "c1"}); !got.Failed || !strings.Contains(got.Text, "c1: killed]") {
		t.Errorf("%q", got.Text)
	}
	if got := do(t, f.process, map[string]any{"action": "clear"}); got.Text != "forgot 1 ended commands" {
		t.Errorf("%q", got.Text)
	}
}

func TestACommandCanBeFed(t *testing.T) {
	f := open(t, shell.Config{})
	do(t, f.exec, map[string]any{"command": `while read -r line; do echo "got $line"; done; echo over`, "background": true})
	if got := do(t, f.process, map[string]any{"action": "submit", "sessionId": "c1", "data": "one"}); got.Failed {
		t.Fatalf("%q", got.Text)
	}
	seen := ""
	for range 100 {
		got := do(t, f.process, map[string]any{"action": "poll", "sessionId": "c1", "timeout": 100})
		seen += got.Text
		if strings.Contains(seen, "got one") {
			break
		}
	}
	if !strings.Contains(seen, "got one\n") {
		t.Fatalf("%q", seen)
	}
	if got := do(t, f.process, map[string]any{"action": "poll", "sessionId": "c1"}); !strings.HasPrefix(got.Text, "[no new output. c1: running for ") {
		t.Errorf("a second poll: %q", got.Text)
	}
	if got := do(t, f.process, map[string]any{"action": "remove", "sessionId": "c1"}); got.Text != "c1 is gone" {
		t.Errorf("%q", got.Text)
	}
	if got := do(t, f.process, map[string]any{"action": "list"}); got.Text != "no command is in the background" {
		t.Errorf("%q", got.Text)
	}
}

// alive reports whether a process runs (a zombie does not).
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return runtime.GOOS != "linux" // there it has just gone
	}
	return !bytes.Contains(stat, []byte(") Z "))
}

// pids reads the process ids that a command wrote into a file of the workspace, one a
// line; it waits until there are n of them.
func pids(t *testing.T, f fixture, n int) []int {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		data, _ := os.ReadFile(filepath.Join(f.root, "pids"))
		fields := strings.Fields(string(data))
		if len(fields) >= n {
			out := make([]int, n)
			for i := range out {
				out[i], _ = strconv.Atoi(fields[i])
			}
			return out
		}
		if time.Now().After(deadline) {
			t.Fatalf("only %d of %d programs began", len(fields), n)
		}
		runtime.Gosched()
	}
}

// tree starts a child, a grandchild that ignores SIGTERM, and, on Linux, one in a session
// of its own, one in a session of its own that dropped its environment, and a daemon
// whose parent is gone; each writes its pid.
func tree() (command string, n int) {
	command = `sleep 300 & echo $! >>pids; sh -c 'trap "" TERM HUP; echo $$ >>pids; while :; do sleep 1; done' & `
	n = 2
	if _, err := exec.LookPath("setsid"); err == nil && runtime.GOOS == "linux" {
		command += `setsid sh -c 'trap "" TERM; echo $$ >>pids; sleep 300' & `
		command += `env -i setsid sh -c 'trap "" TERM; echo $$ >>pids; while :; do sleep 1; done' & `
		command += `(setsid sh -c 'trap "" TERM; echo $$ >>pids; sleep 300' >/dev/null 2>&1 &) ; `
		n += 3
	}
	return command + "wait", n
}

func TestNothingSurvives(t *testing.T) {
	command, n := tree()
	for name, end := range map[string]func(t *testing.T, f fixture, cancel func()){
		"a cancel": func(_ *testing.T, _ fixture, cancel func()) { cancel() },
		"closing":  func(t *testing.T, f fixture, _ func()) { _ = f.shell.Close() },
		"killing":  func(_ *testing.T, f fixture, _ func()) { f.shell.Kill() },
		"process kill": func(t *testing.T, f fixture, _ func()) {
			do(t, f.process, map[string]any{"action": "kill", "sessionId": "c1"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t, shell.Config{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			result := make(chan hearth.ToolResult, 1)
			go func() {
				raw, _ := json.Marshal(map[string]any{"command": command, "background": name == "process kill"})
				got, _ := f.exec.Run(ctx, hearth.ToolCall{Name: "exec", Arguments: string(raw)})
				result <- got
			}()
			all := pids(t, f, n)
			if name == "process kill" {
				<-result
			}
			end(t, f, cancel)
			if name != "process kill" {
				if got := <-result; !got.Failed {
					t.Errorf("%q", got.Text)
				}
			}
			for i, pid := range all {
				if alive(pid) {
					t.Errorf("program %d of %d is still running", i+1, n)
				}
			}
		})
	}
}

func TestAProcessThatIsAboutToExitAsksNoCommand(t *testing.T) {
	f := open(t, shell.Config{})
	result := make(chan hearth.ToolResult, 1)
	go func() {
		result <- do(t, f.exec, map[string]any{"command": `trap "exit 0" TERM; echo $$ >>pids; while :; do sleep 1; done`})
	}()
	pids(t, f, 1)
	f.shell.Kill()
	if got := <-result; !strings.Contains(string(got.Detail), `"exitCode":137`) {
		t.Errorf("it did not end by being killed: %s", got.Detail)
	}
	if got := do(t, f.exec, map[string]any{"command": "true"}); !got.Failed {
		t.Errorf("another command was run: %q", got.Text)
	}
}

func TestATimeLimitEndsTheWholeTree(t *testing.T) {
	command, n := tree()
	f := open(t, shell.Config{})
	if got := do(t, f.exec, map[string]any{"command": command, "timeout": 1}); !got.Failed {
		t.Errorf("%q", got.Text)
	}
	for i, pid := range pids(t, f, n) {
		if alive(pid) {
			t.Errorf("program %d of %d is still running", i+1, n)
		}
	}
}

func TestADaemonThatHoldsTheOutputDoesNotHoldTheTurn(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("no setsid here:", err)
	}
	f := open(t, shell.Config{YieldMS: 60_000})
	got := f.run(t, "setsid sh -c 'echo $$ >pids; sleep 300' & until [ -s pids ]; do :; done; echo started")
	if !strings.HasPrefix(got.Text, "started\n") || strings.Contains(got.Text, "background") {
		t.Errorf("%q", got.Text)
	}
	for _, pid := range pids(t, f, 1) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// A program that left its group, its session and its parent goes on after its command,
// and ends with the Shell.
func TestADaemonEndsWithTheShell(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil || runtime.GOOS != "linux" {
		t.Skip("no setsid, or no way to find what it started")
	}
	f, other := open(t, shell.Config{}), open(t, shell.Config{})
	const daemon = "setsid nohup sh -c 'echo $$ >pids; exec sleep 300' >/dev/null 2>&1 & until [ -s pids ]; do :; done"
	f.run(t, daemon)
	other.run(t, daemon)
	mine, theirs := pids(t, f, 1)[0], pids(t, other, 1)[0]
	if !alive(mine) {
		t.Fatal("it ended with its command")
	}
	if err := f.shell.Close(); err != nil {
		t.Fatal(err)
	}
	if f.shell.Left() != 1 {
		t.Errorf("%d were ended", f.shell.Left())
	}
	for deadline := time.Now().Add(time.Minute); alive(mine); runtime.Gosched() { // the kernel takes its time
		if time.Now().After(deadline) {
			t.Fatal("it is still running")
		}
	}
	if !alive(theirs) {
		t.Error("another Shell's was ended too")
	}
}

func TestTooManyCommands(t *testing.T) {
	f := open(t, shell.Config{MaxRunning: 1})
	do(t, f.exec, map[string]any{"command": "sleep 100", "background": true})
	if got := f.run(t, "echo hi"); got.Text != "exec: 1 commands are running already; stop one with process kill; nothing was run" {
		t.Errorf("%q", got.Text)
	}
	if err := f.shell.Close(); err != nil {
		t.Fatal(err)
	}
	if got := f.run(t, "echo hi"); got.Text != "exec: the gateway is shutting down; nothing was run" {
		t.Errorf("%q", got.Text)
	}
}

func TestCommandsTaintWhatChangedMeanwhile(t *testing.T) {
	record, err := tool.OpenTaints(filepath.Join(t.TempDir(), "taints"))
	if err != nil {
		t.Fatal(err)
	}
	f := open(t, shell.Config{Taints: record})
	f.run(t, "echo theirs >f; touch -d '2001-01-01' f")
	info, err := os.Stat(filepath.Join(f.root, "f"))
	if err != nil || !record.Tainted("f", info) {
		t.Errorf("not tainted, %v", err)
	}
}

func TestWhatWouldRunIsForeseenAndShown(t *testing.T) {
	f := open(t, shell.Config{Shell: []string{"/bin/sh", "-c"}})
	for _, row := range []struct {
		args, shown string
		argv        []string
	}{
		{`{"command":"git status"}`, "exec git status", []string{"/bin/sh", "-c", "git status"}},
		{`{"command":"ls","workdir":"sub"}`, "exec ls (in sub)", []string{"env", "-C", "sub", "/bin/sh", "-c", "ls"}},
		{`{"command":"ls","env":{"B":"2","A":"1"},"background":true}`, "exec ls (with A=1, with B=2, in the background)", []string{"env", "A=1", "B=2", "/bin/sh", "-c", "ls"}},
		{`{"command":"ls\nrm -rf ~\u202e"}`, `exec ls\nrm -rf ~\u202e`, []string{"/bin/sh", "-c", "ls\nrm -rf ~\u202e"}},
		{`{"command":`, "exec ", nil},
	} {
		c := hearth.ToolCall{Name: "exec", Arguments: row.args}
		foreseer, ok := f.exec.(tool.Foreseer)
		describer, ok2 := f.exec.(tool.Describer)
		if !ok || !ok2 {
			t.Fatal("exec cannot be foreseen or shown")
		}
		if argv, _ := foreseer.Foresee(c); !slices.Equal(argv, row.argv) {
			t.Errorf("%s: argv %q", row.args, argv)
		}
		if shown := describer.Describe(c); shown != row.shown {
			t.Errorf("%s: shown as %q", row.args, shown)
		}
	}
}

func TestNothingHidesInALongCommand(t *testing.T) {
	f := open(t, shell.Config{})
	describer, ok := f.exec.(tool.Describer)
	if !ok {
		t.Fatal("exec cannot be shown")
	}
	raw, err := json.Marshal(map[string]string{"command": strings.Repeat("echo ok; ", 5000) + "rm -rf ~; " + strings.Repeat("echo ok; ", 5000)})
	if err != nil {
		t.Fatal(err)
	}
	if shown := describer.Describe(hearth.ToolCall{Name: "exec", Arguments: string(raw)}); !strings.Contains(shown, "rm -rf ~") {
		t.Error("the middle of a long command is not shown to the person who decides on it")
	}
}

func TestTheSchemasAreSmall(t *testing.T) {
	total := 0
	for _, tl := range shell.New(shell.Config{Root: t.TempDir()}).Tools() {
		raw, err := json.Marshal(tl.Spec())
		if err != nil {
			t.Fatal(err)
		}
		total += len(raw)
	}
	if total > 1200 {
		t.Errorf("exec and process take %d bytes of every prompt", total)
	}
}
