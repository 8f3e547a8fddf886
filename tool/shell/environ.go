package shell

import (
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"hearth/internal/process"
)

// loaderNames are variables that make programs load code: setting one turns any
// harmless command into another. PATH, LD_* and DYLD_* are OpenClaw's list.
var loaderNames = []string{
	"PATH", "IFS", "SHELLOPTS", "BASHOPTS", "BASH_ENV", "ENV", "PS4", "PROMPT_COMMAND", "ZDOTDIR", "FPATH", "CDPATH", "GLOBIGNORE",
	"NODE_OPTIONS", "NODE_PATH", "NPM_CONFIG_NODE_OPTIONS", "BUN_OPTIONS", "DENO_CONFIG",
	"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONBREAKPOINT", "PYTHONUSERBASE", "PYTHONWARNINGS",
	"PERL5OPT", "PERL5LIB", "PERLLIB", "PERL5DB", "RUBYOPT", "RUBYLIB", "GEM_PATH", "GEM_HOME", "BUNDLE_GEMFILE", "PHPRC", "PHP_INI_SCAN_DIR", "LUA_INIT", "LUA_PATH", "LUA_CPATH",
	"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_OPTS", "CLASSPATH", "MAVEN_OPTS", "GRADLE_OPTS",
	"DOTNET_STARTUP_HOOKS", "CORECLR_PROFILER", "CORECLR_PROFILER_PATH", "COR_PROFILER", "PSMODULEPATH",
	"GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_EDITOR", "GIT_ASKPASS", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR", "GIT_PROXY_COMMAND", "GIT_DIR",
	"SSH_ASKPASS", "SUDO_ASKPASS", "EDITOR", "VISUAL", "PAGER", "MANPAGER", "LESSOPEN", "LESSCLOSE", "BROWSER",
	"GCONV_PATH", "LOCPATH", "NLSPATH", "HOSTALIASES", "RESOLV_HOST_CONF", "TERMINFO", "TERMCAP", "OPENSSL_CONF", "OPENSSL_MODULES", "GTK_MODULES", "QT_PLUGIN_PATH",
	"GOFLAGS", "GOTOOLCHAIN", "GOROOT", "RUSTC_WRAPPER", "RUSTFLAGS", "CARGO_HOME", "MAKEFLAGS", "CC", "CXX", "R_PROFILE", "R_PROFILE_USER", "JULIA_LOAD_PATH", "ERL_FLAGS",
	"COMSPEC", "PATHEXT", "SYSTEMROOT",
}

// loaderPrefixes are families of them.
var loaderPrefixes = []string{"LD_", "DYLD_", "BASH_FUNC_", "GIT_CONFIG", "NPM_CONFIG_", "PIP_", "HEARTH_", "OPENCLAW_"}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checkEnv says why a call may not set these variables.
func checkEnv(set map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(set)) {
		upper := strings.ToUpper(name)
		switch {
		case !variableName.MatchString(name):
			return fmt.Errorf("env: %q is not the name of a variable", name)
		case strings.ContainsRune(set[name], 0):
			return fmt.Errorf("env: %s holds a NUL byte", name)
		case slices.Contains(loaderNames, upper),
			slices.ContainsFunc(loaderPrefixes, func(p string) bool { return strings.HasPrefix(upper, p) }):
			return fmt.Errorf("env: %s cannot be set for a command; it changes which code runs", name)
		}
	}
	return nil
}

// environ is what a command sees: what the person's programs see, without the
// gateway's own variables and without keys, and what the call adds.
func (c Config) environ(mark string, set map[string]string) []string {
	out := process.Environ(c.Environ, c.Keep, c.Secrets)
	out = slices.DeleteFunc(out, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return has(set, name)
	})
	for _, name := range slices.Sorted(maps.Keys(set)) {
		out = append(out, name+"="+set[name])
	}
	return append(withoutBareRepositories(out), "OPENCLAW_SHELL=exec", process.MarkName+"="+mark)
}

// withoutBareRepositories has git use a bare repository only where the command names it
// (--git-dir). Anybody may write one as ordinary files (HEAD, config, objects, refs), and its
// config names programs that the most harmless git command runs in that folder:
// https://git-scm.com/docs/git-config#Documentation/git-config.txt-safebareRepository
// Settings of this kind that the person's own shell has do not reach commands: they are
// where credentials are handed to git.
func withoutBareRepositories(environ []string) []string {
	out := slices.DeleteFunc(environ, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == "GIT_CONFIG_COUNT" || strings.HasPrefix(name, "GIT_CONFIG_KEY_") || strings.HasPrefix(name, "GIT_CONFIG_VALUE_")
	})
	return append(out, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.bareRepository", "GIT_CONFIG_VALUE_0=explicit")
}

// has reports whether the call sets name itself; Windows ignores letter case in names.
func has(set map[string]string, name string) bool {
	if runtime.GOOS != "windows" {
		_, ok := set[name]
		return ok
	}
	for n := range set {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}
