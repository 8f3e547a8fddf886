package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"hearth"
	"hearth/config"
	"hearth/model"
	"hearth/policy"
	"hearth/prompt"
	"hearth/tool"
	"hearth/tool/file"
	"hearth/tool/shell"
)

// toolbox gives an agent the tools that its owner lets it have, and says what rules they
// are used by.
type toolbox struct {
	*home
	journal *journal
	roster  *roster
	servers *servers
	targets *targets
}

// toolkit is the tools of one conversation. Close ends what they left running.
type toolkit struct {
	tools     []tool.Tool
	workspace string
	shell     *shell.Shell
	err       io.Writer           // where a person reads what was ended
	mask      func(string) string // takes known secrets out of results
	taints    *tool.Taints
	shelf     shelf
	forget    func() // has a process that ends at once leave the shell alone
}

func (k *toolkit) close() {
	if k != nil && k.shell != nil {
		_ = k.shell.Close() // the processes are gone either way
		k.forget()
		if n := k.shell.Left(); n > 0 {
			fmt.Fprintf(k.err, "note: %d program(s) that a command had left running for good were stopped\n", n)
		}
	}
}

func (k *toolkit) names() []string {
	names := []string{}
	for _, t := range k.tools {
		names = append(names, t.Spec().Name)
	}
	return names
}

// toolkit makes the tools that the config lets this agent have.
func (b *toolbox) toolkit(ctx context.Context, c choice) (*toolkit, error) {
	dir, err := b.workspace(c)
	if err != nil {
		return nil, err
	}
	taints, err := tool.OpenTaints(b.state("cache", "taints"))
	if err != nil {
		return nil, err
	}
	exec := b.file.Config.Tools.Exec
	own, _ := b.file.Config.Agents.Agent(c.agent)
	paths := exec.PathPrepend
	if own.Tools.Exec.PathPrepend != nil {
		paths = own.Tools.Exec.PathPrepend
	}
	secrets, mask := b.journal.masked(ctx)
	fits := b.resultBytes(ctx, c)
	sh := shell.New(shell.Config{
		Root: dir, Outputs: b.state("outputs"), Taints: taints, TimeoutSeconds: number(exec.TimeoutSeconds), YieldMS: number(exec.BackgroundMS),
		MaxBytes: min(shellMaxBytes, fits), Environ: withPath(os.Environ(), paths, string(os.PathListSeparator)), Secrets: secrets,
	})
	skills := b.shelf(dir, own, paths)
	all := file.New(file.Config{Root: dir, Hidden: b.private(), Taints: taints, Beside: skills.folders, Shown: mask, MaxBytes: min(readMaxBytes, fits)})
	all = append(all, sh.Tools()...)
	kit := &toolkit{workspace: dir, shell: sh, err: b.io.err, mask: mask, taints: taints, shelf: skills, forget: b.io.interrupts.atOnce(sh.Kill)}
	offered := b.surface(c, all)
	for _, t := range all {
		if slices.Contains(offered, t.Spec().Name) {
			kit.tools = append(kit.tools, t)
		}
	}
	return kit, nil
}

// What one result may hold where the window is large, in bytes; and what is kept free of
// what a small one bears, for the sentence that says how to read on.
const (
	readMaxBytes  = 50 << 10
	shellMaxBytes = 10_000
	resultMargin  = 500
)

// resultBytes is how much one result may hold so that the conversation's window bears it
// whole: a page that says how to read on is worth more than one cut in the middle. It
// asks nobody; what is not known yet counts as the smallest.
func (b *toolbox) resultBytes(ctx context.Context, c choice) int {
	window := model.DefaultWindow
	if ref := b.roster.chosenRef(c); ref != (hearth.ModelRef{}) {
		if t, err := b.targets.target(ctx, c, ref.String()); err == nil { // the turn will say what is wrong
			window = b.servers.remembered(t).Layers.Merge().Window
		}
	}
	return prompt.ResultMaxChars(window) - resultMargin
}

