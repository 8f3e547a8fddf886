package policy

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A fileKind says who obeys a file. Higher kinds are guarded more.
type fileKind int

const (
	kindOrdinary fileKind = iota
	kindPersona           // every later session of the agent
	kindProgram           // programs that run what it says: a shell, git, an editor
	kindGateway           // this gateway
)

// personaFiles are read into prompts or as memory, by name, in any folder.
var personaFiles = []string{
	"soul.md", "agents.md", "memory.md", "heartbeat.md", "user.md", "identity.md", "tools.md", "bootstrap.md", "skill.md", "claude.md", "gemini.md", "agents.override.md",
}

// personaFolders hold memory and skills.
var personaFolders = []string{"memory", "skills", ".agents", ".claude"}

// programFiles run when somebody opens a shell, a folder or a repository.
var programFiles = []string{
	".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".bash_completion", ".profile", ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".kshrc", ".cshrc", ".tcshrc", ".login", ".inputrc",
	".xprofile", ".xinitrc", ".xsession", ".xsessionrc", ".vimrc", ".exrc", ".nvimrc", ".gvimrc", ".emacs", ".gdbinit", ".lldbinit", ".tmux.conf", ".screenrc", ".curlrc", ".wgetrc", ".rprofile", ".irbrc", ".pryrc", ".pythonrc", ".pdbrc", ".psqlrc", ".sqliterc", ".gemrc", ".condarc",
	".envrc", ".gitconfig", ".gitmodules", ".npmrc", ".yarnrc", ".yarnrc.yml", ".pypirc", ".netrc", ".mcp.json", "authorized_keys", "known_hosts", "crontab",
	"config.fish", "profile.ps1", "microsoft.powershell_profile.ps1", "sitecustomize.py", "usercustomize.py", ".pre-commit-config.yaml", "lefthook.yml", ".lefthook.yml",
}

// programFolders hold such files under any name.
var programFolders = []string{
	".git", ".ssh", ".gnupg", ".husky", ".vscode", ".idea", ".devcontainer", ".direnv", "autostart", "launchagents", "launchdaemons", "systemd", "cron.d", "init.d", ".cargo",
	".config", ".local", ".oh-my-zsh", ".vim", ".emacs.d", ".ipython", ".jupyter", ".m2", ".gradle", ".terminfo",
}

// gatewayFiles are ours and OpenClaw's.
var gatewayFiles = []string{"hearth.json", "openclaw.json", "exec-approvals.json", "hearth.db", "auth-profiles.json", "taints", ".env"}

// gatewayFolders hold them.
var gatewayFolders = []string{".hearth", ".openclaw"}

// kindOf judges a path by its names alone, so a name that a file system could take for
// a guarded one counts as it: whatever the letter case, with invisible characters, as a
// Windows short name, stream, or with the dots and spaces that Windows drops.
func kindOf(target string) fileKind {
	if target == "" {
		return kindGateway
	}
	names := plainNames(target)
	base, folders := names[len(names)-1], names[:len(names)-1]
	// The state folder holds the workspace, so only what lies directly in it is the gateway's.
	state := slices.IndexFunc(folders, func(f string) bool { return is(gatewayFolders, f) })
	switch {
	case is(gatewayFiles, base), is(gatewayFolders, base), state >= 0 && (state+1 == len(folders) || !strings.HasPrefix(folders[state+1], "workspace")):
		return kindGateway
	case is(programFiles, base), is(programFolders, base), slices.ContainsFunc(folders, func(f string) bool { return is(programFolders, f) }):
		return kindProgram
	case is(personaFiles, base), slices.ContainsFunc(folders, func(f string) bool { return is(personaFolders, f) }):
		return kindPersona
	}
	return kindOrdinary
}

// runs reports whether the gateway runs a file by itself.
func (r Rules) runs(target string) bool {
	names := plainNames(target)
	return slices.ContainsFunc(r.Programs, func(program string) bool {
		own := plainNames(program)
		return len(own) <= len(names) && slices.EqualFunc(own, names[:len(own)], func(own, name string) bool { return is([]string{own}, name) })
	})
}

// plainNames are the folders and the file of a path, each as a lenient file system takes it.
func plainNames(target string) []string {
	names := strings.Split(path.Clean(strings.ReplaceAll(target, `\`, "/")), "/")
	for i := range names {
		names[i] = plainName(names[i])
	}
	return names
}

// plainName is what a lenient file system makes of a name.
func plainName(name string) string {
	name, _, _ = strings.Cut(name, ":") // an NTFS stream
	name = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Variation_Selector) || unicode.IsControl(r) {
			return -1 // HFS+ ignores some of them
		}
		return r
	}, name)
	return strings.TrimRight(name, ". ")
}

// shortName is the form in which Windows offers an old name for a long one.
var shortName = regexp.MustCompile(`^([^~]{1,6})~[0-9]`)

// is reports whether name is one of the guarded names, which are in lower case. Folding
// is Unicode's, wider than any file system's.
func is(guarded []string, name string) bool {
	m := shortName.FindStringSubmatch(name)
	return slices.ContainsFunc(guarded, func(g string) bool {
		if strings.EqualFold(g, name) {
			return true
		}
		// .git becomes GIT~1, HEARTBEAT.md HEARTB~1.MD.
		long := strings.TrimLeft(g, ".")
		return m != nil && len(long) >= len(m[1]) && strings.EqualFold(long[:len(m[1])], m[1])
	})
}
