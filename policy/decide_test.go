package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/policy"
)

var (
	askers = []hearth.Provenance{
		"", hearth.FromGateway, hearth.FromOwner, hearth.FromFile, hearth.FromModel, hearth.FromMember, hearth.FromTool, hearth.FromWeb, hearth.FromStranger, "made-up",
	}
	effects = []hearth.Effect{
		"", hearth.EffectRead, hearth.EffectFetch, hearth.EffectWriteScratch, hearth.EffectWrite, hearth.EffectRun, hearth.EffectSendKnown, hearth.EffectSendNew,
		hearth.EffectRemember, hearth.EffectSchedule, hearth.EffectConfigure, "made-up",
	}
	securities = []policy.Security{"", policy.SecurityDeny, policy.SecurityAllowlist, policy.SecurityFull, "made-up"}
	askModes   = []policy.AskMode{"", policy.AskOff, policy.AskOnMiss, policy.AskAlways, "made-up"}
	argvs      = [][]string{nil, {"/bin/sh", "-c", "git status"}, {"/bin/sh", "-c", "git push"}, {"/bin/sh", "-c", "git status; rm -rf ~"}}
	targets    = [][]string{nil, {"notes.md"}, {"SOUL.md"}, {".git/hooks/pre-commit"}, {"hearth.json"}, {"notes.md", "AGENTS.md"}, {""}}
)

// everyInput gives every combination of what a decision may depend on.
func everyInput(yield func(policy.Input) bool) {
	for _, asker := range askers {
		for _, effect := range effects {
			for _, security := range securities {
				for _, mode := range askModes {
					for _, argv := range argvs {
						for _, target := range targets {
							for _, bits := range []int{0, 1, 2, 3, 4, 5, 6, 7} {
								in := policy.Input{
									Asker: asker, Effect: effect, Argv: argv, Targets: target, Tainted: bits&1 != 0, CanAsk: bits&2 != 0, Tier: policy.Tier(bits >> 2),
									Rules: policy.Rules{Exec: security, Ask: mode, Allowlist: []string{"git status"}},
								}
								if !yield(in) {
									return
								}
							}
						}
					}
				}
			}
		}
	}
}

func TestTheWholeTable(t *testing.T) {
	n := 0
	for in := range everyInput {
		n++
		d := policy.Decide(in)
		bad := func(why string) { t.Fatalf("%s: %+v gave %+v", why, in, d) }
		change := func(f func(*policy.Input)) policy.Decision {
			other := in
			f(&other)
			return policy.Decide(other)
		}
		owner := in.Asker == hearth.FromOwner || in.Asker == hearth.FromGateway
		switch {
		case d != policy.Decide(in):
			bad("the same input gives another decision")
		case d.Rule == "" || d.Verdict != policy.Allow && d.Reason == "":
			bad("no rule or no reason")
		case d.Verdict == policy.Ask && !in.CanAsk:
			bad("asks where nobody can be asked")
		case in.Effect == "" || in.Effect == "made-up" || in.Asker == "" || in.Asker == "made-up":
			if d.Verdict != policy.Deny {
				bad("an input that is not understood is not denied")
			}
		case !owner && in.Asker != hearth.FromMember && d.Verdict != policy.Deny:
			bad("a stranger gets something")
		}
		if !in.Tainted && change(func(o *policy.Input) { o.Tainted = true }).Verdict > d.Verdict {
			bad("taint loosens")
		}
		if in.Tier == policy.TierStrict && change(func(o *policy.Input) { o.Tier = policy.TierStrong }).Verdict < d.Verdict {
			bad("a stronger model is trusted less")
		}
		if in.CanAsk && change(func(o *policy.Input) { o.CanAsk = false }).Verdict > d.Verdict {
			bad("nobody being there loosens")
		}
		if in.Asker == hearth.FromMember && change(func(o *policy.Input) { o.Asker = hearth.FromOwner }).Verdict < d.Verdict {
			bad("a member may more than the owner")
		}
		if in.Effect == hearth.EffectRun {
			checkRun(t, in, d)
		}
	}
	if n < 100_000 {
		t.Errorf("only %d inputs were tried", n)
	}
}