// surface gives the names of the tools that the owner lets this agent have with this
// model.
func (b *toolbox) surface(c choice, all []tool.Tool) []string {
	var names []string
	for _, t := range all {
		names = append(names, t.Spec().Name)
	}
	cfg, ref := b.file.Config, b.roster.chosenRef(c)
	own, _ := cfg.Agents.Agent(c.agent)
	layers := append([]policy.Grant{grant(cfg.Tools.Grant)}, policy.ForModel(grants(cfg.Tools.ByProvider), ref)...)
	layers = append(layers, grant(own.Tools.Grant))
	if b.lean(c) {
		layers = append(layers, policy.Grant{Deny: leanTools})
	}
	return policy.Surface(names, append(layers, policy.ForModel(grants(own.Tools.ByProvider), ref)...)...)
}

// leanTools are left out by localModelLean: their schemas cost a small model much and
// help it little.
var leanTools = []string{"browser", "cron", "message"}

// yes is a switch that may be absent.
func yes(b *bool) bool { return b != nil && *b }

func grant(g config.Grant) policy.Grant {
	return policy.Grant{Profile: g.Profile, Allow: g.Allow, AlsoAllow: g.AlsoAllow, Deny: g.Deny}
}

func grants(m map[string]config.Grant) map[string]policy.Grant {
	out := map[string]policy.Grant{}
	for key, g := range m {
		out[key] = grant(g)
	}
	return out
}

// rules is the owner's word on running programs: the config, and an exec-approvals file
// that OpenClaw left, the stricter of the two.
func (b *toolbox) rules(c choice, workspace string) policy.Rules {
	exec := b.file.Config.Tools.Exec
	own, _ := b.file.Config.Agents.Agent(c.agent)
	strict := yes(exec.StrictEval) || yes(own.Tools.Exec.StrictEval)
	if own.Tools.Exec.Security != "" || own.Tools.Exec.Ask != "" {
		exec = own.Tools.Exec
	}
	rules := policy.Rules{Exec: policy.Security(exec.Security), Ask: policy.AskMode(exec.Ask), Allowlist: exec.SafeBins, StrictInlineEval: strict, Programs: b.programs(workspace)}
	if b.file.Places.OpenClaw == "" {
		return rules
	}
	if exec.Security == "" && exec.Ask == "" {
		b.tellMover()
	}
	data, err := os.ReadFile(filepath.Join(b.file.Places.OpenClaw, "exec-approvals.json"))
	if errors.Is(err, os.ErrNotExist) {
		return rules
	}
	file, err := policy.ReadApprovals(data, b.agentID(c.agent))
	if err != nil && b.once("approvals") {
		fmt.Fprintf(b.io.err, "note: exec-approvals.json: %s; every command is asked about\n", oneLine(err.Error()))
	}
	return policy.Stricter(rules, file)
}

// programs are the files of a workspace that the gateway runs by itself. A folder that
// servers are started in counts whole, but for the workspace itself.
func (b *toolbox) programs(workspace string) (names []string) {
	if real, err := filepath.EvalSymlinks(workspace); err == nil {
		workspace = real
	}
	for _, p := range b.file.Programs() {
		if name, err := filepath.Rel(workspace, p); err == nil && name != "." && filepath.IsLocal(name) {
			names = append(names, filepath.ToSlash(name))
		}
	}
	return names
}

// tellMover says once, ever, what differs for somebody who comes from OpenClaw without a
// word on commands in the config: there they run, here they are asked about.
func (b *toolbox) tellMover() {
	told := b.state("cache", "told-exec-default")
	if _, err := os.Stat(filepath.Join(b.file.Places.OpenClaw, "openclaw.json")); err != nil || !b.once("mover") {
		return
	}
	if _, err := os.Stat(told); err == nil {
		return
	}
	fmt.Fprintln(b.io.err, `note: OpenClaw runs commands unasked where tools.exec says nothing; Hearth asks, and refuses where nobody can be asked. To have it run them: hearth config set tools.exec '{security: "full", ask: "off"}'`)
	if err := os.MkdirAll(filepath.Dir(told), 0o700); err == nil {
		_ = os.WriteFile(told, nil, 0o600) // then it is said again
	}
}

