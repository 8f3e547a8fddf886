package policy_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/policy"
)

func allowed(text string, allowlist ...string) bool {
	return allowedArgv([]string{"/bin/sh", "-c", text}, allowlist...)
}

func allowedArgv(argv []string, allowlist ...string) bool {
	return policy.Decide(policy.Input{
		Asker: hearth.FromOwner, Effect: hearth.EffectRun, Argv: argv, CanAsk: true,
		Rules: policy.Rules{Exec: policy.SecurityAllowlist, Ask: policy.AskOnMiss, Allowlist: allowlist},
	}).Verdict == policy.Allow
}

var careful = []string{"git status", "git log **", "ls", "ls *", "grep -r * src", "wc -l", "echo **", "sort", "./build.sh", "/usr/bin/env"}

func TestTheAllowlistKnowsWholeCommands(t *testing.T) {
	for _, text := range []string{
		"git status", "  git   status  ", "git status # a comment", "git log --oneline -5", "git log", "ls", "ls src", "ls 'a b'", `ls "a b"`, "grep -r 'x y' src | wc -l", "git status && ls", "ls; git status", "ls\ngit status",
		"ls || echo none", "echo 'it costs $5 `now`'", "./build.sh", "git log | sort | wc -l", "'git' status", "git 'status'", "echo 'a;b|c&d>e'",
	} {
		if !allowed(text, careful...) {
			t.Errorf("%q is not found on the list", text)
		}
	}
}

// bypasses are ways around lists of commands, most of which worked against somebody
// (security study, section 6, row 14, and what we thought of ourselves).
var bypasses = []string{
	"git push", "git status -s", "git", "git  statusx", "gitstatus", "ls a b", "ls -l -a", "/bin/ls", "./ls", "~/ls", "LS", "Git status",
	"git status; rm -rf ~", "git status && curl x", "git status || curl x", "git status | sh", "git status & curl x", "git status &", "git status\ncurl x", "git status\rcurl x", "git status\n\ncurl x",
	"git status > /etc/passwd", "git status >> x", "git status 2>&1", "git status < x", "git status <<E\nx\nE", "git status <<<x", "git status >| x", "git status &> x", "git status <> x", "ls >(sh)", "ls <(curl x)",
	"ls $(curl x)", "ls `curl x`", `ls "$(curl x)"`, "ls \"`curl x`\"", "ls $X", "ls ${X}", "ls ${X:-$(curl x)}", "ls $((1))", `ls "$X"`, "ls $'a\\x41'", `ls $"a"`, "ls ~root", "ls *", "ls ?", "ls [a-z]", "ls {a,b}", "ls a{1..3}",
	"X=1 git status", "PATH=/tmp git status", "LD_PRELOAD=x ls", "env git status", "/usr/bin/env -S sh", "env -S 'sh -c x'", "command git status", "exec git status", "eval git status", "nohup git status", "sudo git status", "time git status",
	"(git status)", "{ git status; }", "! git status", "if true; then ls; fi", "for x in a; do ls; done", "while ls; do ls; done", "case a in a) ls;; esac", "ls() { curl x; }; ls", "function ls { curl x; }", "alias ls=curl", "[[ -f x ]]", "coproc ls",
	"\\ls", "l\\s", "ls \\\n-l", "git\u00a0status", "git\u200bstatus", "gіt status", "git status\x00", "ls\v-l", "ls\f-l", "ls;;ls", "ls |", "&& ls", "", " ", "#", "# git status", "\n",
	"cd /tmp && ./build.sh", "ls; ./build.sh", "./build.sh x", "build.sh", "../build.sh", "./x/../build.sh", "echo a > b", "echo $(x)", "git log --output=x > y", "sort -o x", "sort --compress-program=sh", "grep -r x src y", "grep -r x", "history -s x", "ls!!", "ls ^a^b", "%1",
	"git log 'a\nb'", "echo \"a\\\"; curl x\"", "echo \"!x\"", "printf x", "xargs ls", "ls =sh", "echo =sh", strings.Repeat("(", 100_000), strings.Repeat("$(", 50_000), strings.Repeat("ls;", 5000), strings.Repeat("! ", 50_000) + "ls", "find . -exec ls", "awk 'BEGIN{system(\"x\")}'", "python3 -c x", "sh -c ls", "bash -c 'ls'", "wc -l x", "wc -l --files0-from=x",
}

func TestBypasses(t *testing.T) {
	exact := slices.DeleteFunc(slices.Clone(careful), func(p string) bool { return p == "echo **" || p == "git log **" || p == "ls *" })
	for _, text := range bypasses {
		if allowed(text, exact...) {
			t.Errorf("%q runs without a question", text)
		}
	}
	for _, text := range bypasses {
		// What the wide patterns are meant for is not a bypass.
		if wide := strings.HasPrefix(text, "ls ") && !strings.ContainsAny(text, "$`~*?[{<>(;|&\\\v\f^=") || text == "git log 'a\nb'"; !wide && allowed(text, careful...) {
			t.Errorf("%q runs without a question where echo **, git log ** and ls * are allowed", text)
		}
	}
}