// checkRun states the rules for commands once more, from hearth.md section 6.
func checkRun(t *testing.T, in policy.Input, d policy.Decision) {
	t.Helper()
	listed := len(in.Argv) == 3 && in.Argv[2] == "git status"
	mayAsk := policy.Deny
	if in.CanAsk {
		mayAsk = policy.Ask
	}
	want := mayAsk
	switch {
	case in.Asker != hearth.FromOwner && in.Asker != hearth.FromGateway:
		return
	case in.Rules.Exec == policy.SecurityDeny || in.Rules.Exec == "made-up":
		want = policy.Deny
	case in.Rules.Ask == policy.AskAlways || in.Rules.Ask == "made-up" || in.Rules.Exec == policy.SecurityUnset:
	case listed:
		want = policy.Allow
	case in.Rules.Exec == policy.SecurityFull && in.Rules.Ask == policy.AskOff:
		want = policy.Allow
	case in.Rules.Exec == policy.SecurityAllowlist && in.Rules.Ask == policy.AskOff:
		want = policy.Deny
	}
	if d.Verdict != want {
		t.Fatalf("%+v gave %+v, want %s", in, d, want)
	}
	if d.Verdict == policy.Ask && !strings.Contains(d.Reason, "your own rights") {
		t.Fatalf("the question does not say that the command runs with the person's own rights: %q", d.Reason)
	}
}

func TestTheZeroValuesDeny(t *testing.T) {
	var d policy.Decision
	if d.Verdict != policy.Deny || policy.Decide(policy.Input{}).Verdict != policy.Deny {
		t.Error("a zero value allows")
	}
}

func TestRows(t *testing.T) {
	owner := func(e hearth.Effect) policy.Input {
		return policy.Input{Asker: hearth.FromOwner, Effect: e, CanAsk: true}
	}
	write := func(tainted bool, targets ...string) policy.Input {
		in := owner(hearth.EffectWrite)
		in.Tainted, in.Targets = tainted, targets
		return in
	}
	free := func(in policy.Input) policy.Input {
		in.Rules = policy.Rules{Exec: policy.SecurityFull, Ask: policy.AskOff}
		return in
	}
	for _, row := range []struct {
		name string
		in   policy.Input
		want policy.Verdict
		rule string
	}{
		{"the owner reads", owner(hearth.EffectRead), policy.Allow, policy.RuleHarmless},
		{"the owner's clean turn writes", write(false, "a.go"), policy.Allow, policy.RuleWorkspace},
		{"the owner's clean turn writes SOUL.md", write(false, "SOUL.md"), policy.Allow, policy.RuleWorkspace},
		{"a tainted turn writes", write(true, "a.go"), policy.Ask, policy.RuleTaintedWrite},
		{"a tainted turn writes where commands run unasked anyway", free(write(true, "a.go")), policy.Allow, policy.RuleWorkspace},
		{"a tainted turn writes SOUL.md, whatever the rules", free(write(true, "SOUL.md")), policy.Ask, policy.RulePersistent},
		{"a tainted turn writes through a link to it", free(write(true, "x.md", "sub/Memory.md")), policy.Ask, policy.RulePersistent},
		{"a tainted turn writes what it does not say", free(write(true)), policy.Ask, policy.RulePersistent},
		{"a clean turn writes a git hook", write(false, ".git/hooks/pre-commit"), policy.Ask, policy.RulePersistent},
		{"a tainted turn writes the gateway's settings", write(true, "hearth.json"), policy.Deny, policy.RuleGatewayFile},
		{"a clean turn writes the gateway's settings", free(write(false, "openclaw.json")), policy.Ask, policy.RuleGatewayFile},
		{"a command, nothing written in the config", owner(hearth.EffectRun), policy.Ask, policy.RuleExecAsk},
		{"full alone does not run unasked", func() policy.Input { in := owner(hearth.EffectRun); in.Rules.Exec = policy.SecurityFull; return in }(), policy.Ask, policy.RuleExecAsk},
		{"remembering in a tainted turn", func() policy.Input { in := owner(hearth.EffectRemember); in.Tainted = true; return in }(), policy.Ask, policy.RulePersistent},
		{"changing the gateway in a tainted turn", func() policy.Input { in := owner(hearth.EffectConfigure); in.Tainted = true; return in }(), policy.Deny, policy.RuleGatewayFile},
		{"a member schedules", policy.Input{Asker: hearth.FromMember, Effect: hearth.EffectSchedule, CanAsk: true}, policy.Deny, policy.RuleMember},
		{"a member writes", policy.Input{Asker: hearth.FromMember, Effect: hearth.EffectWrite, Targets: []string{"a"}, CanAsk: true}, policy.Ask, policy.RuleMember},
		{"a stranger reads", policy.Input{Asker: hearth.FromStranger, Effect: hearth.EffectRead, CanAsk: true}, policy.Deny, policy.RuleStranger},
	} {
		if got := policy.Decide(row.in); got.Verdict != row.want || got.Rule != row.rule {
			t.Errorf("%s: %s by %s, want %s by %s", row.name, got.Verdict, got.Rule, row.want, row.rule)
		}
	}
}