// private lists what no tool may touch although it may lie inside the workspace: the
// gateway's own state. The workspace itself is usually a folder in it.
func (b *toolbox) private() []string {
	var out []string
	for _, name := range []string{"hearth.json", "hearth.json.last-good", "hearth.json.copied-from", "hearth.db", "hearth.db-wal", "hearth.db-shm", "logs", "cache", "locks", "services", ".env"} {
		out = append(out, b.state(name))
	}
	for n := range 5 {
		out = append(out, b.state(fmt.Sprintf("hearth.json.bak.%d", n+1)))
	}
	return append(out, b.file.Files()...)
}

// house reads the workspace files and looks for skills as they are now, and says of each
// whether its owner is behind it. A file that cannot be read, or that leads out of the workspace, is left out and
// named: the conversation goes on without it.
func (b *toolbox) house(kit *toolkit, own config.Agent) (prompt.House, error) {
	h := prompt.House{Dir: kit.workspace, OS: shellName(), FileMaxChars: own.BootstrapMaxChars, TotalMaxChars: own.BootstrapTotalMaxChars}
	h.Skills, h.SkillsMaxChars = b.skills(kit), kit.shelf.maxChars
	if own.ContextInjection == "never" {
		return h, nil
	}
	root, err := os.OpenRoot(kit.workspace)
	if err != nil {
		return h, &hearth.Error{Op: "open workspace", Reason: hearth.ReasonConfig, Err: err}
	}
	defer func() { _ = root.Close() }()
	for _, name := range prompt.FileNames {
		f, err := kit.instructions(root, name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			f = prompt.File{Name: name}
			if b.once("unread " + name + err.Error()) {
				fmt.Fprintf(b.io.err, "note: %s is left out of the agent's instructions: %s\n", oneLine(filepath.Join(kit.workspace, name)), unreadable(err))
			}
		}
		b.tellTainted(name, f.Tainted)
		h.Files = append(h.Files, f)
	}
	return h, nil
}

// tellTainted says once of a file that the model obeys that its owner may not be behind it.
func (b *toolbox) tellTainted(name string, tainted bool) {
	if tainted && b.once("tainted "+name) {
		fmt.Fprintf(b.io.err, "note: %s was changed by a command, or by the agent after it had read text of others; until you save it yourself, more calls wait for your consent\n", oneLine(name))
	}
}

// shellName is what the model is told about exec.
func shellName() string {
	if runtime.GOOS == "windows" {
		return "windows, PowerShell"
	}
	return runtime.GOOS + ", sh"
}

// unreadable says why a workspace file is left out, and what to do.
func unreadable(err error) string {
	if strings.Contains(err.Error(), "path escapes from parent") {
		return "it is a link to a place outside the workspace; put a copy there instead"
	}
	return oneLine(err.Error())
}

// instructionsMaxBytes bounds what is read of one workspace file; what a model is told of
// it is far less.
const instructionsMaxBytes = 1 << 20

// instructions reads one workspace file that the model is told of.
func (k *toolkit) instructions(root *os.Root, name string) (prompt.File, error) {
	file := prompt.File{Name: name}
	info, err := root.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return file, err
	}
	f, err := root.Open(name)
	if err != nil {
		return file, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, instructionsMaxBytes))
	file.Text, file.Tainted = string(b), len(b) > 0 && k.taints.Unseen(name, info)
	return file, err
}

// number is a setting that may be absent.
func number(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// withPath is an environment whose PATH begins with dirs.
func withPath(environ, dirs []string, separator string) []string {
	if len(dirs) == 0 {
		return nil // the process's own
	}
	out, first := slices.Clone(environ), strings.Join(dirs, separator)
	for i, entry := range out {
		if name, value, _ := strings.Cut(entry, "="); strings.EqualFold(name, "PATH") {
			out[i] = name + "=" + strings.TrimSuffix(first+separator+value, separator)
			return out
		}
	}
	return append(out, "PATH="+first)
}