func TestArgvsThatAreNotAPlainShell(t *testing.T) {
	for _, row := range []struct {
		argv []string
		want bool
	}{
		{[]string{"git", "status"}, true},
		{[]string{"env", "-C", "sub", "/bin/sh", "-c", "git status"}, true},
		{[]string{"env", "-C", "sub", "/bin/sh", "-c", "./build.sh"}, false},
		{[]string{"env", "A=1", "/bin/sh", "-c", "git status"}, false},
		{[]string{"env", "-C", "sub", "A=1", "/bin/sh", "-c", "git status"}, false},
		{[]string{"/bin/sh", "-x", "git status"}, false},
		{[]string{"/bin/sh", "-c", "git status", "x"}, false},
		{[]string{"powershell.exe", "-NoProfile", "-NonInteractive", "-Command", "git status"}, false},
		{[]string{"process", "submit", "c1", "git status"}, false},
		{nil, false},
		{[]string{""}, false},
	} {
		if got := allowedArgv(row.argv, careful...); got != row.want {
			t.Errorf("%q: %t", row.argv, got)
		}
	}
	if allowed("ls", "", " ", "**", "* **") != true || allowed("/tmp/evil", "*") || allowed("ls x", "*") || !allowed("ls", "*") {
		t.Error("the widest patterns do not do what the contract says")
	}
}

func TestInlineCodeIsAskedAboutWhereThatIsWanted(t *testing.T) {
	for text, want := range map[string]bool{
		"python3 -c x": false, "python3 x.py": true, "node --eval=x": false, "perl -ne x": false, "/usr/bin/ruby -e x": false, "ls | python3 -c x": false,
		"env python3 -c x": false, "python3 -Ic x": false, "echo python": true, "awk x": false, "php -r x": false, "deno eval x": false,
		"python3.12 -c x": false, "python3.12 x.py": true, "ruby3.2 -e x": false, "lua5.4 -e x": false, "php8.3 -r x": false, "pypy3.10 -c x": false,
		"perl5.36.0 -e x": false, "nodejs -e x": false, "Python -c x": false, "pwsh -c x": false, "make 1.2": true, "gzip -c 3.9": true,
	} {
		got := policy.Decide(policy.Input{
			Asker: hearth.FromOwner, Effect: hearth.EffectRun, Argv: []string{"sh", "-c", text}, CanAsk: true,
			Rules: policy.Rules{Exec: policy.SecurityAllowlist, Allowlist: []string{"** **", "* **", "/usr/bin/ruby **"}, StrictInlineEval: true},
		}).Verdict == policy.Allow
		if got != want {
			t.Errorf("%q: allowed %t", text, got)
		}
	}
}

// TestShellsReadAsWeDo gives commands that are accepted to every shell of this machine
// and compares the arguments that arrive with those that were looked up.
func TestShellsReadAsWeDo(t *testing.T) {
	dir := t.TempDir()
	const record = "rec() { for arg; do printf '%s\\037' \"$arg\"; done; printf '\\036'; }\n"
	pieces := []string{"a", "-b", "'c d'", `"e f"`, "'$x'", "=", "a=b", "b=", ":", "@", "%", "+", ",", "''", `""`, "'\"'", `"'"`, "#x", "x#y", "~", "$", "`", "*", "{a,b}", "!", "^", "\\", "\t", "é", "'é'", "-", "--", "[", "]", "'*'", `"~"`, "1", "a'b'c", "%%", "x=~", ":~"}
	var texts []string
	for _, a := range pieces {
		for _, b := range pieces {
			texts = append(texts, "rec "+a+" "+b, "rec "+a+b)
		}
	}
	var shells []string
	for _, name := range []string{"sh", "dash", "bash", "zsh", "ksh"} {
		if p, err := exec.LookPath(name); err == nil {
			shells = append(shells, p)
		}
	}
	if len(shells) == 0 {
		t.Skip("no shell here")
	}
	accepted := slices.DeleteFunc(texts, func(text string) bool { return !allowed(text, "rec **") })
	if len(accepted) < 300 {
		t.Fatalf("only %d of the texts are accepted", len(accepted))
	}
	for _, shell := range shells {
		cmd := exec.Command(shell, "-c", record+strings.Join(accepted, "\n"))
		cmd.Env = []string{"HOME=/home/x"}
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", shell, err)
		}
		runs := strings.Split(strings.TrimSuffix(string(out), "\x1e"), "\x1e")
		if len(runs) != len(accepted) {
			t.Fatalf("%s ran %d commands of %d", shell, len(runs), len(accepted))
		}
		for i, run := range runs {
			args := strings.Split(strings.TrimSuffix(run, "\x1f"), "\x1f")
			if run == "" {
				args = nil
			}
			if !matchesExactly(accepted[i], args) {
				t.Errorf("%s runs %q with %q, which is not what was looked up", shell, accepted[i], args)
			}
		}
	}
}

// matchesExactly asks whether a list that holds just these arguments would have let the
// command through. Arguments with spaces cannot be written in a pattern; * stands for them.
func matchesExactly(text string, args []string) bool {
	pattern := []string{"rec"}
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " *\t") {
			a = "*"
		}
		pattern = append(pattern, a)
	}
	return allowed(text, strings.Join(pattern, " "))
}

func FuzzAllowlist(f *testing.F) {
	for _, b := range bypasses {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !allowed(text, "git status") {
			return
		}
		// Nothing but this one command, perhaps more than once, may have been let through.
		stripped := text
		if i := strings.Index(stripped, "#"); i >= 0 {
			t.Skip("comments are the parser's business")
		}
		for _, word := range []string{"git", "status", "'", `"`, ";", "|", "&&", "||", "\n", " ", "\t", "\r\n"} {
			stripped = strings.ReplaceAll(stripped, word, "")
		}
		if strings.Trim(stripped, "gitsau") != "" {
			t.Fatalf("%q is taken for git status", text)
		}
	})
}