func TestGuardedFiles(t *testing.T) {
	verdict := func(target string) policy.Verdict {
		return policy.Decide(policy.Input{
			Asker: hearth.FromOwner, Effect: hearth.EffectWrite, Targets: []string{target}, Tainted: true, CanAsk: true,
			Rules: policy.Rules{Exec: policy.SecurityFull, Ask: policy.AskOff},
		}).Verdict
	}
	for _, name := range []string{
		"SOUL.md", "soul.md", "Soul.MD", "./SOUL.md", "sub/../SOUL.md", "sub/AGENTS.md", "MEMORY.md", "HEARTBEAT.md", "USER.md", "IDENTITY.md", "memory/2026-11-21.md", "skills/x/run.sh",
		"SOUL.md.", "SOUL.md ", "SOUL.md::$DATA", "SOUL.md:x", "SO\u200bUL.md", "\ufeffSOUL.md", "ſoul.md", "HEARTB~1.MD", "AGENTS~1.MD", "sub\\SOUL.md", "SOUL.md/",
		".git/hooks/pre-commit", ".GIT/config", "sub/.git/hooks/x", "GIT~1/hooks/x", ".g\u200cit/config", ".git./config", ".bashrc", ".zshrc", ".profile", ".ssh/authorized_keys", ".vscode/tasks.json", ".envrc", ".husky/pre-commit", ".bash_aliases", ".config/git/config", ".local/bin/ls", ".emacs.d/init.el",
		"WindowsPowerShell/Microsoft.PowerShell_profile.ps1", ".config/fish/config.fish", ".config/autostart/x.desktop", "Library/LaunchAgents/x.plist",
	} {
		if got := verdict(name); got != policy.Ask {
			t.Errorf("%q: %s, want ask", name, got)
		}
	}
	for _, name := range []string{"hearth.json", "openclaw.json", "Hearth.JSON", ".hearth/hearth.json", ".openclaw/agents/main/x", ".hearth/hearth.db", "exec-approvals.json", ".env", ".ENV", "~/.hearth/logs/x", ""} {
		if got := verdict(name); got != policy.Deny {
			t.Errorf("%q: %s, want deny", name, got)
		}
	}
	for _, name := range []string{"notes.md", "src/soul.go", "my-SOUL.md", "SOUL.md.bak", "git/config", "hooks/x", "environment", ".gitignore", ".github/workflows/ci.yml", "memories.txt", "agents/x.md", ".hearth/workspace/notes.md", "/home/me/.openclaw/workspace-main/x.md"} {
		if got := verdict(name); got != policy.Allow {
			t.Errorf("%q: %s, want allow", name, got)
		}
	}
}

func TestApprovalsAreBoundToEverything(t *testing.T) {
	call := hearth.ToolCall{ID: "c", Name: "exec", Arguments: `{"command":"ls"}`}
	base := policy.Hash(call, "dir", "argv")
	for name, other := range map[string]string{
		"id":        policy.Hash(hearth.ToolCall{ID: "d", Name: call.Name, Arguments: call.Arguments}, "dir", "argv"),
		"name":      policy.Hash(hearth.ToolCall{ID: call.ID, Name: "exe", Arguments: "c" + call.Arguments}, "dir", "argv"),
		"arguments": policy.Hash(hearth.ToolCall{ID: call.ID, Name: call.Name, Arguments: call.Arguments + " "}, "dir", "argv"),
		"folder":    policy.Hash(call, "dir2", "argv"),
		"border":    policy.Hash(call, "dira", "rgv"),
		"fewer":     policy.Hash(call, "dirargv"),
		"none":      policy.Hash(call),
	} {
		if other == base {
			t.Errorf("another %s has the same hash", name)
		}
	}
}

func TestStricter(t *testing.T) {
	for _, row := range []struct{ config, file, want policy.Rules }{
		{policy.Rules{Exec: "full", Ask: "off"}, policy.Rules{}, policy.Rules{Exec: "full", Ask: "off"}},
		{policy.Rules{Exec: "full", Ask: "off"}, policy.Rules{Exec: "allowlist", Ask: "on-miss"}, policy.Rules{Exec: "allowlist", Ask: "on-miss"}},
		{policy.Rules{}, policy.Rules{Exec: "full", Ask: "off"}, policy.Rules{}},
		{policy.Rules{Exec: "deny"}, policy.Rules{Exec: "full"}, policy.Rules{Exec: "deny"}},
		{policy.Rules{Exec: "full", Ask: "on-miss"}, policy.Rules{Exec: "deny", Ask: "off"}, policy.Rules{Exec: "deny", Ask: "on-miss"}},
		{policy.Rules{Exec: "full", Ask: "off"}, policy.Rules{Exec: "made-up", Ask: "made-up"}, policy.Rules{Exec: "made-up", Ask: "made-up"}},
	} {
		if got := policy.Stricter(row.config, row.file); got.Exec != row.want.Exec || got.Ask != row.want.Ask {
			t.Errorf("%+v and %+v gave %+v", row.config, row.file, got)
		}
	}
	// No file, whatever it says, lets a call run unasked that the config alone would not.
	for _, fileExec := range securities {
		for _, fileAsk := range askModes {
			for in := range everyInput {
				if in.Effect != hearth.EffectRun || in.Asker != hearth.FromOwner || in.Targets != nil {
					continue
				}
				before := policy.Decide(in).Verdict
				in.Rules = policy.Stricter(in.Rules, policy.Rules{Exec: fileExec, Ask: fileAsk})
				if after := policy.Decide(in).Verdict; after == policy.Allow && before != policy.Allow {
					t.Fatalf("a file with %q and %q loosens %+v from %s to %s", fileExec, fileAsk, in, before, after)
				}
			}
		}
	}
}

func TestReadApprovals(t *testing.T) {
	data := `{"version":1,"socket":{"path":"x"},"defaults":{"security":"full","ask":"off","askFallback":"deny"},
		"agents":{"main":{"security":"allowlist","ask":"on-miss","allowlist":[{"id":"1","pattern":"/usr/bin/git","source":"x"}]},"*":{"ask":"always","allowlist":[{"pattern":"ls"}]}}}`
	got, err := policy.ReadApprovals([]byte(data), "main")
	if err != nil || got.Exec != policy.SecurityAllowlist || got.Ask != policy.AskOnMiss || !slices.Equal(got.Allowlist, []string{"ls", "/usr/bin/git"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := policy.ReadApprovals([]byte(data), "other"); err != nil || got.Exec != policy.SecurityFull || got.Ask != policy.AskAlways {
		t.Errorf("%+v, %v", got, err)
	}
	for _, broken := range []string{"", "{", "[]", `{"version":2}`, `{"version":1,"defaults":{"security":"sure"}}`, `{"version":1,"defaults":{"ask":7}}`} {
		if got, err := policy.ReadApprovals([]byte(broken), "main"); err == nil || got.Ask != policy.AskAlways {
			t.Errorf("%q: %+v, %v", broken, got, err)
		}
	}
}

func TestSurface(t *testing.T) {
	all := []string{"read", "write", "edit", "apply_patch", "exec", "process", "web_fetch", "memory_get", "session_status", "message", "browser", "cron"}
	for _, row := range []struct {
		name   string
		layers []policy.Grant
		want   string
	}{
		{"nothing written", nil, "read write edit apply_patch exec process web_fetch memory_get session_status message browser cron"},
		{"the coding profile", []policy.Grant{{Profile: "coding"}}, "read write edit apply_patch exec process web_fetch memory_get session_status cron"},
		{"a profile and more", []policy.Grant{{Profile: "Minimal", AlsoAllow: []string{"READ"}}}, "read session_status"},
		{"a profile that nobody knows", []policy.Grant{{Profile: "codign"}}, ""},
		{"an allowlist with a group and a wildcard", []policy.Grant{{Allow: []string{"group:fs", "mem*"}}}, "read write edit apply_patch memory_get"},
		{"bash is exec", []policy.Grant{{Allow: []string{"Bash"}}}, "exec"},
		{"write brings apply_patch", []policy.Grant{{Allow: []string{"write"}}}, "write apply_patch"},
		{"deny wins", []policy.Grant{{Allow: []string{"*"}, Deny: []string{"bash", "GROUP:FS"}}}, "process web_fetch memory_get session_status message browser cron"},
		{"deny wins over alsoAllow", []policy.Grant{{Profile: "full", AlsoAllow: []string{"exec"}, Deny: []string{"*"}}}, ""},
		{"later layers only narrow", []policy.Grant{{Profile: "messaging"}, {Allow: []string{"*"}, AlsoAllow: []string{"exec"}}}, "session_status message"},
	} {
		if got := strings.Join(policy.Surface(all, row.layers...), " "); got != row.want {
			t.Errorf("%s: %s\nwant %s", row.name, got, row.want)
		}
	}
	grants := map[string]policy.Grant{"ollama": {Deny: []string{"exec"}}, "Ollama/qwen3:8b": {Allow: []string{"read", "exec"}}, "other": {Deny: []string{"*"}}}
	if got := policy.Surface(all, policy.ForModel(grants, hearth.ModelRef{Provider: "ollama", Model: "qwen3:8b"})...); !slices.Equal(got, []string{"read"}) {
		t.Errorf("by provider: %q", got)
	}
}

func TestRepeats(t *testing.T) {
	turn := func(steps string) []policy.Step {
		var out []policy.Step
		for i, s := range strings.Fields(steps) {
			name, result, _ := strings.Cut(s, "=")
			out = append(out, policy.Step{
				Call:   hearth.ToolCall{ID: hearth.CallID(fmt.Sprint(i)), Name: name, Arguments: "{}"},
				Result: hearth.ToolResult{CallID: hearth.CallID(fmt.Sprint(i)), Text: result, Detail: []byte(fmt.Sprint(i))},
			})
		}
		return out
	}
	for _, row := range []struct {
		steps string
		want  int
	}{
		{"", 0}, {"a=1", 1}, {"a=1 a=1", 2}, {"a=1 a=1 a=1", 3}, {"a=1 a=2 a=1", 1}, {"a=1 a=1 b=1 a=1", 1}, {"a=1 a=1 a=1 b=1", 1},
		{"a=1 b=1 a=1 b=1 a=1 b=1", 3}, {"a=1 b=1 a=1 b=1 a=1 b=2", 1}, {"x=1 a=1 b=1 c=1 a=1 b=1 c=1 a=1 b=1 c=1", 3}, {"a=1 b=1 c=1 d=1 a=1 b=1 c=1 d=1 a=1 b=1 c=1 d=1", 3},
		{"a=1 b=1 c=1 d=1 e=1 a=1 b=1 c=1 d=1 e=1 a=1 b=1 c=1 d=1 e=1", 1},
	} {
		if got := policy.Repeats(turn(row.steps)); got != row.want {
			t.Errorf("%q: %d, want %d", row.steps, got, row.want)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	in := policy.Input{
		Asker: hearth.FromOwner, Effect: hearth.EffectRun, Argv: []string{"/bin/sh", "-c", "git log --oneline | head -20 && go test ./..."}, CanAsk: true,
		Rules: policy.Rules{Exec: policy.SecurityAllowlist, Allowlist: []string{"git log **", "head *", "go test ./..."}},
	}
	for b.Loop() {
		policy.Decide(in)
	}
}

func TestADenialNamesWhoDenied(t *testing.T) {
	in := policy.Input{Asker: hearth.FromOwner, Effect: hearth.EffectRun, Argv: []string{"ls"}, CanAsk: true}
	in.Rules = policy.Stricter(policy.Rules{Exec: policy.SecurityFull, Ask: policy.AskOff}, policy.Rules{Exec: policy.SecurityDeny})
	if d := policy.Decide(in); d.Verdict != policy.Deny || !strings.Contains(d.Reason, "exec-approvals.json") {
		t.Errorf("got %+v", d)
	}
	in.Rules = policy.Rules{Exec: policy.SecurityDeny}
	if d := policy.Decide(in); !strings.Contains(d.Reason, "tools.exec.security") {
		t.Errorf("got %+v", d)
	}
}

// Whatever an exec-approvals file holds: one that cannot be read asks about everything,
// and none makes anything freer than the config.
func FuzzReadApprovals(f *testing.F) {
	for _, s := range []string{
		`{"version":1,"defaults":{"security":"full","ask":"off"},"agents":{"main":{"security":"allowlist","ask":"on-miss","allowlist":[{"pattern":"git"}]},"*":{"ask":"always"}}}`,
		`{"version":1,"defaults":{"security":null}}`, `{"version":1,"DEFAULTS":{"Ask":""}}`, `{"version":2}`, `{"version":1,"defaults":{"security":"sure"}}`, `{"version":1}{}`, `[]`, ``,
	} {
		f.Add([]byte(s))
	}
	securities := []policy.Security{policy.SecurityDeny, policy.SecurityUnset, policy.SecurityAllowlist, policy.SecurityFull}
	asks := []policy.AskMode{policy.AskAlways, policy.AskUnset, policy.AskOnMiss, policy.AskOff}
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := policy.ReadApprovals(data, "main")
		if err != nil && (rules.Ask != policy.AskAlways || rules.Exec != policy.SecurityUnset || len(rules.Allowlist) > 0) {
			t.Fatalf("%q: %v, and %+v", data, err, rules)
		}
		for _, security := range securities {
			for _, ask := range asks {
				both := policy.Stricter(policy.Rules{Exec: security, Ask: ask}, rules)
				if slices.Index(securities, both.Exec) > slices.Index(securities, security) || slices.Index(asks, both.Ask) > slices.Index(asks, ask) ||
					slices.Index(securities, both.Exec) < 0 || slices.Index(asks, both.Ask) < 0 {
					t.Fatalf("%q: %q and %q become %q and %q", data, security, ask, both.Exec, both.Ask)
				}
			}
		}
	})
}

func TestNamesAreWhatAGrantMayHold(t *testing.T) {
	names := policy.Names()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("not in order, or one twice: %q", names)
	}
	for _, name := range []string{"exec", "bash", "apply-patch", "group:fs", "group:openclaw", "sessions_spawn", "llm-task"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing", name)
		}
	}
	for _, group := range names { // what a group gives, each on its own, is a name too
		if name, ok := strings.CutPrefix(group, "group:"); ok && len(policy.Surface(names, policy.Grant{Allow: []string{group}})) == 0 {
			t.Errorf("group %s has no tool among them", name)
		}
	}
}

// What the gateway starts by itself runs with the owner's rights at the next start.
func TestAFileThatTheGatewayRunsIsAProgram(t *testing.T) {
	for target, runs := range map[string]bool{
		"start.sh": true, "START.sh": true, "start.sh.": true, "server": true, "server/lib/x.py": true, "./server/../start.sh": true,
		"start": false, "restart.sh": false, "server2/x": false, "docs/start.sh": false,
	} {
		d := policy.Decide(policy.Input{
			Asker: hearth.FromOwner, Effect: hearth.EffectWrite, Targets: []string{target},
			Rules: policy.Rules{Programs: []string{"start.sh", "server"}},
		})
		if denied := d.Verdict == policy.Deny && d.Rule == policy.RulePersistent; denied != runs {
			t.Errorf("%s: %+v", target, d)
		}
	}
}
